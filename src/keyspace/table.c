#include "table_internal.h"

#include <unistd.h>
#include "coatcheck/base/mem.h"
#include "evict_internal.h"
#include "hint_internal.h"
#include "shard_internal.h"

/* Chains that chance does not make.
 *
 * In a table of load a, homes get Poisson(7a) keys, and the overflow behind a group is a queue that
 * serves seven a step: its tail falls by e^-t a key, with (e^t - 1) / t = 1 / a. At 0.9, fuller
 * than any table that has got its array, t is 0.207, so 134 keys behind one group have a chance of
 * e^-27.7 = 2^-40.
 *
 * A chain of L full groups needs Poisson(7aL) >= 7L, a chance of e^-(7L (-ln a - (1 - a))), which
 * at 0.9 falls to 2^-40 at L = 740. So either number says that somebody knows our hash; whoever
 * fills group after group just to the brim, to stay below the first, meets the second.
 *
 * Fuller tables, which only stand when memory was refused, are not judged. An array that is being
 * left fills up to 0.93 at its end, where t is 0.148 and 187 keys are chance's limit; it is judged
 * by what a count can hold at all. */
#define FLOOD_OVERFLOW 134
#define FLOOD_STEPS 740
#define FLOOD_OVERFLOW_OLD (OVERFLOW_STUCK - 1)

uint32_t array_count_in(size_t room)
{
    size_t count = room / sizeof(struct group);

    if (count > UINT32_MAX) count = UINT32_MAX;
    while (count > 0 && array_bytes((uint32_t)count) > room) count--;
    return (uint32_t)count;
}

uint32_t array_count_for(size_t bytes)
{
    if (bytes <= ARRAY_PAGED_ABOVE) return array_count_in(entry_large_block_size(bytes));
    return array_count_in((bytes + SLAB_PAGE - 1) & ~(size_t)(SLAB_PAGE - 1));
}

struct group *array_new(uint32_t count)
{
    size_t bytes = array_bytes(count);
    struct group *groups =
        array_is_paged(count) ? slab_pages_alloc(bytes) : mem_alloc_aligned(sizeof *groups, bytes);

    if (groups) array_foot(groups, count)->count = count;
    return groups;
}

void array_free(struct group *groups, uint32_t count)
{
    if (array_is_paged(count)) {
        slab_pages_free(groups, array_bytes(count));
    } else {
        mem_free(groups);
    }
}

size_t array_used_bytes(const struct group *groups, uint32_t count)
{
    size_t bytes = array_bytes(count);

    if (!groups) return 0;
    return array_is_paged(count) ? (bytes + SLAB_PAGE - 1) & ~(size_t)(SLAB_PAGE - 1) : mem_usable(groups);
}

struct walk table_walk_moving(const struct table *table, uint64_t hash, struct bytes name)
{
    uint64_t placed = hash_under(table->seed, hash, name);
    struct walk walk = table_walk_plain(table, placed);

    if (table->old) {
        uint32_t old_seed = table_old_seed(table);
        uint64_t was = old_seed == table->seed ? placed : hash_under(old_seed, hash, name);
        uint32_t home = place_home(was, table->old_count);

        if (home >= table->moved) {
            walk = (struct walk){.groups = table->old,
                                 .count = table->old_count,
                                 .home = home,
                                 .tag = place_tag(was, table->old_count)};
        }
    }
    return walk;
}

struct entry *table_find_on(const struct walk *walk, struct bytes name, struct spot *spot)
{
    uint32_t at = walk->home;

    for (;;) {
        struct group *group = &walk->groups[at];
        uint32_t slots = group_match(group, walk->tag);

        for (; slots; slots &= slots - 1) {
            uint64_t *slot = group_first_slot(group, slots);
            struct entry *entry = slot_entry(*slot);

            if (!entry_is(entry, name)) continue;
            spot->slot = slot;
            spot->group = group;
            return spot->entry = entry;
        }
        if (group->overflow == 0) return NULL;
        if (++at == walk->count) at = 0;
        if (at == walk->home) return NULL;
    }
}

struct entry *table_find_moving(const struct table *table, uint64_t hash, struct bytes name,
                                struct spot *spot)
{
    struct walk walk = table_walk_moving(table, hash, name);

    return table_find_on(&walk, name, spot);
}

uint64_t *array_put(const struct walk *walk, struct group **group, uint32_t *steps,
                    unsigned *overflow)
{
    uint32_t at = walk->home;
    uint32_t empty;

    *steps = 0;
    *overflow = 0;
    while (unlikely((empty = group_empty(&walk->groups[at])) == 0)) {
        if (++at == walk->count) at = 0;
        if (at == walk->home) return NULL;
        ++*steps;
    }
    for (uint32_t passed = walk->home; passed != at;) {
        struct group *full = &walk->groups[passed];

        if (full->overflow != OVERFLOW_STUCK) full->overflow++;
        if (full->overflow > *overflow) *overflow = full->overflow;
        if (++passed == walk->count) passed = 0;
    }
    *group = &walk->groups[at];
    return group_first_slot(&walk->groups[at], empty);
}

void array_take(const struct walk *walk, struct group *group, uint64_t *slot)
{
    unsigned number = (unsigned)(slot - group->slots);
    uint32_t at = (uint32_t)(group - walk->groups);

    must(at < walk->count);
    *slot = 0;
    slot_set_frequency(group, number, 0);
    slot_unset_newcomer(walk->groups, walk->count, group, number);
    for (uint32_t passed = walk->home; passed != at;) {
        struct group *full = &walk->groups[passed];

        must_debug(full->overflow > 0);
        if (full->overflow != OVERFLOW_STUCK) full->overflow--;
        if (++passed == walk->count) passed = 0;
    }
}

