/* blocking: waiters: how they begin to wait, who hands out to them, how their wait ends. */
#include "blocking_internal.h"

#include <math.h>
#include "coatcheck/base/clock.h"
#include "coatcheck/base/mem.h"
#include "coatcheck/base/must.h"
#include "coatcheck/base/number.h"
#include "coatcheck/engine/stats.h"
#include "coatcheck/engine/watch.h"
#include "coatcheck/keyspace/await.h"

METRIC_DEFINE(blocking, BLOCKING_METRICS)

/* Most answers fit: a key's name, a member and its score. */
#define ANSWER_ROOM 512

/* So many waits are ended at a time when many end at once. */
#define ENDS_A_SLICE 256

/* Of session->wait. */
enum wait_phase { WAIT_NONE, WAIT_OPEN, WAIT_CLAIMED };

_Thread_local struct wait_line *blocking_came;
static _Thread_local struct wait_line **came_end;

/* Waiters, linked by their mail. */
struct waiter_list {
    struct mail *first, **end;
};

/* Served by this thread's command, to be sent once its shards are left; and those of this thread's
 * own worker, which are opened between two turns. */
static _Thread_local struct waiter_list served, own;

static void list_add(struct waiter_list *list, struct waiter *waiter)
{
    if (!list->first) list->end = &list->first;
    waiter->mail.next = NULL;
    *list->end = &waiter->mail;
    list->end = &waiter->mail.next;
}

static struct waiter *list_take(struct waiter_list *list)
{
    struct mail *mail = list->first;

    if (mail) list->first = mail->next;
    return (struct waiter *)mail;
}

/* ---- the claim ---- */

/* From here on the wait is the caller's to end. Others than the owner ask only while the session
 * cannot go away: inside a shard where a place of its waiter stands in a line, or inside
 * session_host->each(). */
static bool session_claim(struct session *session)
{
    uint8_t open = WAIT_OPEN;

    return atomic_compare_exchange_strong_explicit(&session->wait, &open, WAIT_CLAIMED,
                                                   memory_order_acq_rel, memory_order_relaxed);
}

bool session_is_waiting(const struct session *session)
{
    return atomic_load_explicit(&session->wait, memory_order_acquire) == WAIT_OPEN;
}

/* ---- a waiter's life, on its own worker ---- */

static void waiter_free(struct waiter *waiter)
{
    for (struct outbox_chunk *chunk = waiter->answer, *next; chunk; chunk = next) {
        next = chunk->next;
        outbox_chunk_free(chunk);
    }
    mem_free(waiter);
}

/* Out of all lines. Nobody else knows of it afterwards but who has claimed it. */
static void waiter_step_out(struct waiter *waiter)
{
    alarm_drop(waiter);
    if (waiter->place_count > 0 && waiter->kind->reaches) {
        atomic_fetch_sub_explicit(&blocking_reaching, 1, memory_order_relaxed);
    }
    for (uint32_t i = 0; i < waiter->place_count; i++) {
        struct shard *shard = waiter->places[i].line->shard;

        shard_enter(shard);
        place_release(&waiter->places[i]);
        shard_leave(shard);
    }
    waiter->place_count = 0;
}

/* Its session has the answer coming, with its next turn. */
static void waiter_end(struct waiter *waiter)
{
    waiter_step_out(waiter);
    waiter->ended = true;
    session_host->resume(waiter->session);
}

/* The mail of whoever claimed it. Without a worker there is nobody left to be told. */
static void waiter_open(struct worker *worker, struct mail *mail)
{
    struct waiter *waiter = (struct waiter *)mail;

    if (!worker || !waiter->session) {
        waiter_free(waiter);
    } else {
        waiter_end(waiter);
    }
}

/* Any thread, which has claimed it and entered no shard: to its own worker. */
static void waiter_send(struct waiter *waiter)
{
    if (waiter->lane == metric_lane) {
        list_add(&own, waiter);
    } else {
        session_host->mail(waiter->lane - 1u, &waiter->mail);
    }
}

void blocking_leave(struct session *session)
{
    struct waiter *waiter = session->waiter;
    bool is_mine;

    if (!waiter) return;
    session->waiter = NULL;
    is_mine = waiter->ended || session_claim(session);
    waiter_step_out(waiter);
    if (is_mine) {
        waiter_free(waiter);
    } else {
        waiter->session = NULL; /* its mail is on the way */
    }
}

/* ---- beginning to wait ---- */

bool call_may_block(const struct call *call)
{
    return !call->may_not_block;
}

bool call_read_timeout(struct call *call, unsigned i, int64_t *deadline_us)
{
    long double ms;
    int64_t us;

    if (!number_read_long_double(call_arg(call, i), &ms)) {
        reply_errorf(call->reply, "ERR timeout is not a float or out of range");
        return false;
    }
    /* What is beyond all numbers is negative in redis-server's eyes. */
    ms = ceill(ms * 1000);
    if (ms < 0 || ms >= 0x1p63L) {
        reply_errorf(call->reply, "ERR timeout is negative");
        return false;
    }
    *deadline_us = 0;
    if (ms > 0 && (__builtin_mul_overflow((int64_t)ms, 1000, &us) ||
                   __builtin_add_overflow(us, clock_steady_us(), deadline_us))) {
        *deadline_us = INT64_MAX;
    }
    return true;
}

