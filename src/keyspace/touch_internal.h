/* touch_internal: where keys change by the keyspace's own doing. */
#ifndef COATCHECK_TOUCH_INTERNAL_H
#define COATCHECK_TOUCH_INTERNAL_H

#include "coatcheck/keyspace/touch.h"
#include "shard_internal.h"

extern struct touch_hooks touch_hooks; /* written by touch_listen() only */

/* A key has expired or was evicted. */
static inline void key_touched_by_itself(const struct key *key)
{
    if (unlikely(atomic_load_explicit(&touch_wanted, memory_order_relaxed) > 0)) touch_tell_by_itself(key);
}

static inline void touch_flushed(struct shard *shard, unsigned db)
{
    if (unlikely(shard->touches != NULL)) touch_hooks.flushed(shard, db);
}

static inline void touch_swapped(struct shard *shard, unsigned a, unsigned b)
{
    if (unlikely(shard->touches != NULL)) touch_hooks.swapped(shard, a, b);
}

#endif
