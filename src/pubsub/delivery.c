#include "coatcheck/pubsub/delivery.h"

#include <stdatomic.h>
#include "coatcheck/base/clock.h"
#include "coatcheck/base/mem.h"
#include "coatcheck/base/must.h"
#include "coatcheck/engine/transaction.h"
#include "coatcheck/pubsub/notice.h"
#include "coatcheck/pubsub/subscriber.h"
#include "delivery_internal.h"

METRIC_DEFINE(pubsub, PUBSUB_METRICS)

#define BATCH_FIRST 14
#define BATCH_MOST 1024

/* Frames of one channel that go out as one piece. */
#define RUN_MESSAGES 64
#define RUN_BYTES (16 * 1024)

/* Publishers that wait look again after so long. */
#define WAIT_US 500

_Thread_local struct inbox inbox_here;

/* By lane: put aside for that worker. */
static _Thread_local struct batch *outgoing[METRIC_LANES];
static _Thread_local uint8_t outgoing_lanes[METRIC_LANES];
static _Thread_local unsigned outgoing_count;

/* Publishers of this worker that have to wait. */
static _Thread_local struct {
    struct session **sessions;
    unsigned count, room;
} waiters;

/* What each worker has yet to deliver, and how many of them have too much of it. */
static struct {
    _Atomic int64_t cost;
} __attribute__((aligned(64))) owed[METRIC_LANES];
static _Atomic unsigned lanes_behind;

_Atomic unsigned delivery_tell_writes;

/* ---- how much there is ---- */

bool delivery_is_behind(void)
{
    return atomic_load_explicit(&lanes_behind, memory_order_relaxed) > 0;
}

void delivery_owe(unsigned lane, uint64_t cost)
{
    int64_t before = atomic_fetch_add(&owed[lane].cost, (int64_t)cost);

    if (before > DELIVERY_MOST || before + (int64_t)cost <= DELIVERY_MOST) return;
    if (atomic_fetch_add(&lanes_behind, 1) == 0) gate_raise(GATE_BACKLOG);
}

void delivery_settle(uint64_t cost)
{
    int64_t before = atomic_fetch_sub(&owed[metric_lane].cost, (int64_t)cost);

    if (before <= DELIVERY_MOST || before - (int64_t)cost > DELIVERY_MOST) return;
    atomic_fetch_sub(&lanes_behind, 1);
}

/* ---- batches ---- */

static struct batch *batch_new(uint32_t room)
{
    struct batch *batch = mem_alloc(sizeof *batch + room * sizeof(struct waiting));

    if (batch) *batch = (struct batch){.room = room};
    return batch;
}

static void inbox_add(struct batch *batch)
{
    batch->next = NULL;
    if (inbox_here.last) {
        inbox_here.last->next = batch;
    } else {
        inbox_here.first = batch;
    }
    inbox_here.last = batch;
    inbox_here.own = NULL;
    inbox_here.end += batch->count;
    METRIC_ADD(pubsub, messages_waiting, batch->count);
}

static void open_batch(struct worker *worker, struct mail *mail)
{
    struct batch *batch = (struct batch *)mail;

    if (worker) {
        inbox_add(batch);
        delivery_hand_out(DELIVERY_SLICE_US, HAND_OUT_JOIN);
        return;
    }
    for (uint32_t i = 0; i < batch->count; i++) message_release(batch->of[i].message);
    mem_free(batch);
}

static bool make_own_room(void)
{
    struct batch *batch;

    if (inbox_here.own && inbox_here.own->count < inbox_here.own->room) return true;
    batch = batch_new(inbox_here.own ? BATCH_MOST : BATCH_FIRST);
    if (!batch) return false;
    inbox_add(batch);
    inbox_here.own = batch;
    return true;
}

/* Room for one more message to that worker. False: no memory. */
static bool make_room(unsigned lane)
{
    struct batch *batch = outgoing[lane];
    uint32_t room;

    if (lane == metric_lane) return make_own_room();
    if (batch && batch->count < batch->room) return true;
    room = batch ? batch->room * 2 : BATCH_FIRST;
    batch = batch ? mem_resize(batch, sizeof *batch + room * sizeof(struct waiting)) : batch_new(room);
    if (!batch) return false;
    batch->room = room;
    if (!outgoing[lane]) outgoing_lanes[outgoing_count++] = (uint8_t)lane;
    outgoing[lane] = batch;
    return true;
}

