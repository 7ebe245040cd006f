#include "coatcheck/engine/turn.h"

#include "coatcheck/base/clock.h"
#include "coatcheck/base/held.h"
#include "coatcheck/base/mem.h"
#include "coatcheck/base/must.h"
#include "coatcheck/engine/blocking.h"
#include "coatcheck/engine/options.h"
#include "coatcheck/engine/secret.h"
#include "coatcheck/engine/stats.h"
#include "coatcheck/engine/watch.h"
#include "dispatch_internal.h"
#include "half_internal.h"

/* Words of all requests in flight; one that needs more takes them from the heap. */
#define TURN_WORDS 512
#define WORDS_FOR_ONE 16

/* A reply begins in the area only while there is this much left of it. */
#define AREA_LOW (16 * 1024)

_Static_assert(TURN_BATCH <= KEYS_AHEAD, "the keys of a batch are prefetched together");

struct turn {
    struct keyspace *keyspace;
    struct call calls[TURN_BATCH];
    unsigned count;
    const struct key *keys[TURN_BATCH]; /* of the calls that name one; not again right behind itself */
    unsigned n_keys;
    bool has_elements; /* some of them name an element of a container as well */
    struct bytes words[TURN_WORDS];
    unsigned words_used;
    struct key_room key_room;

    /* the present run */
    struct feed *feeds;
    char *area, *area_at, *area_end;
    unsigned next_to_send; /* feeds before this one have been sent */
    void (*send)(void *context, unsigned feed);
    void *send_context;
    struct feed *open; /* whose replies are being written */
    struct reply reply;
    uint64_t began, budget, ticks;
    bool has_run; /* something: a turn always comes further */
    bool stopped; /* the open feed's session executes no more for now */
};

_Thread_local const struct call *turn_at_work;

const struct call *turn_call_at_work(void)
{
    return turn_at_work;
}

struct turn *turn_new(struct keyspace *keyspace)
{
    struct turn *turn = mem_need(sizeof *turn);

    turn->keyspace = keyspace;
    turn->budget = clock_us_to_ticks(TURN_BUDGET_US);
    return turn;
}

void turn_free(struct turn **turn)
{
    mem_free((*turn)->key_room.keys);
    mem_free((*turn)->key_room.places);
    mem_free(*turn);
    *turn = NULL;
}

/* ---- replies: one feed after the other in the area ---- */

static void close_open_feed(struct turn *turn)
{
    struct feed *feed = turn->open;

    if (!feed) return;
    feed->output = reply_in_window(&turn->reply);
    turn->area_at = turn->reply.at;
    if (turn->reply.failed) {
        /* Half a reply is worse than none: the client must not take the next one for its end. */
        session_set(feed->session, SESSION_CLOSING);
        feed->close = true;
    }
    turn->open = NULL;
}

static void open_feed(struct turn *turn, struct feed *feed)
{
    size_t room;

    if (turn->open == feed) return;
    close_open_feed(turn);
    if (turn->area_end - turn->area_at < AREA_LOW) {
        unsigned upto = (unsigned)(feed - turn->feeds);

        for (unsigned i = turn->next_to_send; i < upto; i++) turn->send(turn->send_context, i);
        turn->next_to_send = upto;
        turn->area_at = turn->area;
    }
    turn->open = feed;
    turn->stopped = false;
    /* Who may leave little unread must not fill the area either, nobody knows yet whether it reads. */
    room = (size_t)(turn->area_end - turn->area_at);
    if (unlikely(room > feed->unread_most)) room = feed->unread_most > AREA_LOW ? feed->unread_most : AREA_LOW;
    reply_open(&turn->reply, turn->area_at, room, feed->outbox, (uint8_t)session_resp(feed->session));
}

/* ---- execution ---- */

static void call_fini(struct call *call)
{
    if (unlikely(call->args_on_heap != NULL)) mem_free(call->args_on_heap);
    if (unlikely(call->unquoted != NULL)) mem_free(call->unquoted);
    if (unlikely(call->half != NULL)) half_free(&call->half);
}

/* The session goes on later, from the beginning of this request. */
static void rewind_to(struct call *call)
{
    struct feed *feed = call->feed;

    feed->used = call->start;
    feed->wants = 0;
    if (feed->direct) {
        half_cut(feed->session->half, feed->direct_len);
        held_expect(-(int64_t)feed->direct_len);
    }
    feed->direct = NULL;
    half_free(&feed->session->half);
    /* Its last word has left the input: the request itself is kept. So are words that came in pieces, as they are many: to
     * cut them out once more for each slice of a command would take longer than the slice. */
    if (call->half && (call->half->blob || !call->half->request.unquoted)) {
        feed->session->half = call->half;
        call->half = NULL;
    }
}

