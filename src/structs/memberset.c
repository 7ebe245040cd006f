#include "memberset_internal.h"

/* --- the directory --- */

bool memberset_open_directory(struct memberset *set, unsigned bits)
{
    uint64_t *directory = mem_alloc(directory_bytes(bits));

    if (!directory) return false;
    set->directory = directory;
    set->counts = (uint16_t *)(directory + ((size_t)1 << bits));
    memset(set->counts, 0, sizeof(uint16_t) << bits);
    set->bits = bits;
    set->used_bytes += mem_good_size(directory_bytes(bits));
    return true;
}

void memberset_close_directory(struct memberset *set)
{
    set->used_bytes -= mem_good_size(directory_bytes(set->bits));
    mem_free_sized(set->directory, directory_bytes(set->bits));
    set->directory = NULL;
}

void memberset_put_block(struct memberset *set, size_t first, unsigned depth,
                         struct memberblock *block)
{
    size_t entries = entries_of(set, depth);
    uint64_t entry =
        (uint64_t)(uintptr_t)block | (uint64_t)depth << 48 | (uint64_t)block->room << 53;

    for (size_t i = 0; i < entries; i++) set->directory[first + i] = entry;
    set->counts[first] = (uint16_t)memberblock_count(block);
}

enum status memberset_init(struct memberset *set, struct memberblock **block)
{
    *set = (struct memberset){.deepest = 1, .count = memberblock_count(*block), .version = version_new()};
    if (!memberset_open_directory(set, 0)) return NO_MEMORY;
    must((uintptr_t)*block >> 48 == 0);
    set->used_bytes += memberblock_used_bytes(*block);
    memberset_put_block(set, 0, 0, *block);
    *block = NULL;
    return OK;
}

size_t memberset_compact(struct memberset *set, size_t at, struct compaction *compaction)
{
    unsigned depth = depth_at(set, at);
    size_t first = first_entry(set, at, depth);
    struct memberblock *block = block_at(set, at), *was = block;

    memberblock_compact(&block, compaction);
    if (block != was) {
        must((uintptr_t)block >> 48 == 0);
        memberset_put_block(set, first, depth, block);
    }
    if (at == 0) {
        set->directory = mem_compact(set->directory);
        set->counts = (uint16_t *)(set->directory + ((size_t)1 << set->bits));
    }
    return first + entries_of(set, depth);
}

static bool directory_double(struct memberset *set)
{
    struct memberset old = *set;

    if (!memberset_open_directory(set, old.bits + 1)) return false;
    for (size_t i = 0; i < (size_t)1 << old.bits; i++) {
        set->directory[2 * i] = set->directory[2 * i + 1] = old.directory[i];
        set->counts[2 * i] = old.counts[i];
    }
    set->deepest = 0;
    old.used_bytes = set->used_bytes;
    memberset_close_directory(&old);
    set->used_bytes = old.used_bytes;
    return true;
}

static void directory_halve(struct memberset *set)
{
    struct memberset old = *set;

    if (!memberset_open_directory(set, old.bits - 1)) return;
    for (size_t i = 0; i < (size_t)1 << set->bits; i++) {
        set->directory[i] = old.directory[2 * i];
        set->counts[i] = old.counts[2 * i];
        set->deepest += depth_at(set, i) == set->bits;
    }
    old.used_bytes = set->used_bytes;
    memberset_close_directory(&old);
    set->used_bytes = old.used_bytes;
}

/* --- looking --- */

static inline void prefetch_entry(const struct memberset *set, size_t at)
{
    memberblock_prefetch(block_at(set, at), room_at(set, at));
}

bool memberset_find(const struct memberset *set, uint64_t hash, struct bytes member,
                    struct memberspot *spot)
{
    spot->entry = entry_for(set, position_of(hash));
    /* The block's words lie at its end, which its head would tell only once it is here. */
    prefetch_entry(set, spot->entry);
    return memberblock_find(block_at(set, spot->entry), hash, member, &spot->walk);
}

void memberset_prefetch_entry(const struct memberset *set, uint64_t hash)
{
    prefetch(&set->directory[entry_for(set, position_of(hash))]);
}

void memberset_prefetch_member(const struct memberset *set, uint64_t hash, struct bytes member)
{
    memberblock_prefetch_member(block_at(set, entry_for(set, position_of(hash))), hash, member);
}

void memberset_prefetch(const struct memberset *set, uint64_t hash)
{
    prefetch_entry(set, entry_for(set, position_of(hash)));
}

/* --- growth --- */

/* Gives each member of the block at `first` the half that its next bit names. False: no memory. */
static bool deal(const struct memberblock *old, unsigned depth, struct memberblock *halves[2])
{
    uint64_t ones[COUNT_MAX / 64] = {0};
    size_t sizes[2] = {sizeof *old, sizeof *old};
    struct memberwalk walk;

    must(old->count <= COUNT_MAX);
    for (memberwalk_begin(&walk, old); walk.at < old->count; memberwalk_next(&walk)) {
        uint32_t position = position_of(hash_bytes(memberwalk_member(&walk)));
        unsigned half = position << depth >> 31;

        ones[walk.at / 64] |= (uint64_t)half << walk.at % 64;
        sizes[half] += memberblock_width(memberblock_word(old, walk.at)) + 2;
    }
    /* One of them is about to take another member. */
    halves[0] = memberblock_new(sizes[0] + sizes[0] / 8);
    halves[1] = halves[0] ? memberblock_new(sizes[1] + sizes[1] / 8) : NULL;
    if (!halves[1]) {
        if (halves[0]) memberblock_drop(&halves[0]);
        return false;
    }
    for (memberwalk_begin(&walk, old); walk.at < old->count; memberwalk_next(&walk)) {
        memberblock_take(halves[ones[walk.at / 64] >> walk.at % 64 & 1], &walk);
    }
    return true;
}

