#include "coatcheck/keyspace/keyspace.h"

#include "coatcheck/base/mem.h"
#include "coatcheck/base/random.h"
#include "await_internal.h"
#include "evict_internal.h"
#include "hint_internal.h"
#include "keyspace_internal.h"
#include "touch_internal.h"

METRIC_DEFINE(keyspace, KEYSPACE_METRICS)

#define SHARDS_FOR_ONE 256
#define SHARDS_FOR_MANY 1024

static unsigned choose_shards(const struct keyspace_rules *rules)
{
    if (rules->shards == 0) return rules->one_thread ? SHARDS_FOR_ONE : SHARDS_FOR_MANY;
    must(rules->shards <= SHARDS_MAX && (rules->shards & (rules->shards - 1)) == 0);
    return rules->shards;
}

/* Tags stand in the upper bits of pointers. Five-level paging gives such addresses only to who asks
 * for them. */
static void must_have_short_pointers(const struct keyspace *keyspace)
{
    int here;

    must((uintptr_t)&here >> POINTER_BITS == 0);
    must((uintptr_t)keyspace >> POINTER_BITS == 0);
}

struct keyspace *keyspace_new(const struct keyspace_rules *rules)
{
    unsigned shards = choose_shards(rules);
    struct keyspace *keyspace = mem_alloc_aligned(
        _Alignof(struct shard), sizeof(struct keyspace) + shards * sizeof(struct shard));

    if (!keyspace) return NULL;
    must(rules->databases >= 1);
    must_have_short_pointers(keyspace);
    keyspace->rules = *rules;
    keyspace->shard_count = shards;
    keyspace->shard_shift = 64 - (unsigned)__builtin_ctz(shards);
    keyspace->tables = mem_alloc_zeroed(rules->databases * sizeof *keyspace->tables);
    keyspace->due = mem_alloc(shards * sizeof *keyspace->due);
    if (!keyspace->tables || !keyspace->due) {
        mem_free((void *)keyspace->tables);
        mem_free((void *)keyspace->due);
        mem_free(keyspace);
        return NULL;
    }
    atomic_init(&keyspace->sweeps, true);
    for (unsigned i = 0; i < shards; i++) {
        keyspace->shards[i].index = (uint16_t)i;
        keyspace->shards[i].alone = rules->one_thread;
        table_set_base(&keyspace->shards[i].table, tick_of(clock_now_ms()));
        atomic_init(&keyspace->due[i], INT64_MAX);
    }
    return keyspace;
}

/* Hands the arrays over to be reclaimed; the table is as new, but keeps its seed. */
static uint32_t table_detach(struct keyspace *keyspace, struct shard *shard, struct table *table)
{
    uint32_t live = table->live;

    if (!table->groups) return 0;
    if (table->old) reclaim_array(keyspace, table->old, table->old_count);
    reclaim_array(keyspace, table->groups, table->count);
    __atomic_store_n(&table->old, NULL, __ATOMIC_RELAXED);
    __atomic_store_n(&table->groups, NULL, __ATOMIC_RELAXED);
    count_add(&table->live, -(int32_t)live);
    count_add(&table->mortal, -(int32_t)table->mortal);
    table->count = table->old_count = table->moved = 0;
    table->limit = 0;
    table->soonest = 0;
    table->flags = 0;
    shard->sweep_at = 0;
    shard->sweep_in_old = false;
    return live;
}

void keyspace_free(struct keyspace **keyspace)
{
    struct keyspace *dead = *keyspace;

    *keyspace = NULL;
    if (!dead) return;
    evict_forget(dead);
    for (unsigned db = 0; db < dead->rules.databases; db++) {
        keyspace_flush_entered(dead, db);
        if (db > 0) mem_free(atomic_load_explicit(&dead->tables[db], memory_order_acquire));
    }
    keyspace_reclaim_all(dead);
    mem_free((void *)dead->tables);
    mem_free((void *)dead->due);
    mem_free(dead);
}

unsigned keyspace_databases(const struct keyspace *keyspace)
{
    return keyspace->rules.databases;
}

unsigned keyspace_shards(const struct keyspace *keyspace)
{
    return keyspace->shard_count;
}

/* --- databases --- */

