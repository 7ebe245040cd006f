/* compact: moves entries out of slabs that are far from full, and what hangs from them out of the allocator's, so that
 * these can go back.
 * Only keyspace/ can do that: an entry is reached from exactly one slot, and nobody outside keeps a pointer to it
 * beyond the shard. Which of the allocator's blocks to move is its own figures' say, as in redis-server's active
 * defragmentation, with which this shares the idea: a block moves when its slab is emptier than the average of its size. */
#include "coatcheck/base/compaction.h"
#include "coatcheck/base/held.h"
#include "keyspace_internal.h"

/* A hold of the shard is over after about so long. */
#define HOLD_US 20
#define GROUPS_A_LOOK 4 /* between looks at the clock */

/* Gaps between the allocator's blocks are worth closing from such a part of what is held on, and so many bytes; the
 * second ones when pages are short. */
#define GAPS_PART 8
#define GAPS_LEAST ((size_t)8 << 20)
#define PRESSED_GAPS_PART 64
#define PRESSED_GAPS_LEAST ((size_t)2 << 20)

/* A round that closed less than this part of the gaps was for nothing: what is in them cannot be moved. The next one is
 * made when they have grown by GAPS_MORE. */
#define ROUND_PART 32
#define GAPS_MORE 4

static _Atomic size_t gaps_given_up;

static bool blocks_pay(enum compact_whose whose)
{
    size_t gaps = mem_gaps(), given_up = atomic_load_explicit(&gaps_given_up, memory_order_relaxed);
    size_t least = whose == COMPACT_ALL ? GAPS_LEAST : PRESSED_GAPS_LEAST;

    if (unlikely(gaps < given_up / 2)) atomic_store_explicit(&gaps_given_up, 0, memory_order_relaxed);
    if (likely(gaps < least)) return false;
    return gaps > held_all() / (whose == COMPACT_ALL ? GAPS_PART : PRESSED_GAPS_PART) &&
           gaps > given_up + given_up / GAPS_MORE;
}

bool compact_pays(enum compact_whose whose)
{
    return slab_wants_moves() || blocks_pay(whose);
}

void compact_round_begin(struct compact_round *round)
{
    *round = (struct compact_round){.moved_before = mem_compacted_by_all(), .seen_before = mem_gaps_seen(), .is_whole = true};
}

void compact_round_end(const struct compact_round *round, enum compact_whose whose)
{
    size_t gaps = mem_gaps();

    if (!round->is_whole || round->seen_before == mem_gaps_seen() || !blocks_pay(whose) || gaps == SIZE_MAX) return;
    if (mem_compacted_by_all() - round->moved_before >= gaps / ROUND_PART) return;
    atomic_store_explicit(&gaps_given_up, gaps, memory_order_relaxed);
}

/* Counts by address: one that falls to the same place as another waits with it. */
#define PINS 256
static _Atomic uint32_t pins[PINS];

static _Atomic uint32_t *pin_of(const void *container)
{
    return &pins[(uintptr_t)container * UINT64_C(0x9e3779b97f4a7c15) >> 56];
}

void container_pin(const void *container)
{
    atomic_fetch_add_explicit(pin_of(container), 1, memory_order_relaxed);
}

void container_unpin(const void *container)
{
    atomic_fetch_sub_explicit(pin_of(container), 1, memory_order_relaxed);
}

/* True: it is through. */
static bool compact_container(struct entry *entry, struct compaction *compaction)
{
    void *container = entry_container(entry), *was = container;
    bool is_through;

    if (unlikely(atomic_load_explicit(pin_of(container), memory_order_relaxed) > 0)) return true;
    is_through = value_kind_of(entry_type(entry))->compact(&container, compaction);

    if (container != was) entry_set_container(entry, container);
    return is_through;
}

static void move_if_sparse(struct shard *shard, uint64_t *slot, const struct compaction *compaction)
{
    struct entry *entry = slot_entry(*slot), *moved;
    size_t size;

    if (entry_form(entry) == ENTRY_GROWN) return;
    size = entry_size(entry);
    if (size > SLAB_MOST || !slab_is_sparse(entry)) return;
    if (compaction->own_only && !slab_is_own(entry)) return;
    moved = slab_alloc(size);
    if (!moved) return;
    memcpy(moved, entry, size);
    *slot = slot_make(moved, slot_tag(*slot));
    chores_add_block(shard, entry);
}

