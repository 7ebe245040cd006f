#include "coatcheck/structs/counttree.h"

#include <string.h>
#include "coatcheck/base/mem.h"
#include "coatcheck/base/must.h"

/* The largest node is one of the allocator's sizes, but for eight bytes. */
#define FAN 31
#define MERGE_BELOW (FAN / 4)
#define MERGED_MOST (FAN * 3 / 4)

/* A node has room for some slots more than it uses, and is made smaller where it has this many beyond that: a list of a few
 * blocks has no use for a node of 31. */
#define ROOM_MORE(count) (2 + (count) / 8)
#define ROOM_KEPT 2

/*  | count 4 | room 4 | weights 8 * room | children 8 * room | */
struct countnode {
    uint32_t count, room;
    uint64_t weights[]; /* behind them the children: nodes, or in the lowest level things; a spare one's first: the next
                           spare */
};

static inline uintptr_t *children_of(const struct countnode *node)
{
    return (uintptr_t *)(node->weights + node->room);
}

static inline struct countnode *child_of(const struct countnode *node, unsigned slot)
{
    return (struct countnode *)children_of(node)[slot];
}

/* --- paths --- */

/* From depth `from` on, whose node is known, always the first or always the last slot. */
static void go_down(struct countpath *path, unsigned from, bool last)
{
    for (unsigned depth = from; depth < path->height; depth++) {
        path->slots[depth] = (uint8_t)(last ? path->nodes[depth]->count - 1 : 0);
        if (depth + 1 < path->height)
            path->nodes[depth + 1] = child_of(path->nodes[depth], path->slots[depth]);
    }
}

void counttree_find(const struct counttree *tree, uint64_t at, struct countpath *path)
{
    const struct countnode *node = tree->root;

    must_debug(at < tree->weight);
    path->height = (uint8_t)tree->height;
    path->before = at;
    for (unsigned depth = 0; depth < tree->height; depth++) {
        unsigned slot = 0;

        while (at >= node->weights[slot]) at -= node->weights[slot++];
        path->nodes[depth] = (struct countnode *)node;
        path->slots[depth] = (uint8_t)slot;
        node = child_of(node, slot);
    }
    path->before -= at;
}

bool counttree_first(const struct counttree *tree, struct countpath *path)
{
    if (!tree->root) return false;
    path->height = (uint8_t)tree->height;
    path->nodes[0] = tree->root;
    path->before = 0;
    go_down(path, 0, false);
    return true;
}

bool counttree_last(const struct counttree *tree, struct countpath *path)
{
    if (!tree->root) return false;
    path->height = (uint8_t)tree->height;
    path->nodes[0] = tree->root;
    go_down(path, 0, true);
    path->before = tree->weight - countpath_weight(path);
    return true;
}

bool countpath_forth(struct countpath *path)
{
    path->before += countpath_weight(path);
    for (unsigned depth = path->height; depth-- > 0;) {
        if (path->slots[depth] + 1u == path->nodes[depth]->count) continue;
        path->slots[depth]++;
        if (depth + 1u < path->height)
            path->nodes[depth + 1] = child_of(path->nodes[depth], path->slots[depth]);
        go_down(path, depth + 1, false);
        return true;
    }
    return false;
}

bool countpath_back(struct countpath *path)
{
    for (unsigned depth = path->height; depth-- > 0;) {
        if (path->slots[depth] == 0) continue;
        path->slots[depth]--;
        if (depth + 1u < path->height)
            path->nodes[depth + 1] = child_of(path->nodes[depth], path->slots[depth]);
        go_down(path, depth + 1, true);
        path->before -= countpath_weight(path);
        return true;
    }
    return false;
}

uintptr_t countpath_thing(const struct countpath *path)
{
    unsigned lowest = path->height - 1u;

    return children_of(path->nodes[lowest])[path->slots[lowest]];
}

uint64_t countpath_weight(const struct countpath *path)
{
    unsigned lowest = path->height - 1u;

    return path->nodes[lowest]->weights[path->slots[lowest]];
}

void countpath_set(const struct countpath *path, uintptr_t thing)
{
    unsigned lowest = path->height - 1u;

    children_of(path->nodes[lowest])[path->slots[lowest]] = thing;
}

void counttree_weigh(struct counttree *tree, const struct countpath *path, uint64_t weight)
{
    uint64_t more = weight - countpath_weight(path); /* modulo 2^64: less, perhaps */

    for (unsigned depth = 0; depth < path->height; depth++)
        path->nodes[depth]->weights[path->slots[depth]] += more;
    tree->weight += more;
}

void counttree_compact(struct counttree *tree, struct countpath *path)
{
    for (unsigned depth = path->height; depth-- > 0 && path->slots[depth] == 0;) {
        path->nodes[depth] = mem_compact(path->nodes[depth]);
        if (depth > 0) {
            children_of(path->nodes[depth - 1])[path->slots[depth - 1]] = (uintptr_t)path->nodes[depth];
        } else {
            tree->root = path->nodes[0];
        }
    }
}

