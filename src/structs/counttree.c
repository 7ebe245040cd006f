#include "coatcheck/structs/counttree.h"

#include <string.h>
#include "coatcheck/base/mem.h"
#include "coatcheck/base/must.h"

/* As many as make a node one of the allocator's sizes. */
#define FAN 31
#define MERGE_BELOW (FAN / 4)
#define MERGED_MOST (FAN * 3 / 4)

struct countnode {
    uint64_t weights[FAN];
    uintptr_t children[FAN]; /* nodes, or in the lowest level things; a spare one's first: the next
                                spare */
    uint64_t count;
};

_Static_assert(sizeof(struct countnode) == 504, "fits 512");

static struct countnode *child_of(const struct countnode *node, unsigned slot)
{
    return (struct countnode *)node->children[slot];
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

    return path->nodes[lowest]->children[path->slots[lowest]];
}

uint64_t countpath_weight(const struct countpath *path)
{
    unsigned lowest = path->height - 1u;

    return path->nodes[lowest]->weights[path->slots[lowest]];
}

void countpath_set(const struct countpath *path, uintptr_t thing)
{
    unsigned lowest = path->height - 1u;

    path->nodes[lowest]->children[path->slots[lowest]] = thing;
}

void counttree_weigh(struct counttree *tree, const struct countpath *path, uint64_t weight)
{
    uint64_t more = weight - countpath_weight(path); /* modulo 2^64: less, perhaps */

    for (unsigned depth = 0; depth < path->height; depth++)
        path->nodes[depth]->weights[path->slots[depth]] += more;
    tree->weight += more;
}

/* --- nodes --- */

unsigned counttree_needs(const struct counttree *tree, const struct countpath *path)
{
    unsigned full = 0;

    if (!tree->root) return 1;
    while (full < tree->height && path->nodes[tree->height - 1 - full]->count == FAN) full++;
    return full + (full == tree->height);
}

unsigned counttree_needs_at_most(const struct counttree *tree, unsigned inserts)
{
    return inserts * (tree->height + 2);
}

enum status counttree_reserve(struct counttree *tree, unsigned nodes)
{
    while (tree->spares < nodes) {
        struct countnode *node = mem_alloc(sizeof *node);

        if (!node) return NO_MEMORY;
        node->children[0] = (uintptr_t)tree->spare;
        tree->spare = node;
        tree->spares++;
        tree->used_bytes += mem_good_size(sizeof *node);
    }
    return OK;
}

static struct countnode *take_spare(struct counttree *tree)
{
    struct countnode *node = tree->spare;

    must(node != NULL);
    tree->spare = child_of(node, 0);
    tree->spares--;
    node->count = 0;
    return node;
}

static void node_free(struct counttree *tree, struct countnode *node)
{
    tree->used_bytes -= mem_good_size(sizeof *node);
    mem_free_sized(node, sizeof *node);
}

void counttree_release(struct counttree *tree)
{
    while (tree->spares > 0) node_free(tree, take_spare(tree));
}

static void open_slot(struct countnode *node, unsigned slot, uintptr_t child, uint64_t weight)
{
    memmove(node->weights + slot + 1, node->weights + slot,
            (node->count - slot) * sizeof node->weights[0]);
    memmove(node->children + slot + 1, node->children + slot,
            (node->count - slot) * sizeof node->children[0]);
    node->weights[slot] = weight;
    node->children[slot] = child;
    node->count++;
}

static void close_slot(struct countnode *node, unsigned slot)
{
    node->count--;
    memmove(node->weights + slot, node->weights + slot + 1,
            (node->count - slot) * sizeof node->weights[0]);
    memmove(node->children + slot, node->children + slot + 1,
            (node->count - slot) * sizeof node->children[0]);
}

/* The slots from `from` on go to the end of another node; returns what they weigh. */
static uint64_t move_slots(struct countnode *to, struct countnode *node, unsigned from)
{
    size_t count = node->count - from;
    uint64_t weight = 0;

    memcpy(to->weights + to->count, node->weights + from, count * sizeof node->weights[0]);
    memcpy(to->children + to->count, node->children + from, count * sizeof node->children[0]);
    for (size_t i = from; i < node->count; i++) weight += node->weights[i];
    to->count += count;
    node->count = from;
    return weight;
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

    if (likely(node->count < FAN)) {
        open_slot(node, slot, child, weight);
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
    if (depth == 0) {
        add_root(tree, (uintptr_t)node, tree->weight - moved);
        open_slot(tree->root, 1, (uintptr_t)fresh, moved);
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
        return;
    }
    for (unsigned depth = 0; depth < lowest; depth++)
        path->nodes[depth]->weights[path->slots[depth]] += weight;
    insert_child(tree, path, lowest, path->slots[lowest] + (unsigned)behind, thing, weight);
}

/* Nodes that have become small go together with a neighbour. True: the one behind is empty, and its
 * slot is one too many. */
static bool merge(struct countnode *parent, unsigned slot)
{
    struct countnode *left = child_of(parent, slot), *right = child_of(parent, slot + 1);

    if (left->count + right->count > MERGED_MOST) return false;
    parent->weights[slot] += move_slots(left, right, 0);
    return true;
}

static void remove_slot(struct counttree *tree, struct countpath *path, unsigned depth,
                        unsigned slot)
{
    struct countnode *node = path->nodes[depth], *parent;
    unsigned at;

    close_slot(node, slot);
    if (depth == 0) {
        while (tree->root &&
               (tree->root->count == 0 || (tree->root->count == 1 && tree->height > 1))) {
            node = tree->root;
            tree->root = node->count == 0 ? NULL : child_of(node, 0);
            tree->height--;
            node_free(tree, node);
        }
        return;
    }
    parent = path->nodes[depth - 1];
    at = path->slots[depth - 1];
    if (node->count == 0) {
        node_free(tree, node);
        remove_slot(tree, path, depth - 1, at);
    } else if (node->count < MERGE_BELOW) {
        if (at + 1 < parent->count && merge(parent, at)) {
            at++;
        } else if (at == 0 || !merge(parent, at - 1)) {
            return;
        }
        node_free(tree, child_of(parent, at));
        remove_slot(tree, path, depth - 1, at);
    }
}

void counttree_remove(struct counttree *tree, struct countpath *path)
{
    unsigned lowest = tree->height - 1;

    counttree_weigh(tree, path, 0);
    remove_slot(tree, path, lowest, path->slots[lowest]);
}

static uint64_t check_node(const struct counttree *tree, const struct countnode *node,
                           unsigned depth, size_t *nodes)
{
    uint64_t weight = 0;

    ++*nodes;
    must(node->count > 0 && node->count <= FAN);
    for (unsigned i = 0; i < node->count; i++) {
        if (depth + 1 < tree->height) {
            must(check_node(tree, child_of(node, i), depth + 1, nodes) == node->weights[i]);
        }
        must(node->weights[i] > 0);
        weight += node->weights[i];
    }
    return weight;
}

void counttree_check(const struct counttree *tree)
{
    size_t nodes = tree->spares;

    must((tree->root == NULL) == (tree->height == 0));
    if (tree->root) {
        must(check_node(tree, tree->root, 0, &nodes) == tree->weight);
        must(tree->height == 1 || tree->root->count > 1);
    } else {
        must(tree->weight == 0);
    }
    must(nodes * mem_good_size(sizeof(struct countnode)) == tree->used_bytes);
}
