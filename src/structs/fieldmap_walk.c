/* fieldmap_walk: over the fields of a map: one by one, page by page, drawn by lot, due, copied, freed, checked. */
#include "fieldmap_internal.h"

#include "coatcheck/base/random.h"

/* --- one by one --- */

void fieldwalk_begin(struct fieldwalk *walk, const struct fieldmap *map)
{
    *walk = (struct fieldwalk){.map = map};
    group_prefetch_fields(segment_at(map, 0).groups);
}

bool fieldwalk_next(struct fieldwalk *walk)
{
    const struct fieldmap *map = walk->map;

    while (walk->at < (size_t)1 << map->bits) {
        struct segment segment = segment_at(map, walk->at);

        for (; walk->group < segment.count; walk->group++, walk->next = 0) {
            const struct fieldgroup *group = &segment.groups[walk->group];

            if (walk->next == 0 && walk->group + 1 < segment.count) group_prefetch_fields(group + 1);
            while (walk->next < SLOTS) {
                walk->slot = group->slots[walk->next++];
                if (walk->slot) return true;
            }
        }
        walk->at += entries_of(map, segment.depth);
        walk->group = walk->next = 0;
    }
    return false;
}

/* --- page by page --- */

uint64_t fieldmap_scan(const struct fieldmap *map, uint32_t cursor, void (*see)(void *context, uint64_t slot),
                       void *context)
{
    struct segment segment = segment_at(map, entry_for(map, cursor));
    uint32_t home = home_of(segment, cursor), at = home;
    uint64_t position, prefix = 0;

    for (uint32_t left = segment.count; left > 0; left--) {
        const struct fieldgroup *group = &segment.groups[at];

        group_prefetch_fields(group);
        for (unsigned s = 0; s < SLOTS; s++) {
            uint64_t slot = group->slots[s];
            uint32_t own;

            if (!slot) continue;
            own = position_of(hash_bytes(field_name(slot)));
            if (own >= cursor && home_of(segment, own) == home) see(context, slot);
        }
        if (!group_overflow(group)) break;
        at = next_group(at, segment.count);
    }
    /* The least position within the segment whose home is the next group, then the least of all with that. */
    position = (((uint64_t)(home + 1) << 32) + segment.count - 1) / segment.count;
    position = (position + ((uint64_t)1 << segment.depth) - 1) >> segment.depth;
    if (segment.depth > 0) prefix = (uint64_t)(cursor >> (32 - segment.depth)) << (32 - segment.depth);
    return prefix + position > UINT32_MAX ? 0 : prefix + position;
}

/* --- by lot --- */

/* Segments are drawn by an entry of the directory, and kept with a chance by how many fields they hold for each of
 * their entries; some four draws on the average, and never many more than some hundreds. */
#define DRAWS 1024

static uint64_t draw_from(struct segment segment, uint64_t *dice)
{
    for (;;) {
        uint64_t at = random_below(dice, (uint64_t)segment.count * SLOTS);
        uint64_t slot = segment.groups[at / SLOTS].slots[at % SLOTS];

        if (slot) return slot;
    }
}

uint64_t fieldmap_draw(const struct fieldmap *map, uint64_t *dice)
{
    uint64_t rank;
    size_t at = 0;

    for (unsigned draws = 0; draws < DRAWS && map->bits > 0; draws++) {
        size_t entry = (size_t)random_below(dice, (uint64_t)1 << map->bits);
        struct segment segment = segment_at(map, entry);
        uint64_t live = map->counts[first_entry(map, entry, segment.depth)];
        uint64_t most = segment.depth >= DEPTH_MAX ? GROUPS_LIMIT * SLOTS : GROUPS_MAX * SLOTS;

        if (random_below(dice, most << (map->bits - segment.depth)) < live) return draw_from(segment, dice);
    }
    /* So few fields in so large a directory that luck would not find one: by count, then. */
    rank = random_below(dice, map->count);
    for (;;) {
        struct segment segment = segment_at(map, at);

        if (rank < map->counts[at]) return draw_from(segment, dice);
        rank -= map->counts[at];
        at += entries_of(map, segment.depth);
    }
}

/* --- what is due --- */

struct expiry {
    struct fieldmap *map;
    int64_t now_ms;
    size_t *steps;
    void (*see)(void *context, struct bytes name);
    void *context;
};

