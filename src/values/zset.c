#include "coatcheck/values/zset.h"

#include "coatcheck/base/compaction.h"
#include "coatcheck/values/kind.h"
#include "zset_large_internal.h"

#define OPTIONS_HERE zset_options
#define OPTION_HOOKS_HERE zset_option_hooks
OPTION_DEFINE(zset, ZSET_OPTIONS)

struct zset *zset_new(void)
{
    return mem_alloc_zeroed(sizeof(struct zset));
}

struct zset *zset_new_for(uint64_t count, size_t longest)
{
    struct zset *zset = zset_new();

    if (zset && !zset_packed_is_allowed(count, bytes_of(NULL, longest)) && zset_enlarge(zset) != OK)
        zset_free(&zset);
    return zset;
}

void zset_free(struct zset **zset)
{
    while (*zset && !zset_free_some(zset, SIZE_MAX)) {}
}

uint64_t zset_count(const struct zset *zset)
{
    if (zset_is_large(zset)) return zset_large_of(zset)->tree.count;
    return zset_block_of(zset) ? scoreblock_count(zset_block_of(zset)) : 0;
}

uint64_t zset_version(const struct zset *zset)
{
    return zset_is_large(zset) ? zset_large_of(zset)->version : 0;
}

bool zset_rank(const struct zset *zset, struct bytes member, uint64_t *rank, double *score)
{
    const struct scoreblock *block = zset_block_of(zset);
    int at;

    if (zset_is_large(zset)) return zset_large_rank(zset_large_of(zset), member, rank, score);
    at = block ? scoreblock_find(block, member, 0) : -1;
    if (at < 0) return false;
    *rank = (uint64_t)at;
    *score = scoreblock_score(block, (unsigned)at);
    return true;
}

bool zset_score(const struct zset *zset, struct bytes member, double *score)
{
    uint64_t rank;

    if (zset_is_large(zset)) return zset_large_score(zset_large_of(zset), member, score);
    return zset_rank(zset, member, &rank, score);
}

void zset_prefetch(const struct zset *zset, struct bytes member)
{
    if (zset_is_large(zset)) zset_large_prefetch(zset_large_of(zset), member);
}

/* --- changes --- */

struct plain_edit {
    struct zset_edit edit;
    double score;
};

static bool decide_plainly(struct zset_edit *edit, bool there, double *score)
{
    (void)there;
    *score = ((struct plain_edit *)edit)->score;
    return true;
}

enum status zset_put(struct zset *zset, struct bytes member, double score, enum zset_change *change)
{
    struct plain_edit plain = {{decide_plainly}, score};

    return zset_edit(zset, member, &plain.edit, change);
}

enum status zset_edit(struct zset *zset, struct bytes member, struct zset_edit *edit,
                      enum zset_change *change)
{
    if (zset_is_large(zset)) return zset_large_edit(zset_large_of(zset), member, edit, change);
    return zset_packed_edit(zset, member, edit, change);
}

enum status zset_enlarge(struct zset *zset)
{
    struct scoreblock *block = zset_block_of(zset);
    struct zset_large *large = zset_large_new();
    unsigned count = block ? scoreblock_count(block) : 0;

    if (!large) return NO_MEMORY;
    for (unsigned i = 0; i < count; i++) {
        if (zset_large_add(large, scoreblock_member(block, i), scoreblock_score(block, i)) == OK)
            continue;
        while (!zset_large_free_some(&large, SIZE_MAX)) {}
        return NO_MEMORY;
    }
    scoreblock_free(&block);
    zset->root = (uintptr_t)large | ROOT_LARGE;
    return OK;
}

bool zset_remove(struct zset *zset, struct bytes member)
{
    uint64_t rank;
    double score;

    if (zset_is_large(zset)) return zset_large_remove(zset_large_of(zset), member);
    if (!zset_rank(zset, member, &rank, &score)) return false;
    zset_remove_range(zset, rank, rank + 1, NULL, NULL);
    return true;
}

void zset_remove_range(struct zset *zset, uint64_t first, uint64_t end,
                       void (*see)(void *context, struct bytes member, double score), void *context)
{
    struct scoreblock *block = zset_block_of(zset);

    if (end > zset_count(zset)) end = zset_count(zset);
    if (first >= end) return;
    if (zset_is_large(zset)) {
        zset_large_remove_range(zset_large_of(zset), first, end, see, context);
        return;
    }
    for (uint64_t i = first; see && i < end; i++) {
        see(context, scoreblock_member(block, (unsigned)i), scoreblock_score(block, (unsigned)i));
    }
    scoreblock_cut(block, (unsigned)first, (unsigned)end, SCOREBLOCK_FREE);
    scoreblock_tidy(&block);
    zset->root = (uintptr_t)block;
}

