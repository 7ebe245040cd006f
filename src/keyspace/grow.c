/* grow: how a table moves to another array, home by home. */
#include "coatcheck/base/random.h"
#include "coatcheck/base/slab.h"
#include "evict_internal.h"
#include "hint_internal.h"
#include "keyspace_internal.h"

/* From so full on a table wants to grow; in percent. */
#define LIMIT_LOAD 88

/* By how much, in percent: each time, and in each shard, by another of these. Shards fill evenly, and would all want
 * new arrays in the same second, and be at their emptiest together. */
#define GROWTH_LEAST 6
#define GROWTH_SPREAD 10

/* Homes whose entries are moved at once. */
#define HOMES_A_BATCH 8

/* Groups of a new array that get their memory together, 64 KB. The whole of a large one at once would be milliseconds
 * of the kernel's. */
#define GROUPS_BACKED 1024

/* Where a table shrinks, and to what. */
#define LEAN_LOAD 50
#define SHRUNK_LOAD 75

uint32_t table_limit(uint32_t count)
{
    uint64_t limit = (uint64_t)count * GROUP_SLOTS * LIMIT_LOAD / 100;

    if (count == 1) return GROUP_SLOTS;
    return limit < UINT32_MAX ? (uint32_t)limit : UINT32_MAX;
}

void table_ask(struct shard *shard, unsigned db, struct table *table)
{
    if (table->flags & TABLE_CLAIMED) return;
    shard->flags |= SHARD_GROWS;
    shard->growing_db = db;
}

static uint32_t larger_count(const struct shard *shard, uint32_t count)
{
    uint32_t dice = ((shard->index + 1) * 2654435769u ^ count * 2246822519u) * 2654435769u >> 16;
    size_t bytes = array_bytes(count);
    uint32_t larger;

    if (count == UINT32_MAX) return 0;
    larger = array_count_for(bytes + bytes * ((GROWTH_LEAST << 16) + GROWTH_SPREAD * (size_t)dice) / (100 << 16));
    return larger > count ? larger : array_count_for(array_bytes(count + 1));
}

static uint32_t smaller_count(uint32_t live)
{
    return array_count_for(array_bytes((uint32_t)((uint64_t)live * 100 / (GROUP_SLOTS * SHRUNK_LOAD)) + 1));
}

bool table_is_lean(const struct table *table)
{
    uint64_t slots = (uint64_t)table->count * GROUP_SLOTS;

    return table->groups && !table->old && (uint64_t)table->live * 100 < slots * LEAN_LOAD &&
           (table->live == 0 || smaller_count(table->live) < table->count);
}