/* In the lines of all keys. False: no memory, and it stands in none. */
static bool waiter_step_in(struct waiter *waiter, const struct key *keys, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        bool joined;

        if (place_join(&waiter->places[waiter->place_count], waiter, &keys[i], &joined)) {
            waiter->place_count += joined;
            continue;
        }
        while (waiter->place_count > 0) place_release(&waiter->places[--waiter->place_count]);
        return false;
    }
    return true;
}

static struct waiter *waiter_new(const struct call *call, unsigned keys, size_t wanted_size,
                                 int64_t deadline_us)
{
    struct waiter *waiter =
        mem_alloc(sizeof *waiter + keys * sizeof waiter->places[0] + wanted_size);

    if (!waiter) return NULL;
    *waiter = (struct waiter){.mail.open = waiter_open,
                              .session = call->session,
                              .deadline_us = deadline_us,
                              .alarm_at = NO_ALARM,
                              .place_room = keys,
                              .lane = (uint8_t)metric_lane,
                              .resp = call->reply->resp,
                              .muted = session_flags(call->session) & SESSION_MUTED};
    if (!waiter_step_in(waiter, call->keys, keys)) {
        mem_free(waiter);
        return NULL;
    }
    if (deadline_us > 0 && !alarm_set(waiter)) {
        while (waiter->place_count > 0) place_release(&waiter->places[--waiter->place_count]);
        mem_free(waiter);
        return NULL;
    }
    return waiter;
}

void call_block(struct call *call, const struct wait_kind *kind, unsigned keys, const void *wanted,
                size_t wanted_size, int64_t deadline_us)
{
    struct waiter *waiter;

    must(keys <= call->key_count);
    if (!call_may_block(call)) {
        kind->give_up(call->reply);
        return;
    }
    waiter = waiter_new(call, keys, wanted_size, deadline_us);
    if (!waiter) {
        reply_error(call->reply, ERR_NO_MEMORY);
        return;
    }
    waiter->kind = kind;
    memcpy((void *)waiter_wanted(waiter), wanted, wanted_size);
    if (kind->reaches) atomic_fetch_add_explicit(&blocking_reaching, 1, memory_order_relaxed);
    call->session->waiter = waiter;
    session_set(call->session, SESSION_BLOCKED);
    atomic_store_explicit(&call->session->wait, WAIT_OPEN, memory_order_release);
}

void call_serve_or_block(struct call *call, const struct wait_kind *kind, unsigned keys,
                         const void *wanted, size_t wanted_size, int64_t deadline_us)
{
    for (unsigned k = 0; k < keys; k++) {
        struct spot spot;

        if (!call_find_type(call, k, kind->type, &spot)) return;
        if (!spot.entry) continue;
        kind->serve(wanted, &call->keys[k], &spot, call->reply);
        return;
    }
    call_block(call, kind, keys, wanted, wanted_size, deadline_us);
}

/* ---- serving: on the thread of whoever brought something, inside its shards ---- */

static void line_came(struct wait_line *line)
{
    if (line->came) return;
    line->came = true;
    line->next_came = NULL;
    if (!blocking_came) came_end = &blocking_came;
    *came_end = line;
    came_end = &line->next_came;
}

void call_came(const struct key *key)
{
    struct wait_line *line = line_of(key);

    if (line) line_came(line);
}

static void databases_swapped(struct shard *shard, unsigned a, unsigned b)
{
    lines_each_of(shard, a, b, line_came);
}

/* What stands in the window goes behind what it could not hold. */
static struct outbox_chunk *answer_of(const struct reply *reply, struct outbox_chunk *window)
{
    size_t len = reply_in_window(reply).len;
    struct outbox_chunk *fitted;

    if (len == 0 && reply->queue->first) {
        mem_free(window);
        return reply->queue->first;
    }
    fitted = mem_resize(window, sizeof *window + len);
    if (fitted) window = fitted;
    *window = (struct outbox_chunk){.len = len, .room = len, .at = window->own};
    if (!reply->queue->first) return window;
    reply->queue->last->next = window;
    return reply->queue->first;
}

/* It is claimed. Without memory for the answer nothing is taken, and that is told. */
static void waiter_serve(struct waiter *waiter, const struct key *key, struct spot *spot)
{
    struct outbox_chunk *window = mem_alloc(sizeof *window + ANSWER_ROOM);
    struct outbox queue = {0};
    struct reply reply;

    waiter->end = WAIT_SERVED;
    METRIC_ADD(blocking, blocked_served, 1);
    if (!window) return;
    reply_open(&reply, window->own, ANSWER_ROOM, &queue, waiter->resp);
    waiter->kind->serve(waiter_wanted(waiter), key, spot, &reply);
    if (unlikely(reply.errors > 0)) stats_count_error(reply.error_code);
    if (unlikely(reply.failed)) {
        outbox_clear(&queue);
        mem_free(window);
    } else {
        waiter->answer = answer_of(&reply, window);
    }
}

