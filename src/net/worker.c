#include "coatcheck/net/worker.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>
#include "coatcheck/base/clock.h"
#include "coatcheck/base/lock.h"
#include "coatcheck/base/log.h"
#include "coatcheck/base/mem.h"
#include "coatcheck/base/must.h"
#include "conn_internal.h"
#include "farewell_internal.h"

METRIC_DEFINE(net, NET_METRICS)

#define OPTIONS_HERE net_options
#define OPTION_HOOKS_HERE net_option_hooks
OPTION_DEFINE(net, NET_OPTIONS)

/* What one turn may read, over all its connections; and the replies it may keep before they are sent. */
#define INPUT_AREA (256 * 1024)
#define REPLY_AREA (256 * 1024)
#define INPUT_PADDING 16

/* A connection's part of the input area: all of it is shared by those that are ready. */
#define WINDOW_MIN (16 * 1024)
#define WINDOW_MAX (128 * 1024)

#define TURN_CONNS (INPUT_AREA / WINDOW_MIN)

/* The chores are done so much too late at the most because an alarm stands already. */
#define ALARM_SLACK_US 200

/* Linked by their next_ready; each conn is in one list at the most (CONN_LISTED). */
struct conn_list {
    struct conn *first, *last;
    unsigned count;
};

struct worker {
    unsigned index;
    const struct worker_door *door;
    void *room;
    pthread_t thread;
    struct event_base *base;
    struct event *mail_event, *chores_event;
    bool chores_armed;
    int64_t chores_at_us; /* while armed */

    /* the turn */
    struct conn_list ready; /* for the rounds to come */
    struct conn_list more;  /* were served and have more to ask: after those that the loop tells of */
    char *input_area, *reply_area;
    struct delivery deliveries[TURN_CONNS];
    struct outbox fresh[TURN_CONNS]; /* for deliveries of connections without work; empty between turns */

    struct farewells farewells;

    /* stopping */
    bool stopping;
    int64_t stop_at_us;

    /* whoever holds the lock */
    struct lock conns_lock;
    struct conn *conns;

    /* any thread */
    struct lock mail_lock;
    struct mail *mail_first, *mail_last;
    int mail_fd;
    _Atomic unsigned load;
    _Atomic uint64_t beats;
};

/* By index: a connection knows its worker by one byte. */
static struct worker *workers[UINT8_MAX + 1];

static struct worker *home_of(const struct conn *conn)
{
    return workers[conn->home];
}

struct worker *conn_worker(const struct conn *conn)
{
    return home_of(conn);
}

unsigned worker_index(const struct worker *worker)
{
    return worker->index;
}

void worker_set_room(struct worker *worker, void *room)
{
    worker->room = room;
}

void *worker_room(const struct worker *worker)
{
    return worker->room;
}

unsigned worker_load(const struct worker *worker)
{
    return atomic_load_explicit(&worker->load, memory_order_relaxed);
}

uint64_t worker_beats(const struct worker *worker)
{
    return atomic_load_explicit(&worker->beats, memory_order_relaxed);
}

static void list_add(struct conn_list *list, struct conn *conn)
{
    if (conn->flags & CONN_LISTED) return;
    conn->flags |= CONN_LISTED;
    conn->next_ready = NULL;
    if (list->count++ == 0) {
        list->first = conn;
    } else {
        list->last->next_ready = conn;
    }
    list->last = conn;
}

static struct conn *list_take(struct conn_list *list)
{
    struct conn *conn = list->first;

    list->first = conn->next_ready;
    list->count--;
    return conn;
}

static void list_join(struct conn_list *list, struct conn_list *tail)
{
    if (tail->count == 0) return;
    if (list->count == 0) {
        list->first = tail->first;
    } else {
        list->last->next_ready = tail->first;
    }
    list->last = tail->last;
    list->count += tail->count;
    *tail = (struct conn_list){0};
}

void conn_list_ready(struct conn *conn)
{
    list_add(&home_of(conn)->ready, conn);
}

/* ---- connections come and go ---- */

static void conn_on_event(evutil_socket_t fd, short what, void *context)
{
    struct conn *conn = context;

    (void)fd;
    if (what & EV_READ) conn->flags |= CONN_READABLE;
    if (what & (EV_WRITE | EV_TIMEOUT)) conn->flags |= CONN_DIRTY;
    conn_list_ready(conn);
}

