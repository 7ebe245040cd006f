#include "coatcheck/engine/gathering.h"

#include <stdatomic.h>
#include "coatcheck/base/clock.h"
#include "coatcheck/engine/call.h"
#include "coatcheck/engine/memory.h"
#include "coatcheck/net/worker.h"
#include "memory_internal.h"

/* For so long it waits until others have read what they have asked for; and until keys are evicted, which is ours to do. */
#define PATIENCE_US 1000000
#define PATIENCE_BEHIND_US 20000000

/* Room comes by what others read, delete and leave, which nobody counts for us: those who wait are looked at so often. */
#define LOOK_EVERY_US 10000

/* Of maxmemory: when replies of others have no more, one may gather whatever it takes. */
#define OTHERS_SHARE 4

static _Atomic int64_t gathered;               /* bytes, by all */
static _Atomic(struct gathering *) privileged; /* the one who may have more than there is for all */

/* Of this thread's worker, who came first at the front. */
static _Thread_local struct {
    struct gathering *first, *last;
    int64_t look_at_us;
} line;

/* ---- how much there is ---- */

static int64_t replies(void)
{
    return atomic_load_explicit(&gathered, memory_order_relaxed) + workers_unread();
}

/* What keys and replies leave free is shared by halves: as much stays for keys that come. */
static bool is_room_for_all(void)
{
    int64_t limit = memory_limit(), bytes = replies();

    return limit == 0 || bytes <= limit / MEMORY_UNREAD_SHARE || bytes <= memory_left();
}

static bool is_room_for(const struct gathering *gathering)
{
    return replies() - gathering->bytes <= memory_limit() / OTHERS_SHARE || gathering->bytes <= memory_left();
}

static bool take_privilege(struct gathering *gathering)
{
    struct gathering *nobody = NULL;

    if (atomic_load_explicit(&privileged, memory_order_relaxed) == gathering) return true;
    return atomic_compare_exchange_strong(&privileged, &nobody, gathering);
}

static void drop_privilege(struct gathering *gathering)
{
    if (atomic_load_explicit(&privileged, memory_order_relaxed) == gathering) atomic_store(&privileged, NULL);
}

/* ---- the line ---- */

static void line_join(struct gathering *gathering, struct session *session)
{
    gathering->session = session;
    gathering->next = NULL;
    gathering->prev = line.last;
    if (line.last) {
        line.last->next = gathering;
    } else {
        line.first = gathering;
        line.look_at_us = clock_steady_us() + LOOK_EVERY_US;
    }
    line.last = gathering;
    session_set(session, SESSION_POSTPONED);
}

static void line_leave(struct gathering *gathering)
{
    if (!gathering->session) return;
    if (gathering->prev) {
        gathering->prev->next = gathering->next;
    } else {
        line.first = gathering->next;
    }
    if (gathering->next) {
        gathering->next->prev = gathering->prev;
    } else {
        line.last = gathering->prev;
    }
    session_unset(gathering->session, SESSION_POSTPONED);
    gathering->session = NULL;
}

int64_t gathering_look_after(int64_t now_us)
{
    bool for_all, for_one, behind;

    if (likely(!line.first)) return INT64_MAX;
    if (now_us < line.look_at_us) return line.look_at_us - now_us;
    line.look_at_us = now_us + LOOK_EVERY_US;
    behind = memory_is_behind();
    if (behind) memory_allowance = INT64_MIN; /* nobody may be asking for memory just now: then this worker evicts */
    for_all = !behind && is_room_for_all();
    for_one = !behind && atomic_load_explicit(&privileged, memory_order_relaxed) == NULL;
    for (struct gathering *at = line.first, *next; at; at = next) {
        struct session *session = at->session;
        bool is_next = for_one && is_room_for(at);

        next = at->next;
        at->has_waited = now_us >= at->since_us + (behind ? PATIENCE_BEHIND_US : PATIENCE_US);
        if (!for_all && !is_next && !at->has_waited) continue;
        if (is_next) for_one = false;
        line_leave(at);
        session_host->resume(session);
    }
    return line.first ? LOOK_EVERY_US : INT64_MAX;
}

/* ---- one of them ---- */

void gathering_init(struct gathering *gathering)
{
    *gathering = (struct gathering){0};
}

void gathering_fini(struct gathering *gathering)
{
    line_leave(gathering);
    atomic_fetch_sub_explicit(&gathered, gathering->bytes, memory_order_relaxed);
    gathering->bytes = 0;
    drop_privilege(gathering);
}

static enum gathering_answer wait_for_room(struct gathering *gathering, struct call *call)
{
    if (gathering->has_waited || !call_may_interrupt(call)) return GATHERING_REFUSED;
    if (gathering->since_us == 0) {
        gathering->since_us = clock_steady_us();
        METRIC_ADD(memory, gathering_waits, 1);
    }
    line_join(gathering, call->session);
    return GATHERING_WAITS;
}

enum gathering_answer gathering_grow(struct gathering *gathering, struct call *call, int64_t bytes)
{
    line_leave(gathering); /* others resume sessions, too */
    atomic_fetch_add_explicit(&gathered, bytes - gathering->bytes, memory_order_relaxed);
    gathering->bytes = bytes;
    if (!memory_is_behind() && (is_room_for_all() || (is_room_for(gathering) && take_privilege(gathering)))) {
        gathering->since_us = 0;
        gathering->has_waited = false;
        return GATHERING_GOES_ON;
    }
    drop_privilege(gathering);
    return wait_for_room(gathering, call);
}

void gathering_refuse(struct call *call)
{
    METRIC_ADD(memory, oom_refusals, 1);
    reply_error(call->reply, ERR_OVER_LIMIT);
}
