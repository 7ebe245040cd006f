/* grow: how a table moves to another array, home by home. */
#include "coatcheck/base/random.h"
#include "evict_internal.h"
#include "hint_internal.h"
#include "keyspace_internal.h"
#include "within_internal.h"

/* A table grows at a load between 0.79 and 0.89, each shard at its own: they fill evenly, and would
 * all want their new arrays in the same second. */
#define LIMIT_LEAST 79
#define LIMIT_SPREAD 10

/* Homes whose entries are fetched together. */
#define HOMES_A_BATCH 8

/* Where a table is heading that shrinks. */
#define SHRUNK_LOAD 60

uint32_t table_limit(const struct shard *shard, uint32_t count)
{
    uint64_t slots = (uint64_t)count * GROUP_SLOTS;
    uint32_t dice = (uint32_t)(shard->index + 1) * 2654435769u >> 16; /* even over 0 … 65535 */
    uint64_t percent_65536 = ((uint64_t)LIMIT_LEAST << 16) + (uint64_t)LIMIT_SPREAD * dice;
    uint64_t limit;

    if (count == 1) return GROUP_SLOTS;
    limit = slots * percent_65536 / 100 >> 16;
    return limit < UINT32_MAX ? (uint32_t)limit : UINT32_MAX;
}

void table_ask(struct shard *shard, unsigned db, struct table *table)
{
    if (table->flags & TABLE_CLAIMED) return;
    shard->flags |= SHARD_GROWS;
    shard->growing_db = db;
}

/* The largest block that is not larger than `size`. */
static size_t block_below(size_t size)
{
    size_t step = size < 128 ? 16 : (size_t)1 << (63 - __builtin_clzl(size) - 2);

    return size & ~(step - 1);
}

/* Half as large again, but filling a block of the allocator: the largest that is not above. Blocks
 * come four to a doubling, so this is two sizes up, 1.33 to 1.5 times as many groups. */
static uint32_t larger_count(uint32_t count)
{
    size_t most = array_bytes(count) * 3 / 2, room = entry_large_block_size(most);
    uint32_t larger;

    if (count == UINT32_MAX) return 0;
    if (room > most) room = block_below(most);
    larger = array_count_in(room);
    return larger > count ? larger : array_count_for(count + 1);
}

static uint32_t smaller_count(uint32_t live)
{
    return array_count_for((uint32_t)((uint64_t)live * 100 / (GROUP_SLOTS * SHRUNK_LOAD)) + 1);
}

bool table_is_lean(const struct table *table)
{
    uint64_t slots = (uint64_t)table->count * GROUP_SLOTS;

    return table->groups && !table->old && (uint64_t)table->live * 100 < slots * 35 &&
           (table->live == 0 || smaller_count(table->live) < table->count);
}

static uint32_t count_wanted(const struct table *table)
{
    if (table->live >= table->limit) return larger_count(table->count);
    if (table->flags & TABLE_FLOODED) return table->count;
    /* Only after it has stayed lean for some rounds of housekeeping. */
    if ((table->flags & TABLE_LEAN_MASK) == TABLE_LEAN_MASK && table_is_lean(table)) {
        return smaller_count(table->live);
    }
    return 0;
}

struct growth table_growth_claim(struct shard *shard, unsigned db, struct table *table)
{
    struct growth growth = {.db = db, .was = table->count, .seed = table->seed};

    if ((table->flags & TABLE_CLAIMED) || !table->groups) return growth;
    if (table->old) {
        /* A table that is flooded while it moves cannot wait; chance does not make any. */
        if (!(table->flags & TABLE_FLOODED)) return growth;
        table_move_all(shard, table);
    }
    growth.count = count_wanted(table);
    if (growth.count == 0) return growth;
    if (table->flags & TABLE_FLOODED) {
        while (growth.seed == table->seed) growth.seed = (uint32_t)random_next(random_of_thread());
    }
    table->flags |= TABLE_CLAIMED;
    return growth;
}

bool table_grow_into(struct shard *shard, struct table *table, const struct growth *growth,
                     struct group *groups)
{
    uint64_t slots = (uint64_t)growth->count * GROUP_SLOTS;

    if (!(table->flags & TABLE_CLAIMED) || table->old || table->count != growth->was ||
        table->live >= slots - slots / 16) {
        /* With another array in place, a claim is somebody else's. */
        if (table->count == growth->was) table->flags &= (uint8_t)~TABLE_CLAIMED;
        return false;
    }
    if (growth->seed != table->seed) {
        table->flags |= TABLE_REKEYING;
        table->generation++;
        METRIC_ADD(keyspace, table_rekeys, 1);
        atomic_fetch_add_explicit(&shard_home(shard)->rekeyed, 1, memory_order_relaxed);
    }
    if (growth->count < table->count) {
        METRIC_ADD(keyspace, table_shrinks, 1);
    } else {
        METRIC_ADD(keyspace, table_growths, 1);
    }
    array_foot(table->groups, table->count)->seed = table->seed;
    table->flags &= (uint8_t) ~(TABLE_CLAIMED | TABLE_FLOODED | TABLE_LEAN_MASK);
    table->old_count = table->count;
    table->moved = 0;
    table->seed = growth->seed;
    table->limit = table_limit(shard, growth->count);
    /* A prefetch may read these outside; at the worst it fetches in vain. */
    __atomic_store_n(&table->old, table->groups, __ATOMIC_RELAXED);
    __atomic_store_n(&table->count, growth->count, __ATOMIC_RELAXED);
    __atomic_store_n(&table->groups, groups, __ATOMIC_RELAXED);
    return true;
}

