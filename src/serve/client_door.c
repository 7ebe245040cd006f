#include "coatcheck/serve/client_door.h"

#include <stdio.h>
#include "coatcheck/acl/throttle.h"
#include "coatcheck/acl/user.h"
#include "coatcheck/base/clock.h"
#include "coatcheck/base/log.h"
#include "coatcheck/base/mem.h"
#include "coatcheck/base/must.h"
#include "coatcheck/engine/blocking.h"
#include "coatcheck/engine/gathering.h"
#include "coatcheck/engine/memory.h"
#include "coatcheck/engine/monitor.h"
#include "coatcheck/engine/options.h"
#include "coatcheck/engine/pause.h"
#include "coatcheck/engine/pulse.h"
#include "coatcheck/engine/slices.h"
#include "coatcheck/engine/transaction.h"
#include "coatcheck/engine/turn.h"
#include "coatcheck/keyspace/keyspace.h"
#include "coatcheck/net/conn.h"
#include "coatcheck/net/tls.h"
#include "coatcheck/pubsub/delivery.h"
#include "coatcheck/pubsub/notice.h"
#include "coatcheck/pubsub/subscriber.h"
#include "coatcheck/tracking/tracking.h"

/* A slice of the keyspace's chores: short enough that a client hardly sees it. */
#define CHORES_SLICE_US 50

/* Behind with the chores: how long to sleep before the next slices, the shortest that the loop can; and how
 * much time for them may add up. */
#define CHORES_PAUSE_US 1000
#define CREDIT_MOST_US 1000

/* Keys that are past their deadlines raise the share of a core for chores: by so many ms one in a hundred, up to here. */
#define LATE_MS_A_PERCENT 4
#define SHARE_MOST 50

/* Keys that fall due one after the other are swept so far apart at the least. */
#define SWEEP_PAUSE_US 5000

#define FEEDS_MAX 64

/* X.520's upper bound of a common name, in characters of up to four bytes. */
#define CERTIFIED_NAME_MAX 256

/* What the door keeps for a worker. */
struct post {
    struct turn *turn;
    struct feed feeds[FEEDS_MAX];
    struct delivery *deliveries; /* of the present turn */
    int64_t chores_at_us;        /* when the keyspace is next looked at, while it is clean */
    bool behind;                 /* the last slice did not finish */
    int64_t credit_us, credit_since_us; /* of time for slices, earned by the clock while behind */
    int64_t late_ms;             /* how long keys have been due, after the last slice that did not finish */
    bool has_served;             /* clients, since the last look at the chores */
    int64_t idle_check_at_us;
};

static struct keyspace *the_keyspace;
static _Thread_local struct worker *this_worker;
static struct worker **the_workers;
static unsigned worker_count;
static void (*shut_down_hook)(void);

static struct session *session_of(struct conn *conn)
{
    return conn_room(conn);
}

static struct conn *conn_of(struct session *session)
{
    return conn_of_room(session);
}

/* ---- connections ---- */

static void refuse_strangers(struct conn *conn)
{
    static const char words[] =
        "-DENIED coatcheck is running in protected mode because no password is set. In this mode connections "
        "are only accepted from the loopback interface. To connect from elsewhere: set a password with the "
        "option requirepass, or set protected-mode to no, or run `CONFIG SET protected-mode no` from this "
        "machine.\r\n";

    conn_push(conn, BYTES(words));
    METRIC_ADD(net, rejected_connections, 1);
    session_set(session_of(conn), SESSION_CLOSING);
    conn_close_after_reply(conn);
}

static void door_opened(struct conn *conn)
{
    session_init(session_of(conn));
    if (!conn_is_local(conn) && option_int(&engine_options.protected_mode) && session_is_open()) {
        refuse_strangers(conn);
    }
}

/* Who the certificate names need not say so again. */
static void door_shaken(struct conn *conn)
{
    char name[CERTIFIED_NAME_MAX];
    size_t len;

    if (option_int(&tls_options.tls_auth_clients_user) != TLS_USER_CN) return;
    len = conn_print_certified_name(conn, name, sizeof name);
    if (len == 0 || !users_login_certified(session_of(conn), bytes_of(name, len))) return;
    if (!session_set_text(session_of(conn), SESSION_USER, user_name(session_user(session_of(conn))))) conn_close(conn);
}

static void door_closed(struct conn *conn)
{
    session_fini(session_of(conn), conn_direct_left(conn));
}

/* ---- the turn ---- */

