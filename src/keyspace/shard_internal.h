/* shard_internal: what a shard is made of, and what is put off until its lock is free. */
#ifndef COATCHECK_SHARD_INTERNAL_H
#define COATCHECK_SHARD_INTERNAL_H

#include "coatcheck/base/lock.h"
#include "coatcheck/keyspace/shard.h"
#include "table_internal.h"

struct keyspace;

struct shard {
    /* The line that every command reads: 8 bytes, and the table of database 0. */
    struct lock lock;
    uint8_t flags;  /* enum shard_flags, of whoever has entered */
    bool alone;     /* set by keyspace_new(): nobody else enters, there is nothing to lock */
    uint16_t index; /* set by keyspace_new() */
    struct table table;

    /* The rest is of whoever has entered. */
    void *waits;         /* whoever waits for keys of this shard: await.h; NULL: nobody */
    void *touches;       /* whoever watches keys of this shard: touch.h; NULL: nobody */
    uint32_t growing_db; /* the last that asked for a larger array */
    uint32_t sweep_at;   /* the group where the sweep goes on in a table that it could not finish … */
    bool sweep_in_old;   /* … or in the old array of that table */

    /* evict.c */
    uint16_t evict_db;                /* whose keys its hands are at */
    uint8_t hand_slot;                /* of each group, that the main hand looks at in this round */
    uint8_t quick_slot, quick_slots;  /* the first of those for the quick one, and how many: 0 as 7 */
    bool was_quick;                   /* the hand that went last: who is fetched ahead */
    bool quick_round_made;            /* by the quick hand, ever */
    uint32_t hand, quick_hand;        /* positions, as place_position() */
    uint32_t came;                    /* keys since it was made; others read it */
    uint32_t returned;                /* of those, whom the ghost knew, less those it was told of as their time was over */
    uint32_t ghost_count;
    uint16_t *ghost;                  /* what was evicted a while ago: evict_internal.h; or NULL */
} __attribute__((aligned(128)));

_Static_assert(sizeof(struct table) == 56, "lock, index and table share a cache line");
_Static_assert(sizeof(struct shard) == 128, "two lines");

enum shard_flags {
    SHARD_GROWS = 1, /* a table has asked for another array */
    SHARD_CHORES = 2 /* this thread has something to free once it is outside */
};

static inline void shard_lock(struct shard *shard)
{
    if (!shard->alone) lock_take(&shard->lock, RANK_SHARD, shard->index);
}

static inline bool shard_try_lock(struct shard *shard)
{
    return shard->alone || lock_try(&shard->lock, RANK_SHARD, shard->index);
}

static inline void shard_unlock(struct shard *shard)
{
    if (!shard->alone) lock_release(&shard->lock, RANK_SHARD);
}

/* The table of a database in this shard; NULL: nothing was ever put there. */
struct table *shard_other_table(struct shard *shard, unsigned db);

static inline struct table *shard_table(struct shard *shard, unsigned db)
{
    return likely(db == 0) ? &shard->table : shard_other_table(shard, db);
}

/* As shard_table, and makes the database real. NULL: no memory. */
struct table *shard_other_table_for_put(struct shard *shard, unsigned db);

static inline struct table *shard_table_for_put(struct shard *shard, unsigned db)
{
    return likely(db == 0) ? &shard->table : shard_other_table_for_put(shard, db);
}

/* --- chores: what this thread frees when it has left, since freeing may take long --- */

/* An entry that no slot reaches any more, with all that hangs from it. */
void chores_add_entry(struct shard *shard, struct entry *entry);

/* Only the block: what hung from it has moved on. */
void chores_add_block(struct shard *shard, struct entry *entry);
void chores_add_array(struct shard *shard, struct group *groups, uint32_t count);
void chores_run(void);

/* Outside: frees an entry and what hangs from it; a container at most in part, the rest is left to
 * reclaim_container(). */
void entry_dispose(struct keyspace *keyspace, struct entry *entry);

#endif
