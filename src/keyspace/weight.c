#include "coatcheck/keyspace/weight.h"

#include "coatcheck/base/mem.h"
#include "keyspace_internal.h"

static size_t weigh_table(const struct table *table)
{
    return array_used_bytes(table->groups, table->count) + array_used_bytes(table->old, table->old_count);
}

size_t keyspace_table_weight(struct keyspace *keyspace, unsigned db)
{
    bool mine = keyspace_is_mine(keyspace);
    size_t weight = 0;

    if (db > 0 && !atomic_load_explicit(&keyspace->tables[db], memory_order_acquire)) return 0;
    for (unsigned i = 0; i < keyspace->shard_count; i++) {
        struct shard *shard = &keyspace->shards[i];

        if (!mine) shard_enter(shard);
        weight += weigh_table(shard_table(shard, db));
        if (!mine) shard_leave(shard);
    }
    return weight + (db > 0 ? mem_usable(atomic_load_explicit(&keyspace->tables[db], memory_order_acquire)) : 0);
}

/* What shards remember of who was evicted. */
static size_t weigh_ghosts(struct keyspace *keyspace)
{
    bool mine = keyspace_is_mine(keyspace);
    size_t weight = 0;

    for (unsigned i = 0; i < keyspace->shard_count; i++) {
        struct shard *shard = &keyspace->shards[i];

        if (!mine) shard_enter(shard);
        if (shard->ghost) weight += mem_usable(shard->ghost);
        if (!mine) shard_leave(shard);
    }
    return weight;
}

size_t keyspace_weight(struct keyspace *keyspace)
{
    size_t weight = mem_usable(keyspace) + mem_usable((const void *)keyspace->tables) + mem_usable((const void *)keyspace->due) +
                    weigh_ghosts(keyspace);

    for (unsigned db = 0; db < keyspace->rules.databases; db++)
        weight += keyspace_table_weight(keyspace, db);
    return weight;
}

size_t keyspace_pending(struct keyspace *keyspace)
{
    size_t pending = 0;

    lock_take(&keyspace->reclaim_lock, RANK_RECLAIM, 0);
    for (struct remains *remains =
             atomic_load_explicit(&keyspace->containers, memory_order_relaxed);
         remains; remains = remains->next) {
        pending++;
    }
    for (struct group *groups = atomic_load_explicit(&keyspace->arrays, memory_order_relaxed);
         groups; groups = array_detached_foot(groups)->next) {
        pending++;
    }
    lock_release(&keyspace->reclaim_lock, RANK_RECLAIM);
    return pending;
}
