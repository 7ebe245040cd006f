/* scoreblock: a short run of (score, member), packed in one allocation and sorted: by score, and
 * where those are equal by the members' bytes (as memcmp, the shorter first). A small sorted set is
 * one such block, a large one a tree with such blocks as its leaves.
 *
 *   plain  | count 2 | bytes 2 | shape 1 | size 1 |         lengths | scores | members
 *   leaf   | count 2 | bytes 2 | shape 1 | size 1 | 2 free | owner 8 |
 *                                                    tags | lengths | scores | members
 *
 *   bytes    how long the section of members is
 *   size     which of the allocator's sizes the block has
 *   tags     a byte of each member's hash, given by the caller
 *   lengths  a byte each; 255: the member is longer than SCOREBLOCK_INLINE_MAX and stands
 *            elsewhere, eight bytes of pointer are in its place
 *   scores   four bytes each while all are whole numbers that fit and none is -0, else eight
 *   members  in order; a member's place is the sum of the lengths before it
 *
 *   {1: "ann", 2: "bob"}, plain, 22 of 32 bytes:
 *            0200 0600 00 01 | 03 03 | 01000000 02000000 | 616e6e 626f62
 *
 * A change may move the block: verbs that take a pointer to its pointer leave the new one there.
 * Scores are never NaN. The caller keeps the order. */
#ifndef COATCHECK_STRUCTS_SCOREBLOCK_H
#define COATCHECK_STRUCTS_SCOREBLOCK_H

#include <stdbool.h>
#include <stdint.h>
#include "coatcheck/base/bytes.h"
#include "coatcheck/base/prefetch.h"
#include "coatcheck/base/status.h"

struct scoreblock;
struct scoreitem;

#define SCOREBLOCK_INLINE_MAX 190 /* bytes of a member that stands in the block */
#define SCOREBLOCK_SIZE_MAX 32768 /* bytes of a block that can be asked for */

enum scoreblock_form { SCOREBLOCK_PLAIN, SCOREBLOCK_LEAF };

/* Empty, with room for its first item, or (NULL) for nothing yet. NULL: no memory. */
struct scoreblock *scoreblock_new(enum scoreblock_form form, const struct scoreitem *first);

/* Frees the block with the members that stand elsewhere. NULL is allowed. */
void scoreblock_free(struct scoreblock **block);

/* As scoreblock_free, with a step of *steps for each member that stands elsewhere; false: the steps
 * were used up, and only this call may follow. */
bool scoreblock_free_some(struct scoreblock **block, size_t *steps);

unsigned scoreblock_count(const struct scoreblock *block);
double scoreblock_score(const struct scoreblock *block, unsigned at);
uint8_t scoreblock_tag(const struct scoreblock *block, unsigned at);

/* Lives until the block changes. */
struct bytes scoreblock_member(const struct scoreblock *block, unsigned at);

/* Bytes in use, and what the allocator holds for the block itself. */
size_t scoreblock_size(const struct scoreblock *block);
size_t scoreblock_room(const struct scoreblock *block);

/* What the allocator holds for the members from … to-1 that stand elsewhere. */
size_t scoreblock_far_bytes(const struct scoreblock *block, unsigned from, unsigned to);

/* A leaf's owner: a pointer that the block only keeps. */
void *scoreblock_owner(const struct scoreblock *block);
void scoreblock_set_owner(struct scoreblock *block, void *owner);

/* Where the member is, -1 when it is not here; a leaf looks at members of this tag only. */
int scoreblock_find(const struct scoreblock *block, struct bytes member, uint8_t tag);

/* A hint to the processor: most of a leaf's lines at once, since each that is waited for alone
 * costs as much as all together. */
static inline void scoreblock_prefetch(const struct scoreblock *block)
{
    for (unsigned i = 0; i < 14; i++) prefetch((const char *)block + 64 * (size_t)i);
}

/* Moves it and its members elsewhere together with their like: mem_compact(). Those that the time does not suffice for stay
 * where they are, until the next round. */
struct compaction;
void scoreblock_compact(struct scoreblock **block, struct compaction *compaction);

/* The next one from `at` on with this tag, -1: none. Leaves only. */
int scoreblock_find_tag(const struct scoreblock *block, unsigned at, uint8_t tag);

/* How many come before (score, member); how many have a score below, or up to, this one; and in a
 * block of equal scores how many members come before, or up to, this one. */
