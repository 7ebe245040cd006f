/* set_internal: the forms of a set behind one pointer.
 *
 *   | root 8 |      a block of members, 0 when nothing was ever added;
 *                   with bit 1: an intset; with bit 0: a large one
 *
 * These eight bytes stay where they are while blocks grow: who holds a set need not be told. */
#ifndef COATCHECK_SET_INTERNAL_H
#define COATCHECK_SET_INTERNAL_H

#include "coatcheck/structs/intset.h"
#include "coatcheck/values/set.h"

struct set {
    uintptr_t root;
};

#define ROOT_LARGE 1u
#define ROOT_INTSET 2u

static inline bool set_is_large(const struct set *set)
{
    return (set->root & ROOT_LARGE) != 0;
}

static inline bool set_has_numbers(const struct set *set)
{
    return (set->root & ROOT_INTSET) != 0;
}

static inline struct memberset *set_large_of(const struct set *set)
{
    return (struct memberset *)(set->root & ~(uintptr_t)ROOT_LARGE);
}

static inline struct intset *set_numbers_of(const struct set *set)
{
    return (struct intset *)(set->root & ~(uintptr_t)ROOT_INTSET);
}

/* Of one that is neither; NULL: nothing was ever added. */
static inline struct memberblock *set_block_of(const struct set *set)
{
    return (struct memberblock *)set->root;
}

#endif
