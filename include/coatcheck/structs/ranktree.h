/* ranktree: a counted B+ tree of (score, member): its leaves are score blocks of about a kilobyte,
 * its inner nodes keep how many members lie below each child. So a rank is a climb and a place by
 * rank a descent.
 *
 *   separator  score and first eight bytes of a member: nothing in the child is before it, nothing
 *              in the child to the left is behind it. Where a search meets its like, the child's
 *              first member decides
 *   leaves     have numbers (leafbook.h), which stay while blocks move; a leaf's owner is its node
 *
 * When a leaf is full its half goes to a new one. At either end of the tree the newcomer alone
 * does: what comes in order fills leaves to the brim. Leaves and nodes that have become small join
 * a neighbour. Each step that allocates leaves a tree that is whole, so a failure in the middle
 * loses nothing. */
#ifndef COATCHECK_STRUCTS_RANKTREE_H
#define COATCHECK_STRUCTS_RANKTREE_H

#include <stdbool.h>
#include <stdint.h>
#include "coatcheck/base/bytes.h"
#include "coatcheck/base/status.h"
#include "coatcheck/structs/leafbook.h"
#include "coatcheck/structs/scoreblock.h"

struct ranknode;

struct ranktree {
    struct ranknode *root;
    struct leafbook book;
    uint64_t count;
    size_t used_bytes; /* of leaves, nodes and members elsewhere; the book counts its own */
    uint32_t leaf_max; /* bytes of a leaf; doubles when numbers have run out */

    /* Told when the members from … to-1 of `leaf` have come there from another one. */
    void (*moved)(void *context, const struct scoreblock *leaf, unsigned from, unsigned to,
                  uint32_t from_number, uint32_t to_number);
    void *context;
};

#define RANKTREE_LEAF_MAX 1024
#define RANKTREE_LEAVES (1u << 24)
#define RANKTREE_COUNT_MAX UINT32_MAX

/* `leaves`: numbers that there may be, RANKTREE_LEAVES unless a test wants fewer. */
enum status ranktree_init(struct ranktree *tree, uint32_t leaves,
                          void (*moved)(void *, const struct scoreblock *, unsigned, unsigned,
                                        uint32_t, uint32_t),
                          void *context);
void ranktree_fini(struct ranktree *tree);

/* Frees `steps` leaves or nodes at most; true once all is gone. The first call ends the tree's use.
 */
bool ranktree_fini_some(struct ranktree *tree, size_t *steps);

/* A deep copy with the same leaf numbers. */
enum status ranktree_copy(struct ranktree *copy, const struct ranktree *tree);

static inline struct scoreblock *ranktree_leaf(const struct ranktree *tree, uint32_t number)
{
    return leafbook_at(&tree->book, number);
}

/* A place in the tree, good until it changes. */
struct rankplace {
    struct ranknode *node;
    unsigned slot;
    uint32_t leaf;
    unsigned at;
};

/* Where (score, member) is or would go: behind all that come before it. */
void ranktree_find(const struct ranktree *tree, double score, struct bytes member,
                   struct rankplace *place);

/* Where the member of this rank is; rank < count. */
void ranktree_at(const struct ranktree *tree, uint64_t rank, struct rankplace *place);
uint64_t ranktree_rank(const struct ranktree *tree, uint32_t leaf, unsigned at);

/* How many have a score below, or up to, this one; how many members, where all scores are equal,
 * come before or up to this one. */
uint64_t ranktree_below(const struct ranktree *tree, double score, bool or_equal);
uint64_t ranktree_before(const struct ranktree *tree, struct bytes member, bool or_equal);

/* The neighbouring leaf; false: there is none. */
bool ranktree_forth(const struct ranktree *tree, struct ranknode **node, unsigned *slot);
bool ranktree_back(const struct ranktree *tree, struct ranknode **node, unsigned *slot);
/* The neighbour under the same node, NULL: there is none. */
struct scoreblock *ranktree_leaf_beside(const struct ranktree *tree, const struct ranknode *node,
                                        unsigned slot, bool at_left);
struct scoreblock *ranktree_leaf_of(const struct ranktree *tree, const struct ranknode *node,
                                    unsigned slot);

/* Makes it so that ranktree_insert() of this item at this place cannot fail; the place may become
 * another one. NO_MEMORY: no member has changed its place. */
enum status ranktree_make_room(struct ranktree *tree, struct rankplace *place,
                               const struct scoreitem *item);
void ranktree_insert(struct ranktree *tree, const struct rankplace *place,
                     const struct scoreitem *item);

/* Takes the items from … to-1 of a leaf out, and no more than that; ranktree_settle() must follow,
 * and may let the leaf go. */
void ranktree_cut(struct ranktree *tree, uint32_t leaf, unsigned from, unsigned to,
                  enum scoreblock_fate fate);
void ranktree_settle(struct ranktree *tree, uint32_t leaf);

/* Gives a member another score. OK: it was done within the leaf. NO_MEMORY: nothing has changed.
 * NOT_FOUND: its place is in another leaf, `place`, found with the member still where it was.
 * IN_USE: leaves had to split first; look the member up and try again. */
enum status ranktree_move(struct ranktree *tree, uint32_t leaf, unsigned at, struct bytes member,
                          double score, struct rankplace *place);

/* Moves the leaf of this number, if there is one, and the nodes that it is the first below, together with their like:
 * mem_compact(). */
struct compaction;
void ranktree_compact(struct ranktree *tree, uint32_t number, struct compaction *compaction);

void ranktree_check(const struct ranktree *tree);

#endif
