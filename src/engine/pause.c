#include "coatcheck/engine/pause.h"

#include <stdatomic.h>
#include "coatcheck/base/clock.h"
#include "coatcheck/engine/gate.h"

static _Atomic int mode;
static _Atomic int64_t until_ms;

/* Counts up when a pause ends, so that each worker knows whether it has woken its sessions. */
static _Atomic unsigned ended;
static _Thread_local unsigned seen_ended;

void pause_begin(enum pause_mode new_mode, int64_t new_until_ms)
{
    if (pause_now() != PAUSE_NOTHING) {
        if ((int)new_mode < atomic_load(&mode)) new_mode = (enum pause_mode)atomic_load(&mode);
        if (new_until_ms < atomic_load(&until_ms)) new_until_ms = atomic_load(&until_ms);
    }
    atomic_store(&until_ms, new_until_ms);
    atomic_store(&mode, new_mode);
    gate_raise(GATE_PAUSE);
}

void pause_end(void)
{
    if (atomic_exchange(&mode, PAUSE_NOTHING) == PAUSE_NOTHING) return;
    gate_lower(GATE_PAUSE);
    atomic_fetch_add(&ended, 1);
}

enum pause_mode pause_now(void)
{
    enum pause_mode now = (enum pause_mode)atomic_load_explicit(&mode, memory_order_relaxed);

    if (now == PAUSE_NOTHING) return now;
    if (clock_wall_us() / 1000 < atomic_load_explicit(&until_ms, memory_order_relaxed)) return now;
    pause_end();
    return PAUSE_NOTHING;
}

static void wake(struct session *session, struct bytes text)
{
    (void)text;
    if (!(session_flags(session) & SESSION_POSTPONED)) return;
    session_unset(session, SESSION_POSTPONED);
    session_host->resume(session);
}

void pause_wake_waiting(void)
{
    unsigned now_ended;

    if (atomic_load_explicit(&mode, memory_order_relaxed) != PAUSE_NOTHING) pause_now();
    now_ended = atomic_load(&ended);
    if (now_ended == seen_ended) return;
    seen_ended = now_ended;
    session_host->everywhere(wake, (struct bytes){0});
}

enum gate_answer gate_pause(struct call *call)
{
    uint32_t flags = call->command->row->flags;
    enum pause_mode now = pause_now();
    bool writes = flags & (COMMAND_WRITE | COMMAND_MAY_REPLICATE);

    if (now == PAUSE_NOTHING || (now == PAUSE_WRITES && !writes)) return GATE_PASS;
    /* The one who paused must be able to end it. */
    if (flags & COMMAND_CONNECTION && call->command->parent) return GATE_PASS;
    session_set(call->session, SESSION_POSTPONED);
    return GATE_WAIT;
}