/* CLIENT REPLY OFF and SKIP: the command runs, its answer is taken back. Unless it was the one that asks to be
 * answered again. */
static enum dispatch_end run_muted(struct turn *turn, struct call *call)
{
    struct session *session = call->session;
    struct reply_mark mark = reply_mark(&turn->reply);
    unsigned before = session_flags(session);
    enum dispatch_end end;

    session_unset(session, SESSION_REPLY_SKIP_NEXT);
    if (before & SESSION_REPLY_SKIP_NEXT) session_set(session, SESSION_REPLY_SKIP);
    end = dispatch_run(call, &turn->key_room, &turn->ticks);
    if (end == DISPATCHED && !call->pushes && session_flags(session) & (SESSION_REPLY_OFF | SESSION_REPLY_SKIP)) {
        reply_take_back(&turn->reply, mark);
    }
    session_unset(session, SESSION_REPLY_SKIP);
    if (end != DISPATCHED && before & SESSION_REPLY_SKIP_NEXT) session_set(session, SESSION_REPLY_SKIP_NEXT);
    return end;
}

/* Who tracks, and a transaction that has begun to and ended it: what it was to be told must not wait for another. */
static bool may_have_own_news(const struct session *session, unsigned flags)
{
    return flags & SESSION_TRACKS || (session->extras && session->extras->tracker);
}

static void run_call(struct turn *turn, struct call *call)
{
    struct feed *feed = call->feed;
    bool had_half = call->half; /* a transaction may keep it, with the words in it */
    unsigned flags;
    enum dispatch_end end;

    open_feed(turn, feed);
    if (unlikely(turn->stopped)) {
        if (call->start < feed->used) rewind_to(call);
        return;
    }
    flags = session_flags(feed->session);
    if (unlikely(flags & SESSION_CLOSING)) return;
    /* Of a batch as well as between batches: thirty-two commands may each take long. */
    if (unlikely((feed->outbox->bytes >= feed->unread_most && !(flags & SESSION_SLICED)) ||
                 (turn->has_run && turn->ticks - turn->began > turn->budget))) {
        turn->stopped = true;
        rewind_to(call);
        feed->again = true;
        return;
    }
    turn->has_run = true;
    call->reply = &turn->reply;
    turn_at_work = call;
    if (unlikely(flags & SESSION_MUTED)) {
        end = run_muted(turn, call);
    } else {
        end = dispatch_run(call, &turn->key_room, &turn->ticks);
    }
    flags |= session_flags(feed->session);
    if (unlikely(flags & (SESSION_TRACKS | SESSION_MULTI)) && may_have_own_news(feed->session, flags)) {
        watch_hooks.answered(call, end != DISPATCHED);
    }
    turn_at_work = NULL;
    if (unlikely(call->command && row_may_have_secrets(call->command->row)) && end == DISPATCHED && had_half == !!call->half) {
        call_wipe_secrets(call);
    }
    if (unlikely(turn->reply.failed)) session_set(feed->session, SESSION_CLOSING);
    if (unlikely(end == DISPATCH_WAITS)) {
        turn->stopped = true;
        rewind_to(call);
        /* However much more comes: nobody looks at it before the session is resumed. */
        feed->wants = SIZE_MAX;
    }
    if (unlikely(end == DISPATCH_INTERRUPTED)) {
        turn->stopped = true;
        rewind_to(call);
        feed->again = !call->rests;
        feed->later = true;
        if (call->rests) feed->wants = SIZE_MAX;
    }
    if (unlikely(session_flags(feed->session) & SESSION_BLOCKED) && end == DISPATCHED) {
        /* This one has run and waits for its answer; what follows stays unread. */
        turn->stopped = true;
    }
}

/* What is looked for in containers lies behind several pointers: each round follows one more of them for all. */
static void prefetch_elements(struct turn *turn, unsigned count)
{
    struct key_element elements[TURN_BATCH];
    unsigned n = 0;

    for (unsigned i = 0; i < count; i++) {
        const struct call *call = &turn->calls[i];
        unsigned word = call->keys_hashed ? call->command->row->element : 0;

        if (word == 0 || word >= call->args.n) continue;
        elements[n].key = &call->first_key;
        elements[n++].element = word > 1 ? call->args.of[word] : bytes_of(NULL, 0);
    }
    /* One or two are searched for as soon as the way to them could be fetched. */
    if (n <= 2) return;
    for (unsigned step = 0; step < PREFETCH_STEPS && n > 0; step++) n = key_elements_prefetch(elements, n, step);
}

