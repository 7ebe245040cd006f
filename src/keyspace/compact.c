/* compact: moves entries out of slabs that are far from full, so that these can go back.
 * Only keyspace/ can do that: an entry is reached from exactly one slot, and nobody outside keeps a pointer to it
 * beyond the shard. */
#include "keyspace_internal.h"

/* A hold of the shard is over after about so long. */
#define HOLD_US 20
#define GROUPS_A_LOOK 4 /* between looks at the clock */

/* What hangs from an entry stays where it is but for its own blocks, which it alone knows. */
static void compact_container(const struct entry *entry, enum compact_whose whose)
{
    const struct value_kind *kind;

    if (entry_type(entry) == VALUE_STRING) return;
    kind = value_kind_of(entry_type(entry));
    if (kind->compact) kind->compact(entry_container(entry), whose == COMPACT_OWN);
}

static void move_if_sparse(struct shard *shard, uint64_t *slot, enum compact_whose whose)
{
    struct entry *entry = slot_entry(*slot), *moved;
    size_t size;

    compact_container(entry, whose);
    if (entry_form(entry) == ENTRY_GROWN) return;
    size = entry_size(entry);
    if (size > SLAB_MOST || !slab_is_sparse(entry)) return;
    if (whose == COMPACT_OWN && !slab_is_own(entry)) return;
    moved = slab_alloc(size);
    if (!moved) return;
    memcpy(moved, entry, size);
    *slot = slot_make(moved, slot_tag(*slot));
    chores_add_block(shard, entry);
}

static struct group *group_at(const struct table *table, uint64_t at)
{
    return at < table->count ? &table->groups[at] : &table->old[at - table->count];
}

/* One hold of the shard. The groups may have become others since the last: who is missed is met in the next round,
 * if there is still anything to win. True: through. */
static bool compact_hold(struct shard *shard, unsigned db, uint64_t *at, enum compact_whose whose,
                         uint64_t until_ticks)
{
    struct table *table = shard_table(shard, db);
    uint64_t count = (uint64_t)table->count + table->old_count;

    while (*at < count) {
        struct group *group = group_at(table, *at);

        if (++*at < count) group_prefetch_entries(group_at(table, *at));
        for (unsigned i = 0; i < GROUP_SLOTS; i++) {
            if (group->slots[i]) move_if_sparse(shard, &group->slots[i], whose);
        }
        if (*at % GROUPS_A_LOOK == 0 && clock_ticks() >= until_ticks) return false;
    }
    return true;
}

/* False: there was more to do than time. */
static bool compact_table(struct shard *shard, unsigned db, uint64_t *at, enum compact_whose whose,
                          uint64_t until_ticks)
{
    while (slab_wants_moves()) {
        uint64_t hold_until = clock_ticks() + clock_us_to_ticks(HOLD_US);
        bool through;

        shard_enter(shard);
        through = compact_hold(shard, db, at, whose, hold_until < until_ticks ? hold_until : until_ticks);
        shard_leave(shard);
        if (through) break;
        if (clock_ticks() >= until_ticks) return false;
    }
    *at = 0;
    return true;
}

bool compact_shard(struct keyspace *keyspace, struct shard *shard, struct compact_place *place,
                   enum compact_whose whose, uint64_t until_ticks)
{
    for (; place->db < keyspace->rules.databases; place->db++) {
        struct table *table = shard_table(shard, place->db);

        if (!table || !__atomic_load_n(&table->groups, __ATOMIC_RELAXED)) continue;
        if (!compact_table(shard, place->db, &place->at, whose, until_ticks)) return false;
    }
    place->db = 0;
    return true;
}

void keyspace_compact(struct keyspace *keyspace, unsigned lane, uint64_t until_ticks)
{
    struct lane *own = &keyspace->lanes[lane];

    must(lane < LANES_MAX);
    for (unsigned shards = 0; shards <= keyspace->shard_count && slab_wants_moves(); shards++) {
        struct shard *shard = &keyspace->shards[own->press_next & (keyspace->shard_count - 1)];

        if (!compact_shard(keyspace, shard, &own->press, COMPACT_OWN, until_ticks)) break;
        own->press_next++;
        if (clock_ticks() >= until_ticks) break;
    }
    slab_press(until_ticks);
}
