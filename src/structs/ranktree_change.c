/* ranktree_change: how leaves and nodes come, split, join and go. */
#include "ranktree_internal.h"

/* A leaf below half of what it may be joins a neighbour, if both leave a quarter free: it takes
 * many changes before it splits again. So with nodes. */
#define LEAF_IS_SMALL(tree) ((tree)->leaf_max / 2)
#define LEAF_MAY_JOIN(tree) ((tree)->leaf_max / 4 * 3)
#define NODE_IS_SMALL (FANOUT / 2)
#define NODE_MAY_JOIN (FANOUT / 4 * 3)

/* --- nodes --- */

static inline size_t child_bytes(const struct ranknode *node)
{
    return node->level == 1 ? sizeof node->leaves[0] : sizeof node->nodes[0];
}

static inline char *child_at(const struct ranknode *node, unsigned slot)
{
    return (char *)node->leaves + child_bytes(node) * slot;
}

/* Children from … fill-1 stand `by` further right, or left when it is negative. */
static void shift_children(struct ranknode *node, unsigned from, int by)
{
    size_t count = node->fill - from;

    memmove(&node->counts[(int)from + by], &node->counts[from], count * sizeof node->counts[0]);
    memmove(&node->scores[(int)from + by], &node->scores[from], count * sizeof node->scores[0]);
    memmove(&node->prefixes[(int)from + by], &node->prefixes[from],
            count * sizeof node->prefixes[0]);
    memmove(child_at(node, from) + (ptrdiff_t)child_bytes(node) * by, child_at(node, from),
            count * child_bytes(node));
}

static void copy_children(struct ranknode *into, unsigned at, const struct ranknode *from,
                          unsigned first, unsigned count)
{
    memcpy(&into->counts[at], &from->counts[first], count * sizeof into->counts[0]);
    memcpy(&into->scores[at], &from->scores[first], count * sizeof into->scores[0]);
    memcpy(&into->prefixes[at], &from->prefixes[first], count * sizeof into->prefixes[0]);
    memcpy(child_at(into, at), child_at(from, first), count * child_bytes(into));
}

/* Tells children who their parent is and where in it they stand. */
static void own_children(struct ranktree *tree, struct ranknode *node, unsigned from)
{
    if (node->level == 1) {
        for (unsigned i = from; i < node->fill; i++)
            __builtin_prefetch(node_leaf(tree, node, i), 1);
        for (unsigned i = from; i < node->fill; i++)
            scoreblock_set_owner(node_leaf(tree, node, i), node);
        return;
    }
    for (unsigned i = from; i < node->fill; i++) {
        node->nodes[i]->parent = node;
        node->nodes[i]->place = (uint8_t)i;
    }
}

static inline void own_places(struct ranknode *node, unsigned from)
{
    for (unsigned i = from; node->level > 1 && i < node->fill; i++)
        node->nodes[i]->place = (uint8_t)i;
}

static void add_to_counts(struct ranktree *tree, struct ranknode *node, unsigned slot, int64_t by)
{
    tree->count += (uint64_t)by;
    node->counts[slot] += (uint32_t)by;
    for (; node->parent; node = node->parent) node->parent->counts[node->place] += (uint32_t)by;
}

/* A root with one child is none. */
static void drop_lone_root(struct ranktree *tree)
{
    while (tree->root->level > 1 && tree->root->fill == 1) {
        struct ranknode *old = tree->root;

        tree->root = old->nodes[0];
        tree->root->parent = NULL;
        tree->root->place = 0;
        ranknode_free(tree, old);
    }
}

static bool put_root_above(struct ranktree *tree)
{
    struct ranknode *below = tree->root, *root = ranknode_new(tree, below->level + 1u);

    if (!root) return false;
    root->fill = 1;
    root->nodes[0] = below;
    root->counts[0] = (uint32_t)tree->count;
    root->scores[0] = 0;
    root->prefixes[0] = 0;
    below->parent = root;
    below->place = 0;
    tree->root = root;
    return true;
}

