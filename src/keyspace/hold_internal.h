/* hold_internal: one hold of a shard by eviction: a few microseconds in which its hands go on. */
#ifndef COATCHECK_HOLD_INTERNAL_H
#define COATCHECK_HOLD_INTERNAL_H

#include "evict_internal.h"
#include "spot_internal.h"

/* Who was met and stays, and is worth least of those for its room. */
struct least {
    struct group *group; /* NULL: nobody */
    unsigned number, worth;
    size_t bytes; /* 1 where sizes do not count */
};

/* A way to treat newcomers. */
struct manner {
    unsigned share;  /* of newcomers, in thousandths of the keys */
    unsigned enters; /* frequency with which one enters whom the ghost knows */
    unsigned stays;  /* frequency with which a newcomer who was used stays */
};

struct hold {
    const struct evict_rules *rules;
    struct shard *shard;
    struct table *table;
    unsigned db;
    const struct manner *manner;
    bool volatile_only;
    int64_t now_ms;
    uint64_t weight_a_byte; /* in 2^-32; 0: sizes do not count */
    size_t wanted, freed;
    unsigned victims, groups, steps; /* victims as EVICT_VICTIMS counts them */
    unsigned most_victims, most_steps; /* after which it ends */
    unsigned evicted, newcomers;     /* keys, as the metrics count them */
    size_t evicted_bytes;
    struct least least;
    uint64_t until_ticks; /* after the first victim it ends then */
    bool late;
    uint64_t *dice;
};

/* Where a hand is: a group of one of the table's two arrays, and the position behind it. */
struct stand {
    struct group *groups;
    uint32_t count, at, next;
};

static inline uint32_t hold_candidates(const struct hold *hold)
{
    return hold->volatile_only ? hold->table->mortal : hold->table->live;
}

static inline bool hold_goes_on(const struct hold *hold)
{
    return hold->victims < hold->most_victims && hold->freed < hold->wanted && hold->steps < hold->most_steps &&
           !hold->late && hold_candidates(hold) > 0;
}

/* Where the table is gone along by positions of 32 bits: the group that has this one, in whichever array. */
struct stand stand_at(const struct table *table, uint32_t position);

/* A database that has keys of the kind; the hands of a shard go through one after the other, volatile-ttl takes the one
 * with the nearest deadline. False: none has. */
bool hold_choose_table(struct hold *hold);

/* What a byte weighs for keys of such a mean size; 0: sizes do not count. */
uint64_t weight_a_byte(size_t mean);

/* Takes it out; it expires when its time is over. */
void hold_evict(struct hold *hold, struct spot *spot, size_t bytes, bool is_newcomer);

/* What was done goes to the metrics. */
void hold_count(const struct hold *hold);

/* Outside: what a hold of the shard will read first. Groups first, and later, when those have come, entries. */
void hold_prefetch_groups(const struct shard *shard);
void hold_prefetch_entries(struct shard *shard);

/* Go on until as much is freed as was wanted, or the hold has lasted long enough. */
void hold_by_use(struct hold *hold);
void hold_by_chance(struct hold *hold);
void hold_by_deadline(struct hold *hold);

#endif
