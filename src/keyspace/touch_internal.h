/* touch_internal: where keys change by the keyspace's own doing. */
#ifndef COATCHECK_TOUCH_INTERNAL_H
#define COATCHECK_TOUCH_INTERNAL_H

#include "coatcheck/keyspace/touch.h"
#include "shard_internal.h"

extern struct touch_hooks touch_hooks; /* written by touch_listen() only */

static inline void touch_flushed(struct shard *shard, unsigned db)
{
    if (unlikely(shard->touches != NULL)) touch_hooks.flushed(shard, db);
}

static inline void touch_swapped(struct shard *shard, unsigned a, unsigned b)
{
    if (unlikely(shard->touches != NULL)) touch_hooks.swapped(shard, a, b);
}

#endif
