#include "memberindex_internal.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* --- the directory --- */

void index_put_segment(struct memberindex *index, size_t first, struct segment segment,
                       uint16_t live)
{
    size_t entries = (size_t)1 << (index->bits - segment.depth);
    uint64_t entry = (uint64_t)(uintptr_t)segment.groups | (uint64_t)segment.count << 48 |
                     (uint64_t)segment.depth << 58;

    for (size_t i = 0; i < entries; i++) index->directory[first + i] = entry;
    index->counts[first] = live;
}

struct indexgroup *index_new_groups(struct memberindex *index, uint32_t count)
{
    struct indexgroup *groups = mem_alloc_zeroed(segment_bytes(count));

    if (!groups) return NULL;
    must((uintptr_t)groups >> 48 == 0);
    index->used_bytes += mem_good_size(segment_bytes(count));
    return groups;
}

static void groups_free(struct memberindex *index, struct indexgroup *groups, uint32_t count)
{
    mem_free_sized(groups, segment_bytes(count));
    index->used_bytes -= mem_good_size(segment_bytes(count));
}

/* An empty one. False: no memory. */
bool index_new_directory(struct memberindex *index, unsigned bits)
{
    index->directory = mem_alloc(directory_bytes(bits));
    if (!index->directory) return false;
    index->counts = (uint16_t *)(index->directory + ((size_t)1 << bits));
    memset(index->counts, 0, sizeof(uint16_t) << bits);
    index->bits = bits;
    index->used_bytes += mem_good_size(directory_bytes(bits));
    return true;
}

static void directory_free(struct memberindex *index)
{
    mem_free_sized(index->directory, directory_bytes(index->bits));
    index->used_bytes -= mem_good_size(directory_bytes(index->bits));
}

enum status memberindex_init(struct memberindex *index)
{
    struct segment first = {.count = 1};

    *index = (struct memberindex){.deepest = 1};
    if (!index_new_directory(index, 0)) return NO_MEMORY;
    first.groups = index_new_groups(index, 1);
    if (!first.groups) {
        directory_free(index);
        return NO_MEMORY;
    }
    index_put_segment(index, 0, first, 0);
    return OK;
}

size_t memberindex_compact(struct memberindex *index, size_t at)
{
    struct segment segment = segment_at(index, at);
    size_t first = first_entry(index, at, segment.depth);
    struct indexgroup *moved = mem_compact(segment.groups);

    if (moved != segment.groups) {
        must((uintptr_t)moved >> 48 == 0);
        segment.groups = moved;
        index_put_segment(index, first, segment, index->counts[first]);
    }
    if (at == 0) {
        index->directory = mem_compact(index->directory);
        index->counts = (uint16_t *)(index->directory + ((size_t)1 << index->bits));
    }
    return first + ((size_t)1 << (index->bits - segment.depth));
}

bool memberindex_fini_some(struct memberindex *index, size_t *steps)
{
    /* Entries are given up from the last to the first; `deepest` counts those that are left. */
    if (!index->directory) return true;
    if (index->count != UINT64_MAX) {
        index->count = UINT64_MAX;
        index->deepest = (uint32_t)1 << index->bits;
    }
    while (index->deepest > 0) {
        struct segment segment = segment_at(index, index->deepest - 1);

        if (*steps == 0) return false;
        --*steps;
        index->deepest = (uint32_t)first_entry(index, index->deepest - 1, segment.depth);
        groups_free(index, segment.groups, segment.count);
    }
    directory_free(index);
    index->directory = NULL;
    return true;
}

void memberindex_fini(struct memberindex *index)
{
    size_t steps = SIZE_MAX;

    memberindex_fini_some(index, &steps);
}

/* --- groups --- */

static inline void leaf_write(struct indexgroup *group, unsigned slot, uint32_t leaf)
{
    group->leaves[3 * slot] = (uint8_t)leaf;
    group->leaves[3 * slot + 1] = (uint8_t)(leaf >> 8);
    group->leaves[3 * slot + 2] = (uint8_t)(leaf >> 16);
}