/* Children from `at` on go to a new node at the right, for which the parent has room. */
static bool node_split(struct ranktree *tree, struct ranknode *node, unsigned at)
{
    struct ranknode *right = ranknode_new(tree, node->level), *parent = node->parent;
    unsigned slot = node->place + 1u;

    if (!right) return false;
    right->fill = (uint16_t)(node->fill - at);
    copy_children(right, 0, node, at, right->fill);
    node->fill = (uint16_t)at;
    own_children(tree, right, 0);

    shift_children(parent, slot, 1);
    parent->fill++;
    parent->nodes[slot] = right;
    parent->scores[slot] = right->scores[0];
    parent->prefixes[slot] = right->prefixes[0];
    parent->counts[slot] = (uint32_t)sum_of(right->counts, right->fill);
    parent->counts[slot - 1] -= parent->counts[slot];
    right->parent = parent;
    own_places(parent, slot);
    return true;
}

enum side { SIDE_LEFT, SIDE_MIDDLE, SIDE_RIGHT };

/* Room for one more child in the node and all above it that would have to split, the highest first.
 * At an end of the tree full nodes stay full. */
static bool node_make_room(struct ranktree *tree, struct ranknode *node, enum side side)
{
    while (node->fill == FANOUT) {
        struct ranknode *full = node;

        while (full->parent && full->parent->fill == FANOUT) full = full->parent;
        if (!full->parent && !put_root_above(tree)) return false;
        if (!node_split(tree, full,
                        side == SIDE_LEFT    ? 1
                        : side == SIDE_RIGHT ? FANOUT - 1u
                                             : FANOUT / 2)) {
            drop_lone_root(tree);
            return false;
        }
        if (full == node) return true;
    }
    return true;
}

/* Appends all children of the right one of two neighbours to the left one; its slot in the parent
 * is empty then. */
static void node_join(struct ranktree *tree, struct ranknode *left, struct ranknode *right)
{
    struct ranknode *parent = left->parent;
    unsigned at = left->fill;

    copy_children(left, at, right, 0, right->fill);
    left->scores[at] = parent->scores[right->place];
    left->prefixes[at] = parent->prefixes[right->place];
    left->fill = (uint16_t)(at + right->fill);
    own_children(tree, left, at);
    parent->counts[left->place] += parent->counts[right->place];
    parent->counts[right->place] = 0;
}

/* Takes a child out of its node, and nodes that are empty or small then. Its members are counted no
 * more. */
static void node_take_out(struct ranktree *tree, struct ranknode *node, unsigned slot)
{
    for (;;) {
        struct ranknode *parent = node->parent, *left, *right;

        shift_children(node, slot + 1, -1);
        node->fill--;
        own_places(node, slot);
        if (!parent) break;
        if (node->fill == 0) {
            slot = node->place;
            ranknode_free(tree, node);
            node = parent;
            continue;
        }
        if (node->fill >= NODE_IS_SMALL || parent->fill < 2) break;
        left = node->place > 0 ? parent->nodes[node->place - 1] : node;
        right = parent->nodes[left->place + 1];
        if (left->fill + right->fill > NODE_MAY_JOIN) break;
        node_join(tree, left, right);
        slot = right->place;
        ranknode_free(tree, right);
        node = parent;
    }
    drop_lone_root(tree);
}

/* --- leaves --- */

static void note_leaf(struct ranktree *tree, const struct scoreblock *leaf, int sign)
{
    tree->used_bytes += (size_t)sign * scoreblock_room(leaf);
}

/* Puts a leaf into its node, which has room; its members are counted by the caller. */
static uint32_t node_put_leaf(struct ranktree *tree, struct ranknode *node, unsigned slot,
                              struct scoreblock *leaf, double score, struct bytes member)
{
    uint32_t number = leafbook_add(&tree->book, leaf);

    shift_children(node, slot, 1);
    node->fill++;
    node->counts[slot] = 0;
    node->scores[slot] = score;
    node->prefixes[slot] = prefix_of(member);
    node->leaves[slot] = number;
    scoreblock_set_owner(leaf, node);
    note_leaf(tree, leaf, 1);
    return number;
}

/* Half of the leaf goes to a new one at its right. */
static enum status leaf_split(struct ranktree *tree, uint32_t number)
{
    struct scoreblock *leaf = ranktree_leaf(tree, number), *right;
    unsigned middle = scoreblock_middle(leaf), count = scoreblock_count(leaf), slot;
    struct ranknode *node;
    uint32_t other;