static void set_keepalive(int fd)
{
    int on = 1, seconds = (int)option_int(&net_options.tcp_keepalive);
    int between = seconds / 3 > 0 ? seconds / 3 : 1, probes = 3;

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (seconds <= 0) return;
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &seconds, sizeof seconds);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &between, sizeof between);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
}

static enum conn_origin origin_of(int fd, bool unix_socket)
{
    struct sockaddr_storage peer;
    socklen_t len = sizeof peer;

    if (unix_socket) return CONN_UNIX;
    if (getpeername(fd, (struct sockaddr *)&peer, &len) != 0) return CONN_REMOTE;
    if (peer.ss_family == AF_INET) {
        uint32_t address = ntohl(((struct sockaddr_in *)&peer)->sin_addr.s_addr);

        return address >> 24 == 127 ? CONN_LOOPBACK : CONN_REMOTE;
    }
    if (peer.ss_family == AF_INET6) {
        const struct in6_addr *address = &((struct sockaddr_in6 *)&peer)->sin6_addr;

        if (IN6_IS_ADDR_LOOPBACK(address)) return CONN_LOOPBACK;
        if (IN6_IS_ADDR_V4MAPPED(address) && address->s6_addr[12] == 127) return CONN_LOOPBACK;
    }
    return CONN_REMOTE;
}

static void conn_open(struct worker *worker, int fd, bool unix_socket)
{
    struct conn *conn = NULL;

    if (!worker->stopping) conn = mem_alloc_zeroed(sizeof *conn + worker->door->conn_room);
    if (!conn) {
        close(fd);
        atomic_fetch_sub_explicit(&worker->load, 1, memory_order_relaxed);
        METRIC_ADD(net, connected_clients, -1);
        return;
    }
    conn->home = (uint8_t)worker->index;
    conn->origin = (uint8_t)origin_of(fd, unix_socket);
    conn->watching = EV_READ;
    if (!unix_socket) set_keepalive(fd);
    event_assign(&conn->event, worker->base, fd, EV_READ | EV_PERSIST, conn_on_event, conn);

    worker->door->opened(conn);
    lock_take(&worker->conns_lock, RANK_SESSIONS, worker->index);
    conn->next = worker->conns;
    if (conn->next) conn->next->prev = conn;
    worker->conns = conn;
    lock_release(&worker->conns_lock, RANK_SESSIONS);
    if (event_add(&conn->event, NULL) != 0) conn_close(conn);
}

/* All was sent and it is we who close. (The kernel keeps what it has for a Unix socket's peer.) */
static bool conn_is_owed_a_farewell(const struct conn *conn)
{
    return (conn->flags & (CONN_ENDING | CONN_DEAD | CONN_PEER_GONE)) == CONN_ENDING && conn->origin != CONN_UNIX &&
           conn_unsent(conn) == 0;
}

static void conn_end(struct conn *conn)
{
    struct worker *worker = home_of(conn);

    must(!(conn->flags & CONN_LISTED));
    lock_take(&worker->conns_lock, RANK_SESSIONS, worker->index);
    if (conn->next) conn->next->prev = conn->prev;
    if (conn->prev) {
        conn->prev->next = conn->next;
    } else {
        worker->conns = conn->next;
    }
    lock_release(&worker->conns_lock, RANK_SESSIONS);

    worker->door->closed(conn);
    event_del(&conn->event);
    if (conn_is_owed_a_farewell(conn)) {
        farewell_begin(&worker->farewells, worker->base, conn_fd(conn));
    } else {
        close(conn_fd(conn));
    }
    conn_drop_work(conn);
    mem_free(conn);
    atomic_fetch_sub_explicit(&worker->load, 1, memory_order_relaxed);
    METRIC_ADD(net, connected_clients, -1);
}

void worker_each_conn(struct worker *worker, void (*see)(struct conn *conn, void *context), void *context)
{
    lock_take(&worker->conns_lock, RANK_SESSIONS, worker->index);
    for (struct conn *conn = worker->conns; conn; conn = conn->next) see(conn, context);
    lock_release(&worker->conns_lock, RANK_SESSIONS);
}

/* ---- mail ---- */

