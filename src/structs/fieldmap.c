#include "coatcheck/base/compaction.h"
#include "fieldmap_internal.h"

/* --- the directory --- */

void fieldmap_put_segment(struct fieldmap *map, size_t first, struct segment segment, uint16_t live)
{
    size_t entries = entries_of(map, segment.depth);
    uint64_t entry = (uint64_t)(uintptr_t)segment.groups | (uint64_t)segment.count << 48 |
                     (uint64_t)segment.depth << 58;
    int64_t soonest_ms = NEVER;

    for (size_t i = 0; i < entries; i++) map->directory[first + i] = entry;
    map->counts[first] = live;
    if (likely(!map->soonest)) return;
    for (uint32_t i = 0; i < segment.count; i++) {
        if (group_soonest(&segment.groups[i]) < soonest_ms) soonest_ms = group_soonest(&segment.groups[i]);
    }
    map->soonest[first] = soonest_ms;
}

struct fieldgroup *fieldmap_groups_new(struct fieldmap *map, uint32_t count)
{
    struct fieldgroup *groups = mem_alloc_zeroed(segment_bytes(count));

    if (!groups) return NULL;
    must((uintptr_t)groups >> 48 == 0);
    map->used_bytes += mem_good_size(segment_bytes(count));
    return groups;
}

void fieldmap_groups_free(struct fieldmap *map, struct fieldgroup *groups, uint32_t count)
{
    mem_free_sized(groups, segment_bytes(count));
    map->used_bytes -= mem_good_size(segment_bytes(count));
}

bool fieldmap_directory_new(struct fieldmap *map, unsigned bits)
{
    map->directory = mem_alloc(directory_bytes(bits));
    if (!map->directory) return false;
    if (map->soonest) {
        map->soonest = mem_alloc(soonest_bytes(bits));
        if (!map->soonest) {
            mem_free_sized(map->directory, directory_bytes(bits));
            return false;
        }
        map->used_bytes += mem_good_size(soonest_bytes(bits));
    }
    map->counts = (uint16_t *)(map->directory + ((size_t)1 << bits));
    memset(map->counts, 0, sizeof(uint16_t) << bits);
    map->bits = bits;
    map->used_bytes += mem_good_size(directory_bytes(bits));
    return true;
}

void fieldmap_directory_free(struct fieldmap *map)
{
    mem_free_sized(map->directory, directory_bytes(map->bits));
    map->used_bytes -= mem_good_size(directory_bytes(map->bits));
    if (!map->soonest) return;
    mem_free_sized(map->soonest, soonest_bytes(map->bits));
    map->used_bytes -= mem_good_size(soonest_bytes(map->bits));
}

enum status fieldmap_init(struct fieldmap *map)
{
    struct segment first = {.count = 1};

    *map = (struct fieldmap){.deepest = 1, .soonest_ms = NEVER};
    if (!fieldmap_directory_new(map, 0)) return NO_MEMORY;
    first.groups = fieldmap_groups_new(map, 1);
    if (!first.groups) {
        fieldmap_directory_free(map);
        return NO_MEMORY;
    }
    fieldmap_put_segment(map, 0, first, 0);
    return OK;
}

static void directory_compact(struct fieldmap *map)
{
    map->directory = mem_compact(map->directory);
    map->counts = (uint16_t *)(map->directory + ((size_t)1 << map->bits));
    if (map->soonest) map->soonest = mem_compact(map->soonest);
}

static void segment_compact(struct fieldmap *map, size_t first, struct segment *segment)
{
    struct fieldgroup *moved = mem_compact(segment->groups);

    if (moved == segment->groups) return;
    must((uintptr_t)moved >> 48 == 0);
    segment->groups = moved;
    fieldmap_put_segment(map, first, *segment, map->counts[first]);
}

/* | entry | group 10 | */
#define GROUP_BITS 10
_Static_assert(GROUPS_LIMIT < 1 << GROUP_BITS, "a group's number fits");

uint64_t fieldmap_compact(struct fieldmap *map, uint64_t at, struct compaction *compaction)
{
    size_t entry = (size_t)(at >> GROUP_BITS), first;
    uint32_t number = (uint32_t)at & ((1u << GROUP_BITS) - 1);
    struct segment segment;

    if (at == 0) directory_compact(map);
    if (entry >= (size_t)1 << map->bits) return 0;
    segment = segment_at(map, entry);
    first = first_entry(map, entry, segment.depth);
    if (number == 0) segment_compact(map, first, &segment);
    if (number < segment.count) {
        for (unsigned i = 0; i < SLOTS; i++) {
            uint64_t *slot = &segment.groups[number].slots[i];

            if (*slot & FIELD_POINTER && !compaction_is_over(compaction)) field_compact(slot);
        }
    }
    if (number + 1 < segment.count) return (uint64_t)first << GROUP_BITS | (number + 1);
    first += entries_of(map, segment.depth);
    return first < (size_t)1 << map->bits ? (uint64_t)first << GROUP_BITS : 0;
}