/* A client that is being closed gets nothing any more: it would be lost. */
static bool waiter_claim(const struct waiter *waiter)
{
    return !(session_flags(waiter->session) & (SESSION_KILLED | SESSION_CLOSING)) &&
           session_claim(waiter->session);
}

static void line_serve(struct wait_line *line)
{
    struct wait_link *link = line->first.next, *next;
    struct key key;
    struct spot spot;

    line_key(line, &key);
    if (link == &line->first || !key_find(&key, &spot)) return;
    for (; link != &line->first; link = next) {
        struct wait_place *place = (struct wait_place *)link;

        next = link->next;
        if (place->waiter->kind->type != entry_type(spot.entry)) continue;
        if (place->waiter->kind->reaches && !reach_has(place->waiter, &key)) continue;
        /* One that cannot be claimed any more is not met again either, until its owner fetches it.
         */
        place_take_out(place);
        if (!waiter_claim(place->waiter)) continue;
        waiter_serve(place->waiter, &key, &spot);
        list_add(&served, place->waiter);
        if (!key_find(&key, &spot)) return;
    }
}

bool blocking_serve(void)
{
    while (blocking_came) {
        struct wait_line *line = blocking_came;

        blocking_came = line->next_came;
        line->came = false;
        line_serve(line);
    }
    return served.first != NULL;
}

void blocking_send(void)
{
    struct waiter *waiter;

    /* What they have heard of their keys goes before what they waited for. */
    if (watch_hooks.waking) watch_hooks.waking();
    while ((waiter = list_take(&served))) waiter_send(waiter);
}

/* ---- the end of a wait ---- */

struct search {
    uint64_t session_id;
    struct waiter *claimed;
};

static void claim_if_meant(struct session *session, void *context)
{
    struct search *search = context;

    if (session->id != search->session_id || session_flags(session) & SESSION_KILLED) return;
    if (session_claim(session)) search->claimed = session->waiter;
}

bool blocking_unblock(uint64_t session_id, bool with_error)
{
    struct search search = {.session_id = session_id};

    session_host->each(claim_if_meant, &search);
    if (!search.claimed) return false;
    search.claimed->end = with_error ? WAIT_UNBLOCKED : WAIT_TIMED_OUT;
    waiter_send(search.claimed);
    return true;
}

bool blocking_has_ended(const struct session *session)
{
    return session->waiter->ended;
}

static void write_answer(const struct waiter *waiter, struct reply *reply)
{
    switch ((enum wait_end)waiter->end) {
    case WAIT_SERVED:
        if (!waiter->answer) reply_error(reply, ERR_NO_MEMORY);
        for (struct outbox_chunk *chunk = waiter->answer; chunk; chunk = chunk->next) {
            reply_raw(reply, bytes_of(chunk->at, chunk->len));
        }
        break;
    case WAIT_TIMED_OUT:
        waiter->kind->give_up(reply);
        break;
    case WAIT_UNBLOCKED:
        reply_error_text(reply, BYTES("UNBLOCKED client unblocked via CLIENT UNBLOCK"));
        break;
    }
}

void blocking_answer(struct session *session, struct reply *reply)
{
    struct waiter *waiter = session->waiter;
    unsigned errors_before = reply->errors;

    session->waiter = NULL;
    atomic_store_explicit(&session->wait, WAIT_NONE, memory_order_relaxed);
    session_unset(session, SESSION_BLOCKED);
    if (!waiter->muted && !(session_flags(session) & SESSION_REPLY_OFF))
        write_answer(waiter, reply);
    if (unlikely(reply->errors > errors_before)) {
        metric_add(&stats_of(session->last - 1u)->failed, 1);
        stats_count_error(reply->error_code);
    }
    waiter_free(waiter);
}

int64_t blocking_look_after(int64_t now_us)
{
    struct waiter *waiter;

    while ((waiter = list_take(&own))) {
        if (waiter->session) {
            waiter_end(waiter);
        } else {
            waiter_free(waiter);
        }
    }
    for (unsigned i = 0; i < ENDS_A_SLICE; i++) {
        waiter = alarm_first();
        if (likely(!waiter)) return INT64_MAX;
        if (waiter->deadline_us > now_us) return waiter->deadline_us - now_us;
        /* One that is claimed by others has its mail on the way. */
        if (!session_claim(waiter->session)) {
            alarm_drop(waiter);
            continue;
        }
        waiter->end = WAIT_TIMED_OUT;
        METRIC_ADD(blocking, blocked_timeouts, 1);
        waiter_end(waiter);
    }
    return 0;
}

void blocking_setup(void)
{
    await_listen(&(struct await_hooks){.came = call_came, .swapped = databases_swapped});
}