/* A bit for each slot with this hash. */
static inline unsigned slots_with(const struct indexgroup *group, uint32_t hash)
{
#ifdef __SSE2__
    __m128i wanted = _mm_set1_epi32((int)hash);
    __m128i low = _mm_cmpeq_epi32(_mm_loadu_si128((const __m128i *)group->hashes), wanted);
    __m128i high = _mm_cmpeq_epi32(_mm_loadu_si128((const __m128i *)(group->hashes + 4)), wanted);

    return (unsigned)_mm_movemask_ps(_mm_castsi128_ps(low)) |
           (unsigned)_mm_movemask_ps(_mm_castsi128_ps(high)) << 4 |
           (unsigned)(group->hashes[8] == hash) << 8;
#else
    unsigned slots = 0;

    for (unsigned i = 0; i < SLOTS; i++) slots |= (unsigned)(group->hashes[i] == hash) << i;
    return slots;
#endif
}

/* There is a free slot. */
static void segment_insert(struct segment segment, uint32_t hash, uint32_t leaf)
{
    uint32_t at = home_of(segment, hash);
    struct indexgroup *group = &segment.groups[at];
    unsigned free;

    while (!(free = slots_with(group, 0))) {
        if (group->overflow < STICKY) group->overflow++;
        at = next_group(at, segment.count);
        group = &segment.groups[at];
    }
    group->hashes[__builtin_ctz(free)] = hash;
    leaf_write(group, (unsigned)__builtin_ctz(free), leaf);
}

void memberindex_prefetch(const struct memberindex *index, uint32_t hash)
{
    struct segment segment = segment_at(index, entry_for(index, hash));

    prefetch(&segment.groups[home_of(segment, hash)]);
}

void memberindex_begin(const struct memberindex *index, uint32_t hash, struct memberprobe *probe)
{
    struct segment segment = segment_at(index, entry_for(index, hash));

    probe->segment = segment.groups;
    probe->group = &segment.groups[home_of(segment, hash)];
    probe->hash = hash;
    probe->groups = probe->left = segment.count;
    probe->matches = slots_with(probe->group, hash);
}

bool memberindex_next(struct memberprobe *probe)
{
    while (!probe->matches) {
        if (!probe->group->overflow || --probe->left == 0) return false;
        probe->group =
            probe->group + 1 == probe->segment + probe->groups ? probe->segment : probe->group + 1;
        probe->matches = slots_with(probe->group, probe->hash);
    }
    probe->leaf = leaf_read(probe->group, (unsigned)__builtin_ctz(probe->matches));
    probe->matches &= probe->matches - 1;
    return true;
}

/* --- growth --- */

/* Fewer than six of ten slots are taken: it may become smaller, and will not grow at once again. */
static inline bool is_sparse(uint32_t live, uint32_t groups)
{
    return live * 5 < groups * SLOTS * 3;
}

/* Copies what belongs there by its hash. */
static uint16_t segment_fill(struct segment into, const struct indexgroup *from, uint32_t count,
                             uint32_t prefix)
{
    uint16_t live = 0;

    for (uint32_t i = 0; i < count; i++) {
        for (unsigned slot = 0; slot < SLOTS; slot++) {
            uint32_t hash = from[i].hashes[slot];

            if (!hash || (into.depth > 0 && hash >> (32 - into.depth) != prefix)) continue;
            segment_insert(into, hash, leaf_read(&from[i], slot));
            live++;
        }
    }
    return live;
}

static bool segment_resize(struct memberindex *index, size_t first, uint32_t groups)
{
    struct segment old = segment_at(index, first), new = {NULL, groups, old.depth};
    uint16_t live = index->counts[first];

    new.groups = index_new_groups(index, groups);
    if (!new.groups) return false;
    must(segment_fill(new, old.groups, old.count, prefix_of(index, first, old.depth)) == live);
    index_put_segment(index, first, new, live);
    groups_free(index, old.groups, old.count);
    return true;
}