enum status fieldmap_mortal_ready(struct fieldmap *map)
{
    size_t entries = (size_t)1 << map->bits;

    if (likely(map->soonest != NULL)) return OK;
    map->soonest = mem_alloc(soonest_bytes(map->bits));
    if (!map->soonest) return NO_MEMORY;
    map->used_bytes += mem_good_size(soonest_bytes(map->bits));
    for (size_t i = 0; i < entries; i++) map->soonest[i] = NEVER;
    return OK;
}

/* --- groups --- */

/* There is a free slot. `deadline_ms` is the field's. */
static struct fieldgroup *segment_insert(struct segment segment, uint64_t hash, uint64_t slot, int64_t deadline_ms)
{
    uint32_t at = home_of(segment, position_of(hash)), empty;
    struct fieldgroup *group = &segment.groups[at];

    while (unlikely(!(empty = group_match(group, 0)))) {
        if (group_overflow(group) < STICKY) group->head += UINT64_C(1) << OVERFLOW_SHIFT;
        at = next_group(at, segment.count);
        group = &segment.groups[at];
    }
    *group_first_slot(group, empty) = slot_with_tag(slot, hash);
    if (unlikely(deadline_ms != NEVER)) group_note(group, deadline_ms);
    return group;
}

bool fieldmap_find(const struct fieldmap *map, uint64_t hash, struct bytes name, struct fieldspot *spot)
{
    struct segment segment = segment_at(map, entry_for(map, position_of(hash)));
    uint32_t at = home_of(segment, position_of(hash)), left = segment.count;

    for (;;) {
        struct fieldgroup *group = &segment.groups[at];

        for (uint32_t slots = group_match(group, tag_of(hash)); slots; slots &= slots - 1) {
            uint64_t *slot = group_first_slot(group, slots);

            if (unlikely(!field_is(*slot, name))) continue;
            *spot = (struct fieldspot){slot, group};
            return true;
        }
        if (likely(!group_overflow(group)) || --left == 0) return false;
        at = next_group(at, segment.count);
    }
}

void fieldmap_prefetch_group(const struct fieldmap *map, uint64_t hash)
{
    struct segment segment = segment_at(map, entry_for(map, position_of(hash)));

    prefetch(&segment.groups[home_of(segment, position_of(hash))]);
}

void fieldmap_prefetch_field(const struct fieldmap *map, uint64_t hash)
{
    struct segment segment = segment_at(map, entry_for(map, position_of(hash)));
    struct fieldgroup *group = &segment.groups[home_of(segment, position_of(hash))];

    for (uint32_t slots = group_match(group, tag_of(hash)); slots; slots &= slots - 1) {
        prefetch(field_at(*group_first_slot(group, slots)));
    }
}

/* A field with this deadline has come into the group. */
static void note(struct fieldmap *map, uint64_t hash, struct fieldgroup *group, int64_t deadline_ms)
{
    size_t at = entry_for(map, position_of(hash)), first = first_entry(map, at, segment_at(map, at).depth);

    group_note(group, deadline_ms);
    if (deadline_ms < map->soonest[first]) map->soonest[first] = deadline_ms;
    if (deadline_ms < map->soonest_ms) map->soonest_ms = deadline_ms;
}

uint64_t fieldmap_swap(struct fieldmap *map, uint64_t hash, const struct fieldspot *spot, uint64_t slot)
{
    uint64_t old = *spot->slot;

    *spot->slot = slot_with_tag(slot, hash);
    map->used_bytes += field_used_bytes(slot) - field_used_bytes(old);
    if (slot & FIELD_MORTAL) note(map, hash, spot->group, field_deadline_ms(slot));
    return old;
}

bool fieldmap_overwrite(struct fieldmap *map, uint64_t hash, const struct fieldspot *spot, struct bytes value,
                        int64_t deadline_ms)
{
    if (!field_overwrite(spot->slot, value, deadline_ms)) return false;
    if (deadline_ms != NEVER && deadline_ms != FIELD_READY) note(map, hash, spot->group, deadline_ms);
    return true;
}

/* --- growth --- */

/* The bits of the position that all in a segment have in common. */
static inline uint32_t prefix_of(const struct fieldmap *map, size_t first, unsigned depth)
{
    return (uint32_t)(first >> (map->bits - depth));
}