static bool split(struct memberset *set, uint32_t position)
{
    size_t at = entry_for(set, position), first, half;
    unsigned depth = depth_at(set, at);
    struct memberblock *old = block_at(set, at), *halves[2];

    if (!deal(old, depth, halves)) return false;
    if (depth == set->bits && !directory_double(set)) {
        memberblock_drop(&halves[0]);
        memberblock_drop(&halves[1]);
        return false;
    }
    first = first_entry(set, entry_for(set, position), depth);
    half = entries_of(set, depth) / 2;
    must((uintptr_t)halves[0] >> 48 == 0 && (uintptr_t)halves[1] >> 48 == 0);
    memberset_put_block(set, first, depth + 1, halves[0]);
    memberset_put_block(set, first + half, depth + 1, halves[1]);
    if (depth + 1 == set->bits) set->deepest += 2;
    set->used_bytes += block_bytes(halves[0]) + block_bytes(halves[1]) - block_bytes(old);
    memberblock_drop(&old);
    return true;
}

static inline bool is_full(const struct memberblock *block, struct bytes member)
{
    return !memberset_block_takes(block, member);
}

/* Blocks that split before there is no memory for the member have moved others: that is a change too. */
enum status memberset_add(struct memberset *set, uint64_t hash, struct bytes member)
{
    size_t at = entry_for(set, position_of(hash));
    struct memberblock *block = block_at(set, at), *was;
    size_t held;
    enum status status;

    while (unlikely(is_full(block, member)) && depth_at(set, at) < DEPTH_MAX) {
        set->version = version_new();
        if (!split(set, position_of(hash))) return NO_MEMORY;
        at = entry_for(set, position_of(hash));
        block = block_at(set, at);
    }
    was = block;
    held = block_bytes(block);
    status = memberblock_add(&block, hash, member);
    if (status != OK) return NO_MEMORY;
    if (likely(block == was)) {
        set->counts[first_entry(set, at, depth_at(set, at))]++;
    } else {
        must((uintptr_t)block >> 48 == 0);
        set->used_bytes += block_bytes(block) - held;
        memberset_put_block(set, first_entry(set, at, depth_at(set, at)), depth_at(set, at), block);
    }
    if (unlikely(member.len >= MEMBERBLOCK_FAR)) set->used_bytes += memberblock_far_bytes(member);
    set->count++;
    set->version = version_new();
    return OK;
}

/* --- shrinking --- */

/* Two halves of what was one, together again, at entry *first. */
static bool merge_with_buddy(struct memberset *set, size_t *first)
{
    unsigned depth = depth_at(set, *first);
    size_t span = entries_of(set, depth), low = *first & ~span, high = *first | span;
    struct memberblock *halves[2] = {block_at(set, low), block_at(set, high)}, *both;
    size_t size = memberblock_size(halves[0]) + memberblock_size(halves[1]);

    if (depth_at(set, *first ^ span) != depth) return false;
    if (set->counts[low] + set->counts[high] > COUNT_MAX / 2 || size > BYTES_MAX / 2) return false;
    both = memberblock_new(size);
    if (!both) return false;
    must((uintptr_t)both >> 48 == 0);
    for (unsigned half = 0; half < 2; half++) {
        struct memberwalk walk;

        memberwalk_begin(&walk, halves[half]);
        for (; walk.at < halves[half]->count; memberwalk_next(&walk)) memberblock_take(both, &walk);
    }
    set->used_bytes += block_bytes(both) - block_bytes(halves[0]) - block_bytes(halves[1]);
    if (depth == set->bits) set->deepest -= 2;
    memberblock_drop(&halves[0]);
    memberblock_drop(&halves[1]);
    set->counts[high] = 0;
    memberset_put_block(set, low, depth - 1, both);
    *first = low;
    if (set->deepest == 0 && set->bits > 0) {
        unsigned bits = set->bits;

        directory_halve(set);
        *first = low >> (bits - set->bits);
    }
    return true;
}

void memberset_remove(struct memberset *set, struct memberspot *spot)
{
    struct memberblock *block = block_at(set, spot->entry), *was = block;
    unsigned depth = depth_at(set, spot->entry);
    size_t first = first_entry(set, spot->entry, depth), held = block_bytes(block);
    struct bytes member = memberwalk_member(&spot->walk);

    if (unlikely(member.len >= MEMBERBLOCK_FAR)) set->used_bytes -= memberblock_far_bytes(member);
    memberblock_remove(&block, &spot->walk);
    set->count--;
    set->version = version_new();
    if (likely(block == was)) {
        set->counts[first]--;
    } else {
        must((uintptr_t)block >> 48 == 0);
        set->used_bytes += block_bytes(block) - held;
        memberset_put_block(set, first, depth, block);
    }
    while (unlikely(set->counts[first] < COUNT_MAX / 4) && depth_at(set, first) > 0 &&
           merge_with_buddy(set, &first)) {}
}
