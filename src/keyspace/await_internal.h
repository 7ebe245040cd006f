/* await_internal: where values come to keys. */
#ifndef COATCHECK_AWAIT_INTERNAL_H
#define COATCHECK_AWAIT_INTERNAL_H

#include "coatcheck/keyspace/await.h"
#include "shard_internal.h"

extern struct await_hooks await_hooks; /* written by await_listen() only */

static inline void await_came(const struct key *key)
{
    if (unlikely(key->shard->waits != NULL)) await_hooks.came(key);
}

#endif
