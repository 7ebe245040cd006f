/* shard: the part of the keyspace under one lock: enter, work, leave.
 * Several shards are entered in rising order, all of them before the work begins. Nobody makes a system
 * call inside. */
#ifndef COATCHECK_KEYSPACE_SHARD_H
#define COATCHECK_KEYSPACE_SHARD_H

#include <stdbool.h>
#include "coatcheck/keyspace/key.h"

void shard_enter(struct shard *shard);

/* Does what had to wait until the lock was free: a new array for a table that wants to grow, the old one's
 * release. */
void shard_leave(struct shard *shard);

/* The shards of `count` keys, each once, in rising order. `keys` is not reordered. */
void shards_enter(const struct key *keys, unsigned count);
void shards_leave(const struct key *keys, unsigned count);

#endif
