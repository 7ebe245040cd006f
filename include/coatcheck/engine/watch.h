/* watch: who looks on when a command has run: the slow log and LATENCY. (MONITOR: monitor.h.)
 * Filled at start; NULL is nobody. */
#ifndef COATCHECK_ENGINE_WATCH_H
#define COATCHECK_ENGINE_WATCH_H

#include "coatcheck/engine/call.h"

struct watch_hooks {
    /* A command that took at least watch_slow_ticks. */
    void (*slow)(struct call *call, int64_t ns);
};
extern struct watch_hooks watch_hooks;

/* The least of the thresholds, in clock_ticks(); UINT64_MAX: none. Written by whoever keeps them. */
extern _Atomic uint64_t watch_slow_ticks;

#endif