static bool directory_double(struct memberindex *index)
{
    struct memberindex old = *index;

    if (!index_new_directory(index, old.bits + 1)) {
        *index = old;
        return false;
    }
    for (size_t i = 0; i < (size_t)1 << old.bits; i++) {
        index->directory[2 * i] = index->directory[2 * i + 1] = old.directory[i];
        index->counts[2 * i] = old.counts[i];
    }
    old.used_bytes = index->used_bytes;
    directory_free(&old);
    index->used_bytes = old.used_bytes;
    index->deepest = 0;
    return true;
}

static void directory_halve(struct memberindex *index)
{
    struct memberindex old = *index;

    if (!index_new_directory(index, old.bits - 1)) {
        *index = old;
        return;
    }
    index->deepest = 0;
    for (size_t i = 0; i < (size_t)1 << index->bits; i++) {
        index->directory[i] = old.directory[2 * i];
        index->counts[i] = old.counts[2 * i];
        index->deepest += segment_at(index, i).depth == index->bits;
    }
    old.used_bytes = index->used_bytes;
    directory_free(&old);
    index->used_bytes = old.used_bytes;
}

static uint32_t count_ones(struct segment segment)
{
    uint32_t ones = 0;

    for (uint32_t i = 0; i < segment.count; i++) {
        for (unsigned slot = 0; slot < SLOTS; slot++) {
            uint32_t hash = segment.groups[i].hashes[slot];

            ones += hash && (hash << segment.depth & 0x80000000u);
        }
    }
    return ones;
}

static bool segment_split(struct memberindex *index, uint32_t hash)
{
    size_t first = entry_for(index, hash), half;
    struct segment old = segment_at(index, first), zero, one;
    uint32_t ones = count_ones(old), live;

    if (old.depth == index->bits && !directory_double(index)) return false;
    first = first_entry(index, entry_for(index, hash), old.depth);
    half = (size_t)1 << (index->bits - old.depth - 1);
    live = index->counts[first];
    zero = (struct segment){NULL, segment_size_for(live - ones, SLOTS), old.depth + 1};
    one = (struct segment){NULL, segment_size_for(ones, SLOTS), old.depth + 1};
    zero.groups = index_new_groups(index, zero.count);
    one.groups = zero.groups ? index_new_groups(index, one.count) : NULL;
    if (!one.groups) {
        if (zero.groups) groups_free(index, zero.groups, zero.count);
        return false;
    }
    index_put_segment(index, first, zero, (uint16_t)(live - ones));
    index_put_segment(index, first + half, one, (uint16_t)ones);
    segment_fill(zero, old.groups, old.count, prefix_of(index, first, zero.depth));
    segment_fill(one, old.groups, old.count, prefix_of(index, first + half, one.depth));
    groups_free(index, old.groups, old.count);
    if (zero.depth == index->bits) index->deepest += 2;
    return true;
}

/* A directory much larger than its members need would be the work of somebody who knows the secret
 * of the hash: his segments grow instead. */
static bool may_split(const struct memberindex *index, unsigned depth)
{
    return depth < DEPTH_MAX && (uint64_t)1 << depth <= index->count / 32;
}

enum status memberindex_reserve(struct memberindex *index, uint32_t hash)
{
    for (;;) {
        size_t at = entry_for(index, hash), first;
        struct segment segment = segment_at(index, at);
        bool grown;

        first = first_entry(index, at, segment.depth);
        if (likely(!segment_is_full(index->counts[first], segment.count * SLOTS))) return OK;
        if (segment.count < GROUPS_MAX ||
            (segment.count < GROUPS_LIMIT && !may_split(index, segment.depth))) {
            grown = segment_resize(index, first, segment_next_size(segment.count));
        } else {
            grown = may_split(index, segment.depth) && segment_split(index, hash);
        }
        /* There is no memory for more; a slot may be free still. */
        if (grown) continue;
        first = first_entry(index, entry_for(index, hash), segment.depth);
        return index->counts[first] < segment.count * SLOTS ? OK : NO_MEMORY;
    }
}