static void settle_feed(struct post *post, unsigned i)
{
    const struct feed *feed = &post->feeds[i];
    struct delivery *delivery = &post->deliveries[i];

    delivery->used = feed->used;
    delivery->wants = feed->wants;
    delivery->again = feed->again;
    delivery->later = feed->later;
    delivery->direct = feed->direct;
    delivery->direct_len = feed->direct_len;
    delivery->direct_had = feed->direct_had;
    delivery->keeps = feed->keeps;
    delivery->keeps_beside = feed->keeps_beside;
    delivery->output = feed->output;
    if (feed->close) conn_close_after_reply(delivery->conn);
}

static void send_early(void *context, unsigned i)
{
    struct worker *worker = context;
    struct post *post = worker_room(worker);

    monitor_send_off();
    delivery_send_off();
    tracking_send_off();
    post->deliveries[i].output = post->feeds[i].output;
    worker_send(worker, &post->deliveries[i]);
    post->feeds[i].output = (struct bytes){NULL, 0};
}

static void door_turn(struct worker *worker, struct delivery *deliveries, unsigned count, char *area,
                      size_t area_room)
{
    struct post *post = worker_room(worker);

    must(count <= FEEDS_MAX);
    post->has_served = true;
    /* Nothing is written yet: what listeners get now goes before the replies of this turn. */
    monitor_flush();
    delivery_hand_out(DELIVERY_SLICE_US, HAND_OUT_JOIN);
    tracking_hand_out(DELIVERY_SLICE_US);
    post->deliveries = deliveries;
    for (unsigned i = 0; i < count; i++) {
        post->feeds[i].session = session_of(deliveries[i].conn);
        post->feeds[i].input = deliveries[i].input;
        post->feeds[i].filled = deliveries[i].filled;
        post->feeds[i].outbox = deliveries[i].outbox;
        post->feeds[i].unread_most = deliveries[i].unread_most;
    }
    turn_run(post->turn, post->feeds, count, area, area_room, send_early, worker);
    /* Before the replies: who knows of them asks another worker and finds the messages there before him. */
    monitor_send_off();
    delivery_send_off();
    tracking_send_off();
    for (unsigned i = 0; i < count; i++) settle_feed(post, i);
}

/* ---- chores ---- */

/* These wait for something else than their own next request. */
#define NEVER_IDLE (SESSION_MONITOR | SESSION_BLOCKED | SESSION_POSTPONED | SESSION_LISTENS)

static void close_if_idle(struct conn *conn, void *context)
{
    struct session *session = session_of(conn);
    uint32_t limit = *(const uint32_t *)context, now_s = session_now_s();

    if (conn_has_moved(conn)) {
        atomic_store_explicit(&session->active_s, now_s, memory_order_relaxed);
    } else if (now_s - atomic_load_explicit(&session->active_s, memory_order_relaxed) > limit &&
               !(session_flags(session) & NEVER_IDLE)) {
        conn_close(conn);
    }
}

static void close_idle(struct worker *worker, struct post *post, int64_t now_us)
{
    uint32_t limit = (uint32_t)option_int(&net_options.timeout);

    if (limit == 0 || now_us < post->idle_check_at_us) return;
    post->idle_check_at_us = now_us + 1000000;
    worker_each_conn(worker, close_if_idle, &limit);
}

/* The share of a core for chores that are behind, beside clients that are served: a quarter, more with
 * active-expire-effort, and more the longer keys have been due. What is not used is kept for a moment, no longer. */
static void earn_credit(struct post *post, int64_t now_us)
{
    int64_t percent = 25 + 2 * (option_int(&engine_options.active_expire_effort) - 1) + post->late_ms / LATE_MS_A_PERCENT;

    if (percent > SHARE_MOST) percent = SHARE_MOST;
    post->credit_us += (now_us - post->credit_since_us) * percent / 100;
    if (post->credit_us > CREDIT_MOST_US) post->credit_us = CREDIT_MOST_US;
    post->credit_since_us = now_us;
}

/* How long until the next slice, when there is nothing left to do now: `hz` times a second, and sooner when a
 * key falls due. */
static int64_t slice_wait_us(struct worker *worker)
{
    int64_t wait_us = 1000000 / option_int(&engine_options.hz);
    int64_t due_ms = keyspace_due_in_ms(the_keyspace, worker_index(worker), worker_count);

    if (due_ms >= wait_us / 1000) return wait_us;
    return due_ms * 1000 > SWEEP_PAUSE_US ? due_ms * 1000 : SWEEP_PAUSE_US;
}

/* Behind: is it time for the next slice? Keys that are due are dropped in all the time that no client asks for: who
 * asks in such a slice waits for its end, and would have waited as long for a loop that sleeps to wake up. */
