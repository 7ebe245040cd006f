/* zset_range: ranks of bounds, walks and scans. */
#include "zset_large_internal.h"

/* How many members come before the bound; `with`: those at it as well. */
static uint64_t count_before(const struct zset *zset, const struct zset_bound *bound, bool with)
{
    const struct scoreblock *block = zset_block_of(zset);
    const struct ranktree *tree;

    if (bound->kind == ZSET_BEFORE_ALL || !zset->root) return 0;
    if (bound->kind == ZSET_AFTER_ALL) return zset_count(zset);
    if (zset_is_large(zset)) {
        tree = &zset_large_of(zset)->tree;
        return bound->kind == ZSET_BY_SCORE ? ranktree_below(tree, bound->score, with)
                                            : ranktree_before(tree, bound->member, with);
    }
    return bound->kind == ZSET_BY_SCORE ? scoreblock_below(block, bound->score, with)
                                        : scoreblock_before(block, bound->member, with);
}

uint64_t zset_rank_of_first(const struct zset *zset, const struct zset_bound *bound)
{
    return count_before(zset, bound, bound->exclusive);
}

uint64_t zset_rank_of_end(const struct zset *zset, const struct zset_bound *bound)
{
    return count_before(zset, bound, !bound->exclusive);
}

/* --- walks --- */

/* The leaf that comes next, if its node is the same. */
static void fetch_ahead(const struct zset_walk *walk)
{
    const struct scoreblock *leaf = ranktree_leaf_beside(&zset_large_of(walk->zset)->tree,
                                                         walk->node, walk->slot, walk->backwards);

    if (leaf) scoreblock_prefetch(leaf);
}

void zset_walk_from(struct zset_walk *walk, const struct zset *zset, uint64_t rank, bool backwards)
{
    struct rankplace place;

    walk->zset = zset;
    walk->node = NULL;
    walk->backwards = backwards;
    walk->over = rank >= zset_count(zset);
    if (walk->over) return;
    if (!zset_is_large(zset)) {
        scorewalk_begin(&walk->next, zset_block_of(zset), (unsigned)rank);
        return;
    }
    ranktree_at(&zset_large_of(zset)->tree, rank, &place);
    scoreblock_prefetch(ranktree_leaf(&zset_large_of(zset)->tree, place.leaf));
    walk->node = place.node;
    walk->slot = place.slot;
    fetch_ahead(walk);
    scorewalk_begin(&walk->next, ranktree_leaf(&zset_large_of(zset)->tree, place.leaf), place.at);
}

/* On to the next leaf, or the end. */
static void leave_block(struct zset_walk *walk)
{
    const struct ranktree *tree;
    const struct scoreblock *leaf;

    walk->over = true;
    if (!walk->node) return;
    tree = &zset_large_of(walk->zset)->tree;
    if (!(walk->backwards ? ranktree_back : ranktree_forth)(tree, &walk->node, &walk->slot)) return;
    leaf = ranktree_leaf_of(tree, walk->node, walk->slot);
    fetch_ahead(walk);
    scorewalk_begin(&walk->next, leaf, walk->backwards ? scoreblock_count(leaf) - 1 : 0);
    walk->over = false;
}

bool zset_walk_next(struct zset_walk *walk)
{
    if (walk->over) return false;
    scorewalk_read(&walk->next, &walk->member, &walk->score);
    if (walk->backwards) {
        if (walk->next.at > 0) {
            scorewalk_back(&walk->next);
        } else {
            leave_block(walk);
        }
        return true;
    }
    scorewalk_forth(&walk->next);
    if (walk->next.at == scoreblock_count(walk->next.block)) leave_block(walk);
    return true;
}

uint64_t zset_scan(const struct zset *zset, uint64_t cursor, uint64_t budget,
                   void (*see)(void *context, struct bytes member, double score), void *context)
{
    struct zset_walk walk;

    if (zset_is_large(zset))
        return zset_large_scan(zset_large_of(zset), cursor, budget, see, context);
    zset_walk_from(&walk, zset, 0, false);
    while (zset_walk_next(&walk)) see(context, walk.member, walk.score);
    return 0;
}
