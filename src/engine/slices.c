#include "coatcheck/engine/slices.h"

#include "coatcheck/base/clock.h"
#include "coatcheck/base/must.h"

/* Of this worker: what the tasks of its sessions hold between two slices, and who waits until that is less. */
static _Thread_local size_t tasks_bytes;
static _Thread_local struct {
    struct session *first, *last;
    const struct session *called; /* the first one, if it was resumed to have its turn */
    int64_t called_us;
} line;

int64_t slices_patience_us = 10000;

/* Its turn has come, and its command is at work. */
static _Thread_local const struct session *at_work;

/* ---- tasks ---- */

void session_count_task(struct session_extras *extras, size_t bytes)
{
    tasks_bytes += bytes - extras->task_counted;
    extras->task_counted = bytes;
}

int64_t call_slice_end_us(const struct call *call)
{
    return call_may_interrupt(call) ? clock_steady_us() + CALL_SLICE_US : INT64_MAX;
}

struct task *call_resumed(struct call *call)
{
    struct session_extras *extras = call->session->extras;
    struct task *task;

    if (likely(!extras || !extras->task)) return NULL;
    task = extras->task;
    extras->task = NULL;
    session_count_task(extras, 0);
    session_unset(call->session, SESSION_SLICED);
    call->sliced_ticks = task->ticks;
    return task;
}

bool call_interrupt(struct call *call, struct task **task, size_t bytes)
{
    struct session_extras *extras = session_need_extras(call->session);

    if (!extras) {
        (*task)->free(*task);
        *task = NULL;
        return false;
    }
    must(!extras->task);
    extras->task = *task;
    session_set(call->session, SESSION_SLICED);
    session_count_task(extras, bytes);
    atomic_store_explicit(&extras->task_bytes, bytes - extras->task->aside, memory_order_relaxed);
    *task = NULL;
    call->interrupted = true;
    return true;
}

bool call_rest(struct call *call, struct task **task, size_t bytes)
{
    call->rests = call_interrupt(call, task, bytes);
    return call->rests;
}

/* ---- the line of those who wait ---- */

bool call_has_to_wait(const struct call *call)
{
    if (!call_may_interrupt(call) || call->session == at_work) return false;
    return tasks_bytes >= CALL_TASKS_MOST || line.first;
}

static void join_line(struct session *session)
{
    struct session_extras *extras = session->extras;

    extras->line_before = line.last;
    extras->line_behind = NULL;
    if (line.last) {
        line.last->extras->line_behind = session;
    } else {
        line.first = session;
    }
    line.last = session;
    session_set(session, SESSION_IN_LINE);
    METRIC_ADD(slices, slices_waits, 1);
}

bool call_wait_in_line(struct call *call)
{
    if (!session_need_extras(call->session)) return false;
    /* Resumed for another reason, as all of them are when a pause ends, it keeps its place. */
    if (!(session_flags(call->session) & SESSION_IN_LINE)) join_line(call->session);
    session_set(call->session, SESSION_POSTPONED);
    call->interrupted = true;
    return true;
}

void slices_leave_line(struct session *session)
{
    struct session_extras *extras = session->extras;

    if (likely(!(session_flags(session) & SESSION_IN_LINE))) return;
    session_unset(session, SESSION_IN_LINE);
    if (line.called == session) line.called = NULL;
    if (extras->line_before) {
        extras->line_before->extras->line_behind = extras->line_behind;
    } else {
        line.first = extras->line_behind;
    }
    if (extras->line_behind) {
        extras->line_behind->extras->line_before = extras->line_before;
    } else {
        line.last = extras->line_before;
    }
    extras->line_before = extras->line_behind = NULL;
}

void slices_begin_turn(const struct call *call)
{
    if (line.first == call->session && tasks_bytes < CALL_TASKS_MOST) at_work = call->session;
}

void slices_end_turn(const struct call *call)
{
    at_work = NULL;
    if (line.called == call->session) line.called = NULL;
    if (!call->interrupted || call->session->extras->task) slices_leave_line(call->session);
}

static void call_first(int64_t now_us)
{
    line.called = line.first;
    line.called_us = now_us;
}

int64_t slices_look_after(void)
{
    int64_t now_us, left_us;

    if (likely(!line.first)) return INT64_MAX;
    now_us = clock_steady_us();
    if (!(session_flags(line.first) & SESSION_POSTPONED)) {
        if (line.called != line.first) call_first(now_us); /* somebody else has resumed it */
        left_us = line.called_us + slices_patience_us - now_us;
        if (left_us > 0) return left_us;
        slices_leave_line(line.first);
        if (!line.first) return INT64_MAX;
    }
    if (tasks_bytes >= CALL_TASKS_MOST) return INT64_MAX;
    /* It stays the first until its command runs: nobody overtakes it in the meantime. */
    call_first(now_us);
    session_unset(line.first, SESSION_POSTPONED);
    session_host->resume(line.first);
    return slices_patience_us;
}

METRIC_DEFINE(slices, SLICES_METRICS)