    if (!node_make_room(tree, leaf_node(leaf), SIDE_MIDDLE)) return NO_MEMORY;
    right = scoreblock_slice(leaf, middle, count, SCOREBLOCK_LEAF);
    if (!right) return NO_MEMORY;
    node = leaf_node(leaf);
    slot = leaf_slot(node, number);
    other = node_put_leaf(tree, node, slot + 1, right, scoreblock_score(right, 0),
                          scoreblock_member(right, 0));
    node->counts[slot] -= count - middle;
    node->counts[slot + 1] = count - middle;
    note_leaf(tree, leaf, -1);
    scoreblock_cut(leaf, middle, count, SCOREBLOCK_KEEP);
    scoreblock_tidy(&leaf);
    leafbook_set(&tree->book, number, leaf);
    note_leaf(tree, leaf, 1);
    tree->moved(tree->context, right, 0, count - middle, number, other);
    return OK;
}

static void place_in(const struct ranktree *tree, struct rankplace *place, uint32_t leaf,
                     unsigned at)
{
    place->leaf = leaf;
    place->at = at;
    place->node = leaf_node(ranktree_leaf(tree, leaf));
    place->slot = leaf_slot(place->node, leaf);
}

static bool is_first_leaf(struct ranknode *node, unsigned slot)
{
    for (; slot == 0; node = node->parent) {
        if (!node->parent) return true;
        slot = node->place;
    }
    return false;
}

static bool is_last_leaf(struct ranknode *node, unsigned slot)
{
    for (; slot + 1u == node->fill; node = node->parent) {
        if (!node->parent) return true;
        slot = node->place;
    }
    return false;
}

/* A leaf for the item alone, at one end of the tree. */
static enum status add_leaf_at_end(struct ranktree *tree, struct rankplace *place,
                                   const struct scoreitem *item, enum side side)
{
    struct scoreblock *leaf = scoreblock_new(SCOREBLOCK_LEAF, item), *neighbour;
    struct bytes member = scoreitem_member(item);
    struct ranknode *node;

    if (!leaf) return NO_MEMORY;
    if (!node_make_room(tree, place->node, side)) {
        scoreblock_free(&leaf);
        return NO_MEMORY;
    }
    if (tree->root->fill > 0) {
        neighbour = ranktree_leaf(tree, place->leaf);
        node = leaf_node(neighbour);
        if (side == SIDE_LEFT) {
            /* Nobody has asked for the first leaf's separator until now. */
            node->scores[0] = scoreblock_score(neighbour, 0);
            node->prefixes[0] = prefix_of(scoreblock_member(neighbour, 0));
        }
    } else {
        node = tree->root;
    }
    place->node = node;
    place->slot = side == SIDE_LEFT ? 0 : node->fill;
    place->at = 0;
    place->leaf = node_put_leaf(tree, node, place->slot, leaf, item->score, member);
    return OK;
}

/* A number for one more leaf; larger leaves when there is none. */
static enum status reserve_number(struct ranktree *tree)
{
    enum status status = leafbook_reserve(&tree->book);

    if (status == TOO_BIG && tree->leaf_max < SCOREBLOCK_SIZE_MAX) tree->leaf_max *= 2;
    return status;
}

/* The leaf is too full for the item. OK: look again, at `place`. */
static enum status relieve(struct ranktree *tree, struct rankplace *place,
                           const struct scoreitem *item, bool *is_new)
{
    unsigned count = scoreblock_count(ranktree_leaf(tree, place->leaf)), middle;
    uint32_t left = place->leaf;

    *is_new = true;
    if (place->at == count && is_last_leaf(place->node, place->slot)) {
        return add_leaf_at_end(tree, place, item, SIDE_RIGHT);
    }
    if (place->at == 0 && is_first_leaf(place->node, place->slot)) {
        return add_leaf_at_end(tree, place, item, SIDE_LEFT);
    }
    *is_new = false;
    if (leaf_split(tree, left) != OK) return NO_MEMORY;
    middle = scoreblock_count(ranktree_leaf(tree, left));
    place_in(tree, place, left, place->at);
    if (place->at <= middle) return OK;
    /* The new leaf is the next one in the same node. */
    place->at -= middle;
    place->slot++;
    place->leaf = place->node->leaves[place->slot];
    return OK;
}