void worker_post(struct worker *worker, struct mail *mail)
{
    bool was_empty;

    mail->next = NULL;
    lock_take(&worker->mail_lock, RANK_MAILBOX, worker->index);
    was_empty = !worker->mail_first;
    if (was_empty) {
        worker->mail_first = mail;
    } else {
        worker->mail_last->next = mail;
    }
    worker->mail_last = mail;
    lock_release(&worker->mail_lock, RANK_MAILBOX);
    if (was_empty) {
        uint64_t one = 1;

        while (write(worker->mail_fd, &one, sizeof one) < 0 && errno == EINTR) continue;
    }
}

static void open_mail(evutil_socket_t fd, short what, void *context)
{
    struct worker *worker = context;
    struct mail *mail;
    uint64_t count;

    (void)what;
    while (read(fd, &count, sizeof count) < 0 && errno == EINTR) continue;
    lock_take(&worker->mail_lock, RANK_MAILBOX, worker->index);
    mail = worker->mail_first;
    worker->mail_first = worker->mail_last = NULL;
    lock_release(&worker->mail_lock, RANK_MAILBOX);
    while (mail) {
        struct mail *next = mail->next;

        mail->open(worker, mail);
        mail = next;
    }
}

struct adoption {
    struct mail mail;
    int fd;
    bool unix_socket;
};

static void open_adoption(struct worker *worker, struct mail *mail)
{
    struct adoption *adoption = (struct adoption *)mail;

    if (!worker) {
        close(adoption->fd);
        mem_free(adoption);
        return;
    }
    conn_open(worker, adoption->fd, adoption->unix_socket);
    mem_free(adoption);
}

void worker_adopt(struct worker *worker, int fd, bool unix_socket)
{
    struct adoption *adoption = mem_alloc(sizeof *adoption);

    if (!adoption) {
        close(fd);
        METRIC_ADD(net, connected_clients, -1);
        return;
    }
    *adoption = (struct adoption){.mail.open = open_adoption, .fd = fd, .unix_socket = unix_socket};
    atomic_fetch_add_explicit(&worker->load, 1, memory_order_relaxed);
    worker_post(worker, &adoption->mail);
}

/* ---- the turn ---- */

/* Room behind the saved bytes for what is still to come, and for some of what comes after it; but never more than
 * doubles at a time: a header alone that announces much makes nothing large. */
static bool saved_make_room(struct conn *conn)
{
    struct saved_input *saved = conn->work->saved;
    size_t more = saved->len + (saved->len < WINDOW_MAX ? WINDOW_MIN : WINDOW_MAX);
    size_t goal = saved->wants > more ? saved->wants : more;
    size_t most = saved->len + (saved->len > WINDOW_MAX ? saved->len : WINDOW_MAX);
    struct saved_input *grown;

    if (goal > most) goal = most;
    if (saved->start > 0) {
        memmove(saved->at, saved->at + saved->start, saved->len);
        saved->start = 0;
    }
    if (saved->room >= goal) return true;
    grown = mem_resize(saved, sizeof *saved + goal + INPUT_PADDING);
    if (!grown) return false;
    grown->room = goal;
    conn->work->saved = grown;
    return true;
}

static bool over_query_limit(struct conn *conn)
{
    size_t len = conn_saved(conn)->len;
    char peer[CONN_NAME_MAX];

    if ((int64_t)len <= option_int(&net_options.client_query_buffer_limit)) return false;
    conn_print_peer(conn, peer);
    log_warning("closing %s: its request has %zu bytes and no end, over client-query-buffer-limit", peer, len);
    METRIC_ADD(net, client_query_buffer_limit_disconnections, 1);
    return true;
}

/* What a read came to. False: nothing came. */
static bool count_read(struct conn *conn, ssize_t n)
{
    if (likely(n > 0)) {
        METRIC_ADD(net, total_net_input_bytes, n);
        METRIC_ADD(net, total_reads_processed, 1);
        conn->flags |= CONN_MOVED;
        return true;
    }
    if (n == 0) {
        conn->flags |= CONN_PEER_GONE | CONN_ENDING;
    } else if (errno != EAGAIN) {
        conn->flags |= CONN_DEAD;
    }
    return false;
}