/* --- nodes --- */

static size_t node_size(unsigned room)
{
    return sizeof(struct countnode) + room * (sizeof(uint64_t) + sizeof(uintptr_t));
}

static unsigned room_for(unsigned count)
{
    return count + ROOM_MORE(count) < FAN ? count + ROOM_MORE(count) : FAN;
}

unsigned counttree_needs(const struct counttree *tree, const struct countpath *path)
{
    unsigned needs = 0;

    for (unsigned depth = tree->height; depth-- > 0;) {
        const struct countnode *node = path->nodes[depth];

        if (node->count < node->room) return needs;
        needs++;
        if (node->room < FAN) return needs;
    }
    return needs + 1;
}

unsigned counttree_needs_at_most(const struct counttree *tree, unsigned inserts)
{
    return inserts * (tree->height + 2);
}

static struct countnode *node_new(struct counttree *tree, unsigned room)
{
    struct countnode *node = mem_alloc(node_size(room));

    if (!node) return NULL;
    node->count = 0;
    node->room = room;
    tree->used_bytes += mem_good_size(node_size(room));
    return node;
}

static void node_free(struct counttree *tree, struct countnode *node)
{
    size_t size = node_size(node->room);

    tree->used_bytes -= mem_good_size(size);
    mem_free_sized(node, size);
}

/* Whoever needs one does not know yet how large it will be, so they are of the largest size. */
enum status counttree_reserve(struct counttree *tree, unsigned nodes)
{
    while (tree->spares < nodes) {
        struct countnode *node = node_new(tree, FAN);

        if (!node) return NO_MEMORY;
        children_of(node)[0] = (uintptr_t)tree->spare;
        tree->spare = node;
        tree->spares++;
    }
    return OK;
}

static struct countnode *take_spare(struct counttree *tree)
{
    struct countnode *node = tree->spare;

    must(node != NULL);
    tree->spare = child_of(node, 0);
    tree->spares--;
    return node;
}

void counttree_release(struct counttree *tree)
{
    while (tree->spares > 0) node_free(tree, take_spare(tree));
}

static void open_slot(struct countnode *node, unsigned slot, uintptr_t child, uint64_t weight)
{
    uintptr_t *children = children_of(node);

    memmove(node->weights + slot + 1, node->weights + slot,
            (node->count - slot) * sizeof node->weights[0]);
    memmove(children + slot + 1, children + slot, (node->count - slot) * sizeof children[0]);
    node->weights[slot] = weight;
    children[slot] = child;
    node->count++;
}

static void close_slot(struct countnode *node, unsigned slot)
{
    uintptr_t *children = children_of(node);

    node->count--;
    memmove(node->weights + slot, node->weights + slot + 1,
            (node->count - slot) * sizeof node->weights[0]);
    memmove(children + slot, children + slot + 1, (node->count - slot) * sizeof children[0]);
}

/* The slots from `from` on go to the end of another node; returns what they weigh. */
static uint64_t move_slots(struct countnode *to, struct countnode *node, unsigned from)
{
    unsigned count = node->count - from;
    uint64_t weight = 0;

    must_debug(to->count + count <= to->room);
    memcpy(to->weights + to->count, node->weights + from, count * sizeof node->weights[0]);
    memcpy(children_of(to) + to->count, children_of(node) + from, count * sizeof(uintptr_t));
    for (unsigned i = from; i < node->count; i++) weight += node->weights[i];
    to->count += count;
    node->count = from;
    return weight;
}

/* All of it in another node, in place of the old one. */
static struct countnode *node_moved(struct counttree *tree, struct countnode *node, struct countnode *to)
{
    move_slots(to, node, 0);
    node_free(tree, node);
    return to;
}

/* With no more room than it needs; without memory for another one as it is. */
static struct countnode *node_fitted(struct counttree *tree, struct countnode *node)
{
    unsigned room = room_for(node->count);
    struct countnode *less = node->room > room + ROOM_KEPT ? node_new(tree, room) : NULL;

    return less ? node_moved(tree, node, less) : node;
}

/* Another node in the place of the path's one. */
static void set_node(struct counttree *tree, struct countpath *path, unsigned depth, struct countnode *node)
{
    path->nodes[depth] = node;
    if (depth == 0) {
        tree->root = node;
    } else {
        children_of(path->nodes[depth - 1])[path->slots[depth - 1]] = (uintptr_t)node;
    }
}

/* --- changes --- */

static void add_root(struct counttree *tree, uintptr_t child, uint64_t weight)
{
    tree->root = take_spare(tree);
    tree->height++;
    must(tree->height <= COUNTTREE_HEIGHT_MAX);
    open_slot(tree->root, 0, child, weight);
}

