/* ghost: who went from a shard a while ago, two bytes a key: the mark of each stands at the place that its position
 * gives it, until the next one of that place takes its turn. */
#include "coatcheck/base/mem.h"
#include "evict_internal.h"
#include "within_internal.h"

bool ghost_knows(struct shard *shard, uint64_t hash)
{
    uint16_t *ghost;

    if (!shard->ghost) return false;
    ghost = ghost_of(shard, hash);
    if (*ghost != place_mark(hash)) return false;
    *ghost = 0;
    count_add(&shard->returned, 1);
    METRIC_ADD(evict, evict_returns, 1);
    return true;
}

void ghost_note(struct shard *shard, uint64_t hash)
{
    if (shard->ghost) *ghost_of(shard, hash) = place_mark(hash);
}

void ghost_mourn(struct shard *shard, const struct spot *spot, uint64_t hash)
{
    unsigned number = (unsigned)(spot->slot - spot->group->slots);

    if (slot_is_newcomer(spot->group, number) && !(slot_frequency(spot->group, number) & NEWCOMER_USED)) return;
    ghost_note(shard, hash);
    count_add(&shard->returned, -1);
}

static uint32_t shard_live(struct shard *shard)
{
    struct keyspace *keyspace = shard_home(shard);
    uint64_t live = count_read(&shard->table.live);

    for (unsigned db = 1; db < keyspace->rules.databases; db++) {
        struct table *table = shard_table(shard, db);

        if (table) live += count_read(&table->live);
    }
    return live < UINT32_MAX ? (uint32_t)live : UINT32_MAX;
}

/* As many as there are keys: more would remember too long, fewer forget too soon. */
bool ghost_fits(struct shard *shard)
{
    uint32_t live = shard_live(shard);

    return shard->ghost_count >= live - live / 4 && shard->ghost_count <= live + live / 2 + 16;
}

void ghost_refit(struct shard *shard)
{
    uint32_t count = shard_live(shard) + 8;
    uint16_t *ghost = mem_alloc_zeroed(count * sizeof *ghost), *old;

    if (!ghost) return;
    shard_enter(shard);
    old = shard->ghost;
    for (uint32_t i = 0; old && i < shard->ghost_count; i++) {
        if (old[i]) ghost[(uint64_t)i * count / shard->ghost_count] = old[i];
    }
    shard->ghost = ghost;
    shard->ghost_count = count;
    shard_leave(shard);
    mem_free(old);
}

static void ghost_drop(struct shard *shard)
{
    bool mine = keyspace_has_entered_all();
    uint16_t *old;

    if (!mine) shard_enter(shard);
    old = shard->ghost;
    shard->ghost = NULL;
    shard->ghost_count = 0;
    if (!mine) shard_leave(shard);
    mem_free(old);
}

void evict_remember(struct keyspace *keyspace, bool on)
{
    atomic_store_explicit(&keyspace->remembers, on, memory_order_relaxed);
    if (!on) evict_forget(keyspace);
}

void evict_forget(struct keyspace *keyspace)
{
    for (unsigned i = 0; i < keyspace->shard_count; i++) ghost_drop(&keyspace->shards[i]);
}
