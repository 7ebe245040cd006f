/* slab_internal: the head of a slab, and where slabs come from.
 *
 * Slabs stand in regions of 4 MB, 64 of them, at addresses that are multiples of that. The first is not cut: one
 * page of it holds the heads of the others, so that heads stand close together, and which page it is differs from
 * region to region, so that they do not all want the same few lines of the caches. A head is found from a block's
 * address by arithmetic alone. */
#ifndef COATCHECK_SLAB_INTERNAL_H
#define COATCHECK_SLAB_INTERNAL_H

#include <stdatomic.h>
#include "coatcheck/base/slab.h"

#define REGION_BYTES ((uintptr_t)4 << 20)
#define REGION_SLABS (REGION_BYTES / SLAB_BYTES)
#define HEADS_PAGE 4096

struct free_block {
    struct free_block *next;
};

struct slab_owner;

enum slab_state {
    SLAB_EMPTY,   /* the pool's */
    SLAB_CURRENT, /* its owner takes from it at present */
    SLAB_FULL,    /* nothing to take; in no list */
    SLAB_OPEN,    /* nearly full: next to be taken from */
    SLAB_SPARSE   /* to be taken from only when nothing is open, and to be emptied by moves */
};

struct slab {
    /* of its owner */
    struct free_block *free; /* the newest first */
    struct slab *next, *prev;
    struct slab_owner *owner; /* read by all who hold a block of it */
    uint32_t fresh;           /* from this byte on nothing was ever handed out */
    uint32_t used;            /* blocks that are not in `free`, and not fresh */
    uint32_t block_size, capacity;
    _Atomic uint8_t state; /* enum slab_state; a hint to others */
    uint8_t size_class;    /* read by all who hold a block of it */

    /* of the pool */
    int64_t emptied_ms;
} __attribute__((aligned(64)));

_Static_assert(sizeof(struct slab) == 64, "a head is a cache line");
_Static_assert(REGION_SLABS * sizeof(struct slab) <= HEADS_PAGE, "heads share a page");

static inline struct slab *slab_heads(uintptr_t region)
{
    uintptr_t colour = region / REGION_BYTES % (SLAB_BYTES / HEADS_PAGE);

    return (struct slab *)(region + colour * HEADS_PAGE);
}

static inline struct slab *slab_of(const void *block)
{
    uintptr_t at = (uintptr_t)block;

    return slab_heads(at & ~(REGION_BYTES - 1)) + at / SLAB_BYTES % REGION_SLABS;
}

/* Where its blocks begin. */
static inline char *slab_begin(const struct slab *slab)
{
    uintptr_t region = (uintptr_t)slab & ~(REGION_BYTES - 1);

    return (char *)region + (size_t)(slab - slab_heads(region)) * SLAB_BYTES;
}

/* --- slab_pool.c: empty slabs, of all threads --- */

/* NULL: no memory. */
struct slab *pool_take(void);
void pool_put(struct slab *slab);

/* Gives slabs back to the kernel that have been empty for `idle_ms`; true when there are no more of them. */
bool pool_clean(int64_t idle_ms, uint64_t until_ticks);

/* Whole pages, zeroed. */
void *pool_pages_take(size_t bytes);
void pool_pages_put(void *pages, size_t bytes);

struct pool_figures {
    size_t spare, reserved; /* of slabs and pages */
    size_t pages;           /* bytes handed out as such */
};
void pool_read_figures(struct pool_figures *figures);

#endif
