/* set_kind: all members of a set, one by one and page by page, and a set as a kind of value. */
#include "set_internal.h"

#include "coatcheck/base/hash.h"
#include "coatcheck/base/compaction.h"
#include "coatcheck/base/must.h"
#include "coatcheck/base/prefetch.h"
#include "coatcheck/base/version.h"
#include "coatcheck/values/kind.h"

void set_walk_begin(struct set_walk *walk, const struct set *set)
{
    walk->set = set;
    walk->at = 0;
    if (set_is_large(set)) {
        membersetwalk_begin(&walk->large, set_large_of(set));
    } else if (!set_has_numbers(set) && set_block_of(set)) {
        memberwalk_begin(&walk->block, set_block_of(set));
    }
}

bool set_walk_next(struct set_walk *walk)
{
    const struct set *set = walk->set;

    if (set_is_large(set)) {
        if (!membersetwalk_next(&walk->large)) return false;
        walk->member = walk->large.member;
        return true;
    }
    if (set_has_numbers(set)) {
        if (walk->at == intset_count(set_numbers_of(set))) return false;
        walk->member =
            bytes_of(walk->digits,
                     number_print_int(walk->digits, intset_at(set_numbers_of(set), walk->at++)));
        return true;
    }
    if (!set_block_of(set) || walk->block.at == memberblock_count(set_block_of(set))) return false;
    walk->member = memberwalk_member(&walk->block);
    memberwalk_next(&walk->block);
    return true;
}

uint64_t set_scan(const struct set *set, uint64_t cursor, uint64_t budget,
                  void (*see)(void *context, struct bytes member), void *context)
{
    struct set_walk walk;

    if (set_is_large(set)) {
        if (cursor > UINT32_MAX) return 0;
        return memberset_scan(set_large_of(set), (uint32_t)cursor, budget, see, context);
    }
    for (set_walk_begin(&walk, set); set_walk_next(&walk);) see(context, walk.member);
    return 0;
}

void set_check(const struct set *set)
{
    if (set_is_large(set)) {
        memberset_check(set_large_of(set));
    } else if (set_has_numbers(set)) {
        intset_check(set_numbers_of(set));
    } else if (set_block_of(set)) {
        memberblock_check(set_block_of(set));
    }
}

/* --- as a kind --- */

static bool kind_free_some(void **container, size_t steps)
{
    struct set *set = *container;
    bool done = set_free_some(&set, steps);

    *container = set;
    return done;
}

static uintptr_t copy_large(const struct memberset *large)
{
    struct memberset *copy = mem_alloc(sizeof *copy);

    if (!copy) return 0;
    if (memberset_copy(copy, large) == OK) return (uintptr_t)copy | ROOT_LARGE;
    mem_free_sized(copy, sizeof *copy);
    return 0;
}

static uintptr_t copy_root(const struct set *set)
{
    struct intset *numbers;

    if (set_is_large(set)) return copy_large(set_large_of(set));
    if (!set_has_numbers(set)) return (uintptr_t)memberblock_copy(set_block_of(set));
    numbers = intset_copy(set_numbers_of(set));
    return numbers ? (uintptr_t)numbers | ROOT_INTSET : 0;
}

static void *kind_copy(const void *container)
{
    const struct set *set = container;
    struct set *copy = set_new();

    if (!copy || !set->root) return copy;
    copy->root = copy_root(set);
    if (!copy->root) set_free(&copy);
    return copy;
}

static size_t kind_length(const void *container)
{
    return set_count(container);
}

static const char *kind_encoding(const void *container)
{
    return set_is_intset(container) ? "intset" : "hashtable";
}

static size_t kind_used_bytes(const void *container)
{
    const struct set *set = container;
    size_t used = mem_good_size(sizeof *set);

    if (set_is_large(set))
        return used + mem_good_size(sizeof(struct memberset)) + set_large_of(set)->used_bytes;
    if (set_has_numbers(set)) return used + intset_room(set_numbers_of(set));
    return set_block_of(set) ? used + memberblock_used_bytes(set_block_of(set)) : used;
}

/* How long a block is would have to be read from it first: some lines of it, whether they are its own or not. */
#define LINES_AHEAD 4

static bool kind_prefetch(const void *container, struct bytes element, unsigned step, uint64_t *memo)
{
    const struct set *set = container;
    const struct memberset *large = set_large_of(set);

    if (step == 0) {
        prefetch(set);
        return true;
    }
    if (!set_is_large(set)) {
        const char *block = (const char *)(set->root & ~(uintptr_t)ROOT_INTSET);

        for (size_t i = 0; i < LINES_AHEAD; i++) prefetch(block + 64 * i);
        return false;
    }
    if (!element.at) return false;
    if (step == 1) {
        *memo = hash_bytes(element);
        memberset_prefetch_entry(large, *memo);
    } else if (step == 2) {
        memberset_prefetch(large, *memo);
    } else {
        memberset_prefetch_member(large, *memo, element);
    }
    return step < 3;
}

static bool large_compact(struct set *set, struct compaction *compaction)
{
    struct memberset *large = set_large_of(set);
    uint64_t before = mem_compacted;
    bool is_over = false;

    if (compaction->at == 0) {
        large = mem_compact(large);
        set->root = (uintptr_t)large | ROOT_LARGE;
    }
    while (compaction->at < (uint64_t)1 << large->bits && !is_over) {
        compaction->at = memberset_compact(large, compaction->at, compaction);
        is_over = compaction_is_over(compaction);
    }
    /* Whoever stands in the middle of it, by a version, would go on where a block was. */
    if (mem_compacted != before) large->version = version_new();
    return compaction->at >= (uint64_t)1 << large->bits;
}

static bool kind_compact(void **container, struct compaction *compaction)
{
    struct set *set = *container;
    struct memberblock *block;

    if (!compaction->moves_blocks) return true;
    if (compaction->at == 0) set = *container = mem_compact(set);
    if (set_is_large(set)) return large_compact(set, compaction);
    if (set_has_numbers(set)) {
        set->root = (uintptr_t)mem_compact(set_numbers_of(set)) | ROOT_INTSET;
    } else if (set_block_of(set)) {
        block = set_block_of(set);
        memberblock_compact(&block, compaction);
        set->root = (uintptr_t)block;
    }
    return true;
}

static const struct value_kind kind = {
    .name = "set",
    .free_some = kind_free_some,
    .copy = kind_copy,
    .length = kind_length,
    .encoding = kind_encoding,
    .used_bytes = kind_used_bytes,
    .compact = kind_compact,
    .prefetch = kind_prefetch,
};

void set_kind_setup(void)
{
    value_kind_add(VALUE_SET, &kind);
}
