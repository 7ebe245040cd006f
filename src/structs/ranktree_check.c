/* ranktree_check: copies of whole trees, and whether all holds that should. */
#include <math.h>
#include "ranktree_internal.h"

/* --- copies --- */

static struct ranknode *node_copy(struct ranktree *copy, const struct ranknode *node,
                                  struct ranknode *parent)
{
    struct ranknode *other = ranknode_new(copy, node->level);

    if (!other) return NULL;
    memcpy(other, node, node_bytes(node->level));
    other->parent = parent;
    return other;
}

static bool copy_leaves(struct ranktree *copy, struct ranknode *node, const struct ranktree *tree)
{
    for (unsigned i = 0; i < node->fill; i++) {
        struct scoreblock *leaf = scoreblock_copy(node_leaf(tree, node, i));

        if (!leaf) return false;
        scoreblock_set_owner(leaf, node);
        leafbook_set(&copy->book, node->leaves[i], leaf);
        copy->used_bytes +=
            scoreblock_room(leaf) + scoreblock_far_bytes(leaf, 0, scoreblock_count(leaf));
    }
    return true;
}

/* Nodes of the copy lead into the old tree where they have not been visited yet: a copy that fails
 * must not free what is there. */
static void cut_off(struct ranknode *node, unsigned from)
{
    if (node->level > 1) node->fill = (uint16_t)from;
    for (; node->parent; node = node->parent) node->parent->fill = (uint16_t)(node->place + 1u);
}

enum status ranktree_copy(struct ranktree *copy, const struct ranktree *tree)
{
    struct ranknode *node;
    unsigned at = 0;

    *copy = *tree;
    copy->used_bytes = 0;
    copy->root = NULL;
    if (leafbook_copy_empty(&copy->book, &tree->book) != OK) return NO_MEMORY;
    node = copy->root = node_copy(copy, tree->root, NULL);
    while (node) {
        struct ranknode *child;

        if (node->level > 1 && at < node->fill) {
            child = node_copy(copy, node->nodes[at], node);
            if (!child) break;
            node->nodes[at] = child;
            node = child;
            at = 0;
            continue;
        }
        if (node->level == 1 && !copy_leaves(copy, node, tree)) break;
        if (!node->parent) return OK;
        at = node->place + 1u;
        node = node->parent;
    }
    if (node) cut_off(node, at);
    ranktree_fini(copy);
    return NO_MEMORY;
}

/* --- checks --- */

struct checked {
    const struct scoreblock *before;
    uint64_t count;
    uint32_t leaves;
    size_t used_bytes;
};

/* -1, 0, 1: is what is kept of the member before the separator? */
static int against_separator(const struct scoreblock *leaf, unsigned at, double score,
                             uint64_t prefix)
{
    double ours = scoreblock_score(leaf, at);
    uint64_t our_prefix = prefix_of(scoreblock_member(leaf, at));

    if (ours != score) return ours < score ? -1 : 1;
    return (our_prefix > prefix) - (our_prefix < prefix);
}

static void check_order(const struct scoreblock *left, const struct scoreblock *right)
{
    unsigned last = scoreblock_count(left) - 1;
    double a = scoreblock_score(left, last), b = scoreblock_score(right, 0);

    must(a < b ||
         (a == b && bytes_compare(scoreblock_member(left, last), scoreblock_member(right, 0)) < 0));
}

static void check_leaf(const struct ranktree *tree, const struct ranknode *node, unsigned slot,
                       struct checked *sum)
{
    const struct scoreblock *leaf = leafbook_look(&tree->book, node->leaves[slot]);
    unsigned count;

    must(leaf && leaf_node(leaf) == node);
    scoreblock_check(leaf);
    count = scoreblock_count(leaf);
    must(count > 0 && count == node->counts[slot] && scoreblock_size(leaf) <= tree->leaf_max);
    if (sum->before) check_order(sum->before, leaf);
    sum->before = leaf;
    sum->count += count;
    sum->leaves++;
    sum->used_bytes += scoreblock_room(leaf) + scoreblock_far_bytes(leaf, 0, count);
}

/* Of the child in this slot: what is in it and before it is on the right side of its separator. */
static void check_separator(const struct ranktree *tree, const struct ranknode *node, unsigned slot)
{
    const struct ranknode *right = node, *left = node;
    unsigned first = slot, last = slot - 1;
    const struct scoreblock *leaf;
    double score = node->scores[slot];
    uint64_t prefix = node->prefixes[slot];

    must(!isnan(score));
    while (right->level > 1) {
        right = right->nodes[first];
        first = 0;
        left = left->nodes[last];
        last = left->fill - 1u;
    }
    must(against_separator(node_leaf(tree, right, first), 0, score, prefix) >= 0);
    leaf = node_leaf(tree, left, last);
    must(against_separator(leaf, scoreblock_count(leaf) - 1, score, prefix) <= 0);
}

static void check_node(const struct ranktree *tree, const struct ranknode *node,
                       struct checked *sum)
{
    must(node->fill <= FANOUT && (node->fill > 0 || node == tree->root));
    must(node != tree->root || node->level == 1 || node->fill > 1);
    if (node->parent) {
        must(node->parent->level == node->level + 1 && node->parent->nodes[node->place] == node);
        must(sum_of(node->counts, node->fill) == node->parent->counts[node->place]);
    }
    sum->used_bytes += mem_good_size(node_bytes(node->level));
    for (unsigned i = 0; node->level == 1 && i < node->fill; i++) {
        must(leaf_slot(node, node->leaves[i]) == i);
        check_leaf(tree, node, i, sum);
    }
    for (unsigned i = 1; i < node->fill; i++) check_separator(tree, node, i);
}

static uint32_t count_numbers(const struct leafbook *book)
{
    uint32_t taken = 0;

    for (uint32_t i = 0; i < book->next; i++) taken += leafbook_look(book, i) != NULL;
    return taken;
}

void ranktree_check(const struct ranktree *tree)
{
    const struct ranknode *node = tree->root;
    struct checked sum = {0};
    unsigned at = 0;

    must(!node->parent);
    for (;;) {
        if (at == 0) check_node(tree, node, &sum);
        if (node->level > 1 && at < node->fill) {
            node = node->nodes[at];
            at = 0;
            continue;
        }
        if (!node->parent) break;
        at = node->place + 1u;
        node = node->parent;
    }
    must(sum.count == tree->count && sum.leaves == count_numbers(&tree->book));
    must(sum.used_bytes == tree->used_bytes);
}
