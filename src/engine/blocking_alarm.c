/* blocking_alarm: when the waiters of this thread's worker have waited long enough: a heap, the
 * earliest at its top. Each waiter knows its place in it, so one that is served leaves in a few
 * steps. */
#include "blocking_internal.h"

#include "coatcheck/base/mem.h"

#define LEAST_ROOM 64

static _Thread_local struct {
    struct waiter **of; /* of[(i - 1) / 2] is not later than of[i] */
    uint32_t count, room;
} alarms;

static bool alarms_resize(uint32_t room)
{
    struct waiter **resized;

    if (room == 0) {
        mem_free(alarms.of);
        alarms.of = NULL;
    } else {
        resized = mem_resize(alarms.of, room * sizeof(struct waiter *));
        if (!resized) return false;
        alarms.of = resized;
    }
    alarms.room = room;
    return true;
}

static void alarm_put(uint32_t at, struct waiter *waiter)
{
    alarms.of[at] = waiter;
    waiter->alarm_at = at;
}

static void alarm_rise(uint32_t at, struct waiter *waiter)
{
    while (at > 0 && alarms.of[(at - 1) / 2]->deadline_us > waiter->deadline_us) {
        alarm_put(at, alarms.of[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    alarm_put(at, waiter);
}

static void alarm_sink(uint32_t at, struct waiter *waiter)
{
    for (uint32_t child = 2 * at + 1; child < alarms.count; child = 2 * at + 1) {
        if (child + 1 < alarms.count &&
            alarms.of[child + 1]->deadline_us < alarms.of[child]->deadline_us) {
            child++;
        }
        if (alarms.of[child]->deadline_us >= waiter->deadline_us) break;
        alarm_put(at, alarms.of[child]);
        at = child;
    }
    alarm_put(at, waiter);
}

bool alarm_set(struct waiter *waiter)
{
    if (alarms.count == alarms.room && !alarms_resize(alarms.room ? alarms.room * 2 : LEAST_ROOM))
        return false;
    METRIC_ADD(blocking, clients_in_timeout_table, 1);
    alarm_rise(alarms.count++, waiter);
    return true;
}

void alarm_drop(struct waiter *waiter)
{
    uint32_t at = waiter->alarm_at;
    struct waiter *last;

    if (at == NO_ALARM) return;
    waiter->alarm_at = NO_ALARM;
    METRIC_ADD(blocking, clients_in_timeout_table, -1);
    last = alarms.of[--alarms.count];
    if (last != waiter) {
        if (last->deadline_us < waiter->deadline_us) {
            alarm_rise(at, last);
        } else {
            alarm_sink(at, last);
        }
    }
    if (alarms.count == 0) {
        alarms_resize(0);
    } else if (alarms.room > LEAST_ROOM && alarms.count < alarms.room / 4) {
        alarms_resize(alarms.room / 2);
    }
}

struct waiter *alarm_first(void)
{
    return alarms.count > 0 ? alarms.of[0] : NULL;
}