/* --- changes --- */

void memberindex_add(struct memberindex *index, uint32_t hash, uint32_t leaf)
{
    size_t at = entry_for(index, hash);
    struct segment segment = segment_at(index, at);
    size_t first = first_entry(index, at, segment.depth);

    must_debug(hash && leaf <= MEMBERINDEX_LEAF_MAX);
    must(index->counts[first] < segment.count * SLOTS);
    segment_insert(segment, hash, leaf);
    index->counts[first]++;
    index->count++;
}

/* The place of a hash and a leaf. */
static struct indexgroup *find_exactly(struct segment segment, uint32_t hash, uint32_t leaf,
                                       unsigned *slot, uint32_t *at)
{
    *at = home_of(segment, hash);
    for (uint32_t left = segment.count; left > 0; left--) {
        struct indexgroup *group = &segment.groups[*at];

        for (unsigned slots = slots_with(group, hash); slots; slots &= slots - 1) {
            *slot = (unsigned)__builtin_ctz(slots);
            if (leaf_read(group, *slot) == leaf) return group;
        }
        must(group->overflow);
        *at = next_group(*at, segment.count);
    }
    must(!"what is to be changed is in the index");
    return NULL;
}

void memberindex_move(struct memberindex *index, uint32_t hash, uint32_t from_leaf,
                      uint32_t to_leaf)
{
    struct segment segment = segment_at(index, entry_for(index, hash));
    struct indexgroup *group;
    unsigned slot;
    uint32_t at;

    group = find_exactly(segment, hash, from_leaf, &slot, &at);
    leaf_write(group, slot, to_leaf);
}

/* Two halves of what was one, together again. */
static bool merge_with_buddy(struct memberindex *index, size_t first, struct segment segment)
{
    size_t span = (size_t)1 << (index->bits - segment.depth), buddy = first ^ span,
           low = first & ~span;
    struct segment other = segment_at(index, buddy), both;
    uint32_t live = (uint32_t)index->counts[first] + index->counts[buddy];

    if (other.depth != segment.depth || live > GROUPS_MAX * SLOTS / 2) return false;
    both = (struct segment){NULL, segment_size_for(live, SLOTS), segment.depth - 1};
    both.groups = index_new_groups(index, both.count);
    if (!both.groups) return false;
    segment_fill(both, segment.groups, segment.count, prefix_of(index, low, both.depth));
    segment_fill(both, other.groups, other.count, prefix_of(index, low, both.depth));
    if (segment.depth == index->bits) index->deepest -= 2;
    groups_free(index, segment.groups, segment.count);
    groups_free(index, other.groups, other.count);
    index_put_segment(index, low, both, (uint16_t)live);
    if (index->deepest == 0 && index->bits > 0) directory_halve(index);
    return true;
}

void memberindex_remove(struct memberindex *index, uint32_t hash, uint32_t leaf)
{
    size_t entry = entry_for(index, hash);
    struct segment segment = segment_at(index, entry);
    size_t first = first_entry(index, entry, segment.depth);
    struct indexgroup *group;
    uint32_t at, i;
    unsigned slot;

    group = find_exactly(segment, hash, leaf, &slot, &at);
    group->hashes[slot] = 0;
    for (i = home_of(segment, hash); i != at; i = next_group(i, segment.count)) {
        if (segment.groups[i].overflow < STICKY) segment.groups[i].overflow--;
    }
    index->count--;
    index->counts[first]--;
    if (likely(!is_sparse(index->counts[first], segment.count))) return;
    if (segment.depth > 0 && merge_with_buddy(index, first, segment)) return;
    if (segment_size_for(index->counts[first], SLOTS) < segment.count) {
        (void)segment_resize(index, first, segment_size_for(index->counts[first], SLOTS));
    }
}
