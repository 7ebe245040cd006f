#include "keyspace_internal.h"
#include "touch_internal.h"

struct touch_hooks touch_hooks;
_Atomic unsigned touch_wanted;
static struct touch_followers followers;

void touch_listen(const struct touch_hooks *hooks)
{
    touch_hooks = *hooks;
}

void touch_follow(const struct touch_followers *who)
{
    followers = *who;
}

void **shard_touches(struct shard *shard)
{
    return &shard->touches;
}

unsigned shard_number(const struct shard *shard)
{
    return shard->index;
}

struct shard *shard_at(struct keyspace *keyspace, unsigned number)
{
    return &keyspace->shards[number];
}

void touch_tell(const struct key *key)
{
    if (key->shard->touches) touch_hooks.touched(key);
    if (followers.touched) followers.touched(key, false);
}

void touch_tell_by_itself(const struct key *key)
{
    if (key->shard->touches) touch_hooks.touched(key);
    if (followers.touched) followers.touched(key, true);
}

void touch_tell_all(struct keyspace *keyspace)
{
    if (atomic_load_explicit(&touch_wanted, memory_order_relaxed) == 0) return;
    if (followers.all_touched) followers.all_touched(keyspace);
}

enum key_state key_state(const struct key *key)
{
    struct spot spot;

    if (!table_find(shard_table(key->shard, key->db), key->hash, key->name, &spot)) return KEY_ABSENT;
    return entry_is_over(spot.entry, clock_now_ms()) ? KEY_OVER : KEY_LIVE;
}
