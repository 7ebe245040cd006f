#include "coatcheck/values/zset.h"

#include "coatcheck/base/mem.h"
#include "coatcheck/values/kind.h"
#include "zset_internal.h"

#define OPTIONS_HERE zset_options
#define OPTION_HOOKS_HERE zset_option_hooks
OPTION_DEFINE(zset, ZSET_OPTIONS)

struct zset *zset_new(void)
{
    return mem_alloc_zeroed(sizeof(struct zset));
}

void zset_free(struct zset **zset)
{
    struct scoreblock *block;

    if (!*zset) return;
    block = zset_block_of(*zset);
    scoreblock_free(&block);
    mem_free_sized(*zset, sizeof **zset);
    *zset = NULL;
}

uint64_t zset_count(const struct zset *zset)
{
    const struct scoreblock *block = zset_block_of(zset);

    return block ? scoreblock_count(block) : 0;
}

bool zset_rank(const struct zset *zset, struct bytes member, uint64_t *rank, double *score)
{
    const struct scoreblock *block = zset_block_of(zset);
    int at = block ? scoreblock_find(block, member, 0) : -1;

    if (at < 0) return false;
    *rank = (uint64_t)at;
    *score = scoreblock_score(block, (unsigned)at);
    return true;
}

bool zset_score(const struct zset *zset, struct bytes member, double *score)
{
    uint64_t rank;

    return zset_rank(zset, member, &rank, score);
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

enum status zset_edit(struct zset *zset, struct bytes member, struct zset_edit *edit, enum zset_change *change)
{
    return packed_edit(zset, member, edit, change);
}

bool zset_remove(struct zset *zset, struct bytes member)
{
    uint64_t rank;
    double score;

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
    for (uint64_t i = first; see && i < end; i++) {
        see(context, scoreblock_member(block, (unsigned)i), scoreblock_score(block, (unsigned)i));
    }
    scoreblock_cut(block, (unsigned)first, (unsigned)end, SCOREBLOCK_FREE);
    scoreblock_tidy(&block);
    zset->root = (uintptr_t)block;
}

/* --- ranges and walks --- */

uint64_t zset_rank_of_first(const struct zset *zset, const struct zset_bound *bound)
{
    const struct scoreblock *block = zset_block_of(zset);

    return block ? packed_rank_of_first(block, bound) : 0;
}

uint64_t zset_rank_of_end(const struct zset *zset, const struct zset_bound *bound)
{
    const struct scoreblock *block = zset_block_of(zset);

    return block ? packed_rank_of_end(block, bound) : 0;
}

void zset_walk_from(struct zset_walk *walk, const struct zset *zset, uint64_t rank, bool backwards)
{
    walk->backwards = backwards;
    walk->over = rank >= zset_count(zset);
    if (!walk->over) scorewalk_begin(&walk->next, zset_block_of(zset), (unsigned)rank);
}

bool zset_walk_next(struct zset_walk *walk)
{
    if (walk->over) return false;
    scorewalk_read(&walk->next, &walk->member, &walk->score);
    if (!walk->backwards) {
        scorewalk_forth(&walk->next);
        walk->over = walk->next.at == scoreblock_count(walk->next.block);
    } else if (walk->next.at > 0) {
        scorewalk_back(&walk->next);
    } else {
        walk->over = true;
    }
    return true;
}

uint64_t zset_scan(const struct zset *zset, uint64_t cursor, uint64_t budget,
                   void (*see)(void *context, struct bytes member, double score), void *context)
{
    struct zset_walk walk;

    (void)cursor, (void)budget;
    zset_walk_from(&walk, zset, 0, false);
    while (zset_walk_next(&walk)) see(context, walk.member, walk.score);
    return 0;
}

/* --- as a kind --- */

bool zset_is_packed(const struct zset *zset)
{
    (void)zset;
    return true;
}

void zset_check(const struct zset *zset)
{
    if (zset_block_of(zset)) scoreblock_check(zset_block_of(zset));
}

static bool kind_free_some(void **container, size_t steps)
{
    struct zset *zset = *container;

    (void)steps;
    zset_free(&zset);
    *container = NULL;
    return true;
}

static void *kind_copy(const void *container)
{
    const struct zset *zset = container;
    struct zset *copy = zset_new();
    struct scoreblock *block;

    if (!copy || !zset_block_of(zset)) return copy;
    block = scoreblock_copy(zset_block_of(zset));
    if (!block) zset_free(&copy);
    if (copy) copy->root = (uintptr_t)block;
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
    const struct scoreblock *block = zset_block_of(container);
    size_t used = mem_usable(container);

    if (!block) return used;
    return used + scoreblock_room(block) + scoreblock_far_bytes(block, 0, scoreblock_count(block));
}

static const struct value_kind kind = {
    .name = "zset",
    .free_some = kind_free_some,
    .copy = kind_copy,
    .length = kind_length,
    .encoding = kind_encoding,
    .used_bytes = kind_used_bytes,
};

void zset_setup(void)
{
    value_kind_add(VALUE_ZSET, &kind);
}