/* One recv. False: nothing came. */
static bool conn_read(struct conn *conn, char *into, size_t room, struct bytes *got)
{
    ssize_t n;

    do {
        n = recv(conn_fd(conn), into, room < CONN_SHARE ? room : CONN_SHARE, 0);
    } while (n < 0 && errno == EINTR);
    *got = bytes_of(into, n > 0 ? (size_t)n : 0);
    return count_read(conn, n);
}

/* Reads on into the door's own memory, and what comes after it into `window`. True: it is full. */
static bool conn_fill(struct conn *conn, char *window, size_t room, struct bytes *input)
{
    struct saved_input *saved = conn->work->saved;
    struct iovec pieces[2] = {{saved->direct, saved->direct_left}, {window, room}};
    struct msghdr message = {.msg_iov = pieces, .msg_iovlen = 2};
    ssize_t n;

    if (saved->direct_left > CONN_SHARE) {
        pieces[0].iov_len = CONN_SHARE;
        message.msg_iovlen = 1;
    }

    do {
        n = recvmsg(conn_fd(conn), &message, 0);
    } while (n < 0 && errno == EINTR);
    if (!count_read(conn, n)) return false;
    if ((size_t)n < saved->direct_left) {
        saved->direct += n;
        saved->direct_left -= (size_t)n;
        return false;
    }
    *input = bytes_of(window, (size_t)n - saved->direct_left);
    mem_free(saved);
    conn->work->saved = NULL;
    return true;
}

/* What this connection brings: fresh bytes in `window`, or its saved ones. False: nothing to deliver. */
static bool conn_fetch(struct conn *conn, char *window, size_t room, struct bytes *input, bool *filled)
{
    struct saved_input *saved = conn_saved(conn);
    bool resumed = conn->flags & CONN_RESUMED;
    bool readable = conn->flags & CONN_READABLE;
    struct bytes got;

    *filled = false;
    conn->flags &= ~CONN_READABLE;
    /* One that does not read its replies stays resumed until it does. */
    if (conn->flags & (CONN_DEAD | CONN_ENDING | CONN_CHOKED)) return false;
    conn->flags &= ~CONN_RESUMED;
    if (likely(!saved)) {
        if (likely(!resumed)) return readable && conn_read(conn, window, room, input);
        *input = bytes_of(window, 0);
        return true;
    }
    if (saved->direct) return readable && (*filled = conn_fill(conn, window, room, input));

    if (readable && !resumed) {
        if (!saved_make_room(conn)) {
            conn->flags |= CONN_DEAD;
            return false;
        }
        saved = conn->work->saved;
        if (!conn_read(conn, saved->at + saved->len, saved->room - saved->len, &got)) return false;
        saved->len += got.len;
        if (over_query_limit(conn)) {
            conn->flags |= CONN_DEAD;
            return false;
        }
        if (saved->len < saved->wants) return false;
    } else if (!resumed) {
        return false;
    }
    *input = bytes_of(saved->at + saved->start, saved->len);
    return true;
}

void worker_send(struct worker *worker, struct delivery *delivery)
{
    (void)worker;
    if (delivery->conn->flags & CONN_DEAD) {
        outbox_clear(delivery->outbox);
        return;
    }
    if (!conn_send(delivery->conn, delivery->outbox, delivery->output)) delivery->conn->flags |= CONN_DEAD;
    delivery->output = (struct bytes){NULL, 0};
}

/* After the door: keep what it left, send what it said. */
static void conn_settle(struct worker *worker, struct delivery *delivery)
{
    struct conn *conn = delivery->conn;

    if (!(conn->flags & CONN_DEAD) &&
        !conn_keep_input(conn, delivery->input, delivery->used, delivery->wants)) {
        conn->flags |= CONN_DEAD;
    }
    if (delivery->direct && !(conn->flags & CONN_DEAD) &&
        !conn_keep_direct(conn, delivery->direct, delivery->direct_len)) {
        conn->flags |= CONN_DEAD;
    }
    worker_send(worker, delivery);
    if (delivery->again) conn->flags |= CONN_RESUMED;
}

static void conn_finish(struct conn *conn)
{
    if (conn->flags & CONN_DEAD || (conn->flags & CONN_ENDING && conn_unsent(conn) == 0)) {
        conn_end(conn);
        return;
    }
    if (conn->flags & CONN_ENDING) {
        conn_watch(conn);
        return;
    }
    if (unlikely(conn->work != NULL)) conn_rest(conn);
    if (conn->flags & CONN_RESUMED && !(conn->flags & CONN_CHOKED)) list_add(&home_of(conn)->more, conn);
}

