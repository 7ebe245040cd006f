/* spot_internal: what the files around a key share. */
#ifndef COATCHECK_SPOT_INTERNAL_H
#define COATCHECK_SPOT_INTERNAL_H

#include "coatcheck/keyspace/change.h"
#include "keyspace_internal.h"

/* group->touched counts in units of 8.192 s, and turns over after six days. */
#define TOUCHED_SHIFT 13

/* Marks the use of the key. */
void spot_touch(struct spot *spot);

/* Finds the spot's entry again when the table has moved since. */
void spot_refresh(const struct key *key, struct spot *spot);

/* Out of the table, into the chores. Moves nothing else, so that other spots stay good. */
void spot_remove(struct shard *shard, unsigned db, struct table *table, uint64_t hash, struct spot *spot,
                 enum remove_reason reason);

/* Takes the entry out and frees its block only: what hung from it hangs elsewhere now. */
void spot_drop_shell(const struct key *key, struct spot *spot);

#endif
