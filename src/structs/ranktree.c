#include "ranktree_internal.h"

struct ranknode *ranknode_new(struct ranktree *tree, unsigned level)
{
    struct ranknode *node = mem_alloc(node_bytes(level));

    if (!node) return NULL;
    node->parent = NULL;
    node->fill = 0;
    node->level = (uint8_t)level;
    node->place = 0;
    tree->used_bytes += mem_good_size(node_bytes(level));
    return node;
}

void ranknode_free(struct ranktree *tree, struct ranknode *node)
{
    tree->used_bytes -= mem_good_size(node_bytes(node->level));
    mem_free_sized(node, node_bytes(node->level));
}

enum status ranktree_init(struct ranktree *tree, uint32_t leaves,
                          void (*moved)(void *, const struct scoreblock *, unsigned, unsigned,
                                        uint32_t, uint32_t),
                          void *context)
{
    *tree = (struct ranktree){.leaf_max = RANKTREE_LEAF_MAX, .moved = moved, .context = context};
    leafbook_init(&tree->book, leaves);
    tree->root = ranknode_new(tree, 1);
    return tree->root ? OK : NO_MEMORY;
}

/* --- the end --- */

/* Takes the last node that has no nodes below it away; false: there is none left. */
static bool fini_node(struct ranktree *tree)
{
    struct ranknode *node = tree->root, *parent;

    if (!node) return false;
    while (node->level > 1 && node->fill > 0) node = node->nodes[node->fill - 1];
    parent = node->parent;
    if (parent) {
        parent->fill--;
    } else {
        tree->root = NULL;
    }
    ranknode_free(tree, node);
    return true;
}

bool ranktree_fini_some(struct ranktree *tree, size_t *steps)
{
    while (tree->book.next > 0) {
        struct scoreblock *leaf = leafbook_look(&tree->book, tree->book.next - 1);

        if (*steps == 0) return false;
        --*steps;
        if (leaf && !scoreblock_free_some(&leaf, steps)) return false;
        leafbook_drop_last(&tree->book);
    }
    while (tree->root) {
        if (*steps == 0) return false;
        --*steps;
        fini_node(tree);
    }
    leafbook_fini(&tree->book);
    return true;
}

void ranktree_fini(struct ranktree *tree)
{
    size_t steps = SIZE_MAX;

    ranktree_fini_some(tree, &steps);
}

/* --- moving blocks together --- */

static struct ranknode *node_compact(struct ranktree *tree, struct ranknode *node)
{
    struct ranknode *moved = mem_compact(node);

    if (moved == node) return node;
    if (moved->parent) {
        moved->parent->nodes[moved->place] = moved;
    } else {
        tree->root = moved;
    }
    for (unsigned slot = 0; slot < moved->fill; slot++) {
        if (moved->level == 1) {
            scoreblock_set_owner(node_leaf(tree, moved, slot), moved);
        } else {
            moved->nodes[slot]->parent = moved;
        }
    }
    return moved;
}

void ranktree_compact(struct ranktree *tree, uint32_t number, struct compaction *compaction)
{
    struct scoreblock *leaf = leafbook_look(&tree->book, number);
    struct ranknode *node;

    leafbook_compact(&tree->book, number);
    if (!leaf) return;
    scoreblock_compact(&leaf, compaction);
    leafbook_set(&tree->book, number, leaf);
    node = leaf_node(leaf);
    if (node->leaves[0] != number) return;
    for (node = node_compact(tree, node); node->place == 0 && node->parent; node = node_compact(tree, node->parent)) {}
}

/* --- descents --- */

/* What a search looks for; the verbs of ranktree.h say which parts matter. */
struct target {
    double score;
    uint64_t prefix;
    struct bytes member;
    enum { TARGET_ITEM, TARGET_SCORE, TARGET_MEMBER } kind;
    bool or_equal;
};

static unsigned scores_below(const double *scores, unsigned from, unsigned to, double score,
                             bool or_equal)
{
    unsigned count = to - from;

    while (count > 0) {
        unsigned half = count / 2;
        double other = scores[from + half];
        bool before = or_equal ? other <= score : other < score;

        from = before ? from + half + 1 : from;
        count = before ? count - half - 1 : half;
    }
    return from;
}

static unsigned prefixes_below(const uint64_t *prefixes, unsigned from, unsigned to,
                               uint64_t prefix, bool or_equal)
{
    unsigned count = to - from;

    while (count > 0) {
        unsigned half = count / 2;
        uint64_t other = prefixes[from + half];
        bool before = or_equal ? other <= prefix : other < prefix;

        from = before ? from + half + 1 : from;
        count = before ? count - half - 1 : half;
    }
    return from;
}

static struct bytes first_member(const struct ranktree *tree, const struct ranknode *node,
                                 unsigned slot, double *score)
{
    const struct scoreblock *leaf;

    while (node->level > 1) {
        node = node->nodes[slot];
        slot = 0;
    }
    leaf = node_leaf(tree, node, slot);
    *score = scoreblock_score(leaf, 0);
    return scoreblock_member(leaf, 0);
}

/* Separators from … to-1 are the target's like: the members behind them decide. */
static unsigned decide_ties(const struct ranktree *tree, const struct ranknode *node, unsigned from,
                            unsigned to, const struct target *target)
{
    while (from < to) {
        unsigned half = from + (to - from) / 2;
        double score;
        struct bytes member = first_member(tree, node, half, &score);
        int order = bytes_compare(member, target->member);

        if (target->kind == TARGET_ITEM && score != target->score)
            order = score < target->score ? -1 : 1;
        if (order < 0 || (order == 0 && target->or_equal)) {
            from = half + 1;
        } else {
            to = half;
        }
    }
    return from;
}

