/* keyspace_internal: the shards and what they share. */
#ifndef COATCHECK_KEYSPACE_INTERNAL_H
#define COATCHECK_KEYSPACE_INTERNAL_H

#include <stdatomic.h>
#include "coatcheck/base/lock.h"
#include "shard_internal.h"

#define SHARDS_MAX 4096
#define LANES_MAX 256

/* Where moving goes on in a shard that it has not finished; all zero: at its beginning. */
struct compact_place {
    unsigned db, slot;
    uint64_t at;     /* the group */
    uint64_t within; /* the container in the slot */
};

static inline bool compact_begins(const struct compact_place *place)
{
    return place->db == 0 && place->at == 0 && place->slot == 0 && place->within == 0;
}

/* A round of moving through all shards of a lane: what it has come to, of the allocator's blocks. */
struct compact_round {
    uint64_t moved_before; /* bytes, by all threads, when it began */
    unsigned seen_before;  /* mem_gaps_seen() then */
    bool is_whole;         /* so far no shard was passed over */
};

enum compact_whose { COMPACT_ALL, COMPACT_OWN /* of this thread's slabs */ };

/* Each lane's place in its chores; of the one thread that keeps the lane. */
struct lane {
    unsigned sweep_next; /* the shard to go on with, counted among the lane's own */
    unsigned round_next;
    int64_t round_ms; /* when the present round of all shards began */
    struct compact_place compact;
    struct compact_round compact_round;
    unsigned press_next; /* the shard that keyspace_compact() is at */
    struct compact_place press;
    struct compact_round press_round;
} __attribute__((aligned(64)));

/* What hung from a FAR entry that is gone; it stands in the entry's block. */
struct remains {
    struct remains *next;
    uint64_t what; /* | size of the entry 16, 0: not from a slab | pointer 45 | value_type 3 | */
};

static inline void *remains_far(const struct remains *remains)
{
    return (void *)(uintptr_t)(remains->what & POINTER_MASK & ~(uint64_t)7);
}

static inline enum value_type remains_type(const struct remains *remains)
{
    return (enum value_type)(remains->what & 7);
}

/* Freed in part, it may be elsewhere now. */
static inline void remains_set_far(struct remains *remains, void *far)
{
    must(((uintptr_t)far & 7) == 0 && (uintptr_t)far >> POINTER_BITS == 0);
    remains->what = (remains->what & ~(POINTER_MASK & ~(uint64_t)7)) | (uintptr_t)far;
}

/* Turns the entry into its remains. */
struct remains *remains_of(struct entry *entry);
void remains_free(struct remains *remains);

struct keyspace {
    /* Set by keyspace_new(). */
    struct keyspace_rules rules;
    unsigned shard_count;
    unsigned shard_shift; /* hash >> shift is the shard */
    _Atomic(struct table_line *)
        *tables;          /* a database each; NULL until it is first written; 0 is unused */
    _Atomic int64_t *due; /* a shard each: no hint of it is earlier (a tick); INT64_MAX: none */

    _Atomic bool sweeps;

    /* evict.c */
    _Atomic bool remembers;  /* shards have ghosts */
    _Atomic unsigned manner; /* which of the two won the duel */
    _Atomic bool doubts;     /* most of who comes was here a while ago: that says little of who is worth to be kept */
    uint32_t came_before[2]; /* of whoever calls evict_judge() */
    uint32_t duel[2];
    uint32_t returned_before;
    int32_t returned;

    _Atomic uint64_t rekeyed;

    struct lock reclaim_lock; /* guards the two lists */
    _Atomic(struct remains *) containers;
    _Atomic unsigned reclaiming;     /* containers: those, and those that somebody has in hand */
    _Atomic int64_t reclaiming_bytes; /* of them, about */
    _Atomic(struct group *) arrays; /* of flushed databases; linked by their feet */

    struct lane lanes[LANES_MAX];
    struct shard shards[];
};

extern _Atomic bool keyspace_keeps_expired; /* written by keyspace_keep_expired() only */

static inline struct keyspace *shard_home(struct shard *shard)
{
    return (struct keyspace *)((char *)(shard - shard->index) - offsetof(struct keyspace, shards));
}

static inline struct shard *keyspace_shard_of(struct keyspace *keyspace, uint64_t hash)
{
    return &keyspace->shards[keyspace->shard_count > 1 ? hash >> keyspace->shard_shift : 0];
}

/* Has this thread entered all shards? Then who walks over them does not enter each. */
bool keyspace_is_mine(const struct keyspace *keyspace);

/* --- reclaim.c: what is freed in slices --- */

/* `bytes`: what is left of it. */
void reclaim_container(struct keyspace *keyspace, struct remains *remains, int64_t bytes);

/* Bytes that will be freed without anybody's doing more for it. */
size_t reclaim_pending(const struct keyspace *keyspace);
void reclaim_array(struct keyspace *keyspace, struct group *groups, uint32_t count);

/* Frees until the clock says `until_ticks`; true when nothing is left. */
bool reclaim_some(struct keyspace *keyspace, uint64_t until_ticks);

/* --- compact.c --- */

/* Is there so much to close in gaps that it is worth the time? Under pressure (COMPACT_OWN) little is. */
bool compact_pays(enum compact_whose whose);

/* Moves what is in a shard together, from `place` on, and begins it again at the end. False: there was more to do than
 * time. */
bool compact_shard(struct keyspace *keyspace, struct shard *shard, struct compact_place *place,
                   struct compact_round *round, enum compact_whose whose, uint64_t until_ticks);

/* Before the first shard, and after the last: what a round could not close is no reason for another. */
void compact_round_begin(struct compact_round *round);
void compact_round_end(const struct compact_round *round, enum compact_whose whose);

/* --- expire.c --- */

/* A slice of the sweep of this lane's shards; true when nothing is due any more. */
bool sweep_some(struct keyspace *keyspace, unsigned lane, unsigned lanes, uint64_t until_ticks);

/* What is past its deadline goes before anybody else is evicted: looks at a few shards, others at each call, whoever
 * sweeps them, and sweeps those that are due until so many bytes are free. Bytes freed. */
size_t sweep_for_room(struct keyspace *keyspace, size_t wanted, uint64_t until_ticks);

/* An entry past its deadline: out of the table, with the news of it. */
void expire_entry(struct shard *shard, unsigned db, struct table *table, uint64_t hash,
                  struct spot *spot);

#endif
