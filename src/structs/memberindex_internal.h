/* memberindex_internal: segments and groups; the drawing is in memberindex.h. */
#ifndef COATCHECK_MEMBERINDEX_INTERNAL_H
#define COATCHECK_MEMBERINDEX_INTERNAL_H

#include <string.h>
#include "coatcheck/base/mem.h"
#include "coatcheck/base/must.h"
#include "coatcheck/base/prefetch.h"
#include "coatcheck/structs/memberindex.h"
#include "segment_internal.h"

#define SLOTS 9

struct indexgroup {
    uint32_t hashes[SLOTS];
    uint8_t leaves[3 * SLOTS];
    uint8_t overflow;
};
_Static_assert(sizeof(struct indexgroup) == 64, "a group is a cache line");

struct segment {
    struct indexgroup *groups;
    uint32_t count; /* of groups */
    unsigned depth;
};

static inline struct segment segment_at(const struct memberindex *index, size_t at)
{
    uint64_t entry = index->directory[at];

    return (struct segment){(struct indexgroup *)(entry & (((uint64_t)1 << 48) - 1)),
                            entry >> 48 & 0x3ff, (unsigned)(entry >> 58)};
}

static inline size_t entry_for(const struct memberindex *index, uint32_t hash)
{
    return (size_t)((uint64_t)hash << index->bits >> 32);
}

/* The first of the entries that lead to the same segment. */
static inline size_t first_entry(const struct memberindex *index, size_t at, unsigned depth)
{
    return at & ~(((size_t)1 << (index->bits - depth)) - 1);
}

static inline uint32_t home_of(struct segment segment, uint32_t hash)
{
    return (uint32_t)((uint64_t)(uint32_t)(hash << segment.depth) * segment.count >> 32);
}

static inline size_t segment_bytes(uint32_t groups)
{
    return sizeof(struct indexgroup) * (size_t)groups;
}

static inline uint32_t leaf_read(const struct indexgroup *group, unsigned slot)
{
    uint32_t leaf;

    /* The fourth byte is the next one's or the overflow. */
    memcpy(&leaf, group->leaves + 3 * slot, sizeof leaf);
    return leaf & MEMBERINDEX_LEAF_MAX;
}

/* The bits of the hash that all in a segment have in common. */
static inline uint32_t prefix_of(const struct memberindex *index, size_t first, unsigned depth)
{
    return (uint32_t)(first >> (index->bits - depth));
}

void index_put_segment(struct memberindex *index, size_t first, struct segment segment,
                       uint16_t live);
struct indexgroup *index_new_groups(struct memberindex *index, uint32_t count);
bool index_new_directory(struct memberindex *index, unsigned bits);

#endif
