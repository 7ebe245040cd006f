#include "touch_internal.h"

struct touch_hooks touch_hooks;
_Atomic unsigned touch_wanted;

void touch_listen(const struct touch_hooks *hooks)
{
    touch_hooks = *hooks;
}

void **shard_touches(struct shard *shard)
{
    return &shard->touches;
}

void touch_tell(const struct key *key)
{
    if (key->shard->touches) touch_hooks.touched(key);
}

enum key_state key_state(const struct key *key)
{
    struct spot spot;

    if (!table_find(shard_table(key->shard, key->db), key->hash, key->name, &spot)) return KEY_ABSENT;
    return entry_is_over(spot.entry, clock_now_ms()) ? KEY_OVER : KEY_LIVE;
}
