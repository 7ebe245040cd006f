/* touch: how the floor above hears that a key was changed which somebody watches (WATCH).
 * Each shard keeps one pointer for it; while no key is watched in any shard a change costs one load, and while
 * none is in its own shard one more. Whoever changes what a key holds says so, with the shard entered:
 * commands by call_changed() and the effects, the keyspace for what expires, is evicted, flushed or exchanged. */
#ifndef COATCHECK_KEYSPACE_TOUCH_H
#define COATCHECK_KEYSPACE_TOUCH_H

#include <stdatomic.h>
#include "coatcheck/base/must.h"
#include "coatcheck/keyspace/key.h"

/* The floor above's own, to be read and written by whoever has entered the shard. */
void **shard_touches(struct shard *shard);

/* Keys watched in all shards. Changed inside the shard of the key: who enters it later sees that. */
extern _Atomic unsigned touch_wanted;

/* Called while the shard's pointer is not NULL. */
struct touch_hooks {
    void (*touched)(const struct key *key);

    /* Before the database goes; before the two are exchanged. */
    void (*flushed)(struct shard *shard, unsigned db);
    void (*swapped)(struct shard *shard, unsigned a, unsigned b);
};

/* At start, before any worker runs. */
void touch_listen(const struct touch_hooks *hooks);

void touch_tell(const struct key *key);

/* The key has another value now, another deadline, or is gone. */
static inline void key_touched(const struct key *key)
{
    if (unlikely(atomic_load_explicit(&touch_wanted, memory_order_relaxed) > 0)) touch_tell(key);
}

/* What is in the key's slot, without a trace: no hit is counted and nothing expired is dropped. */
enum key_state { KEY_ABSENT, KEY_LIVE, KEY_OVER };
enum key_state key_state(const struct key *key);

#endif
