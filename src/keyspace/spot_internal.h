/* spot_internal: what the files around a key share. */
#ifndef COATCHECK_SPOT_INTERNAL_H
#define COATCHECK_SPOT_INTERNAL_H

#include "coatcheck/keyspace/change.h"
#include "keyspace_internal.h"

/* group->touched counts in units of 8.192 s, and turns over after six days. */
#define TOUCHED_SHIFT 13

static inline uint16_t touched_now(void)
{
    return (uint16_t)((uint64_t)clock_now_ms() >> TOUCHED_SHIFT);
}

/* Marks the use of the key. Most uses come within the same eight seconds: the line stays clean for
 * other cores. */
static inline void spot_touch(struct spot *spot)
{
    uint16_t now = touched_now();

    if (spot->group->touched != now) spot->group->touched = now;
}

/* Finds the spot's entry again when the table has moved since. */
void spot_find_again(const struct key *key, struct spot *spot);

static inline void spot_refresh(const struct key *key, struct spot *spot)
{
    if (spot->entry && unlikely(!spot_holds(spot))) spot_find_again(key, spot);
}

/* Out of the table, into the chores. Moves nothing else, so that other spots stay good. */
void spot_remove(struct shard *shard, unsigned db, struct table *table, uint64_t hash,
                 struct spot *spot, enum remove_reason reason);

/* Takes the entry out and frees its block only: what hung from it hangs elsewhere now. */
void spot_drop_shell(const struct key *key, struct spot *spot);

#endif
