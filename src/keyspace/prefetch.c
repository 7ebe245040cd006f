/* prefetch: what keys that are about to be looked up will read, asked for together.
 *
 * A prefetch does not wait for its line, but the processor cannot leave it behind before it knows the address, and in a
 * large key space that is a walk through page tables. Several walks are under way at once only if their prefetches stand
 * some ten instructions apart: so each step is a short loop over all keys, with nothing else in it. */
#include "coatcheck/keyspace/key.h"
#include "coatcheck/values/kind.h"
#include "evict_internal.h"
#include "keyspace_internal.h"

/* Reads a table that others may be changing: what comes of it is an address to fetch and nothing
 * more. */
static inline __attribute__((no_sanitize("thread"))) const struct group *group_about(const struct key *key)
{
    struct table *table = shard_table(key->shard, key->db);
    struct group *groups;
    uint32_t count, home;

    if (unlikely(!table)) return NULL;
    groups = __atomic_load_n(&table->groups, __ATOMIC_RELAXED);
    count = __atomic_load_n(&table->count, __ATOMIC_RELAXED);
    home = place_home(key->hash, count);
    if (unlikely(__atomic_load_n(&table->old, __ATOMIC_RELAXED) != NULL)) {
        uint32_t old_count = __atomic_load_n(&table->old_count, __ATOMIC_RELAXED);
        uint32_t old_home = place_home(key->hash, old_count);

        if (old_home >= __atomic_load_n(&table->moved, __ATOMIC_RELAXED)) {
            groups = __atomic_load_n(&table->old, __ATOMIC_RELAXED);
            home = old_home;
        }
    }
    return (const struct group *)((const char *)groups + (size_t)home * sizeof *groups);
}

/* What putting a key reads that is probably not there: who counts newcomers, and the place of its ghost. */
static inline void prefetch_for_new(const struct key *key, const struct walk *walk)
{
    prefetch(array_foot(walk->groups, walk->count));
    if (key->shard->ghost) prefetch(ghost_of(key->shard, key->hash));
}

/* Asks for the entry when the group has it, which stands `steps` behind the key's home, and for the next group when that
 * one may. True: so it is. The shard is entered: an array that others have left behind may be no memory any more. */
static inline bool prefetch_entry_of(const struct key *key, uint32_t steps)
{
    struct table *table;
    bool goes_on = false;

    if (!shard_try_lock(key->shard)) return false;
    table = shard_table(key->shard, key->db);
    if (likely(table && table->groups)) {
        struct walk walk = table_walk(table, key->hash, key->name);
        uint32_t at = walk.home + steps;
        struct group *group = &walk.groups[at < walk.count ? at : 0];
        uint32_t slots = group_match(group, walk.tag);

        goes_on = !slots && group->overflow > 0;
        if (slots) {
            prefetch_entry(slot_entry(*group_first_slot(group, slots)));
        } else if (steps == 0) {
            prefetch_for_new(key, &walk);
        }
        if (goes_on) {
            prefetch(group + 1);
            prefetch(group + 2);
        }
    }
    shard_unlock(key->shard);
    return goes_on;
}

void key_prefetch_shard(const struct key *key)
{
    prefetch(key->shard);
}

void keys_prefetch(const struct key *const *keys, unsigned count)
{
    const struct key *further[KEYS_AHEAD];
    unsigned n_further = 0;

    must(count <= KEYS_AHEAD);
    for (unsigned i = 0; i < count; i++) prefetch(group_about(keys[i]));
    /* One or two are looked up as soon as their entries could be asked for. */
    if (count <= 2) return;
    for (unsigned i = 0; i < count; i++) {
        further[n_further] = keys[i];
        n_further += prefetch_entry_of(keys[i], 0);
    }
    for (unsigned i = 0; i < n_further; i++) prefetch_entry_of(further[i], 1);
}

/* The first one with the key's tag in its home group will do: whose it is makes no difference to a hint. NULL: there is
 * none, or it is a string. */
static inline const struct entry *container_entry(const struct key *key)
{
    struct table *table = shard_table(key->shard, key->db);
    struct walk walk;
    struct group *group;
    struct entry *entry;
    uint32_t slots;

    if (unlikely(!table || !table->groups)) return NULL;
    walk = table_walk(table, key->hash, key->name);
    group = &walk.groups[walk.home];
    slots = group_match(group, walk.tag);
    if (!slots) return NULL;
    entry = slot_entry(*group_first_slot(group, slots));
    return (entry->head & HEAD_TYPE) != VALUE_STRING ? entry : NULL;
}

unsigned key_elements_prefetch(struct key_element *elements, unsigned count, unsigned step)
{
    unsigned left = 0;

    for (unsigned i = 0, end; i < count; i = end) {
        const struct key *key = elements[i].key;
        const struct value_kind *kind = NULL;
        const struct entry *entry = NULL;

        for (end = i + 1; end < count && key_seems_same(elements[end].key, key);) end++;
        if (!shard_try_lock(key->shard)) continue;
        entry = container_entry(key);
        if (likely(entry != NULL)) kind = value_kind_of(entry_type(entry));
        for (unsigned k = i; kind && kind->prefetch && k < end; k++) {
            if (kind->prefetch(entry_container(entry), elements[k].element, step, &elements[k].memo))
                elements[left++] = elements[k];
        }
        shard_unlock(key->shard);
    }
    return left;
}
