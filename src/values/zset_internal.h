/* zset_internal: the two forms of a sorted set behind one pointer.
 *
 *   | root 8 |      the block of a packed one, 0 when nothing was ever put;
 *                   with bit 0: the tree of a large one
 *
 * These eight bytes stay where they are while blocks grow: who holds a set need not be told. */
#ifndef COATCHECK_ZSET_INTERNAL_H
#define COATCHECK_ZSET_INTERNAL_H

#include "coatcheck/base/must.h"
#include "coatcheck/values/zset.h"

struct zset {
    uintptr_t root;
};

struct zset_large;

#define ROOT_LARGE 1u

static inline bool zset_is_large(const struct zset *zset)
{
    return (zset->root & ROOT_LARGE) != 0;
}

static inline struct zset_large *zset_large_of(const struct zset *zset)
{
    return (struct zset_large *)(zset->root & ~(uintptr_t)ROOT_LARGE);
}

/* NULL: nothing was ever put. */
static inline struct scoreblock *zset_block_of(const struct zset *zset)
{
    return (struct scoreblock *)zset->root;
}

/* --- packed: zset_packed.c --- */

enum status zset_packed_edit(struct zset *zset, struct bytes member, struct zset_edit *edit,
                             enum zset_change *change);

/* By the operator's rules: may a packed set have this many members, and this one? */
bool zset_packed_is_allowed(uint64_t count, struct bytes member);

/* --- from one to the other: zset.c --- */

/* Makes a packed one large. NO_MEMORY: nothing has changed. */
enum status zset_enlarge(struct zset *zset);

#endif