struct table *shard_other_table(struct shard *shard, unsigned db)
{
    struct keyspace *keyspace = shard_home(shard);
    struct table_line *lines;

    must(db < keyspace->rules.databases);
    if (db == 0) return &shard->table;
    lines = atomic_load_explicit(&keyspace->tables[db], memory_order_acquire);
    return lines ? &lines[shard->index].table : NULL;
}

static struct table_line *database_open(struct keyspace *keyspace, unsigned db)
{
    struct table_line *mine = mem_alloc_aligned(_Alignof(struct table_line),
                                                keyspace->shard_count * sizeof(struct table_line));
    struct table_line *there = NULL;

    if (!mine) return NULL;
    for (unsigned i = 0; i < keyspace->shard_count; i++) {
        table_set_base(&mine[i].table, tick_of(clock_now_ms()));
    }
    /* Somebody in another shard may do the same. */
    if (atomic_compare_exchange_strong(&keyspace->tables[db], &there, mine)) return mine;
    mem_free(mine);
    return there;
}

struct table *shard_other_table_for_put(struct shard *shard, unsigned db)
{
    struct table *table = shard_other_table(shard, db);
    struct table_line *lines;

    if (likely(table != NULL)) return table;
    lines = database_open(shard_home(shard), db);
    return lines ? &lines[shard->index].table : NULL;
}

static uint64_t sum_counts(const struct keyspace *keyspace, unsigned db, size_t field)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < keyspace->shard_count; i++) {
        struct table *table = shard_table((struct shard *)&keyspace->shards[i], db);

        if (!table) return 0;
        sum += count_read((uint32_t *)((char *)table + field));
    }
    return sum;
}

uint64_t keyspace_count(const struct keyspace *keyspace, unsigned db)
{
    return sum_counts(keyspace, db, offsetof(struct table, live));
}

uint64_t keyspace_count_volatile(const struct keyspace *keyspace, unsigned db)
{
    return sum_counts(keyspace, db, offsetof(struct table, mortal));
}

uint64_t keyspace_flush_entered(struct keyspace *keyspace, unsigned db)
{
    uint64_t gone = 0;

    for (unsigned i = 0; i < keyspace->shard_count; i++) {
        struct table *table = shard_table(&keyspace->shards[i], db);

        if (!table) return 0;
        touch_flushed(&keyspace->shards[i], db);
        gone += table_detach(keyspace, &keyspace->shards[i], table);
    }
    return gone;
}

/* Word by word, since others may be reading the counts. */
static void table_swap(struct table *one, struct table *other)
{
    uint64_t *a = (uint64_t *)one, *b = (uint64_t *)other;

    /* Whoever is getting an array for one of them will not find it where it was. */
    one->flags &= (uint8_t)~TABLE_CLAIMED;
    other->flags &= (uint8_t)~TABLE_CLAIMED;
    for (unsigned i = 0; i < sizeof(struct table) / sizeof(uint64_t); i++) {
        uint64_t kept = a[i];

        __atomic_store_n(&a[i], b[i], __ATOMIC_RELAXED);
        __atomic_store_n(&b[i], kept, __ATOMIC_RELAXED);
    }
}

enum status keyspace_swap_entered(struct keyspace *keyspace, unsigned a, unsigned b)
{
    if (a == b) return OK;
    for (unsigned i = 0; i < keyspace->shard_count; i++) {
        struct table *one = shard_table_for_put(&keyspace->shards[i], a);
        struct table *other = shard_table_for_put(&keyspace->shards[i], b);

        if (!one || !other) return NO_MEMORY; /* at the first shard, or never */
        touch_swapped(&keyspace->shards[i], a, b);
        table_swap(one, other);
        keyspace->shards[i].sweep_at = 0;
        keyspace->shards[i].sweep_in_old = false;
        if (unlikely(keyspace->shards[i].waits != NULL)) {
            await_hooks.swapped(&keyspace->shards[i], a, b);
        }
    }
    return OK;
}

_Atomic bool keyspace_keeps_expired;

void keyspace_keep_expired(bool keep)
{
    atomic_store_explicit(&keyspace_keeps_expired, keep, memory_order_relaxed);
}

void keyspace_sweep(struct keyspace *keyspace, bool on)
{
    atomic_store_explicit(&keyspace->sweeps, on, memory_order_relaxed);
}
