/* watch: who looks on when a command has run: the slow log and LATENCY, and the caches of clients. (MONITOR: monitor.h.)
 * Filled at start; NULL is nobody. */
#ifndef COATCHECK_ENGINE_WATCH_H
#define COATCHECK_ENGINE_WATCH_H

#include "coatcheck/engine/call.h"

struct watch_hooks {
    /* A command that took at least watch_slow_ticks. */
    void (*slow)(struct call *call, int64_t ns);

    /* Of a session with SESSION_TRACKS, while the shards of the call's keys are entered: it has run. */
    void (*tracked)(struct call *call);

    /* As above, or of one that has tracked within a transaction, once all is left and the reply stands: more may be added
     * to that. Of EXEC, not of what it runs.
     * `again`: it has to wait, and will be run from its beginning. */
    void (*answered)(struct call *call, bool again);

    /* Clients that wait in a blocking command are about to be woken for what this thread has done. Outside of shards. */
    void (*waking)(void);
};
extern struct watch_hooks watch_hooks;

/* The least of the thresholds, in clock_ticks(); UINT64_MAX: none. Written by whoever keeps them. */
extern _Atomic uint64_t watch_slow_ticks;

#endif