/* False: the time is up, and the place is where to go on. */
static bool compact_slot(struct shard *shard, uint64_t *slot, struct compact_place *place, struct compaction *compaction)
{
    struct entry *entry = slot_entry(*slot);

    if (entry_type(entry) == VALUE_STRING) {
        move_if_sparse(shard, slot, compaction);
        return true;
    }
    compaction->at = place->within;
    place->within = 0;
    if (!compact_container(entry, compaction)) {
        place->within = compaction->at;
        return false;
    }
    move_if_sparse(shard, slot, compaction);
    place->slot++;
    return !compaction_is_over(compaction);
}

static struct group *group_at(const struct table *table, uint64_t at)
{
    return at < table->count ? &table->groups[at] : &table->old[at - table->count];
}

/* True: through with the group. */
static bool compact_group(struct shard *shard, struct group *group, struct compact_place *place,
                          struct compaction *compaction)
{
    while (place->slot < GROUP_SLOTS) {
        unsigned slot = place->slot;

        if (group->slots[slot] && !compact_slot(shard, &group->slots[slot], place, compaction)) return false;
        place->slot = slot + 1;
    }
    place->slot = 0;
    return true;
}

/* One hold of the shard. The groups may have become others since the last: who is missed is met in the next round,
 * if there is still anything to win. True: through. */
static bool compact_hold(struct shard *shard, struct compact_place *place, struct compaction *compaction)
{
    struct table *table = shard_table(shard, place->db);
    uint64_t count = (uint64_t)table->count + table->old_count;

    while (place->at < count) {
        if (place->at + 1 < count) group_prefetch_entries(group_at(table, place->at + 1));
        if (!compact_group(shard, group_at(table, place->at), place, compaction)) return false;
        place->at++;
        if (place->at % GROUPS_A_LOOK == 0 && clock_ticks() >= compaction->until_ticks) return false;
    }
    return true;
}

/* False: there was more to do than time. */
static bool compact_table(struct shard *shard, struct compact_place *place, struct compact_round *round,
                          enum compact_whose whose, uint64_t until_ticks)
{
    while (compact_pays(whose)) {
        uint64_t hold_until = clock_ticks() + clock_us_to_ticks(HOLD_US);
        struct compaction compaction = {.until_ticks = hold_until < until_ticks ? hold_until : until_ticks,
                                        .own_only = whose == COMPACT_OWN,
                                        .moves_blocks = blocks_pay(whose)};
        bool is_through;

        if (!compaction.moves_blocks) round->is_whole = false;
        shard_enter(shard);
        is_through = compact_hold(shard, place, &compaction);
        shard_leave(shard);
        if (is_through) break;
        if (clock_ticks() >= until_ticks) return false;
    }
    return true;
}

bool compact_shard(struct keyspace *keyspace, struct shard *shard, struct compact_place *place,
                   struct compact_round *round, enum compact_whose whose, uint64_t until_ticks)
{
    for (; place->db < keyspace->rules.databases; place->db++) {
        struct table *table = shard_table(shard, place->db);

        if (table && __atomic_load_n(&table->groups, __ATOMIC_RELAXED)) {
            if (!compact_pays(whose)) round->is_whole = false;
            if (!compact_table(shard, place, round, whose, until_ticks)) return false;
        }
        *place = (struct compact_place){.db = place->db};
    }
    *place = (struct compact_place){0};
    return true;
}

bool keyspace_compact(struct keyspace *keyspace, unsigned lane, uint64_t until_ticks)
{
    struct lane *own = &keyspace->lanes[lane];

    must(lane < LANES_MAX);
    for (unsigned shards = 0; shards <= keyspace->shard_count && compact_pays(COMPACT_OWN); shards++) {
        unsigned next = own->press_next & (keyspace->shard_count - 1);

        if (next == 0 && compact_begins(&own->press)) compact_round_begin(&own->press_round);
        if (!compact_shard(keyspace, &keyspace->shards[next], &own->press, &own->press_round, COMPACT_OWN, until_ticks)) break;
        own->press_next++;
        if (next == keyspace->shard_count - 1) compact_round_end(&own->press_round, COMPACT_OWN);
        if (clock_ticks() >= until_ticks) break;
    }
    slab_press(until_ticks);
    return compact_pays(COMPACT_OWN);
}