static void put_aside(unsigned lane, struct message *message, uint64_t cost)
{
    struct batch *batch = lane == metric_lane ? inbox_here.own : outgoing[lane];

    batch->of[batch->count++] = (struct waiting){.message = message, .cost = cost};
    delivery_owe(lane, cost);
    if (lane != metric_lane) return;
    inbox_here.end++;
    METRIC_ADD(pubsub, messages_waiting, 1);
}

int64_t delivery_publish(enum channel_kind kind, struct bytes channel, struct bytes payload)
{
    struct audience audience;
    struct message *message;

    channel_audience(kind, channel, &audience);
    if (audience.count == 0) return 0;
    for (unsigned i = 0; i < audience.count; i++) {
        if (!make_room(audience.workers[i].lane)) return -1;
    }
    message = message_new(kind, channel, payload, audience.count);
    if (!message) return -1;
    for (unsigned i = 0; i < audience.count; i++) {
        put_aside(audience.workers[i].lane, message,
                  message->len + (uint64_t)audience.workers[i].receivers * DELIVERY_COST);
    }
    METRIC_ADD(pubsub, messages_published, 1);
    return (int64_t)audience.total;
}

void delivery_send_off(void)
{
    while (unlikely(outgoing_count > 0)) {
        unsigned lane = outgoing_lanes[--outgoing_count];
        struct batch *batch = outgoing[lane];

        outgoing[lane] = NULL;
        if (batch->count == 0) {
            mem_free(batch);
            continue;
        }
        batch->mail.open = open_batch;
        session_host->mail(lane - 1, &batch->mail);
    }
}

/* ---- handing out ---- */

static void note_pattern(struct channel *pattern, void *context)
{
    (void)pattern;
    *(bool *)context = true;
}

/* How many messages from here on are of one channel and may go out as one piece. A listener that has a pattern
 * besides gets each message in both ways before the next one: then it is one. */
static uint32_t run_of(const struct waiting *waiting, uint32_t most, uint64_t number)
{
    const struct message *first = waiting[0].message;
    size_t bytes = first->len;
    bool has_pattern = false;
    uint32_t n = 1;

    if (most > RUN_MESSAGES) most = RUN_MESSAGES;
    if (number < inbox_here.newest) return 1;
    while (n < most && waiting[n].message->kind == first->kind &&
           bytes_equal(message_channel(waiting[n].message), message_channel(first)) &&
           bytes + waiting[n].message->len <= RUN_BYTES) {
        bytes += waiting[n++].message->len;
    }
    if (n == 1 || first->kind == CHANNEL_SHARD || channel_names(CHANNEL_PATTERN) == 0) return n;
    channel_match(message_channel(first), note_pattern, &has_pattern);
    return has_pattern ? 1 : n;
}

static void drop_first(void)
{
    struct batch *batch = inbox_here.first;

    if (batch == inbox_here.own) {
        batch->at = batch->count = 0;
        return;
    }
    inbox_here.first = batch->next;
    if (!inbox_here.first) inbox_here.last = NULL;
    mem_free(batch);
}

bool delivery_hand_out(int64_t budget_us, enum hand_out how)
{
    uint64_t until = 0;

    while (inbox_here.next < inbox_here.end) {
        struct batch *batch = inbox_here.first;
        struct waiting *run = &batch->of[batch->at];
        uint64_t cost = 0;
        uint32_t n;

        if (batch->at == batch->count) {
            drop_first();
            continue;
        }
        if (until == 0) {
            until = clock_ticks() + clock_us_to_ticks(budget_us);
        } else if (clock_ticks() > until) {
            return false;
        }
        n = run_of(run, batch->count - batch->at, inbox_here.next);
        /* To send what others follow would be a call for each. */
        handout_run(run, n, inbox_here.next, inbox_here.next + n < inbox_here.end ? HAND_OUT_JOIN : how);
        for (uint32_t i = 0; i < n; i++) {
            cost += run[i].cost;
            message_release(run[i].message);
        }
        batch->at += n;
        inbox_here.next += n;
        METRIC_ADD(pubsub, messages_waiting, -(int64_t)n);
        delivery_settle(cost);
        if (batch->at == batch->count) drop_first();
    }
    return true;
}

/* ---- a session's own place in the order ---- */

struct catching {
    struct call *call;
    const struct message *message;
};

static void write_frame(struct call *call, struct bytes head, const struct message *message)
{
    reply_raw(call->reply, head);
    reply_raw(call->reply, message_tail(message));
    METRIC_ADD(pubsub, messages_delivered, 1);
}