/* Above, the weights are right already, but for nodes that are made here. */
static void insert_child(struct counttree *tree, struct countpath *path, unsigned depth,
                         unsigned slot, uintptr_t child, uint64_t weight)
{
    struct countnode *node = path->nodes[depth], *fresh;
    unsigned middle;
    uint64_t moved;

    if (node->count == node->room && node->room < FAN) node = node_moved(tree, node, take_spare(tree));
    if (likely(node->count < FAN)) {
        open_slot(node, slot, child, weight);
        set_node(tree, path, depth, node_fitted(tree, node));
        return;
    }
    /* What grows at its ends leaves full nodes behind. */
    middle = slot == 0 || slot == FAN ? slot : FAN / 2;
    fresh = take_spare(tree);
    moved = move_slots(fresh, node, middle);
    if (slot > middle || slot == FAN) {
        open_slot(fresh, slot - middle, child, weight);
        moved += weight;
    } else {
        open_slot(node, slot, child, weight);
    }
    fresh = node_fitted(tree, fresh);
    node = node_fitted(tree, node);
    set_node(tree, path, depth, node);
    if (depth == 0) {
        add_root(tree, (uintptr_t)node, tree->weight - moved);
        open_slot(tree->root, 1, (uintptr_t)fresh, moved);
        tree->root = node_fitted(tree, tree->root);
        return;
    }
    path->nodes[depth - 1]->weights[path->slots[depth - 1]] -= moved;
    insert_child(tree, path, depth - 1, path->slots[depth - 1] + 1u, (uintptr_t)fresh, moved);
}

void counttree_insert(struct counttree *tree, struct countpath *path, bool behind, uintptr_t thing,
                      uint64_t weight)
{
    unsigned lowest = tree->height - 1;

    tree->weight += weight;
    if (!tree->root) {
        add_root(tree, thing, weight);
        tree->root = node_fitted(tree, tree->root);
        return;
    }
    for (unsigned depth = 0; depth < lowest; depth++)
        path->nodes[depth]->weights[path->slots[depth]] += weight;
    insert_child(tree, path, lowest, path->slots[lowest] + (unsigned)behind, thing, weight);
}

/* Nodes that have become small go together with a neighbour, if there is memory for that. True: the one behind is empty,
 * and its slot is one too many. */
static bool merge(struct counttree *tree, struct countnode *parent, unsigned slot)
{
    struct countnode *left = child_of(parent, slot), *right = child_of(parent, slot + 1), *more;
    unsigned count = left->count + right->count;

    if (count > MERGED_MOST) return false;
    if (count > left->room) {
        more = node_new(tree, room_for(count));
        if (!more) return false;
        left = node_moved(tree, left, more);
        children_of(parent)[slot] = (uintptr_t)left;
    }
    parent->weights[slot] += move_slots(left, right, 0);
    return true;
}

/* The root of a tree that has lost a slot of it. */
static void lower_root(struct counttree *tree)
{
    struct countnode *node;

    while (tree->root && (tree->root->count == 0 || (tree->root->count == 1 && tree->height > 1))) {
        node = tree->root;
        tree->root = node->count == 0 ? NULL : child_of(node, 0);
        tree->height--;
        node_free(tree, node);
    }
    if (tree->root) tree->root = node_fitted(tree, tree->root);
}

static void remove_slot(struct counttree *tree, struct countpath *path, unsigned depth,
                        unsigned slot)
{
    struct countnode *node = path->nodes[depth], *parent;
    unsigned at;

    close_slot(node, slot);
    if (depth == 0) {
        lower_root(tree);
        return;
    }
    parent = path->nodes[depth - 1];
    at = path->slots[depth - 1];
    if (node->count > 0 && node->count < MERGE_BELOW && at + 1 < parent->count && merge(tree, parent, at)) {
        at++;
    } else if (node->count > 0 && !(node->count < MERGE_BELOW && at > 0 && merge(tree, parent, at - 1))) {
        set_node(tree, path, depth, node_fitted(tree, node));
        return;
    }
    node_free(tree, child_of(parent, at));
    remove_slot(tree, path, depth - 1, at);
}

void counttree_remove(struct counttree *tree, struct countpath *path)
{
    unsigned lowest = tree->height - 1;

    counttree_weigh(tree, path, 0);
    remove_slot(tree, path, lowest, path->slots[lowest]);
}

static uint64_t check_node(const struct counttree *tree, const struct countnode *node,
                           unsigned depth, size_t *bytes)
{
    uint64_t weight = 0;

    *bytes += mem_good_size(node_size(node->room));
    must(node->count > 0 && node->count <= node->room && node->room <= FAN);
    for (unsigned i = 0; i < node->count; i++) {
        if (depth + 1 < tree->height) {
            must(check_node(tree, child_of(node, i), depth + 1, bytes) == node->weights[i]);
        }
        must(node->weights[i] > 0);
        weight += node->weights[i];
    }
    return weight;
}

void counttree_check(const struct counttree *tree)
{
    size_t bytes = tree->spares * mem_good_size(node_size(FAN));

    must((tree->root == NULL) == (tree->height == 0));
    if (tree->root) {
        must(check_node(tree, tree->root, 0, &bytes) == tree->weight);
        must(tree->height == 1 || tree->root->count > 1);
    } else {
        must(tree->weight == 0);
    }
    must(bytes == tree->used_bytes);
}
