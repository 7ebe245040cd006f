/* ranktree_internal: the inner nodes. */
#ifndef COATCHECK_RANKTREE_INTERNAL_H
#define COATCHECK_RANKTREE_INTERNAL_H

#include <stddef.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif
#include "coatcheck/base/mem.h"
#include "coatcheck/base/must.h"
#include "coatcheck/structs/ranktree.h"

/* So that the nodes over leaves, which are most, fill one of the allocator's sizes: 1536. */
#define FANOUT 63

/* Always: a node that is not the root has a child at least; a root over nodes has two. */
struct ranknode {
    struct ranknode *parent;
    uint16_t fill;
    uint8_t level; /* 1: its children are leaves */
    uint8_t place; /* in the parent */
    uint32_t counts[FANOUT];
    double scores[FANOUT]; /* separators; those of the first child say nothing */
    uint64_t prefixes[FANOUT];
    union {
        uint32_t leaves[FANOUT];
        struct ranknode *nodes[FANOUT];
    };
};

static inline size_t node_bytes(unsigned level)
{
    return level == 1 ? offsetof(struct ranknode, leaves) + sizeof(uint32_t) * FANOUT
                      : sizeof(struct ranknode);
}

_Static_assert(offsetof(struct ranknode, leaves) + sizeof(uint32_t) * FANOUT <= 1536,
               "the allocator's size");
_Static_assert(sizeof(struct ranknode) <= 1792, "the allocator's size");

/* The first eight bytes, so that their order as a number is their order as bytes. */
static inline uint64_t prefix_of(struct bytes member)
{
    uint64_t prefix = 0;

    if (likely(member.len >= 8)) {
        memcpy(&prefix, member.at, 8);
    } else if (member.len > 0) {
        memcpy(&prefix, member.at, member.len);
    }
    return __builtin_bswap64(prefix);
}

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "prefixes are turned round");

static inline struct scoreblock *node_leaf(const struct ranktree *tree, const struct ranknode *node,
                                           unsigned slot)
{
    return leafbook_at(&tree->book, node->leaves[slot]);
}

static inline struct ranknode *leaf_node(const struct scoreblock *leaf)
{
    return scoreblock_owner(leaf);
}

/* Where in its node a leaf is. */
static inline unsigned leaf_slot(const struct ranknode *node, uint32_t number)
{
    unsigned slot = 0;

#ifdef __SSE2__
    __m128i wanted = _mm_set1_epi32((int)number);

    for (; slot + 4 <= FANOUT; slot += 4) {
        __m128i some = _mm_loadu_si128((const __m128i *)(node->leaves + slot));
        unsigned equal = (unsigned)_mm_movemask_ps(_mm_castsi128_ps(_mm_cmpeq_epi32(some, wanted)));

        /* What stands behind `fill` may be an old number of this one's. */
        if (equal) {
            slot += (unsigned)__builtin_ctz(equal);
            must_debug(slot < node->fill);
            return slot;
        }
    }
#endif
    while (slot < node->fill && node->leaves[slot] != number) slot++;
    must(slot < node->fill);
    return slot;
}

static inline uint64_t sum_of(const uint32_t *counts, unsigned count)
{
    uint64_t sum = 0;
    unsigned i = 0;

#ifdef __SSE2__
    __m128i sums = _mm_setzero_si128();
    uint32_t lanes[4];

    for (; i + 4 <= count; i += 4) {
        sums = _mm_add_epi32(sums, _mm_loadu_si128((const __m128i *)(counts + i)));
    }
    _mm_storeu_si128((__m128i *)lanes, sums);
    sum = (uint64_t)lanes[0] + lanes[1] + lanes[2] + lanes[3];
#endif
    for (; i < count; i++) sum += counts[i];
    return sum;
}

struct ranknode *ranknode_new(struct ranktree *tree, unsigned level);
void ranknode_free(struct ranktree *tree, struct ranknode *node);

#endif
