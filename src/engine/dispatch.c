#include "dispatch_internal.h"

#include <stdio.h>
#include <strings.h>
#include "coatcheck/base/clock.h"
#include "coatcheck/base/log.h"
#include "coatcheck/base/mem.h"
#include "coatcheck/base/must.h"
#include "coatcheck/engine/blocking.h"
#include "coatcheck/engine/gate.h"
#include "coatcheck/engine/memory.h"
#include "coatcheck/engine/monitor.h"
#include "coatcheck/engine/options.h"
#include "coatcheck/engine/slices.h"
#include "coatcheck/engine/stats.h"
#include "coatcheck/engine/transaction.h"
#include "coatcheck/engine/watch.h"

/* So much of an unknown command's name and words is told back. */
#define UNKNOWN_SHOWN 128

/* Room for any error for which EXEC may be refused. */
#define REFUSAL_ROOM 256

struct watch_hooks watch_hooks;
_Atomic uint64_t watch_slow_ticks = UINT64_MAX;

static inline bool has_one_key(const struct command_row *row)
{
    return row->keys.first == 1 && row->keys.last == 1 && !row->find_keys && !(row->access & KEY_NOT_KEY);
}

void dispatch_prepare(struct call *call)
{
    const struct command *command = commands_find(call->args.of[0]);

    if (command && command->subs && call->args.n > 1) {
        const struct command *sub = commands_find_sub(command, call->args.of[1]);

        if (sub) command = sub;
    }
    call->command = command;
    call->keys = NULL;
    call->key_count = 0;
    call->keys_hashed = false;
    if (likely(command != NULL) && has_one_key(command->row) && call->args.n > 1) {
        key_init(&call->first_key, call->keyspace, session_db(call->session), call->args.of[1]);
        call->keys_hashed = true;
        key_prefetch_shard(&call->first_key);
    }
}

/* Lines that browsers and other programs can be tricked into sending here (cross-protocol attacks). */
static bool is_foreign_protocol(struct call *call)
{
    struct session_facts facts;

    if (!call_arg_is(call, 0, "host:") && !call_arg_is(call, 0, "post")) return false;
    session_host->facts(call->session, &facts);
    log_warning("possible cross-protocol attack: %s sent POST or Host: at the port of commands; closed", facts.peer);
    session_set(call->session, SESSION_CLOSING);
    return true;
}

/* Redis's words; a person at a plain line is told the nearest name besides. */
static void reply_unknown(struct call *call)
{
    struct bytes name = call_arg(call, 0);
    const char *nearest = call->is_inline ? commands_nearest(name) : NULL;
    char args[160], hint[64];
    size_t len = 0;

    if (is_foreign_protocol(call)) return;
    for (unsigned i = 1; i < call_argc(call) && len < UNKNOWN_SHOWN; i++) {
        struct bytes arg = call_arg(call, i);
        size_t most = UNKNOWN_SHOWN - len;

        len += (size_t)snprintf(args + len, sizeof args - len, "'%.*s' ",
                                (int)(arg.len < most ? arg.len : most), arg.at);
    }
    args[len] = '\0';
    hint[0] = '\0';
    if (nearest) snprintf(hint, sizeof hint, "- did you mean '%s'?", nearest);
    reply_errorf(call->reply, "ERR unknown command '%.*s', with args beginning with: %s%s",
                 (int)(name.len < UNKNOWN_SHOWN ? name.len : UNKNOWN_SHOWN), name.at, args, hint);
}

/* For CLIENT LIST. A container whose subcommand is unknown is unknown as a whole. */
static inline void note_last(struct call *call)
{
    const struct command *command = call->command;
    bool known = likely(command != NULL) && !(unlikely(command->subs != NULL) && call_argc(call) > 1);

    atomic_store_explicit(&call->session->last, (uint16_t)(known ? command->number + 1 : 0), memory_order_relaxed);
}

