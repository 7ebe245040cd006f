/* latency: what took too long, event by event: the worst of each second, the last 160 such seconds.
 * "command", "fast-command", "expire-cycle" …: what LATENCY HISTORY, LATEST and GRAPH tell. Any thread. */
#ifndef COATCHECK_OBSERVE_LATENCY_H
#define COATCHECK_OBSERVE_LATENCY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include "coatcheck/base/bytes.h"

#define LATENCY_SAMPLES 160
#define LATENCY_EVENTS 32

struct latency_sample {
    int64_t at_s; /* seconds since 1970 */
    int64_t ms;
};

struct latency_series {
    const char *event;
    int64_t worst_ms; /* since the last reset, even when its sample is gone */
    unsigned count;
    struct latency_sample samples[LATENCY_SAMPLES]; /* oldest first */
};

/* From how many milliseconds on an event is kept: latency-monitor-threshold. 0, as it is at start, keeps none. */
extern _Atomic int64_t latency_threshold_ms;

/* Was that long enough to be kept?  Cheap: ask before anything else is worked out. */
static inline bool latency_matters(int64_t ms)
{
    int64_t threshold_ms = atomic_load_explicit(&latency_threshold_ms, memory_order_relaxed);

    return __builtin_expect(threshold_ms != 0 && ms >= threshold_ms, 0);
}

/* Keeps it when it matters. `event` is a literal; there are at most LATENCY_EVENTS different ones. */
void latency_add(const char *event, int64_t ms);

/* The events that have samples, in the order in which they first came; returns how many. */
unsigned latency_events(const char *events[LATENCY_EVENTS]);

/* A copy of an event's series; false when there is none. */
bool latency_read(struct bytes event, struct latency_series *into);

/* Forgets one event, or all; says how many were forgotten. */
unsigned latency_reset(struct bytes event);
unsigned latency_reset_all(void);

#endif