static uint32_t count_wanted(const struct shard *shard, const struct table *table)
{
    if (table->live >= table->limit) return larger_count(shard, table->count);
    if (table->flags & TABLE_FLOODED) return table->count;
    /* Only after it has stayed lean for some rounds of housekeeping. */
    if ((table->flags & TABLE_LEAN_MASK) >= TABLE_LEAN_LONG && table_is_lean(table)) {
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
    growth.count = count_wanted(shard, table);
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
    table->limit = table_limit(growth->count);
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

/* Where a slot's entry is to go. */
struct place {
    uint32_t old_home, home;
    uint16_t tag;
};

/* Both arrays of a table that moves, and what holds for all its slots. */
struct move {
    struct shard *shard;
    struct table *table;
    uint32_t first, batch; /* the homes to be moved */
    uint32_t old_seed;
    unsigned shift;       /* of tags, in both arrays */
    uint32_t most_chain;  /* a tag tells an entry's home when it is no more groups away; 0: tags tell nothing */
};

static struct move move_begin(struct shard *shard, struct table *table, uint32_t batch)
{
    struct move move = {.shard = shard,
                        .table = table,
                        .first = table->moved,
                        .batch = batch,
                        .old_seed = table_old_seed(table),
                        .shift = place_tag_shift(table->old_count)};
    uint64_t reach = ((uint64_t)table->old_count << 16 << move.shift) >> 32; /* of tags, in groups */

    if (move.old_seed == table->seed && move.shift == place_tag_shift(table->count) && reach > 2) {
        move.most_chain = (uint32_t)reach - 2;
    }
    return move;
}

static struct place place_read(const struct move *move, const struct entry *entry)
{
    const struct table *table = move->table;
    struct entry_parts parts = entry_parts(entry);
    struct bytes name = bytes_of(parts.key, parts.key_len);
    uint64_t hash = hash_bytes(name);
    uint64_t was = hash_under(move->old_seed, hash, name);
    uint64_t placed = likely(table->seed == move->old_seed) ? was : hash_under(table->seed, hash, name);

    return (struct place){.old_home = place_home(was, table->old_count),
                          .home = place_home(placed, table->count),
                          .tag = place_tag(placed, table->count)};
}

/* The tag is part of the position, and the group tells what is above it: the position is the last one with these
 * bits that is not behind the group's end. Its low bits are unknown; where they matter, the key is read. `end` is
 * the last position that has its home in the group. */
static inline struct place place_of(const struct move *move, uint32_t end, uint32_t chain, uint64_t slot)
{
    const struct table *table = move->table;
    uint32_t tag = slot_tag(slot), last = end >> move->shift;
    uint32_t least = (last - ((last - tag) & 0xffff)) << move->shift, most = least + (1u << move->shift) - 1;
    struct place place = {.old_home = (uint32_t)((uint64_t)least * table->old_count >> 32),
                          .home = (uint32_t)((uint64_t)least * table->count >> 32),
                          .tag = (uint16_t)tag};

    if (unlikely(chain > move->most_chain || move->most_chain == 0 || tag == 1 ||
                 (uint64_t)most * table->old_count >> 32 != place.old_home ||
                 (uint64_t)most * table->count >> 32 != place.home)) {
        return place_read(move, slot_entry(slot));
    }
    return place;
}

/* A slot in the new array. */
static inline uint64_t *slot_in_new(struct table *table, const struct place *place, struct group **group)
{
    uint32_t empty, steps;
    unsigned overflow;
    uint64_t *slot;

    *group = &table->groups[place->home];
    empty = group_empty(*group);
    if (likely(empty)) {
        slot = group_first_slot(*group, empty);
    } else {
        struct walk walk = {.groups = table->groups, .count = table->count, .home = place->home};

        slot = array_put(&walk, group, &steps, &overflow);
        must(slot != NULL);
    }
    return slot;
}

static inline void move_slot(struct table *table, const struct group *from, uint64_t slot, const struct place *place,
                             struct slot_bits bits)
{
    struct group *group;
    uint64_t *to = slot_in_new(table, place, &group);

    *to = slot_make(slot_entry(slot), place->tag);
    slot_put_bits(table, group, to, bits);
    if ((int16_t)(from->touched - group->touched) > 0 || group->touched == 0) group->touched = from->touched;
    if (from->soonest) hint_carry(table, group, from->soonest);
}

/* Moves those of one group's entries whose home is among the batch. All live at most `chain` groups behind their
 * homes. */
static void move_from_group(const struct move *move, uint32_t at, uint32_t chain)
{
    struct table *table = move->table;
    struct group *group = &table->old[at];
    uint32_t end = (uint32_t)(((((uint64_t)at + 1) << 32) - 1) / table->old_count);

    for (unsigned i = 0; i < GROUP_SLOTS; i++) {
        uint64_t slot = group->slots[i];
        struct slot_bits bits;
        struct place place;

        if (!slot) continue;
        place = place_of(move, end, chain, slot);
        if (place.old_home - move->first >= move->batch) continue;
        bits = slot_take_bits(table, group, i);
        if (likely(place.old_home == at)) {
            group->slots[i] = 0;
        } else {
            struct walk walk = {.groups = table->old, .count = table->old_count, .home = place.old_home};

            array_take(&walk, group, &group->slots[i]);
        }
        move_slot(table, group, slot, &place, bits);
    }
}

/* How many groups in a row before this one have let entries pass. */
static uint32_t chain_before(const struct table *table, uint32_t at, uint32_t most)
{
    uint32_t chain = 0;

    while (chain <= most && chain < table->old_count) {
        at = at == 0 ? table->old_count - 1 : at - 1;
        if (table->old[at].overflow == 0) break;
        chain++;
    }
    return chain;
}

static void move_homes(struct shard *shard, struct table *table, uint32_t batch)
{
    struct move move = move_begin(shard, table, batch);
    uint32_t first = table->moved, at = first;
    uint32_t chain = chain_before(table, first, move.most_chain);
    struct group *last = &table->old[first + batch - 1];

    for (uint32_t steps = 1; steps <= table->old_count; steps++) {
        move_from_group(&move, at, chain);
        /* The homes before are empty, so what still lives behind the last group is nearly always
         * ours. */
        if (steps >= batch && (last->overflow == 0 || table->old[at].overflow == 0)) break;
        chain = table->old[at].overflow > 0 ? chain + 1 : 0;
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

/* When keys have to be read, they lie anywhere in memory: so all of a batch are fetched at once before the first is
 * read, and the groups of the next batch before it comes. */
static void table_prefetch_batch(const struct table *table, uint32_t batch)
{
    uint32_t at = table->moved;
    uint32_t end = at + batch + 1 < table->old_count ? at + batch + 1 : table->old_count;
    uint32_t after =
        end + HOMES_A_BATCH < table->old_count ? end + HOMES_A_BATCH : table->old_count;

    if (table->flags & TABLE_REKEYING || place_tag_shift(table->count) != place_tag_shift(table->old_count)) {
        for (; at < end; at++) group_prefetch_entries(&table->old[at]);
    }
    for (at = end; at < after; at++) prefetch(&table->old[at]);
}

/* So many groups of the new array have memory behind them once so many homes have moved. */
static uint32_t table_backed(const struct table *table, uint32_t moved)
{
    uint64_t reached = (uint64_t)moved * table->count / table->old_count;
    uint64_t whole = (reached + GROUPS_BACKED - 1) / GROUPS_BACKED * GROUPS_BACKED;

    return whole < table->count ? (uint32_t)whole : table->count;
}

static void table_back_batch(struct table *table, uint32_t batch)
{
    uint32_t from = table_backed(table, table->moved), to = table_backed(table, table->moved + batch);

    if (unlikely(to > from) && array_is_paged(table->count)) {
        slab_pages_back(table->groups + from, (to - from) * sizeof(struct group));
    }
}

void table_move(struct shard *shard, struct table *table, uint32_t homes)
{
    while (homes > 0 && table->moved < table->old_count) {
        uint32_t left = table->old_count - table->moved;
        uint32_t batch = homes < HOMES_A_BATCH ? homes : HOMES_A_BATCH;

        if (batch > left) batch = left;
        table_back_batch(table, batch);
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