/* Copies what belongs there by its hash. Names lie anywhere in memory: those of a group are fetched together. */
static uint16_t segment_fill(struct segment into, const struct fieldgroup *from, uint32_t count, uint32_t prefix)
{
    uint16_t live = 0;

    group_prefetch_fields(from);
    for (uint32_t i = 0; i < count; i++) {
        if (i + 1 < count) group_prefetch_fields(&from[i + 1]);
        for (unsigned s = 0; s < SLOTS; s++) {
            uint64_t slot = from[i].slots[s], hash;

            if (!slot) continue;
            hash = hash_bytes(field_name(slot));
            if (into.depth > 0 && position_of(hash) >> (32 - into.depth) != prefix) continue;
            segment_insert(into, hash, slot, field_deadline_ms(slot));
            live++;
        }
    }
    return live;
}

static bool segment_resize(struct fieldmap *map, size_t first, uint32_t groups)
{
    struct segment old = segment_at(map, first), new = {NULL, groups, old.depth};
    uint16_t live = map->counts[first];

    new.groups = fieldmap_groups_new(map, groups);
    if (!new.groups) return false;
    must(segment_fill(new, old.groups, old.count, prefix_of(map, first, old.depth)) == live);
    fieldmap_put_segment(map, first, new, live);
    fieldmap_groups_free(map, old.groups, old.count);
    return true;
}

static bool directory_double(struct fieldmap *map)
{
    struct fieldmap old = *map;

    if (!fieldmap_directory_new(map, old.bits + 1)) {
        *map = old;
        return false;
    }
    for (size_t i = 0; i < (size_t)1 << old.bits; i++) {
        map->directory[2 * i] = map->directory[2 * i + 1] = old.directory[i];
        map->counts[2 * i] = old.counts[i];
        if (map->soonest) map->soonest[2 * i] = map->soonest[2 * i + 1] = old.soonest[i];
    }
    old.used_bytes = map->used_bytes;
    fieldmap_directory_free(&old);
    map->used_bytes = old.used_bytes;
    map->deepest = 0;
    return true;
}

static void directory_halve(struct fieldmap *map)
{
    struct fieldmap old = *map;

    if (!fieldmap_directory_new(map, old.bits - 1)) {
        *map = old;
        return;
    }
    map->deepest = 0;
    for (size_t i = 0; i < (size_t)1 << map->bits; i++) {
        map->directory[i] = old.directory[2 * i];
        map->counts[i] = old.counts[2 * i];
        if (map->soonest) map->soonest[i] = old.soonest[2 * i];
        map->deepest += segment_at(map, i).depth == map->bits;
    }
    old.used_bytes = map->used_bytes;
    fieldmap_directory_free(&old);
    map->used_bytes = old.used_bytes;
}

static uint32_t count_ones(struct segment segment)
{
    uint32_t ones = 0;

    group_prefetch_fields(segment.groups);
    for (uint32_t i = 0; i < segment.count; i++) {
        if (i + 1 < segment.count) group_prefetch_fields(&segment.groups[i + 1]);
        for (unsigned s = 0; s < SLOTS; s++) {
            uint64_t slot = segment.groups[i].slots[s];

            if (!slot) continue;
            ones += position_of(hash_bytes(field_name(slot))) << segment.depth >> 31;
        }
    }
    return ones;
}

static bool segment_split(struct fieldmap *map, uint32_t position)
{
    size_t first = entry_for(map, position), half;
    struct segment old = segment_at(map, first), zero, one;
    uint32_t ones = count_ones(old), live;

    if (old.depth == map->bits && !directory_double(map)) return false;
    first = first_entry(map, entry_for(map, position), old.depth);
    half = (size_t)1 << (map->bits - old.depth - 1);
    live = map->counts[first];
    zero = (struct segment){NULL, segment_size_for(live - ones, SLOTS), old.depth + 1};
    one = (struct segment){NULL, segment_size_for(ones, SLOTS), old.depth + 1};
    zero.groups = fieldmap_groups_new(map, zero.count);
    one.groups = zero.groups ? fieldmap_groups_new(map, one.count) : NULL;
    if (!one.groups) {
        if (zero.groups) fieldmap_groups_free(map, zero.groups, zero.count);
        return false;
    }
    segment_fill(zero, old.groups, old.count, prefix_of(map, first, zero.depth));
    segment_fill(one, old.groups, old.count, prefix_of(map, first + half, one.depth));
    fieldmap_put_segment(map, first, zero, (uint16_t)(live - ones));
    fieldmap_put_segment(map, first + half, one, (uint16_t)ones);
    fieldmap_groups_free(map, old.groups, old.count);
    if (zero.depth == map->bits) map->deepest += 2;
    return true;
}

