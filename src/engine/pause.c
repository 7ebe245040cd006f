#include "coatcheck/engine/pause.h"

#include <stdatomic.h>
#include "coatcheck/base/clock.h"
#include "coatcheck/base/lock.h"
#include "coatcheck/base/must.h"
#include "coatcheck/engine/gate.h"
#include "coatcheck/engine/transaction.h"
#include "coatcheck/keyspace/keyspace.h"

/* Whoever changes the pause holds it; readers look at the atomics alone. */
static struct lock pause_lock;
#define PAUSE_RANK RANK_SESSIONS

static _Atomic int mode;
static _Atomic int64_t
    until_us; /* of clock_steady_us(): a pause must not last longer because of a clock set back */

/* Counts up when a pause ends, so that each worker knows whether it has resumed its sessions. */
static _Atomic unsigned ended;
static _Thread_local unsigned seen_ended;
static _Thread_local bool somebody_waits;

static enum pause_mode mode_now(void)
{
    return (enum pause_mode)atomic_load_explicit(&mode, memory_order_relaxed);
}

static bool time_is_over(void)
{
    return clock_steady_us() >= atomic_load_explicit(&until_us, memory_order_relaxed);
}

static void look_again(struct bytes text)
{
    /* The mail has woken the loop, and the chores come next. */
    (void)text;
}

static void end_locked(void)
{
    atomic_store(&mode, PAUSE_NOTHING);
    atomic_fetch_add(&ended, 1);
    keyspace_keep_expired(false);
    gate_lower(GATE_PAUSE);
}

/* True: it was this call that ended a pause. */
static bool end_if(bool only_when_over)
{
    bool ends;

    lock_take(&pause_lock, PAUSE_RANK, 0);
    ends = mode_now() != PAUSE_NOTHING && (!only_when_over || time_is_over());
    if (ends) end_locked();
    lock_release(&pause_lock, PAUSE_RANK);
    if (ends) sessions_post_all(look_again, (struct bytes){0});
    return ends;
}

void pause_begin(enum pause_mode new_mode, int64_t duration_ms)
{
    int64_t now_us = clock_steady_us(), new_until_us;

    if (__builtin_mul_overflow(duration_ms, 1000, &new_until_us) ||
        __builtin_add_overflow(new_until_us, now_us, &new_until_us)) {
        new_until_us = INT64_MAX;
    }
    lock_take(&pause_lock, PAUSE_RANK, 0);
    if (mode_now() != PAUSE_NOTHING && !time_is_over()) {
        if (new_mode < mode_now()) new_mode = mode_now();
        if (new_until_us < until_us) new_until_us = until_us;
    }
    atomic_store(&until_us, new_until_us);
    atomic_store(&mode, new_mode);
    keyspace_keep_expired(true);
    gate_raise(GATE_PAUSE);
    lock_release(&pause_lock, PAUSE_RANK);
}

void pause_end(void)
{
    end_if(false);
}

enum pause_mode pause_now(void)
{
    enum pause_mode now = mode_now();

    if (likely(now == PAUSE_NOTHING) || !time_is_over()) return now;
    end_if(true);
    return mode_now();
}

static void wake(struct session *session, void *context)
{
    (void)context;
    if (!(session_flags(session) & SESSION_POSTPONED)) return;
    session_unset(session, SESSION_POSTPONED);
    session_host->resume(session);
}

int64_t pause_look_after(void)
{
    int64_t left_us;

    if (likely(!somebody_waits)) return INT64_MAX;
    pause_now();
    if (seen_ended != atomic_load(&ended)) {
        seen_ended = atomic_load(&ended);
        somebody_waits = false;
        session_host->each_own(wake, NULL);
        return INT64_MAX;
    }
    left_us = atomic_load_explicit(&until_us, memory_order_relaxed) - clock_steady_us();
    return left_us > 0 ? left_us : 0;
}

enum gate_answer gate_pause(struct call *call)
{
    bool writes = transaction_flags(call) & (COMMAND_WRITE | COMMAND_MAY_REPLICATE);
    unsigned ended_before = atomic_load(&ended);
    enum pause_mode now = pause_now();

    /* It had begun before the pause, and has what it needs. */
    if (session_flags(call->session) & SESSION_SLICED && !call->session->extras->task->wants_keys) return GATE_PASS;
    if (now == PAUSE_NOTHING || (now == PAUSE_WRITES && !writes)) return GATE_PASS;
    if (!somebody_waits) {
        /* What ended before this one began to wait has nobody to wake here. */
        seen_ended = ended_before;
        somebody_waits = true;
    }
    session_set(call->session, SESSION_POSTPONED);
    return GATE_WAIT;
}