unsigned scoreblock_place(const struct scoreblock *block, double score, struct bytes member);
unsigned scoreblock_below(const struct scoreblock *block, double score, bool or_equal);
unsigned scoreblock_before(const struct scoreblock *block, struct bytes member, bool or_equal);

/* A member on its way into a block or from one to another: its bytes are borrowed, its block
 * elsewhere, if it has one, changes hands. */
struct scoreitem {
    double score;
    uint8_t tag;
    uint8_t length;       /* as in the block */
    const char *at;       /* length bytes, or … */
    struct scorefar *far; /* … for 255 */
};

/* Prepares a new one. NO_MEMORY: there is nothing to drop. */
enum status scoreitem_init(struct scoreitem *item, double score, struct bytes member, uint8_t tag);
/* For one that came into no block. */
void scoreitem_drop(struct scoreitem *item);
/* As it stands at a place; who inserts it elsewhere cuts it here without freeing. */
void scoreblock_item(const struct scoreblock *block, unsigned at, struct scoreitem *item);
size_t scoreitem_far_bytes(const struct scoreitem *item);
struct bytes scoreitem_member(const struct scoreitem *item);

/* How large the block would be with the item. */
size_t scoreblock_size_with(const struct scoreblock *block, const struct scoreitem *item);

/* Makes it so that the next insert of the item allocates nothing. NO_MEMORY: nothing has changed.
 */
enum status scoreblock_make_room(struct scoreblock **block, const struct scoreitem *item);

/* Inserts at a place. NO_MEMORY: nothing has changed. */
enum status scoreblock_insert(struct scoreblock **block, unsigned at, const struct scoreitem *item);

/* Takes the items from … to-1 out, and frees those of their members that stand elsewhere or leaves
 * them to their new block. The block keeps its room. */
enum scoreblock_fate { SCOREBLOCK_FREE, SCOREBLOCK_KEEP };
void scoreblock_cut(struct scoreblock *block, unsigned from, unsigned to,
                    enum scoreblock_fate fate);

/* Gives room back, where there is much too much of it, and narrows scores that can be. May do
 * nothing. */
void scoreblock_tidy(struct scoreblock **block);

/* How large the block would be with this score instead of that at `at`; gives the item another
 * score and the place `to`, counted without it. NO_MEMORY: nothing has changed. */
size_t scoreblock_size_moved(const struct scoreblock *block, double score);
enum status scoreblock_move(struct scoreblock **block, unsigned at, unsigned to, double score);

/* How large a block of the items from … to-1 would be. */
size_t scoreblock_size_of(const struct scoreblock *block, unsigned from, unsigned to);

/* A new block with the items from … to-1, as `form`; the old one still has them, and members
 * elsewhere are shared until one of both is cut without freeing. Tags of a plain block's items are
 * 0. NULL: no memory. */
struct scoreblock *scoreblock_slice(const struct scoreblock *block, unsigned from, unsigned to,
                                    enum scoreblock_form form);
void scoreblock_set_tag(struct scoreblock *block, unsigned at, uint8_t tag);

/* A new plain block of these items, which are in order, and of which none stands elsewhere. NULL: no memory. */
size_t scoreblock_size_for(const struct scoreitem *items, unsigned count);
struct scoreblock *scoreblock_of(const struct scoreitem *items, unsigned count);

/* Both in one new block, `left` before `right`; frees nothing of either. NULL: no memory. */
struct scoreblock *scoreblock_join(const struct scoreblock *left, const struct scoreblock *right);

/* A deep copy. NULL: no memory. */
struct scoreblock *scoreblock_copy(const struct scoreblock *block);

/* A place that moves along the block without adding lengths up again each time. */
struct scorewalk {
    const struct scoreblock *block;
    unsigned at;
    const char *raw;
};
void scorewalk_begin(struct scorewalk *walk, const struct scoreblock *block, unsigned at);
/* What is at the place; it must not be at the end. */
void scorewalk_read(const struct scorewalk *walk, struct bytes *member, double *score);
void scorewalk_forth(struct scorewalk *walk);
void scorewalk_back(struct scorewalk *walk);

/* The place where half of the block's bytes lie before, never at either end; the block has two
 * items or more. */
unsigned scoreblock_middle(const struct scoreblock *block);

/* Every invariant; must() tells which one broke. */
void scoreblock_check(const struct scoreblock *block);

#endif