static void run_batch(struct turn *turn)
{
    unsigned count = turn->count;

    keys_prefetch(turn->keys, turn->n_keys);
    if (turn->has_elements) prefetch_elements(turn, count);
    turn->count = 0;
    turn->n_keys = 0;
    turn->has_elements = false;
    turn->words_used = 0;
    turn->ticks = clock_ticks();
    for (unsigned i = 0; i < count; i++) {
        run_call(turn, &turn->calls[i]);
        call_fini(&turn->calls[i]);
    }
}

/* ---- reading ---- */

static bool is_over_budget(const struct turn *turn)
{
    return clock_ticks() - turn->began > turn->budget;
}

/* Takes the words over, from `request` or, when they came in pieces, with all of `half`. */
static void take_request(struct turn *turn, struct feed *feed, struct request *request, struct half *half,
                         size_t start)
{
    struct call *call = &turn->calls[turn->count++];

    call->session = feed->session;
    call->keyspace = turn->keyspace;
    call->feed = feed;
    call->start = start;
    call->args = (struct args){.n = request->n, .of = request->args};
    call->is_inline = request->is_inline;
    call->may_not_block = false;
    call->pushes = false;
    call->interrupted = call->rests = false;
    call->sliced_ticks = 0;
    call->half = half;
    call->args_on_heap = !half && request->args_on_heap ? request->args : NULL;
    call->unquoted = !half ? request->unquoted : NULL;
    if (!request->args_on_heap) turn->words_used += request->n;
    dispatch_prepare(call);
    if (likely(call->keys_hashed)) {
        if (turn->n_keys == 0 || !key_seems_same(turn->keys[turn->n_keys - 1], &call->first_key))
            turn->keys[turn->n_keys++] = &call->first_key;
        turn->has_elements |= call->command->row->element != 0;
    }
}

#define NO_MEMORY_FOR_IT "Protocol error: no memory for the request"

/* The stream means nothing from here on: say so, after the replies to what came before, and close. */
static void break_off(struct turn *turn, struct feed *feed, struct request *request)
{
    bool was_half = feed->session->half && request == &feed->session->half->request;

    run_batch(turn);
    open_feed(turn, feed);
    if (!turn->stopped && !(session_flags(feed->session) & SESSION_CLOSING)) {
        if (!(session_flags(feed->session) & SESSION_MUTED)) reply_errorf(&turn->reply, "ERR %s", request->error);
        stats_count_error(BYTES("ERR"));
        session_set(feed->session, SESSION_CLOSING);
    }
    /* A half that is there now and was not before is a request that has to wait: it stays. */
    if (was_half) {
        half_free(&feed->session->half);
    } else {
        request_fini(request);
    }
}

/* After a batch ran in the middle of a feed: does its session go on now? */
static bool goes_on(struct turn *turn, struct feed *feed, size_t offset)
{
    if (turn->open == feed && turn->stopped) return false;
    if (session_flags(feed->session) & SESSION_CLOSING) return false;
    if (is_over_budget(turn)) {
        feed->used = offset;
        feed->again = offset < feed->input.len;
        return false;
    }
    return true;
}

/* Half a request: it is kept until there is more. A large word is from here on read straight into the value that will
 * hold it. False: no memory. */
static bool keep_half(struct feed *feed, struct request *request, size_t offset)
{
    struct session *session = feed->session;
    struct bytes come;

    if (request->words_to_come == 0) return true;
    feed->wants = request_wants(request);
    if (!session->half) {
        session->half = half_new(request);
        if (!session->half) return false;
    }
    if (session->half->request.bulk < 0) return true;
    offset += session->half->request.at;
    come = bytes_of(feed->input.at + offset, feed->input.len - offset);
    feed->direct = half_direct(session->half, come, &feed->direct_len);
    if (feed->direct) {
        feed->direct_had = come.len;
        feed->used = feed->input.len;
        feed->wants = 0;
    }
    return true;
}

/* The request that the last turns left half done, when it needs no more input. False: its large word is not there yet. */
static bool take_filled_half(struct turn *turn, struct feed *feed)
{
    struct half *half = feed->session->half;

    if (feed->filled) half_filled(half);
    if (half_is_filling(half)) return false;
    if (half->request.words_to_come > 0 || half_is_parted(half)) return true;
    feed->session->half = NULL;
    take_request(turn, feed, &half->request, half, 0);
    return true;
}

