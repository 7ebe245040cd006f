/* memory: the limit. Nothing grows beyond maxmemory: before a command that may grow memory runs, keys are evicted
 * until there is room, or the command is refused; what that leaves is done in slices, by every worker.
 *
 * A worker has an allowance: as long as it has allocated no more than that since it last looked, it does not look.
 * So a command at the limit costs a few loads and one comparison, and no worker writes where others read. */
#ifndef COATCHECK_ENGINE_MEMORY_H
#define COATCHECK_ENGINE_MEMORY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include "coatcheck/base/held.h"
#include "coatcheck/base/metric.h"
#include "coatcheck/base/must.h"
#include "coatcheck/engine/gate.h"
#include "coatcheck/keyspace/evict.h"

/* A command waits for no more than fills so many holds of a shard (evict.h), of a few microseconds each, as long as memory is
 * above the limit by less than a 64th of it; with the usual maxmemory-eviction-tenacity of 10. */
#define MEMORY_WAIT_HOLDS 1

/* Reads the options and follows them from then on. */
void memory_setup(struct keyspace *keyspace, unsigned workers);

/* maxmemory in bytes; 0: no limit. */
int64_t memory_limit(void);

/* maxmemory-clients in bytes; 0: no limit. */
int64_t memory_clients_limit(void);

enum evict_policy memory_policy(void);

/* OBJECT FREQ and OBJECT IDLETIME of redis-server answer under one kind of policy each. */
bool memory_counts_uses(void);

extern _Atomic bool memory_is_bounded;
extern _Thread_local int64_t memory_allowance; /* held_own() up to which this thread need not look */

/* Must the gate be asked, of a command that may grow memory? */
static inline bool memory_asks(void)
{
    return unlikely(atomic_load_explicit(&memory_is_bounded, memory_order_relaxed)) &&
           held_own() >= memory_allowance;
}

/* Evicts; refuses what may grow memory when nothing can be evicted. */
enum gate_answer gate_memory(struct call *call);

/* A worker's slice, in each of its rounds. Returns how long until the next at the latest, in microseconds. */
int64_t memory_look_after(unsigned worker, int64_t now_us);

/* Any thread: what clients may leave unread of their replies in all, in bytes; 0: as much as they like. */
int64_t memory_for_unread(void);

/* For how long memory has been above the limit without a break, and in all, in milliseconds. */
int64_t memory_exceeded_ms(void);
int64_t memory_exceeded_total_ms(void);

/* Commands that have waited for eviction since the start, in nanoseconds by the clock: what else the machine did
 * meanwhile is in it. Any thread. */
struct memory_waits {
    uint64_t count, p50_ns, p99_ns, p999_ns, longest_ns;
    uint64_t total_ns;
    uint64_t late; /* longer than 20 us, what they are to be held to */
};
struct memory_waits memory_waits(void);

#define MEMORY_METRICS(ROW)                                                                        \
    ROW(oom_refusals, COUNTER, "commands refused because memory was above its limit")              \
    ROW(evict_slices, COUNTER, "slices of eviction besides commands")                              \
    ROW(compact_slices, COUNTER, "slices of moving values together because pages were short")\
    ROW(evict_us, COUNTER, "microseconds spent in eviction")                                       \
    ROW(gathering_waits, COUNTER, "times that KEYS, SCAN, LCS or SORT waited for room for its answer")\
    ROW(evicted_clients, COUNTER, "clients closed because all of them held more than maxmemory-clients")
METRIC_STRUCT(memory, MEMORY_METRICS);

#endif