static void expire_group(struct expiry *expiry, size_t first, uint32_t at)
{
    struct fieldgroup *group = &segment_at(expiry->map, first).groups[at];
    int64_t soonest_ms = NEVER;

    for (unsigned s = 0; s < SLOTS; s++) {
        uint64_t slot = group->slots[s], hash;
        int64_t deadline_ms;
        struct bytes name;

        if (!(slot & FIELD_MORTAL)) continue;
        deadline_ms = field_deadline_ms(slot);
        if (deadline_ms > expiry->now_ms) {
            if (deadline_ms < soonest_ms) soonest_ms = deadline_ms;
            continue;
        }
        name = field_name(slot);
        hash = hash_bytes(name);
        if (expiry->see) expiry->see(expiry->context, name);
        field_free(fieldmap_segment_take(expiry->map, first, hash, at, &group->slots[s]));
        if (*expiry->steps > 0) --*expiry->steps;
    }
    group_set_soonest(group, soonest_ms);
}

/* False: the steps are used up before the segment is through. */
static bool expire_segment(struct expiry *expiry, size_t first)
{
    struct segment segment = segment_at(expiry->map, first);
    int64_t soonest_ms = NEVER;

    for (uint32_t at = 0; at < segment.count; at++) {
        if (group_soonest(&segment.groups[at]) <= expiry->now_ms) {
            if (*expiry->steps == 0) return false;
            --*expiry->steps;
            expire_group(expiry, first, at);
        }
        if (group_soonest(&segment.groups[at]) < soonest_ms) soonest_ms = group_soonest(&segment.groups[at]);
    }
    expiry->map->soonest[first] = soonest_ms;
    return true;
}

bool fieldmap_expire(struct fieldmap *map, int64_t now_ms, size_t *steps,
                     void (*see)(void *context, struct bytes name), void *context)
{
    struct expiry expiry = {map, now_ms, steps, see, context};
    int64_t soonest_ms = NEVER;
    uint64_t position = 0; /* the directory may halve under our feet */

    if (map->soonest_ms > now_ms) return true;
    while (position >> 32 == 0) {
        size_t at = entry_for(map, (uint32_t)position);
        size_t first = first_entry(map, at, segment_at(map, at).depth);

        if (map->soonest[first] <= now_ms) {
            if (!expire_segment(&expiry, first)) return false;
            fieldmap_segment_settle(map, first);
            at = entry_for(map, (uint32_t)position);
            first = first_entry(map, at, segment_at(map, at).depth);
            /* It may have been joined with another that is due as well. */
            if (map->soonest[first] <= now_ms) continue;
        }
        if (map->soonest[first] < soonest_ms) soonest_ms = map->soonest[first];
        position = (uint64_t)(first + entries_of(map, segment_at(map, first).depth)) << (32 - map->bits);
    }
    map->soonest_ms = soonest_ms;
    return true;
}

/* --- freed --- */

/* Fields of a segment, from its last group on. False: the steps are used up. */
static bool free_fields(struct fieldmap *map, struct segment segment, size_t *steps)
{
    for (uint32_t at = segment.count; at-- > 0;) {
        struct fieldgroup *group = &segment.groups[at];

        group_prefetch_fields(group);
        for (unsigned s = 0; s < SLOTS; s++) {
            if (!group->slots[s]) continue;
            if (*steps == 0) return false;
            --*steps;
            map->used_bytes -= field_used_bytes(group->slots[s]);
            field_free(group->slots[s]);
            group->slots[s] = 0;
        }
    }
    return true;
}

bool fieldmap_fini_some(struct fieldmap *map, size_t *steps)
{
    /* Entries are given up from the last to the first; `deepest` counts those that are left. */
    if (!map->directory) return true;
    if (map->count != UINT64_MAX) {
        map->count = UINT64_MAX;
        map->deepest = (uint32_t)1 << map->bits;
    }
    while (map->deepest > 0) {
        struct segment segment = segment_at(map, map->deepest - 1);

        if (!free_fields(map, segment, steps)) return false;
        map->deepest = (uint32_t)first_entry(map, map->deepest - 1, segment.depth);
        fieldmap_groups_free(map, segment.groups, segment.count);
        if (*steps > 0) --*steps;
    }
    fieldmap_directory_free(map);
    map->directory = NULL;
    return true;
}

/* --- copied --- */

