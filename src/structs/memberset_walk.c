/* memberset_walk: over the members of a set: one by one, page by page, drawn by lot, copied, freed,
 * checked. */
#include "memberset_internal.h"

#include "coatcheck/base/random.h"

/* --- one by one --- */

static void prefetch_from(const struct memberset *set, size_t at)
{
    if (at < (size_t)1 << set->bits) memberblock_prefetch(block_at(set, at), room_at(set, at));
}

static void walk_to(struct membersetwalk *walk, size_t entry)
{
    walk->entry = entry;
    if (entry >= (size_t)1 << walk->set->bits) return;
    memberwalk_begin(&walk->walk, block_at(walk->set, entry));
    prefetch_from(walk->set, entry + entries_of(walk->set, depth_at(walk->set, entry)));
}

void membersetwalk_begin(struct membersetwalk *walk, const struct memberset *set)
{
    walk->set = set;
    walk_to(walk, 0);
}

bool membersetwalk_next(struct membersetwalk *walk)
{
    const struct memberset *set = walk->set;

    while (walk->entry < (size_t)1 << set->bits) {
        if (likely(walk->walk.at < walk->walk.block->count)) {
            walk->member = memberwalk_member(&walk->walk);
            memberwalk_next(&walk->walk);
            return true;
        }
        walk_to(walk, walk->entry + entries_of(set, depth_at(set, walk->entry)));
    }
    return false;
}

/* --- page by page --- */

/* The part of a block that a page takes: so large that it holds some `budget` members. */
static uint64_t page_span(const struct memberset *set, size_t at, uint64_t budget)
{
    unsigned depth = depth_at(set, at), parts = 0;

    while ((uint64_t)block_at(set, at)->count >> parts > budget && depth + parts < 32) parts++;
    return (uint64_t)1 << (32 - depth - parts);
}

uint64_t memberset_scan(const struct memberset *set, uint32_t cursor, uint64_t budget,
                        void (*see)(void *context, struct bytes member), void *context)
{
    uint64_t from = cursor;

    while (budget > 0 && from >> 32 == 0) {
        size_t at = entry_for(set, (uint32_t)from);
        uint64_t span = page_span(set, at, budget), until = (from / span + 1) * span;
        const struct memberblock *block = block_at(set, at);
        uint64_t seen = 0;
        struct memberwalk walk;

        for (memberwalk_begin(&walk, block); walk.at < block->count; memberwalk_next(&walk)) {
            struct bytes member = memberwalk_member(&walk);
            uint32_t position = position_of(hash_bytes(member));

            if (position < from || position >= until) continue;
            see(context, member);
            seen++;
        }
        /* An empty page has cost something as well. */
        budget -= seen == 0 ? 1 : seen < budget ? seen : budget;
        from = until;
    }
    return from >> 32 ? 0 : from;
}

/* --- by lot --- */

/* Blocks are drawn by an entry of the directory, and kept with a chance by how many members they
 * hold for each of their entries; some four draws on the average, and never many more than some
 * hundreds. */
#define DRAWS 512

static void draw_from(const struct memberset *set, size_t entry, uint64_t rank,
                      struct memberspot *spot)
{
    spot->entry = first_entry(set, entry, depth_at(set, entry));
    memberwalk_to(&spot->walk, block_at(set, entry), (unsigned)rank);
}

void memberset_draw(const struct memberset *set, uint64_t *dice, struct memberspot *spot)
{
    uint64_t most = set->bits < DEPTH_MAX ? COUNT_MAX : MEMBERBLOCK_SIZE_MAX / 2, rank;
    size_t at = 0;

    for (unsigned draws = 0; draws < DRAWS; draws++) {
        size_t entry = (size_t)random_below(dice, (uint64_t)1 << set->bits);
        unsigned depth = depth_at(set, entry);

        /* A number below the count is a rank in the block, and as likely as any other. */
        rank = random_below(dice, most << (set->bits - depth));
        if (rank >= set->counts[first_entry(set, entry, depth)]) continue;
        draw_from(set, entry, rank, spot);
        return;
    }
    /* So few members in so large a directory that luck would not find one: by count, then. */
    for (rank = random_below(dice, set->count); rank >= set->counts[at];) {
        rank -= set->counts[at];
        at += entries_of(set, depth_at(set, at));
    }
    draw_from(set, at, rank, spot);
}

/* --- freed --- */

bool memberset_fini_some(struct memberset *set, size_t *steps)
{
    /* Entries are given up from the last to the first; `deepest` counts those that are left. */
    if (!set->directory) return true;
    if (set->count != UINT64_MAX) {
        set->count = UINT64_MAX;
        set->deepest = (uint32_t)1 << set->bits;
    }
    while (set->deepest > 0) {
        struct memberblock *block = block_at(set, set->deepest - 1);
        unsigned depth = depth_at(set, set->deepest - 1);

        if (*steps == 0) return false;
        --*steps;
        if (!memberblock_free_some(&block, steps)) return false;
        set->deepest = (uint32_t)first_entry(set, set->deepest - 1, depth);
    }
    memberset_close_directory(set);
    return true;
}

/* --- copied --- */

enum status memberset_copy(struct memberset *copy, const struct memberset *set)
{
    size_t at = 0, entries = (size_t)1 << set->bits, steps = SIZE_MAX;

    *copy = (struct memberset){.deepest = set->deepest, .version = version_new()};
    if (!memberset_open_directory(copy, set->bits)) return NO_MEMORY;
    while (at < entries) {
        struct memberblock *block = memberblock_copy(block_at(set, at));

        if (!block) break;
        must((uintptr_t)block >> 48 == 0);
        copy->used_bytes += memberblock_used_bytes(block);
        memberset_put_block(copy, at, depth_at(set, at), block);
        at += entries_of(set, depth_at(set, at));
    }
    if (at == entries) {
        copy->count = set->count;
        return OK;
    }
    copy->count = UINT64_MAX;
    copy->deepest = (uint32_t)at;
    memberset_fini_some(copy, &steps);
    return NO_MEMORY;
}

/* --- checked --- */

static void check_block(const struct memberset *set, size_t first)
{
    const struct memberblock *block = block_at(set, first);
    unsigned depth = depth_at(set, first);
    struct memberwalk walk;

    must(depth <= set->bits && first_entry(set, first, depth) == first);
    must(room_at(set, first) == block->room && set->counts[first] == block->count);
    must(block->count <= COUNT_MAX || depth == DEPTH_MAX);
    for (size_t i = 1; i < entries_of(set, depth); i++)
        must(set->directory[first + i] == set->directory[first]);
    memberblock_check(block);
    for (memberwalk_begin(&walk, block); walk.at < block->count; memberwalk_next(&walk)) {
        size_t at = entry_for(set, position_of(hash_bytes(memberwalk_member(&walk))));

        must(at >= first && at - first < entries_of(set, depth));
    }
}

void memberset_check(const struct memberset *set)
{
    size_t used_bytes = mem_good_size(directory_bytes(set->bits));
    uint64_t count = 0;
    uint32_t deepest = 0;

    for (size_t at = 0; at < (size_t)1 << set->bits; at += entries_of(set, depth_at(set, at))) {
        check_block(set, at);
        count += set->counts[at];
        deepest += depth_at(set, at) == set->bits;
        used_bytes += memberblock_used_bytes(block_at(set, at));
    }
    must(count == set->count && deepest == set->deepest && used_bytes == set->used_bytes);
}
