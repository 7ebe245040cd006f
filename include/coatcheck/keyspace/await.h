/* await: how the floor above hears that a value has come to a key that somebody waits for.
 * Each shard keeps one pointer for it. While that is NULL nobody waits for a key of this shard, and
 * a container that comes costs one branch; a string, which nobody waits for, costs nothing. Callers
 * have entered the shard. */
#ifndef COATCHECK_KEYSPACE_AWAIT_H
#define COATCHECK_KEYSPACE_AWAIT_H

#include "coatcheck/keyspace/key.h"

/* The floor above's own, to be read and written. */
void **shard_waits(struct shard *shard);

/* Called while the pointer is not NULL. */
struct await_hooks {
    /* A container was put, moved or copied to the key. */
    void (*came)(const struct key *key);

    /* Two databases were exchanged: any key of theirs may have come. */
    void (*swapped)(struct shard *shard, unsigned a, unsigned b);
};

/* At start, before any worker runs. */
void await_listen(const struct await_hooks *hooks);

#endif