/* Known, and with a number of words that fits? Answers the client when not. */
static bool is_well_formed(struct call *call)
{
    const struct command *command = call->command;

    if (unlikely(!command)) {
        reply_unknown(call);
        return false;
    }
    if (unlikely(command->subs && call_argc(call) > 1)) {
        call_unknown_sub(call);
        return false;
    }
    if (unlikely(!command_arity_fits(command->row, call_argc(call)))) {
        call_arity_error(call);
        return false;
    }
    return true;
}

static bool room_for_keys(struct key_room *room, unsigned count)
{
    struct key *keys;
    unsigned *places;

    if (count <= room->room) return true;
    count = count < 64 ? 64 : count * 2;
    keys = mem_resize(room->keys, count * sizeof *keys);
    if (!keys) return false;
    room->keys = keys;
    places = mem_resize(room->places, count * sizeof *places);
    if (!places) return false;
    room->places = places;
    room->room = count;
    return true;
}

/* More would push each other out of the nearest cache. */
#define PREFETCH_MOST 256

static void prefetch_all(const struct key *keys, unsigned count)
{
    const struct key *some[KEYS_AHEAD];

    if (count > PREFETCH_MOST) count = PREFETCH_MOST;
    for (unsigned from = 0; from < count; from += KEYS_AHEAD) {
        unsigned n = count - from < KEYS_AHEAD ? count - from : KEYS_AHEAD;

        for (unsigned i = 0; i < n; i++) some[i] = &keys[from + i];
        keys_prefetch(some, n);
    }
}

/* All keys of the command: found among the words, hashed and prefetched. False: answered. */
static bool find_keys(struct call *call, struct key_room *room)
{
    const struct command_row *row = call->command->row;
    unsigned db = session_db(call->session);
    int count;

    if (likely(call->keys_hashed)) {
        call->first_key.db = db;
        call->keys = &call->first_key;
        call->key_count = 1;
        return true;
    }
    if (row->keys.first == 0 && !row->find_keys) return true;
    if (row->access & KEY_NOT_KEY) return true; /* a shard channel: no key, and in no shard of ours */
    if (!room_for_keys(room, call_argc(call))) {
        reply_error(call->reply, ERR_NO_MEMORY);
        return false;
    }
    count = command_keys_of(row, &call->args, room->places);
    if (count < 0) {
        /* The command itself says what is wrong with its words; it needs no keys for that. */
        return true;
    }
    for (int i = 0; i < count; i++) {
        key_init(&room->keys[i], call->keyspace, db, call_arg(call, room->places[i]));
        key_prefetch_shard(&room->keys[i]);
    }
    prefetch_all(room->keys, (unsigned)count);
    call->keys = room->keys;
    call->key_count = (unsigned)count;
    return true;
}

/* What the command has brought, to those who wait for it. True: to somebody, who is to be told. */
static inline bool hand_out(void)
{
    return unlikely(blocking_came != NULL) && blocking_serve();
}

/* Where what it brings may be moved on to other keys, their shards are entered too. */
static inline bool reaches_further(struct call *call)
{
    return unlikely(atomic_load_explicit(&blocking_reaching, memory_order_relaxed) > 0) &&
           call->command->row->flags & COMMAND_WRITE &&
           blocking_reach(call->keyspace, call->keys, call->key_count);
}

/* It has run, with its shards entered. */
static inline void note_tracked(struct call *call)
{
    if (unlikely(session_flags(call->session) & SESSION_TRACKS)) watch_hooks.tracked(call);
}