/* Off the ready list; what the outbox got meanwhile is sent. */
static void conn_take(struct conn *conn, struct outbox *none)
{
    bool dirty = conn->flags & CONN_DIRTY;

    conn->flags &= ~(CONN_LISTED | CONN_DIRTY);
    if (dirty && !(conn->flags & CONN_DEAD) && !conn_send(conn, none, (struct bytes){0})) {
        conn->flags |= CONN_DEAD;
    }
}

/* Whoever the turn did not come to is first in the next one. */
static void list_passed_over(const struct delivery *deliveries, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct conn *conn = deliveries[i].conn;

        if (!deliveries[i].again || deliveries[i].used > 0) continue;
        if (!(conn->flags & (CONN_DEAD | CONN_ENDING | CONN_CHOKED))) conn_list_ready(conn);
    }
}

/* One round: as many of the ready connections as share the input area. */
static void worker_turn(struct worker *worker)
{
    unsigned taken = worker->ready.count < TURN_CONNS ? worker->ready.count : TURN_CONNS;
    size_t window = INPUT_AREA / taken - INPUT_PADDING;
    struct conn *conns[TURN_CONNS];
    char *area = worker->input_area;
    unsigned count = 0;

    if (window > WINDOW_MAX) window = WINDOW_MAX;
    for (unsigned i = 0; i < taken; i++) conns[i] = list_take(&worker->ready);
    METRIC_ADD(net, turns, 1);

    for (unsigned i = 0; i < taken; i++) {
        struct conn *conn = conns[i];
        struct bytes input;
        bool filled;

        conn_take(conn, &worker->fresh[0]);
        if (!conn_fetch(conn, area, window, &input, &filled)) continue;
        if (input.at == area) area += (input.len + 2 * INPUT_PADDING - 1) & ~(size_t)(INPUT_PADDING - 1);
        worker->deliveries[count] = (struct delivery){.conn = conn, .input = input, .filled = filled};
        worker->deliveries[count].outbox = conn->work ? &conn->work->outbox : &worker->fresh[count];
        count++;
    }
    if (count > 0) {
        worker->door->turn(worker, worker->deliveries, count, worker->reply_area, REPLY_AREA);
        for (unsigned i = 0; i < count; i++) conn_settle(worker, &worker->deliveries[i]);
        list_passed_over(worker->deliveries, count);
    }
    for (unsigned i = 0; i < taken; i++) {
        /* The door may have listed it meanwhile: for the next round then. */
        if (!(conns[i]->flags & CONN_LISTED)) conn_finish(conns[i]);
    }
}

static void on_chores(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    ((struct worker *)context)->chores_armed = false;
}

/* The loop wakes for the chores at the latest when the door wants it. An alarm that is early enough stays:
 * each move of it costs the loop a search. */
static void arm_chores(struct worker *worker, int64_t wait_us)
{
    struct timeval wait = {.tv_sec = wait_us / 1000000, .tv_usec = wait_us % 1000000};
    int64_t at_us = clock_steady_us() + wait_us;

    if (worker->chores_armed && worker->chores_at_us <= at_us + ALARM_SLACK_US) return;
    worker->chores_armed = true;
    worker->chores_at_us = at_us;
    event_add(worker->chores_event, &wait);
}

static void worker_wind_up(struct worker *worker)
{
    bool time_is_over = clock_steady_us() > worker->stop_at_us;

    if (time_is_over) farewells_cut_short(&worker->farewells);
    for (struct conn *conn = worker->conns, *next; conn; conn = next) {
        next = conn->next;
        if (time_is_over) conn->flags |= CONN_DEAD;
        if (conn->flags & CONN_LISTED) continue;
        conn->flags |= CONN_ENDING;
        if (conn_unsent(conn) == 0 || time_is_over) {
            conn_end(conn);
        } else {
            conn_watch(conn);
        }
    }
}