enum status ranktree_make_room(struct ranktree *tree, struct rankplace *place,
                               const struct scoreitem *item)
{
    bool is_new = false;

    if (tree->count >= RANKTREE_COUNT_MAX) return NO_MEMORY;
    if (tree->root->fill == 0) {
        if (reserve_number(tree) != OK) return NO_MEMORY;
        return add_leaf_at_end(tree, place, item, SIDE_RIGHT);
    }
    for (;;) {
        struct scoreblock *leaf = ranktree_leaf(tree, place->leaf), *was = leaf;
        size_t room = scoreblock_room(leaf);
        enum status status;

        if (likely(scoreblock_size_with(leaf, item) <= tree->leaf_max)) {
            if (scoreblock_make_room(&leaf, item) != OK) return NO_MEMORY;
            if (leaf == was) return OK;
            leafbook_set(&tree->book, place->leaf, leaf);
            tree->used_bytes += scoreblock_room(leaf) - room;
            return OK;
        }
        status = reserve_number(tree);
        if (status == TOO_BIG && scoreblock_size_with(leaf, item) <= tree->leaf_max) continue;
        if (status != OK) return NO_MEMORY;
        if (relieve(tree, place, item, &is_new) != OK) return NO_MEMORY;
        if (is_new) return OK;
    }
}

void ranktree_insert(struct ranktree *tree, const struct rankplace *place,
                     const struct scoreitem *item)
{
    struct scoreblock *leaf = ranktree_leaf(tree, place->leaf), *was = leaf;

    must(scoreblock_insert(&leaf, place->at, item) == OK && leaf == was);
    tree->used_bytes += scoreitem_far_bytes(item);
    add_to_counts(tree, place->node, place->slot, 1);
}

void ranktree_cut(struct ranktree *tree, uint32_t number, unsigned from, unsigned to,
                  enum scoreblock_fate fate)
{
    struct scoreblock *leaf = ranktree_leaf(tree, number);
    struct ranknode *node = leaf_node(leaf);

    tree->used_bytes -= scoreblock_far_bytes(leaf, from, to);
    scoreblock_cut(leaf, from, to, fate);
    add_to_counts(tree, node, leaf_slot(node, number), -(int64_t)(to - from));
}

static void drop_leaf(struct ranktree *tree, uint32_t number)
{
    struct scoreblock *leaf = ranktree_leaf(tree, number);
    struct ranknode *node = leaf_node(leaf);

    note_leaf(tree, leaf, -1);
    scoreblock_cut(leaf, 0, scoreblock_count(leaf), SCOREBLOCK_KEEP);
    scoreblock_free(&leaf);
    node_take_out(tree, node, leaf_slot(node, number));
    leafbook_remove(&tree->book, number);
}

/* The leaf and its right neighbour become one, which keeps the number of the one with more members.
 */
static bool join_leaves(struct ranktree *tree, struct ranknode *node, unsigned slot)
{
    uint32_t left_number = node->leaves[slot], right_number = node->leaves[slot + 1];
    struct scoreblock *left = ranktree_leaf(tree, left_number),
                      *right = ranktree_leaf(tree, right_number), *both;
    unsigned left_count = scoreblock_count(left), right_count = scoreblock_count(right);
    bool keep_left = left_count >= right_count;

    if (scoreblock_size(left) + scoreblock_size(right) > LEAF_MAY_JOIN(tree)) return false;
    both = scoreblock_join(left, right);
    if (!both) return false;
    note_leaf(tree, both, 1);
    if (keep_left) {
        note_leaf(tree, left, -1);
        scoreblock_cut(left, 0, left_count, SCOREBLOCK_KEEP);
        scoreblock_free(&left);
        leafbook_set(&tree->book, left_number, both);
        tree->moved(tree->context, both, left_count, left_count + right_count, right_number,
                    left_number);
    } else {
        note_leaf(tree, right, -1);
        scoreblock_cut(right, 0, right_count, SCOREBLOCK_KEEP);
        scoreblock_free(&right);
        leafbook_set(&tree->book, right_number, both);
        tree->moved(tree->context, both, 0, left_count, left_number, right_number);
        /* It begins where the left one began. */
        node->scores[slot + 1] = node->scores[slot];
        node->prefixes[slot + 1] = node->prefixes[slot];
    }
    node->counts[keep_left ? slot : slot + 1] = left_count + right_count;
    node->counts[keep_left ? slot + 1 : slot] = 0;
    drop_leaf(tree, keep_left ? right_number : left_number);
    return true;
}

