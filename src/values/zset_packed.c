/* zset_packed: a small sorted set is one block. */
#include "coatcheck/base/mem.h"
#include "zset_internal.h"

/* A block beyond this is slower to change than a tree, whatever the options say: such a set becomes a tree that
 * still calls itself packed. */
#define PACKED_MAX 16384

bool packed_is_allowed(uint64_t count, struct bytes member)
{
    return count <= (uint64_t)option_int(&zset_options.zset_max_listpack_entries) &&
           member.len <= (uint64_t)option_int(&zset_options.zset_max_listpack_value);
}

bool packed_has_room(const struct scoreblock *block, const struct scoreitem *item)
{
    return scoreblock_size_with(block, item) <= PACKED_MAX;
}

/* The place of a (score, member) that stands at `at` now, counted without it. */
static unsigned place_moved(const struct scoreblock *block, unsigned at, double score, struct bytes member)
{
    unsigned to = scoreblock_place(block, score, member);

    return to > at ? to - 1 : to;
}

static enum status packed_move(struct zset *zset, unsigned at, struct bytes member, double score)
{
    struct scoreblock *block = zset_block_of(zset);
    unsigned to = place_moved(block, at, score, member);

    if (scoreblock_move(&block, at, to, score) != OK) return NO_MEMORY;
    zset->root = (uintptr_t)block;
    return OK;
}

enum status packed_edit(struct zset *zset, struct bytes member, struct zset_edit *edit, enum zset_change *change)
{
    struct scoreblock *block = zset_block_of(zset);
    int at = block ? scoreblock_find(block, member, 0) : -1;
    double was = at < 0 ? 0 : scoreblock_score(block, (unsigned)at), score = was;
    struct scoreitem item;
    enum status status;

    *change = ZSET_SAME;
    if (!edit->decide(edit, at >= 0, &score)) return OK;
    /* As in redis-server, whose small form knows no -0. */
    score += 0.0;
    if (at >= 0) {
        if (score == was) return OK;
        if (packed_move(zset, (unsigned)at, member, score) != OK) return NO_MEMORY;
        *change = ZSET_MOVED;
        return OK;
    }
    if (scoreitem_init(&item, score, member, 0) != OK) return NO_MEMORY;
    if (block && scoreblock_size_with(block, &item) > SCOREBLOCK_SIZE_MAX) {
        scoreitem_drop(&item);
        return NO_MEMORY;
    }
    if (!block) {
        block = scoreblock_new(SCOREBLOCK_PLAIN, 0);
        if (block) zset->root = (uintptr_t)block;
    }
    status = block ? scoreblock_insert(&block, scoreblock_place(block, score, member), &item) : NO_MEMORY;
    if (status != OK) {
        scoreitem_drop(&item);
        return status;
    }
    zset->root = (uintptr_t)block;
    *change = ZSET_ADDED;
    return OK;
}

uint64_t packed_rank_of_first(const struct scoreblock *block, const struct zset_bound *bound)
{
    switch (bound->kind) {
    case ZSET_BY_SCORE:
        return scoreblock_below(block, bound->score, bound->exclusive);
    case ZSET_BY_MEMBER:
        return scoreblock_before(block, bound->member, bound->exclusive);
    case ZSET_BEFORE_ALL:
        return 0;
    default:
        return scoreblock_count(block);
    }
}

uint64_t packed_rank_of_end(const struct scoreblock *block, const struct zset_bound *bound)
{
    switch (bound->kind) {
    case ZSET_BY_SCORE:
        return scoreblock_below(block, bound->score, !bound->exclusive);
    case ZSET_BY_MEMBER:
        return scoreblock_before(block, bound->member, !bound->exclusive);
    case ZSET_BEFORE_ALL:
        return 0;
    default:
        return scoreblock_count(block);
    }
}