static bool may_go_on(struct post *post, int64_t now_us)
{
    bool has_served = post->has_served;

    post->has_served = false;
    earn_credit(post, now_us);
    return post->credit_us >= CHORES_SLICE_US || (post->late_ms > 0 && !has_served);
}

/* One slice when it is due. Returns how long the loop may sleep: 0 looks at the sockets and comes back. */
static int64_t keyspace_slice(struct worker *worker, struct post *post, int64_t now_us)
{
    if (post->behind) {
        if (!may_go_on(post, now_us)) return post->late_ms > 0 ? 0 : CHORES_PAUSE_US;
    } else if (now_us < post->chores_at_us) {
        return post->chores_at_us - now_us;
    } else {
        post->credit_since_us = now_us;
        post->credit_us = CHORES_SLICE_US;
    }
    post->behind = keyspace_housekeep(the_keyspace, worker_index(worker), worker_count, CHORES_SLICE_US) ==
                   HOUSE_BEHIND;
    /* What nobody else wanted is not charged. */
    if (post->credit_us >= CHORES_SLICE_US) post->credit_us -= clock_steady_us() - now_us;
    post->late_ms = post->behind ? keyspace_late_ms(the_keyspace, worker_index(worker), worker_count) : 0;
    if (!post->behind) {
        int64_t wait_us = slice_wait_us(worker);

        post->chores_at_us = now_us + wait_us;
        return wait_us;
    }
    return post->late_ms > 0 || post->credit_us >= CHORES_SLICE_US ? 0 : CHORES_PAUSE_US;
}

static int64_t door_housekeep(struct worker *worker)
{
    struct post *post = worker_room(worker);
    int64_t now_us = clock_steady_us(), for_sessions_us, for_waiters_us, for_memory_us, for_replies_us, for_slices_us,
            for_keyspace_us, for_messages_us, for_logins_us, for_caches_us;

    monitor_flush();
    for_sessions_us = pause_look_after();
    for_slices_us = slices_look_after();
    if (for_slices_us < for_sessions_us) for_sessions_us = for_slices_us;
    for_logins_us = throttle_look_after(now_us);
    if (for_logins_us < for_sessions_us) for_sessions_us = for_logins_us;
    for_waiters_us = blocking_look_after(now_us);
    if (for_waiters_us < for_sessions_us) for_sessions_us = for_waiters_us;
    close_idle(worker, post, now_us);
    if (worker_index(worker) == 0) pulse_beat(now_us);
    for_memory_us = memory_look_after(worker_index(worker), now_us);
    workers_bound_unread(memory_for_unread(), worker_count);
    if (for_memory_us < for_sessions_us) for_sessions_us = for_memory_us;
    for_replies_us = gathering_look_after(now_us);
    if (for_replies_us < for_sessions_us) for_sessions_us = for_replies_us;
    /* What expires makes messages too. */
    for_keyspace_us = delivery_is_behind() ? CHORES_PAUSE_US : keyspace_slice(worker, post, now_us);
    if (for_keyspace_us < for_sessions_us) for_sessions_us = for_keyspace_us;
    for_messages_us = delivery_look_after();
    for_caches_us = tracking_look_after();
    if (for_caches_us < for_messages_us) for_messages_us = for_caches_us;
    delivery_send_off();
    tracking_send_off();
    if (!delivery_hand_out(DELIVERY_SLICE_US, HAND_OUT_SEND)) for_messages_us = 0;
    if (!tracking_hand_out(DELIVERY_SLICE_US)) for_messages_us = 0;
    delivery_send_off();
    tracking_send_off();
    return for_sessions_us < for_messages_us ? for_sessions_us : for_messages_us;
}

static void door_started(struct worker *worker)
{
    struct post *post = mem_need(sizeof *post);

    this_worker = worker;
    post->turn = turn_new(the_keyspace);
    worker_set_room(worker, post);
}

static void door_stopped(struct worker *worker)
{
    struct post *post = worker_room(worker);

    delivery_stop();
    tracking_stop();
    notice_stop();
    turn_free(&post->turn);
    mem_free(post);
}

const struct worker_door client_door = {
    .conn_room = sizeof(struct session),
    .started = door_started,
    .stopped = door_stopped,
    .opened = door_opened,
    .shaken = door_shaken,
    .closed = door_closed,
    .turn = door_turn,
    .housekeep = door_housekeep,
};

/* ---- what sessions ask of us ---- */

struct each_order {
    void (*see)(struct session *session, void *context);
    void *context;
};

static void see_conn(struct conn *conn, void *context)
{
    const struct each_order *order = context;

    order->see(session_of(conn), order->context);
}

static void host_each(void (*see)(struct session *session, void *context), void *context)
{
    struct each_order order = {see, context};

    for (unsigned i = 0; i < worker_count; i++) worker_each_conn(the_workers[i], see_conn, &order);
}