/* By what its members take, would a leaf of `size` bytes at `slot` join the one at `other`? The
 * node knows; to look at the other leaf would be a miss at each removal. */
static bool may_join(const struct ranktree *tree, const struct ranknode *node, unsigned slot,
                     unsigned other, size_t size)
{
    return size * (node->counts[slot] + node->counts[other]) <=
           (size_t)LEAF_MAY_JOIN(tree) * node->counts[slot];
}

void ranktree_settle(struct ranktree *tree, uint32_t number)
{
    struct scoreblock *leaf = ranktree_leaf(tree, number), *was = leaf;
    struct ranknode *node = leaf_node(leaf);
    size_t room = scoreblock_room(leaf), size = scoreblock_size(leaf);
    unsigned slot;

    if (scoreblock_count(leaf) == 0) {
        drop_leaf(tree, number);
        return;
    }
    if (size < LEAF_IS_SMALL(tree) && node->fill > 1) {
        slot = leaf_slot(node, number);
        /* At the ends members go one by one, as in a queue: the leaf will soon be empty. */
        if (!is_first_leaf(node, slot) && !is_last_leaf(node, slot) &&
            ((slot > 0 && may_join(tree, node, slot, slot - 1, size) &&
              join_leaves(tree, node, slot - 1)) ||
             (slot + 1u < node->fill && may_join(tree, node, slot, slot + 1, size) &&
              join_leaves(tree, node, slot)))) {
            return;
        }
    }
    scoreblock_tidy(&leaf);
    if (leaf == was) return;
    leafbook_set(&tree->book, number, leaf);
    tree->used_bytes += scoreblock_room(leaf) - room;
}

/* Is there no doubt that the item lies between the leaf's neighbours? `to`: its place among the
 * `others`. */
static bool stays_in_leaf(const struct ranknode *node, uint32_t number, unsigned to,
                          unsigned others, double score, struct bytes member)
{
    uint64_t prefix = prefix_of(member);
    unsigned slot;

    if (to > 0 && to < others) return true;
    slot = leaf_slot(node, number);
    if (to == 0) {
        if (slot == 0 || score < node->scores[slot]) return false;
        if (score == node->scores[slot] && prefix <= node->prefixes[slot]) return false;
    }
    if (to == others) {
        if (slot + 1u == node->fill || score > node->scores[slot + 1]) return false;
        if (score == node->scores[slot + 1] && prefix >= node->prefixes[slot + 1]) return false;
    }
    return true;
}

enum status ranktree_move(struct ranktree *tree, uint32_t number, unsigned at, struct bytes member,
                          double score, struct rankplace *place)
{
    struct scoreblock *leaf = ranktree_leaf(tree, number);
    unsigned to = scoreblock_place(leaf, score, member), others = scoreblock_count(leaf) - 1;
    size_t room = scoreblock_room(leaf);

    to = to > at ? to - 1 : to;
    if (!stays_in_leaf(leaf_node(leaf), number, to, others, score, member)) {
        ranktree_find(tree, score, member, place);
        if (place->leaf != number) return NOT_FOUND;
    }
    if (unlikely(scoreblock_size_moved(leaf, score) > tree->leaf_max)) {
        enum status status = reserve_number(tree);

        if (status == TOO_BIG && scoreblock_size_moved(leaf, score) > tree->leaf_max)
            return NO_MEMORY;
        if (status == NO_MEMORY || (status == OK && leaf_split(tree, number) != OK))
            return NO_MEMORY;
        return IN_USE;
    }
    if (scoreblock_move(&leaf, at, to, score) != OK) return NO_MEMORY;
    leafbook_set(&tree->book, number, leaf);
    tree->used_bytes += scoreblock_room(leaf) - room;
    return OK;
}
