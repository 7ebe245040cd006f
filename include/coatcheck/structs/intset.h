/* intset: distinct whole numbers in rising order, in one allocation.
 *
 *   | count 4 | width 4 bits, room 28 bits | number … |
 *
 *   width  bytes of a number: 2, 4 or 8, as the widest that was ever there needed
 *   room   what the allocator holds, in units of 16 bytes
 *
 *   {-1, 7}:  02000000 12000000 ffff 0700 …                     12 of 16 bytes
 *
 * A change may move the block: verbs that take a pointer to its pointer leave the new one there. */
#ifndef COATCHECK_STRUCTS_INTSET_H
#define COATCHECK_STRUCTS_INTSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "coatcheck/base/status.h"

struct intset {
    uint32_t count;
    uint32_t shape;
};

#define INTSET_COUNT_MAX (UINT32_C(1) << 28)

/* Empty, with room for `count` numbers of `width` bytes. NULL: no memory. */
struct intset *intset_new(uint32_t count, unsigned width);

/* Of these numbers, each greater than the one before. NULL: no memory. */
struct intset *intset_of(const int64_t *numbers, uint32_t count);

/* *set is NULL afterwards, and may have been before. */
void intset_free(struct intset **set);

static inline uint32_t intset_count(const struct intset *set)
{
    return set->count;
}
static inline unsigned intset_width(const struct intset *set)
{
    return set->shape & 15;
}

/* What the allocator holds. */
size_t intset_room(const struct intset *set);

/* The `at`-th, counted from the least, 0. */
int64_t intset_at(const struct intset *set, uint32_t at);

/* True: *at is where it is; false: where it would go. */
bool intset_find(const struct intset *set, int64_t number, uint32_t *at);

/* *added: it was not there. NO_MEMORY, or TOO_BIG beyond INTSET_COUNT_MAX: nothing has changed. */
enum status intset_add(struct intset **set, int64_t number, bool *added);

/* Takes the `at`-th out, and gives room back where there is much too much of it. */
void intset_cut(struct intset **set, uint32_t at);

/* NULL: no memory. */
struct intset *intset_copy(const struct intset *set);

/* Every invariant; must() tells which one broke. */
void intset_check(const struct intset *set);

#endif
