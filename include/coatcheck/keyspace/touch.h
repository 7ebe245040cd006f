/* touch: how the floors above hear that a key was changed which somebody watches (WATCH) or has in a cache of his own
 * (CLIENT TRACKING).
 * For those who watch each shard keeps one pointer; while nobody watches or caches anything a change costs one load.
 * Whoever changes what a key holds says so, with the shard entered: commands by call_changed() and the effects, the
 * keyspace for what expires, is evicted, flushed or exchanged. */
#ifndef COATCHECK_KEYSPACE_TOUCH_H
#define COATCHECK_KEYSPACE_TOUCH_H

#include <stdatomic.h>
#include "coatcheck/base/must.h"
#include "coatcheck/keyspace/key.h"

/* The floor above's own, to be read and written by whoever has entered the shard. */
void **shard_touches(struct shard *shard);

/* Keys watched in all shards, and clients that are told of what they may have in a cache. Changed inside the shard of the
 * key, or before its client reads any: who enters the shard later sees that. */
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

/* Called of every key while touch_wanted is not 0. */
struct touch_followers {
    /* `by_itself`: no client has done it, the key has expired or was evicted. */
    void (*touched)(const struct key *key, bool by_itself);

    /* Any key may have been changed: databases were emptied or exchanged. All shards are entered. */
    void (*all_touched)(struct keyspace *keyspace);
};
void touch_follow(const struct touch_followers *followers);

void touch_tell(const struct key *key);
void touch_tell_by_itself(const struct key *key);

/* By the command that empties or exchanges databases, once for all of them. */
void touch_tell_all(struct keyspace *keyspace);

/* The key has another value now, another deadline, or is gone. */
static inline void key_touched(const struct key *key)
{
    if (unlikely(atomic_load_explicit(&touch_wanted, memory_order_relaxed) > 0)) touch_tell(key);
}

/* Shards by number, from 0 to keyspace_shards() - 1. */
unsigned shard_number(const struct shard *shard);
struct shard *shard_at(struct keyspace *keyspace, unsigned number);

/* What is in the key's slot, without a trace: no hit is counted and nothing expired is dropped. */
enum key_state { KEY_ABSENT, KEY_LIVE, KEY_OVER };
enum key_state key_state(const struct key *key);

#endif