static void host_each_own(void (*see)(struct session *session, void *context), void *context)
{
    struct each_order order = {see, context};

    worker_each_conn(this_worker, see_conn, &order);
}

static void host_weigh(struct session *session, struct session_facts *facts)
{
    struct session_queue queue = session_queue(session);
    struct conn *conn = conn_of(session);
    struct conn_facts conn_facts;

    conn_read_facts(conn, &conn_facts);
    facts->fd = conn_facts.fd;
    facts->input_bytes = conn_facts.input_bytes;
    facts->output_bytes = conn_facts.output_bytes;
    facts->memory_bytes =
        mem_usable(conn) + facts->input_bytes + facts->output_bytes + conn_facts.tls_bytes + queue.bytes + queue.gathered;
    facts->unix_socket = conn_facts.unix_socket;
    facts->worker = worker_index(conn_worker(conn));
}

static void host_facts(struct session *session, struct session_facts *facts)
{
    struct conn *conn = conn_of(session);

    host_weigh(session, facts);
    conn_print_peer(conn, facts->peer);
    conn_print_local(conn, facts->local);
}

static void host_close_after_reply(struct session *session)
{
    session_set(session, SESSION_CLOSING);
    conn_close_after_reply(conn_of(session));
}

static void host_resume(struct session *session)
{
    conn_resume(conn_of(session));
}

static bool host_push(struct session *session, struct bytes bytes)
{
    return conn_push(conn_of(session), bytes);
}

static bool host_push_held(struct session *session, struct bytes bytes, void (*release)(void *holder), void *holder)
{
    return conn_push_held(conn_of(session), bytes, release, holder);
}

static bool host_send_held(struct session *session, struct bytes bytes, void (*release)(void *holder), void *holder)
{
    return conn_send_held(conn_of(session), bytes, release, holder);
}

static bool host_is_local(struct session *session)
{
    return conn_is_local(conn_of(session));
}

static void host_close(struct session *session)
{
    session_set(session, SESSION_CLOSING);
    conn_close(conn_of(session));
}

static void host_set_class(struct session *session, enum session_class class)
{
    static const enum conn_class classes[] = {
        [SESSION_NORMAL] = CONN_NORMAL, [SESSION_REPLICA] = CONN_REPLICA, [SESSION_SUBSCRIBER] = CONN_PUBSUB};

    conn_set_class(conn_of(session), classes[class]);
}

struct text_mail {
    struct mail mail;
    void (*run)(struct bytes text);
    size_t len;
    char text[];
};

static void open_text_mail(struct worker *worker, struct mail *mail)
{
    struct text_mail *text_mail = (struct text_mail *)mail;

    if (worker) text_mail->run(bytes_of(text_mail->text, text_mail->len));
    mem_free(text_mail);
}

static unsigned host_workers(void)
{
    return worker_count;
}

static bool host_post(unsigned worker, void (*run)(struct bytes text), struct bytes text)
{
    struct text_mail *mail = mem_alloc(sizeof *mail + text.len);

    if (!mail) return false;
    mail->mail.open = open_text_mail;
    mail->run = run;
    mail->len = text.len;
    if (text.len > 0) memcpy(mail->text, text.at, text.len);
    worker_post(the_workers[worker], &mail->mail);
    return true;
}

static void host_mail(unsigned worker, struct mail *mail)
{
    worker_post(the_workers[worker], mail);
}

static void host_shut_down(void)
{
    shut_down_hook();
}

static void forget_listener(struct session *session, bool ends)
{
    if (ends) delivery_forget(session);
    tracking_forget(session, ends);
    if (session_flags(session) & SESSION_LISTENS) subscriber_end(session);
}

static const struct session_host host = {
    .each = host_each,
    .each_own = host_each_own,
    .facts = host_facts,
    .weigh = host_weigh,
    .close_after_reply = host_close_after_reply,
    .close = host_close,
    .resume = host_resume,
    .push = host_push,
    .push_held = host_push_held,
    .send_held = host_send_held,
    .set_class = host_set_class,
    .workers = host_workers,
    .post = host_post,
    .mail = host_mail,
    .is_local = host_is_local,
    .shut_down = host_shut_down,
};

void client_door_setup(struct keyspace *keyspace, struct worker **workers, unsigned count,
                       void (*shut_down)(void))
{
    the_keyspace = keyspace;
    the_workers = workers;
    worker_count = count;
    shut_down_hook = shut_down;
    session_host = &host;
    session_hooks.forget = forget_listener;
    blocking_setup();
    transaction_setup();
}