static bool copy_fields(struct fieldmap *copy, struct segment into, struct segment from)
{
    for (uint32_t at = 0; at < from.count; at++) {
        const struct fieldgroup *group = &from.groups[at];

        if (at + 1 < from.count) group_prefetch_fields(group + 1);
        into.groups[at].head = group->head;
        for (unsigned s = 0; s < SLOTS; s++) {
            struct field_parts parts;
            uint64_t slot = group->slots[s], other;

            if (!slot) continue;
            parts = field_parts(slot);
            other = field_new(bytes_of(parts.name, parts.name_len), bytes_of(parts.value, parts.value_len),
                              field_deadline_ms(slot));
            if (!other) return false;
            into.groups[at].slots[s] = (slot & ~FIELD_POINTER) | (other & FIELD_POINTER);
            copy->used_bytes += field_used_bytes(other);
        }
    }
    return true;
}

enum status fieldmap_copy(struct fieldmap *copy, const struct fieldmap *map)
{
    size_t at = 0, entries = (size_t)1 << map->bits, steps = SIZE_MAX;
    bool copied = true;

    *copy = (struct fieldmap){.deepest = map->deepest, .soonest_ms = map->soonest_ms, .soonest = map->soonest};
    if (!fieldmap_directory_new(copy, map->bits)) return NO_MEMORY;
    while (copied && at < entries) {
        struct segment segment = segment_at(map, at), other = segment;

        other.groups = fieldmap_groups_new(copy, segment.count);
        if (!other.groups) break;
        copied = copy_fields(copy, other, segment);
        fieldmap_put_segment(copy, at, other, map->counts[at]);
        at += entries_of(map, segment.depth);
    }
    if (copied && at == entries) {
        copy->count = map->count;
        return OK;
    }
    copy->count = UINT64_MAX;
    copy->deepest = (uint32_t)at;
    fieldmap_fini_some(copy, &steps);
    return NO_MEMORY;
}

/* --- checked --- */

struct tally {
    uint32_t beyond[GROUPS_LIMIT], live;
    int64_t soonest_ms;
    size_t used_bytes;
};

static void check_group(const struct fieldmap *map, struct segment segment, size_t first, uint32_t at,
                        struct tally *tally)
{
    const struct fieldgroup *group = &segment.groups[at];

    for (unsigned s = 0; s < SLOTS; s++) {
        uint64_t slot = group->slots[s], hash;
        struct fieldspot spot;

        if (!slot) continue;
        hash = hash_bytes(field_name(slot));
        tally->live++;
        tally->used_bytes += field_used_bytes(slot);
        must(fieldmap_find(map, hash, field_name(slot), &spot) && *spot.slot == slot && spot.group == group);
        must(entry_for(map, position_of(hash)) - first < entries_of(map, segment.depth));
        must(field_deadline_ms(slot) >= group_soonest(group));
        for (uint32_t i = home_of(segment, position_of(hash)); i != at; i = next_group(i, segment.count)) {
            tally->beyond[i]++;
        }
    }
    if (group_soonest(group) < tally->soonest_ms) tally->soonest_ms = group_soonest(group);
}

static void check_segment(const struct fieldmap *map, size_t first, struct tally *tally)
{
    struct segment segment = segment_at(map, first);

    memset(tally->beyond, 0, sizeof tally->beyond);
    tally->live = 0;
    tally->soonest_ms = NEVER;
    must(segment.depth <= map->bits && first_entry(map, first, segment.depth) == first);
    for (uint32_t i = 0; i < segment.count; i++) check_group(map, segment, first, i, tally);
    for (uint32_t i = 0; i < segment.count; i++) {
        unsigned overflow = group_overflow(&segment.groups[i]);

        must(overflow == STICKY || overflow == tally->beyond[i]);
    }
    must(tally->live == map->counts[first]);
    must((map->soonest ? map->soonest[first] : NEVER) <= tally->soonest_ms);
    must(map->soonest_ms <= tally->soonest_ms);
    for (size_t i = 1; i < entries_of(map, segment.depth); i++) {
        must(map->directory[first + i] == map->directory[first]);
    }
}

void fieldmap_check(const struct fieldmap *map)
{
    struct tally tally = {.used_bytes = mem_good_size(directory_bytes(map->bits))};
    uint64_t count = 0;
    uint32_t deepest = 0;

    if (map->soonest) tally.used_bytes += mem_good_size(soonest_bytes(map->bits));
    for (size_t at = 0; at < (size_t)1 << map->bits;) {
        struct segment segment = segment_at(map, at);

        check_segment(map, at, &tally);
        count += tally.live;
        deepest += segment.depth == map->bits;
        tally.used_bytes += mem_good_size(segment_bytes(segment.count));
        at += entries_of(map, segment.depth);
    }
    must(count == map->count && deepest == map->deepest && tally.used_bytes == map->used_bytes);
}
