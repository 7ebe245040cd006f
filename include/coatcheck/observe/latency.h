/* latency: what took too long, event by event: the worst of each second, the last 160 such seconds.
 * "command", "fast-command", "expire-cycle" …: what LATENCY HISTORY, LATEST and GRAPH tell. Any thread. */
#ifndef COATCHECK_OBSERVE_LATENCY_H
#define COATCHECK_OBSERVE_LATENCY_H

#include "coatcheck/base/bytes.h"
#include "coatcheck/base/option.h"

#define LATENCY_OPTIONS(BOOL, INT, SIZE, WORD, TEXT)                                               \
    INT(latency_monitor_threshold, "latency-monitor-threshold", 0, 0, INT64_MAX, OPTION_LIVE,      \
        "events that take at least this many milliseconds are kept for LATENCY; 0 keeps none")
OPTION_STRUCT(latency, LATENCY_OPTIONS);

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

/* Was that long enough to be kept?  Cheap: ask before anything else is worked out. */
static inline bool latency_matters(int64_t ms)
{
    int64_t threshold = option_int(&latency_options.latency_monitor_threshold);

    return __builtin_expect(threshold != 0 && ms >= threshold, 0);
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