/* --- as a kind --- */

bool zset_is_packed(const struct zset *zset)
{
    return !zset_is_large(zset) || zset_large_of(zset)->is_packed;
}

void zset_keep_packed(struct zset *zset)
{
    if (zset_is_large(zset) && zset_packed_is_allowed(zset_count(zset), bytes_of(NULL, 0)))
        zset_large_of(zset)->is_packed = true;
}

void zset_check(const struct zset *zset)
{
    if (zset_is_large(zset)) {
        zset_large_check(zset_large_of(zset));
    } else if (zset_block_of(zset)) {
        scoreblock_check(zset_block_of(zset));
    }
}

bool zset_free_some(struct zset **zset, size_t steps)
{
    struct scoreblock *block = zset_block_of(*zset);
    struct zset_large *large;

    if (zset_is_large(*zset)) {
        large = zset_large_of(*zset);
        if (!zset_large_free_some(&large, steps)) return false;
    } else if (block && !scoreblock_free_some(&block, &steps)) {
        return false;
    }
    mem_free_sized(*zset, sizeof **zset);
    *zset = NULL;
    return true;
}

static bool kind_free_some(void **container, size_t steps)
{
    struct zset *zset = *container;
    bool done = zset_free_some(&zset, steps);

    *container = zset;
    return done;
}

static void *kind_copy(const void *container)
{
    const struct zset *zset = container;
    struct zset *copy = zset_new();

    if (!copy || !zset->root) return copy;
    if (zset_is_large(zset)) {
        copy->root = (uintptr_t)zset_large_copy(zset_large_of(zset));
        if (copy->root) copy->root |= ROOT_LARGE;
    } else {
        copy->root = (uintptr_t)scoreblock_copy(zset_block_of(zset));
    }
    if (!copy->root) zset_free(&copy);
    return copy;
}

static size_t kind_length(const void *container)
{
    return zset_count(container);
}

static const char *kind_encoding(const void *container)
{
    return zset_is_packed(container) ? "listpack" : "skiplist";
}

static size_t kind_used_bytes(const void *container)
{
    const struct zset *zset = container;
    const struct scoreblock *block = zset_block_of(zset);
    size_t used = mem_good_size(sizeof *zset);

    if (zset_is_large(zset)) return used + zset_large_used_bytes(zset_large_of(zset));
    if (!block) return used;
    return used + scoreblock_room(block) + scoreblock_far_bytes(block, 0, scoreblock_count(block));
}

/* How long a packed block is would have to be read from it first. */
#define LINES_AHEAD 4

static bool kind_prefetch(const void *container, struct bytes element, unsigned step,
                          uint64_t *memo)
{
    const struct zset *zset = container;

    if (step == 0) {
        prefetch(zset);
        return true;
    }
    if (zset_is_large(zset))
        return element.at && zset_large_prefetch_some(zset_large_of(zset), element, step, memo);
    for (size_t i = 0; i < LINES_AHEAD; i++) prefetch((const char *)zset_block_of(zset) + 64 * i);
    return false;
}

static bool kind_compact(void **container, struct compaction *compaction)
{
    struct zset *zset = *container;
    struct zset_large *large;
    struct scoreblock *block;
    bool is_through;

    if (!compaction->moves_blocks) return true;
    if (compaction->at == 0) zset = *container = mem_compact(zset);
    if (zset_is_large(zset)) {
        large = zset_large_of(zset);
        is_through = zset_large_compact(&large, compaction);
        zset->root = (uintptr_t)large | ROOT_LARGE;
        return is_through;
    }
    block = zset_block_of(zset);
    if (block) scoreblock_compact(&block, compaction);
    zset->root = (uintptr_t)block;
    return true;
}

static const struct value_kind kind = {
    .name = "zset",
    .free_some = kind_free_some,
    .copy = kind_copy,
    .length = kind_length,
    .encoding = kind_encoding,
    .used_bytes = kind_used_bytes,
    .compact = kind_compact,
    .prefetch = kind_prefetch,
};

void zset_setup(void)
{
    value_kind_add(VALUE_ZSET, &kind);
}
