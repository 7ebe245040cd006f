/* evict: which keys go when memory is short.
 *
 * Under allkeys-lru and allkeys-lfu, and their volatile twins, it is one algorithm, after S3-FIFO (Yang, Zhang and
 * others, SOSP 2023), shaped for the table: docs/decisions/0006-eviction.md tells why. A key is a newcomer until it
 * was used once more; newcomers who are not used go soon, and a ghost remembers for a while who went, so that one
 * who comes back stays. All others go by how often they are used, and by their size: what takes the room of ten
 * must be used as often as ten.
 *
 * Shards are entered one at a time: callers are in none. Keys past their deadline go first and count as expired. */
#ifndef COATCHECK_KEYSPACE_EVICT_H
#define COATCHECK_KEYSPACE_EVICT_H

#include <stdbool.h>
#include <stdint.h>
#include "coatcheck/base/metric.h"
#include "coatcheck/keyspace/key.h"
#include "coatcheck/keyspace/keyspace.h"

enum evict_policy {
    EVICT_NONE,
    EVICT_ALL_LRU,
    EVICT_ALL_LFU,
    EVICT_ALL_RANDOM,
    EVICT_VOLATILE_LRU,
    EVICT_VOLATILE_LFU,
    EVICT_VOLATILE_RANDOM,
    EVICT_VOLATILE_TTL
};

struct evict_rules {
    enum evict_policy policy;
    unsigned samples;     /* shards that volatile-ttl compares */
    size_t mean_key;      /* bytes that a key takes on average, by which sizes are judged; 0: they are not */
    unsigned holds;       /* at most what fills so many holds of shards, whatever the clock says; 0: no such bound */
};

/* A shard is held for no longer than it takes to look at so many slots and groups, and to take out so many keys, EVICT_FEW
 * where it has few; a key whose value stands apart from it counts as EVICT_FAR of them, as it may take as long to free. */
#define EVICT_STEPS 192
#define EVICT_VICTIMS 16
#define EVICT_FEW 4
#define EVICT_FAR 4

enum evict_end {
    EVICT_ENOUGH, /* so many bytes are free, or on their way */
    EVICT_BUSY,   /* the time is over */
    EVICT_EMPTY   /* there is nothing (more) that the policy may take */
};

/* Frees at least `wanted` bytes, or as much as it can until the clock says `until_ticks` (clock_ticks()). What
 * others have left to be freed in slices goes first. */
enum evict_end evict_some(struct keyspace *keyspace, const struct evict_rules *rules, size_t wanted,
                          uint64_t until_ticks);

/* Compares how shards fare that try one manner with those that try the other; some ten times a second, one thread. */
void evict_judge(struct keyspace *keyspace);

/* From now on who is evicted is remembered, and who comes back is known. */
void evict_remember(struct keyspace *keyspace, bool on);

/* How often the key was used of late: 0 … 4; -1: there is no such key. The caller has entered its shard. */
int key_frequency(const struct key *key);

#define EVICT_METRICS(ROW)                                                                         \
    ROW(evicted_keys, COUNTER, "keys dropped because memory was short")                            \
    ROW(evicted_bytes, COUNTER, "bytes that those keys and their values took")                     \
    ROW(evicted_newcomers, COUNTER, "those of evicted_keys that were not used since they came")    \
    ROW(evict_returns, COUNTER, "keys that came back soon after they were evicted, or in use when their time was over")                \
    ROW(evict_groups, COUNTER, "groups of the table that were looked into for keys to evict") \
    ROW(evict_holds, COUNTER, "times that eviction held a shard of the table") \
    ROW(evict_steps, COUNTER, "slots and groups of the table that eviction looked at")
METRIC_STRUCT(evict, EVICT_METRICS);

#endif