/* The last child whose separator is before the target: what is sought begins in it, or right behind
 * it. */
static unsigned child_for(const struct ranktree *tree, const struct ranknode *node,
                          const struct target *target)
{
    unsigned from = 1, to = node->fill, tie;

    if (target->kind == TARGET_SCORE) {
        return scores_below(node->scores, 1, node->fill, target->score, target->or_equal) - 1;
    }
    if (target->kind == TARGET_ITEM) {
        from = scores_below(node->scores, 1, to, target->score, false);
        if (from == to || node->scores[from] != target->score) return from - 1;
        to = scores_below(node->scores, from, to, target->score, true);
    }
    tie = prefixes_below(node->prefixes, from, to, target->prefix, false);
    if (tie == to || node->prefixes[tie] != target->prefix) return tie - 1;
    to = prefixes_below(node->prefixes, tie, to, target->prefix, true);
    return decide_ties(tree, node, tie, to, target) - 1;
}

static struct ranknode *descend(const struct ranktree *tree, const struct target *target,
                                unsigned *slot, uint64_t *before)
{
    struct ranknode *node = tree->root;

    for (;;) {
        *slot = child_for(tree, node, target);
        if (before) *before += sum_of(node->counts, *slot);
        if (node->level == 1) return node;
        node = node->nodes[*slot];
    }
}

void ranktree_find(const struct ranktree *tree, double score, struct bytes member,
                   struct rankplace *place)
{
    /* A separator equal to the item is its own: it lies behind. */
    struct target target = {score, prefix_of(member), member, TARGET_ITEM, true};

    *place = (struct rankplace){.node = tree->root};
    if (tree->root->fill == 0) return;
    place->node = descend(tree, &target, &place->slot, NULL);
    place->leaf = place->node->leaves[place->slot];
    scoreblock_prefetch(ranktree_leaf(tree, place->leaf));
    place->at = scoreblock_place(ranktree_leaf(tree, place->leaf), score, member);
}

uint64_t ranktree_below(const struct ranktree *tree, double score, bool or_equal)
{
    struct target target = {.score = score, .kind = TARGET_SCORE, .or_equal = or_equal};
    uint64_t before = 0;
    unsigned slot;
    struct ranknode *node;

    if (tree->root->fill == 0) return 0;
    node = descend(tree, &target, &slot, &before);
    return before + scoreblock_below(node_leaf(tree, node, slot), score, or_equal);
}

uint64_t ranktree_before(const struct ranktree *tree, struct bytes member, bool or_equal)
{
    struct target target = {0, prefix_of(member), member, TARGET_MEMBER, or_equal};
    uint64_t before = 0;
    unsigned slot;
    struct ranknode *node;

    if (tree->root->fill == 0) return 0;
    node = descend(tree, &target, &slot, &before);
    return before + scoreblock_before(node_leaf(tree, node, slot), member, or_equal);
}

/* --- ranks --- */

void ranktree_at(const struct ranktree *tree, uint64_t rank, struct rankplace *place)
{
    struct ranknode *node = tree->root;
    unsigned slot;

    must(rank < tree->count);
    for (;;) {
        for (slot = 0; rank >= node->counts[slot]; slot++) rank -= node->counts[slot];
        if (node->level == 1) break;
        node = node->nodes[slot];
    }
    *place = (struct rankplace){node, slot, node->leaves[slot], (unsigned)rank};
}

uint64_t ranktree_rank(const struct ranktree *tree, uint32_t leaf, unsigned at)
{
    const struct ranknode *node = leaf_node(ranktree_leaf(tree, leaf));
    uint64_t rank = at + sum_of(node->counts, leaf_slot(node, leaf));

    for (; node->parent; node = node->parent) rank += sum_of(node->parent->counts, node->place);
    return rank;
}

/* --- neighbours --- */

bool ranktree_forth(const struct ranktree *tree, struct ranknode **nodep, unsigned *slot)
{
    struct ranknode *node = *nodep;
    unsigned at = *slot;

    (void)tree;
    while (at + 1u == node->fill) {
        if (!node->parent) return false;
        at = node->place;
        node = node->parent;
    }
    at++;
    while (node->level > 1) {
        node = node->nodes[at];
        at = 0;
    }
    *nodep = node;
    *slot = at;
    return true;
}

bool ranktree_back(const struct ranktree *tree, struct ranknode **nodep, unsigned *slot)
{
    struct ranknode *node = *nodep;
    unsigned at = *slot;

    (void)tree;
    while (at == 0) {
        if (!node->parent) return false;
        at = node->place;
        node = node->parent;
    }
    at--;
    while (node->level > 1) {
        node = node->nodes[at];
        at = node->fill - 1u;
    }
    *nodep = node;
    *slot = at;
    return true;
}

struct scoreblock *ranktree_leaf_of(const struct ranktree *tree, const struct ranknode *node,
                                    unsigned slot)
{
    return node_leaf(tree, node, slot);
}

struct scoreblock *ranktree_leaf_beside(const struct ranktree *tree, const struct ranknode *node,
                                        unsigned slot, bool at_left)
{
    if (at_left ? slot == 0 : slot + 1u >= node->fill) return NULL;
    return node_leaf(tree, node, at_left ? slot - 1 : slot + 1);
}
