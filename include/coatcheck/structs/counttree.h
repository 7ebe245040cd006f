/* counttree: things in an order, each with a weight, found by the sum of the weights before them: a
 * B+ tree whose nodes keep the weight below each of their slots. What the things are is the
 * caller's affair: a word for each, which is kept and handed out and no more. A change makes paths
 * invalid but for the one it was made with, and where it says so that one too. */
#ifndef COATCHECK_STRUCTS_COUNTTREE_H
#define COATCHECK_STRUCTS_COUNTTREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "coatcheck/base/status.h"

struct countnode;

#define COUNTTREE_HEIGHT_MAX 12

/* All zero: empty. */
struct counttree {
    struct countnode *root;
    struct countnode *spare; /* allocated and not in use: counttree_reserve() */
    unsigned height, spares;
    uint64_t weight;   /* of all things */
    size_t used_bytes; /* of the nodes; what the things take is counted by the caller */
};

/* The way to a thing. */
struct countpath {
    struct countnode *nodes[COUNTTREE_HEIGHT_MAX];
    uint8_t slots[COUNTTREE_HEIGHT_MAX];
    uint8_t height;
    uint64_t before; /* the weight of all things before it */
};

/* To the thing in which weight unit `at` lies, which is below the tree's weight. */
void counttree_find(const struct counttree *tree, uint64_t at, struct countpath *path);

/* To the first or the last thing. False: there is none. */
bool counttree_first(const struct counttree *tree, struct countpath *path);
bool counttree_last(const struct counttree *tree, struct countpath *path);

/* To its neighbour. False: there is none, and the path says nothing any more. */
bool countpath_forth(struct countpath *path);
bool countpath_back(struct countpath *path);

uintptr_t countpath_thing(const struct countpath *path);
uint64_t countpath_weight(const struct countpath *path);

/* Moves the nodes that the path's thing is the first below together with their like: mem_compact(). The path is good
 * afterwards, others are not. */
void counttree_compact(struct counttree *tree, struct countpath *path);

/* Another one in its place, or with another weight. */
void countpath_set(const struct countpath *path, uintptr_t thing);
void counttree_weigh(struct counttree *tree, const struct countpath *path, uint64_t weight);

/* How many nodes putting one more thing beside this one will take; and `inserts` things anywhere,
 * at the most. */
unsigned counttree_needs(const struct counttree *tree, const struct countpath *path);
unsigned counttree_needs_at_most(const struct counttree *tree, unsigned inserts);

/* Has so many nodes at hand. NO_MEMORY: nothing has changed. Gives those back that were not used.
 */
enum status counttree_reserve(struct counttree *tree, unsigned nodes);
void counttree_release(struct counttree *tree);

/* Puts a thing before or behind the one at the path, or (path NULL) the first into an empty tree.
 * There are nodes for it at hand. The path is invalid afterwards. */
void counttree_insert(struct counttree *tree, struct countpath *path, bool behind, uintptr_t thing,
                      uint64_t weight);

/* Takes it out. The path is invalid afterwards. */
void counttree_remove(struct counttree *tree, struct countpath *path);

/* Every invariant; must() tells which one broke. */
void counttree_check(const struct counttree *tree);

#endif