static void *worker_run(void *context)
{
    struct worker *worker = context;
    char name[16];

    snprintf(name, sizeof name, "worker-%u", worker->index);
    pthread_setname_np(pthread_self(), name);
    metric_lane = worker->index + 1;
    clock_update();
    worker->door->started(worker);
    for (;;) {
        int64_t wait_us = worker->door->housekeep(worker);
        int flags = EVLOOP_ONCE;

        if (worker->stopping) {
            worker_wind_up(worker);
            if (!worker->conns && worker->farewells.count == 0) break;
            if (wait_us > 10000) wait_us = 10000;
        }
        if (worker->ready.count + worker->more.count > 0 || wait_us == 0) {
            flags |= EVLOOP_NONBLOCK;
        } else {
            arm_chores(worker, wait_us);
        }
        event_base_loop(worker->base, flags);
        clock_update();
        atomic_store_explicit(&worker->beats, worker_beats(worker) + 1, memory_order_relaxed);
        /* Who asks a little goes before who asks a lot, and waits for no more than the turn under way. */
        list_join(&worker->ready, &worker->more);
        for (unsigned rounds = (worker->ready.count + TURN_CONNS - 1) / TURN_CONNS; rounds > 0; rounds--) {
            worker_turn(worker);
            clock_update();
        }
    }
    worker->door->stopped(worker);
    return NULL;
}

/* ---- life ---- */

struct worker *worker_new(unsigned index, const struct worker_door *door)
{
    struct worker *worker = mem_alloc_zeroed(sizeof *worker);
    struct event_config *config = event_config_new();

    if (!worker || !config) goto failed;
    must(index <= UINT8_MAX);
    worker->index = index;
    worker->door = door;
    worker->mail_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    worker->input_area = mem_alloc_aligned(4096, INPUT_AREA + 4096);
    worker->reply_area = mem_alloc_aligned(4096, REPLY_AREA);
    event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
    worker->base = event_base_new_with_config(config);
    if (worker->mail_fd < 0 || !worker->input_area || !worker->reply_area || !worker->base) goto failed;
    worker->mail_event = event_new(worker->base, worker->mail_fd, EV_READ | EV_PERSIST, open_mail, worker);
    worker->chores_event = event_new(worker->base, -1, 0, on_chores, worker);
    if (!worker->mail_event || !worker->chores_event) goto failed;
    workers[index] = worker;
    event_add(worker->mail_event, NULL);
    event_config_free(config);
    return worker;

failed:
    if (config) event_config_free(config);
    if (worker) worker_free(&worker);
    return NULL;
}

enum status worker_start(struct worker *worker)
{
    static const int own_doing[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS};
    sigset_t all, before;
    int error;

    /* But what a thread does to itself: a fault that is blocked kills without a report. */
    sigfillset(&all);
    for (unsigned i = 0; i < sizeof own_doing / sizeof own_doing[0]; i++) sigdelset(&all, own_doing[i]);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    error = pthread_create(&worker->thread, NULL, worker_run, worker);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error == 0) return OK;
    errno = error;
    return SYSTEM_ERROR;
}

struct stop_order {
    struct mail mail;
    int64_t grace_ms;
};

static void open_stop(struct worker *worker, struct mail *mail)
{
    if (worker) {
        worker->stopping = true;
        worker->stop_at_us = clock_steady_us() + ((struct stop_order *)mail)->grace_ms * 1000;
    }
    mem_free(mail);
}

void worker_stop(struct worker *worker, int64_t grace_ms)
{
    struct stop_order *order = mem_need(sizeof *order);

    *order = (struct stop_order){.mail.open = open_stop, .grace_ms = grace_ms};
    worker_post(worker, &order->mail);
}

void worker_join(struct worker *worker)
{
    pthread_join(worker->thread, NULL);
}

void worker_free(struct worker **worker_taken)
{
    struct worker *worker = *worker_taken;

    *worker_taken = NULL;
    while (worker->mail_first) {
        struct mail *mail = worker->mail_first;

        worker->mail_first = mail->next;
        mail->open(NULL, mail);
    }
    if (worker->mail_event) event_free(worker->mail_event);
    if (worker->chores_event) event_free(worker->chores_event);
    if (worker->base) event_base_free(worker->base);
    if (worker->mail_fd > 0) close(worker->mail_fd);
    mem_free(worker->input_area);
    mem_free(worker->reply_area);
    if (workers[worker->index] == worker) workers[worker->index] = NULL;
    mem_free(worker);
}