enum status fieldmap_reserve(struct fieldmap *map, uint64_t hash)
{
    for (;;) {
        size_t at = entry_for(map, position_of(hash)), first;
        struct segment segment = segment_at(map, at);
        bool grown;

        first = first_entry(map, at, segment.depth);
        if (likely(!segment_is_full(map->counts[first], segment.count * SLOTS))) return OK;
        if (segment.count < GROUPS_MAX || (segment.depth >= DEPTH_MAX && segment.count < GROUPS_LIMIT)) {
            grown = segment_resize(map, first, segment_next_size(segment.count));
        } else {
            grown = segment.depth < DEPTH_MAX && segment_split(map, position_of(hash));
        }
        /* There is no memory for more; a slot may be free still. */
        if (grown) continue;
        first = first_entry(map, entry_for(map, position_of(hash)), segment.depth);
        return map->counts[first] < segment.count * SLOTS ? OK : NO_MEMORY;
    }
}

/* --- changes --- */

void fieldmap_add(struct fieldmap *map, uint64_t hash, uint64_t slot)
{
    size_t at = entry_for(map, position_of(hash));
    struct segment segment = segment_at(map, at);
    size_t first = first_entry(map, at, segment.depth);
    struct fieldgroup *group;

    must(map->counts[first] < segment.count * SLOTS);
    group = segment_insert(segment, hash, slot, NEVER);
    map->counts[first]++;
    map->count++;
    map->used_bytes += field_used_bytes(slot);
    if (unlikely(slot & FIELD_MORTAL)) note(map, hash, group, field_deadline_ms(slot));
}

uint64_t fieldmap_segment_take(struct fieldmap *map, size_t first, uint64_t hash, uint32_t at, uint64_t *slot)
{
    struct segment segment = segment_at(map, first);
    uint64_t taken = *slot;

    *slot = 0;
    for (uint32_t i = home_of(segment, position_of(hash)); i != at; i = next_group(i, segment.count)) {
        if (group_overflow(&segment.groups[i]) < STICKY) segment.groups[i].head -= UINT64_C(1) << OVERFLOW_SHIFT;
    }
    map->count--;
    map->counts[first]--;
    map->used_bytes -= field_used_bytes(taken);
    return taken;
}

/* Two halves of what was one, together again, at entry *first. */
static bool merge_with_buddy(struct fieldmap *map, size_t *first, struct segment segment)
{
    size_t span = entries_of(map, segment.depth), buddy = *first ^ span, low = *first & ~span;
    struct segment other = segment_at(map, buddy), both;
    uint32_t live = map->counts[*first];

    if (other.depth != segment.depth) return false;
    live += map->counts[buddy];
    if (live > GROUPS_MAX * SLOTS / 2) return false;
    both = (struct segment){NULL, segment_size_for(live, SLOTS), segment.depth - 1};
    both.groups = fieldmap_groups_new(map, both.count);
    if (!both.groups) return false;
    segment_fill(both, segment.groups, segment.count, prefix_of(map, low, both.depth));
    segment_fill(both, other.groups, other.count, prefix_of(map, low, both.depth));
    if (segment.depth == map->bits) map->deepest -= 2;
    fieldmap_groups_free(map, segment.groups, segment.count);
    fieldmap_groups_free(map, other.groups, other.count);
    fieldmap_put_segment(map, low, both, (uint16_t)live);
    *first = low;
    if (map->deepest == 0 && map->bits > 0) {
        unsigned bits = map->bits;

        directory_halve(map);
        *first = low >> (bits - map->bits);
    }
    return true;
}

void fieldmap_segment_settle(struct fieldmap *map, size_t first)
{
    struct segment segment = segment_at(map, first);

    while (unlikely(map->counts[first] * 3u < segment.count * SLOTS) && segment.depth > 0 &&
           merge_with_buddy(map, &first, segment)) {
        segment = segment_at(map, first);
    }
    if (likely(map->counts[first] * 3u >= segment.count * SLOTS)) return;
    if (segment_size_for(map->counts[first], SLOTS) < segment.count) {
        (void)segment_resize(map, first, segment_size_for(map->counts[first], SLOTS));
    }
}

uint64_t fieldmap_remove(struct fieldmap *map, uint64_t hash, const struct fieldspot *spot)
{
    size_t entry = entry_for(map, position_of(hash));
    struct segment segment = segment_at(map, entry);
    size_t first = first_entry(map, entry, segment.depth);
    uint64_t taken = fieldmap_segment_take(map, first, hash, (uint32_t)(spot->group - segment.groups), spot->slot);

    fieldmap_segment_settle(map, first);
    return taken;
}