static inline __attribute__((always_inline)) void run_inside(struct call *call)
{
    const struct command_row *row = call->command->row;
    bool served = false, further;

    if (unlikely(command_wants_every_shard(row, &call->args))) {
        keyspace_enter_all(call->keyspace);
        row->run(call);
        note_tracked(call);
        served = hand_out();
        keyspace_leave_all(call->keyspace);
    } else if (likely(call->key_count == 1)) {
        shard_enter(call->keys[0].shard);
        further = reaches_further(call);
        row->run(call);
        note_tracked(call);
        served = hand_out();
        if (likely(!further)) {
            shard_leave(call->keys[0].shard);
        } else {
            blocking_leave_reach(call->keyspace);
        }
    } else if (call->key_count > 1) {
        shards_enter(call->keys, call->key_count);
        further = reaches_further(call);
        row->run(call);
        note_tracked(call);
        served = hand_out();
        if (likely(!further)) {
            shards_leave(call->keys, call->key_count);
        } else {
            blocking_leave_reach(call->keyspace);
        }
    } else {
        row->run(call);
    }
    if (unlikely(served)) blocking_send();
}

static inline bool is_exec(const struct call *call)
{
    return likely(call->command != NULL) && unlikely(call->command->row->flags & COMMAND_EXECUTES);
}

/* Only now: others may look in the middle of a slice, which is most of the time, and the client holds them then too. */
static void forget_task_bytes(struct call *call)
{
    atomic_store_explicit(&call->session->extras->task_bytes, 0, memory_order_relaxed);
}

/* Between two slices it was found that it may not. */
static void drop_task(struct call *call)
{
    struct task *task = call_resumed(call);

    if (!task) return;
    task->free(task);
    forget_task_bytes(call);
}

/* It has to wait for something else: nobody is to wait for its turn meanwhile, nor for what it would look at once more anyway. */
static void give_way(struct call *call)
{
    if (session_flags(call->session) & SESSION_SLICED && call->session->extras->task->wants_keys) drop_task(call);
    slices_leave_line(call->session);
}

/* It has been answered. `before` is where that began, for EXEC, which then says so in its own way. */
static void refused(struct call *call, unsigned errors_before, struct reply_mark before)
{
    drop_task(call);
    slices_leave_line(call->session);
    transaction_spoil(call->session);
    if (is_exec(call)) {
        transaction_refuse(call, before);
        if (atomic_load_explicit(&gate_reasons, memory_order_relaxed) & GATE_MONITORS) monitor_show(call);
    }
    if (call->command) metric_add(&stats_of(call->command->number)->rejected, 1);
    if (call->reply->errors > errors_before) stats_count_error(call->reply->error_code);
}

static inline bool needs_gates(const struct call *call)
{
    unsigned flags = session_flags(call->session);
    uint32_t row_flags = call->command->row->flags;

    return unlikely((flags & (SESSION_ATTENTION | SESSION_AUTHENTICATED)) != SESSION_AUTHENTICATED) ||
           unlikely(atomic_load_explicit(&gate_reasons, memory_order_relaxed) != 0) ||
           unlikely(row_flags & COMMAND_DENYOOM && memory_asks()) ||
           (unlikely(flags & SESSION_MULTI) && (row_flags & COMMAND_NO_MULTI || memory_asks()));
}

static enum gate_answer ask_gates(struct call *call)
{
    if (needs_gates(call)) return gates_ask(call);
    return gate_restricted ? gate_restricted(call) : GATE_PASS;
}

bool dispatch_is_slow(const struct command *command, uint64_t took)
{
    return unlikely(took >= atomic_load_explicit(&watch_slow_ticks, memory_order_relaxed)) && watch_hooks.slow &&
           !(command->row->flags & COMMAND_SKIP_SLOWLOG);
}

void dispatch_tell_slow(struct call *call, uint64_t took)
{
    watch_hooks.slow(call, (int64_t)clock_ticks_to_ns(took));
}

/* The command has run: what it cost and whether it failed. Returns how long it took. */
static inline uint64_t count_run(struct call *call, unsigned errors_before, uint64_t *ticks)
{
    uint64_t now = clock_ticks(), took = now - *ticks;
    struct command_stats *stats = stats_of(call->command->number);

    *ticks = now;
    metric_add(&stats->calls, 1);
    metric_add(&stats->ticks, (int64_t)took);
    if (unlikely(call->reply->errors > errors_before)) {
        metric_add(&stats->failed, 1);
        stats_count_error(call->reply->error_code);
    }
    stats_note_time(stats, took);
    return took;
}