void table_growth_refused(struct table *table)
{
    uint64_t slots = (uint64_t)table->count * GROUP_SLOTS;
    uint64_t later = (uint64_t)table->live + table->live / 32 + 1;

    table->flags &= (uint8_t) ~(TABLE_CLAIMED | TABLE_FLOODED | TABLE_LEAN_MASK);
    if (table->live < table->limit) return;
    if (later > slots) later = slots;
    table->limit = later < UINT32_MAX ? (uint32_t)later : UINT32_MAX;
}

/* --- moving --- */

/* A slot in the new array for a hash under its seed. */
static inline uint64_t *slot_in_new(struct table *table, uint64_t placed, struct group **group)
{
    struct walk walk = table_walk_plain(table, placed);
    unsigned overflow;
    uint32_t steps, empty;
    uint64_t *slot;

    *group = &walk.groups[walk.home];
    empty = group_empty(*group);
    if (likely(empty)) return group_first_slot(*group, empty);
    slot = array_put(&walk, group, &steps, &overflow);
    must(slot != NULL);
    return slot;
}

static inline void move_entry(struct shard *shard, struct table *table, struct entry *entry,
                              uint64_t placed, const struct group *from, struct slot_bits bits)
{
    struct group *group;
    uint64_t *slot = slot_in_new(table, placed, &group);
    int64_t soonest_ms = NEVER;

    *slot = slot_make(entry, place_tag(placed));
    slot_put_bits(table, group, slot, bits);
    if ((int16_t)(from->touched - group->touched) > 0 || group->touched == 0) group->touched = from->touched;
    if (from->soonest) soonest_ms = entry_soonest_ms(entry);
    if (soonest_ms != NEVER) hint_note(shard, table, table->groups, table->count, group, soonest_ms);
}

/* Moves those of one group's entries whose home is among the batch. */
static void move_from_group(struct shard *shard, struct table *table, uint32_t first,
                            uint32_t batch, struct group *group)
{
    uint32_t old_seed = table_old_seed(table), at = (uint32_t)(group - table->old);

    for (unsigned i = 0; i < GROUP_SLOTS; i++) {
        struct entry *entry = slot_entry(group->slots[i]);
        struct entry_parts parts;
        struct slot_bits bits;
        uint64_t hash, placed;
        struct bytes name;
        uint32_t home;

        if (!entry) continue;
        parts = entry_parts(entry);
        name = bytes_of(parts.key, parts.key_len);
        hash = hash_bytes(name);
        placed = hash_under(old_seed, hash, name);
        home = place_home(placed, table->old_count);
        if (home - first >= batch) continue;
        bits = slot_take_bits(table, group, i);
        if (likely(home == at)) {
            group->slots[i] = 0;
        } else {
            struct walk walk = {.groups = table->old, .count = table->old_count, .home = home};

            array_take(&walk, group, &group->slots[i]);
        }
        if (unlikely(table->seed != old_seed)) placed = hash_under(table->seed, hash, name);
        move_entry(shard, table, entry, placed, group, bits);
    }
}

static void move_homes(struct shard *shard, struct table *table, uint32_t batch)
{
    uint32_t first = table->moved, at = first;
    struct group *last = &table->old[first + batch - 1];

    for (uint32_t steps = 1; steps <= table->old_count; steps++) {
        struct group *group = &table->old[at];

        move_from_group(shard, table, first, batch, group);
        /* The homes before are empty, so what still lives behind the last group is nearly always
         * ours. */
        if (steps >= batch && (last->overflow == 0 || group->overflow == 0)) break;
        if (++at == table->old_count) at = 0;
    }
    __atomic_store_n(&table->moved, first + batch, __ATOMIC_RELAXED);
}

static void table_moved_all(struct shard *shard, struct table *table)
{
    chores_add_array(shard, table->old, table->old_count);
    __atomic_store_n(&table->old, NULL, __ATOMIC_RELAXED);
    table->old_count = 0;
    table->moved = 0;
    table->flags &= (uint8_t)~TABLE_REKEYING;
}

/* Moving reads every key, to hash it again, and keys lie anywhere in memory: so all of a batch are
 * fetched at once before the first is read, and the groups of the next batch before it comes. */
static void table_prefetch_batch(const struct table *table, uint32_t batch)
{
    uint32_t at = table->moved;
    uint32_t end = at + batch + 1 < table->old_count ? at + batch + 1 : table->old_count;
    uint32_t after =
        end + HOMES_A_WRITE < table->old_count ? end + HOMES_A_WRITE : table->old_count;

    for (; at < end; at++) group_prefetch_entries(&table->old[at]);
    for (; at < after; at++) prefetch(&table->old[at]);
}

void table_move(struct shard *shard, struct table *table, uint32_t homes)
{
    while (homes > 0 && table->moved < table->old_count) {
        uint32_t left = table->old_count - table->moved;
        uint32_t batch = homes < HOMES_A_BATCH ? homes : HOMES_A_BATCH;

        if (batch > left) batch = left;
        table_prefetch_batch(table, batch);
        move_homes(shard, table, batch);
        homes -= batch;
    }
    if (table->moved == table->old_count) table_moved_all(shard, table);
}

void table_move_all(struct shard *shard, struct table *table)
{
    table_move(shard, table, table->old_count);
}