/* A session that waits in a command: what else it has sent stays unread until it is answered. False: that is
 * not yet. */
static bool answer_waiting(struct turn *turn, struct feed *feed)
{
    if (!blocking_has_ended(feed->session)) {
        if (feed->filled) half_filled(feed->session->half);
        feed->wants = SIZE_MAX;
        return false;
    }
    run_batch(turn);
    open_feed(turn, feed);
    blocking_answer(feed->session, &turn->reply);
    return true;
}

static void read_feed(struct turn *turn, struct feed *feed)
{
    struct session *session = feed->session;
    struct request_limits limits = {.max_bulk = option_int(&engine_options.proto_max_bulk_len)};
    size_t offset = 0;

    if (unlikely(session_flags(session) & SESSION_BLOCKED) && !answer_waiting(turn, feed)) return;
    if (unlikely(session->half && session->half->blob) && !take_filled_half(turn, feed)) return;
    for (;;) {
        struct request fresh, *request = &fresh;
        enum request_state state;
        bool is_whole = false;

        if (turn->count == TURN_BATCH || turn->words_used > TURN_WORDS - WORDS_FOR_ONE) {
            run_batch(turn);
            if (!goes_on(turn, feed, offset)) return;
        }
        if (unlikely(session->half != NULL)) {
            request = &session->half->request;
            is_whole = request_is_whole(request);
        } else {
            request_begin(request, turn->words + turn->words_used, TURN_WORDS - turn->words_used);
        }
        limits.authenticated = session_is_trusted(session);
        if (unlikely(is_whole)) {
            request_move(request, feed->input.at + offset);
            state = REQUEST_READY;
        } else {
            state = request_read(request, bytes_of(feed->input.at + offset, feed->input.len - offset), &limits);
        }
        if (likely(state == REQUEST_READY)) {
            struct half *half = session->half;
            size_t start = offset;

            offset += request->at;
            feed->used = offset;
            if (unlikely(half_is_parted(half))) {
                if (!half_join(half)) {
                    request->error = NO_MEMORY_FOR_IT;
                    break_off(turn, feed, request);
                    return;
                }
                start = offset;
            }
            session->half = NULL;
            take_request(turn, feed, request, half, start);
            if (unlikely(!limits.authenticated)) {
                /* It may be AUTH: then other limits hold for the next one. */
                run_batch(turn);
                if (!goes_on(turn, feed, offset)) return;
            }
            continue;
        }
        /* Empty lines and empty arrays before what is not there yet are done with. What is broken is found
         * again by a session that first has to wait. */
        feed->used = request->words_to_come > 0 || state == REQUEST_BROKEN ? offset : offset + request->at;
        if (state == REQUEST_MORE && keep_half(feed, request, offset)) return;
        if (state != REQUEST_BROKEN) request->error = NO_MEMORY_FOR_IT;
        break_off(turn, feed, request);
        return;
    }
}

void turn_run(struct turn *turn, struct feed *feeds, unsigned count, char *area, size_t area_room,
              void (*send)(void *context, unsigned feed), void *context)
{
    uint32_t now_s = session_now_s();

    turn->feeds = feeds;
    turn->area = turn->area_at = area;
    turn->area_end = area + area_room;
    turn->next_to_send = 0;
    turn->send = send;
    turn->send_context = context;
    turn->open = NULL;
    turn->stopped = false;
    turn->has_run = false;
    turn->began = clock_ticks();

    for (unsigned i = 0; i < count; i++) {
        struct feed *feed = &feeds[i];

        feed->used = 0;
        feed->wants = 0;
        feed->again = feed->later = false;
        feed->close = false;
        feed->direct = NULL;
        feed->keeps = feed->keeps_beside = 0;
        feed->output = (struct bytes){NULL, 0};
        if (i > 0 && !feed->filled && is_over_budget(turn)) {
            feed->again = true;
            continue;
        }
        atomic_store_explicit(&feed->session->active_s, now_s, memory_order_relaxed);
        read_feed(turn, feed);
    }
    run_batch(turn);
    close_open_feed(turn);
    for (unsigned i = 0; i < count; i++) {
        if (unlikely(session_flags(feeds[i].session) & SESSION_BLOCKED)) feeds[i].wants = SIZE_MAX;
        if (session_flags(feeds[i].session) & SESSION_CLOSING) {
            feeds[i].close = true;
            feeds[i].used = feeds[i].input.len;
        }
        if (unlikely(feeds[i].session->half != NULL))
            feeds[i].keeps = half_keeps(feeds[i].session->half, &feeds[i].keeps_beside);
    }
}