/* Only after it has run it is known which words were secrets, and which database was chosen. */
static inline void show_to_monitors(struct call *call)
{
    if (likely(!(atomic_load_explicit(&gate_reasons, memory_order_relaxed) & GATE_MONITORS))) return;
    if (!(call->command->row->flags & (COMMAND_SKIP_MONITOR | COMMAND_ADMIN))) monitor_show(call);
}

void dispatch_run_within(struct call *call, uint64_t *ticks)
{
    const struct call *exec = turn_at_work;
    unsigned errors_before = call->reply->errors;

    if (unlikely(session_flags(call->session) & SESSION_RESTRICTED) && gate_within && !gate_within(call)) {
        metric_add(&stats_of(call->command->number)->rejected, 1);
        stats_count_error(call->reply->error_code);
        return;
    }
    turn_at_work = call;
    call->command->row->run(call);
    note_tracked(call);
    turn_at_work = exec;
    count_run(call, errors_before, ticks);
    show_to_monitors(call);
}

/* In a transaction; or one more slice, which mostly needs no shards; or after it has waited to begin with them. False: it is queued. */
static __attribute__((noinline)) bool run_apart(struct call *call, uint64_t *ticks)
{
    if (session_flags(call->session) & SESSION_SLICED) {
        if (call->session->extras->task->wants_keys) {
            run_inside(call);
        } else {
            call->command->row->run(call);
        }
        if (!call->interrupted) forget_task_bytes(call);
        return true;
    }
    if (session_flags(call->session) & SESSION_IN_LINE) {
        slices_begin_turn(call);
        run_inside(call);
        slices_end_turn(call);
        return true;
    }
    if (!(call->command->row->flags & COMMAND_IN_MULTI)) {
        transaction_queue(call);
        return false;
    }
    *ticks = clock_ticks(); /* what was queued since took time too */
    run_inside(call);
    return true;
}

enum dispatch_end dispatch_run(struct call *call, struct key_room *room, uint64_t *ticks)
{
    unsigned errors_before = call->reply->errors;
    struct reply_mark before = {0};
    uint64_t took;

    note_last(call);
    if (is_exec(call)) {
        reply_make_room(call->reply, REFUSAL_ROOM);
        before = reply_mark(call->reply);
    }
    if (!is_well_formed(call)) {
        refused(call, errors_before, before);
        return DISPATCHED;
    }
    if (unlikely(needs_gates(call) || session_flags(call->session) & SESSION_RESTRICTED)) {
        enum gate_answer answer = ask_gates(call);

        if (answer == GATE_WAIT) {
            give_way(call);
            return DISPATCH_WAITS;
        }
        if (answer == GATE_REFUSED) {
            refused(call, errors_before, before);
            return DISPATCHED;
        }
    }
    if (!find_keys(call, room)) {
        refused(call, errors_before, before);
        return DISPATCHED;
    }
    if (likely(!(session_flags(call->session) & (SESSION_MULTI | SESSION_SLICED | SESSION_IN_LINE)))) {
        run_inside(call);
    } else if (!run_apart(call, ticks)) {
        return DISPATCHED;
    }
    if (unlikely(call->interrupted)) {
        uint64_t began = *ticks;
        struct task *task = call->session->extras->task;

        *ticks = clock_ticks();
        if (!task) return DISPATCH_WAITS;
        task->ticks = call->sliced_ticks + (*ticks - began);
        return DISPATCH_INTERRUPTED;
    }
    *ticks -= call->sliced_ticks; /* it took as long as all its slices */
    if (is_exec(call)) errors_before += call->errors_told;
    took = count_run(call, errors_before, ticks);
    if (unlikely(dispatch_is_slow(call->command, took))) dispatch_tell_slow(call, took);
    show_to_monitors(call);
    return DISPATCHED;
}