/* Reads the key only when its hash is not enough. */
static inline struct walk table_walk_of(const struct table *table, uint64_t hash,
                                        const struct entry *entry)
{
    if (table_is_plain(table)) return table_walk_plain(table, hash);
    return table_walk_moving(table, hash, entry_key(entry));
}

/* The first array, small enough to be got inside the lock. */
static enum status table_begin(struct table *table)
{
    uint32_t count = array_count_for(array_bytes(1));
    struct group *groups = array_new(count);

    if (!groups) return NO_MEMORY;
    table->limit = table_limit(count);
    __atomic_store_n(&table->count, count, __ATOMIC_RELAXED);
    __atomic_store_n(&table->groups, groups, __ATOMIC_RELAXED);
    return OK;
}

/* The table is (nearly) full although it has asked for more: nobody has left the shard since, or
 * memory was refused. Try here and now, as the last means. */
static enum status table_make_room(struct shard *shard, unsigned db, struct table *table)
{
    struct growth growth;
    struct group *groups;

    if (table->old) table_move_all(shard, table);
    if (table->live < table->limit) return OK;
    table->flags &= (uint8_t)~TABLE_CLAIMED;
    growth = table_growth_claim(shard, db, table);
    groups = growth.count ? array_new(growth.count) : NULL;
    if (groups && table_grow_into(shard, table, &growth, groups)) return OK;
    must(!groups);
    table_growth_refused(table);
    return table->live < (uint64_t)table->count * GROUP_SLOTS ? OK : NO_MEMORY;
}

/* Above this a table does not wait for shard_leave() any longer; at once from full. */
static bool table_is_brimming(const struct table *table)
{
    uint64_t slots = (uint64_t)table->count * GROUP_SLOTS;

    return table->live >= slots || (table->live >= slots - slots / 16 && table->live % 64 == 0);
}

/* Whatever has to come before an insert now and then: a first array, a move on, more room. */
static __attribute__((noinline)) enum status table_prepare(struct shard *shard, unsigned db,
                                                           struct table *table)
{
    if (!table->groups && table_begin(table) != OK) return NO_MEMORY;
    if (table->live == UINT32_MAX) return NO_MEMORY;
    if (table->live >= table->limit && table_is_brimming(table) &&
        table_make_room(shard, db, table) != OK) {
        return NO_MEMORY;
    }
    if (table->old) table_move(shard, table, HOMES_A_WRITE);
    return OK;
}

static bool chain_is_flood(const struct table *table, const struct walk *walk, unsigned overflow,
                           uint32_t steps)
{
    uint64_t slots = (uint64_t)table->count * GROUP_SLOTS;

    if (walk->groups == table->old) return overflow >= FLOOD_OVERFLOW_OLD || steps >= FLOOD_STEPS;
    return (overflow >= FLOOD_OVERFLOW || steps >= FLOOD_STEPS) && table->live < slots - slots / 10;
}

/* A slot behind the home group, which is full. */
static __attribute__((noinline)) uint64_t *put_in_chain(struct shard *shard, unsigned db,
                                                        struct table *table, struct walk *walk,
                                                        uint64_t hash, const struct entry *entry,
                                                        struct group **group)
{
    uint32_t steps;
    unsigned overflow;
    uint64_t *slot = array_put(walk, group, &steps, &overflow);

    if (unlikely(!slot)) {
        /* The old array is full; the new one has room, or table_make_room() would have refused. */
        must(table->old != NULL);
        table_move_all(shard, table);
        *walk = table_walk_of(table, hash, entry);
        slot = array_put(walk, group, &steps, &overflow);
        must(slot != NULL);
    }
    if (unlikely(chain_is_flood(table, walk, overflow, steps))) {
        table->flags |= TABLE_FLOODED;
        table_ask(shard, db, table);
    }
    return slot;
}

enum status table_insert(struct shard *shard, unsigned db, struct table *table, uint64_t hash,
                         struct entry *entry, struct spot *spot)
{
    struct group *group;
    struct walk walk;
    uint64_t *slot;
    uint32_t empty;

    /* A table without an array has a limit of 0. */
    if (unlikely(table->live >= table->limit || table->old) &&
        table_prepare(shard, db, table) != OK) {
        return NO_MEMORY;
    }
    walk = table_walk_of(table, hash, entry);
    group = &walk.groups[walk.home];
    empty = group_empty(group);
    if (likely(empty)) {
        slot = group_first_slot(group, empty);
    } else {
        slot = put_in_chain(shard, db, table, &walk, hash, entry, &group);
    }
    *slot = slot_make(entry, walk.tag);
    slot_begin(shard, table, &walk, group, slot, hash);
    spot->slot = slot;
    spot->group = group;
    spot->entry = entry;
    count_add(&table->live, 1);
    if (unlikely(table->live >= table->limit) && !table->old) table_ask(shard, db, table);
    return OK;
}

void table_remove(struct table *table, uint64_t hash, struct spot *spot)
{
    struct walk walk = table_walk_of(table, hash, spot->entry);

    must_debug(spot_holds(spot));
    array_take(&walk, spot->group, spot->slot);
    count_add(&table->live, -1);
}
