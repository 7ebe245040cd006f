/* memberset_internal: the directory, for the files of memberset. */
#ifndef COATCHECK_MEMBERSET_INTERNAL_H
#define COATCHECK_MEMBERSET_INTERNAL_H

#include "coatcheck/base/hash.h"
#include "coatcheck/base/mem.h"
#include "coatcheck/base/must.h"
#include "coatcheck/base/prefetch.h"
#include "coatcheck/base/version.h"
#include "coatcheck/structs/memberset.h"

#define COUNT_MAX MEMBERSET_BLOCK_COUNT
#define BYTES_MAX MEMBERSET_BLOCK_BYTES
#define DEPTH_MAX 28 /* when there are no more bits to split by, a block grows on */

#define POINTER ((UINT64_C(1) << 48) - 1)

static inline struct memberblock *block_at(const struct memberset *set, size_t at)
{
    return (struct memberblock *)(uintptr_t)(set->directory[at] & POINTER);
}

static inline unsigned depth_at(const struct memberset *set, size_t at)
{
    return set->directory[at] >> 48 & 31;
}

static inline unsigned room_at(const struct memberset *set, size_t at)
{
    return (unsigned)(set->directory[at] >> 53);
}

/* The part of a hash that says where; a block looks at the other. */
static inline uint32_t position_of(uint64_t hash)
{
    return (uint32_t)(hash >> 32);
}

static inline size_t entry_for(const struct memberset *set, uint32_t position)
{
    return (size_t)((uint64_t)position << set->bits >> 32);
}

/* The first of the entries that lead to the same block, and how many there are. */
static inline size_t first_entry(const struct memberset *set, size_t at, unsigned depth)
{
    return at & ~(((size_t)1 << (set->bits - depth)) - 1);
}

static inline size_t entries_of(const struct memberset *set, unsigned depth)
{
    return (size_t)1 << (set->bits - depth);
}

static inline size_t directory_bytes(unsigned bits)
{
    return (sizeof(uint64_t) + sizeof(uint16_t)) << bits;
}

static inline size_t block_bytes(const struct memberblock *block)
{
    return (size_t)block->room * MEMBERBLOCK_UNIT;
}

/* --- of memberset.c, for memberset_walk.c --- */

bool memberset_open_directory(struct memberset *set, unsigned bits);
void memberset_close_directory(struct memberset *set);
void memberset_put_block(struct memberset *set, size_t first, unsigned depth,
                         struct memberblock *block);

#endif