static void catch_by_pattern(struct channel *pattern, void *context)
{
    struct catching *catching = context;
    struct text head = {0};

    if (!pointerset_has(&pattern->listeners, catching->call->session)) return;
    message_add_pattern_head(channel_name(pattern), catching->call->reply->resp, &head);
    if (text_failed(&head)) {
        catching->call->reply->failed = true;
    } else {
        write_frame(catching->call, text_bytes(&head), catching->message);
    }
    text_fini(&head);
}

static void catch_message(struct call *call, const struct message *message)
{
    struct bytes name = message_channel(message);
    struct channel *channel = channel_find(message->kind, name);

    if (channel && pointerset_has(&channel->listeners, call->session)) {
        write_frame(call, message_head(message, call->reply->resp), message);
    }
    if (message->kind == CHANNEL_PLAIN && channel_names(CHANNEL_PATTERN) > 0) {
        channel_match(name, catch_by_pattern, &(struct catching){.call = call, .message = message});
    }
}

void delivery_catch_up(struct call *call)
{
    struct subscriber *subscriber = call->session->extras ? call->session->extras->subscriber : NULL;
    uint64_t number = inbox_here.next;

    if (!subscriber || inbox_here.next == inbox_here.end) return;
    if (session_flags(call->session) & SESSION_LISTENS) {
        /* In the middle of EXEC's reply there is no place for anything else; and what is written for one who wants
         * no replies is taken back. */
        if (call->may_not_block || session_flags(call->session) & SESSION_MUTED) return;
        for (struct batch *batch = inbox_here.first; batch; batch = batch->next) {
            uint64_t behind = subscriber->since > number ? subscriber->since - number : 0;
            uint32_t count = batch->count - batch->at;

            number += count;
            for (uint64_t i = behind; i < count; i++) catch_message(call, batch->of[batch->at + i].message);
        }
    }
    subscriber->since = inbox_here.newest = inbox_here.end;
}

/* ---- who publishes while there is too much ---- */

enum gate_answer gate_delivery(struct call *call)
{
    uint32_t flags;

    if (likely(!(atomic_load_explicit(&gate_reasons, memory_order_relaxed) & GATE_BACKLOG))) return GATE_PASS;
    if (!delivery_is_behind()) {
        gate_lower(GATE_BACKLOG);
        /* Another worker may have fallen behind between the two. */
        if (delivery_is_behind()) gate_raise(GATE_BACKLOG);
        return GATE_PASS;
    }
    flags = transaction_flags(call);
    if (!(flags & COMMAND_WRITE && (notice_is_on() || atomic_load(&delivery_tell_writes) > 0)) && !(flags & COMMAND_PUBSUB && flags & COMMAND_FAST)) {
        return GATE_PASS;
    }
    if (waiters.count == waiters.room) {
        unsigned room = waiters.room ? waiters.room * 2 : 16;
        struct session **grown = mem_resize(waiters.sessions, room * sizeof(struct session *));

        if (!grown) return GATE_PASS;
        waiters.sessions = grown;
        waiters.room = room;
    }
    waiters.sessions[waiters.count++] = call->session;
    session_set(call->session, SESSION_POSTPONED);
    METRIC_ADD(pubsub, publish_waits, 1);
    return GATE_WAIT;
}

void delivery_forget(struct session *session)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < waiters.count; i++) {
        if (waiters.sessions[i] != session) waiters.sessions[kept++] = waiters.sessions[i];
    }
    waiters.count = kept;
}

int64_t delivery_look_after(void)
{
    if (likely(waiters.count == 0)) return INT64_MAX;
    if (delivery_is_behind()) return WAIT_US;
    while (waiters.count > 0) {
        struct session *session = waiters.sessions[--waiters.count];

        session_unset(session, SESSION_POSTPONED);
        session_host->resume(session);
    }
    return INT64_MAX;
}

void delivery_stop(void)
{
    for (struct batch *batch = inbox_here.first, *next; batch; batch = next) {
        next = batch->next;
        for (uint32_t i = batch->at; i < batch->count; i++) message_release(batch->of[i].message);
        mem_free(batch);
    }
    METRIC_ADD(pubsub, messages_waiting, -(int64_t)(inbox_here.end - inbox_here.next));
    inbox_here = (struct inbox){0};
    mem_free(waiters.sessions);
    waiters.sessions = NULL;
    waiters.count = waiters.room = 0;
}
