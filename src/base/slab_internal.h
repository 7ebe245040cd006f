/* slab_internal: the head of a slab, and where slabs come from.
 *
 * Slabs stand in regions of 4 MB, 64 of them, at addresses that are multiples of that. The first is not cut: one
 * page of it holds the heads of the others, so that heads stand close together, and which page it is differs from
 * region to region, so that they do not all want the same few lines of the caches. A head is found from a block's
 * address by arithmetic alone.
 *
 * A head is its owner's, who writes to it with each block that it takes or gets back. Whoever frees another's block
 * must not pull that line over to his core only to learn whose it is: so the first head of a region, whose slab is not
 * cut, is a list of numbers instead, a byte for each slab, written only when a slab changes hands. */
#ifndef COATCHECK_SLAB_INTERNAL_H
#define COATCHECK_SLAB_INTERNAL_H

#include <stdatomic.h>
#include "coatcheck/base/must.h"
#include "coatcheck/base/slab.h"

#define REGION_BYTES ((uintptr_t)4 << 20)
#define REGION_SLABS (REGION_BYTES / SLAB_BYTES)
#define HEADS_PAGE 4096

struct free_block {
    struct free_block *next;
};

#define FINE_CLASSES (SLAB_FINE_MOST / 8)
#define CLASSES (FINE_CLASSES + 63 - SLAB_BYTES / SLAB_MOST + 1)

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
    struct slab_owner *owner; /* read by who finds no number for it */
    uint32_t fresh;           /* from this byte on nothing was ever handed out */
    uint32_t used;            /* blocks that are not in `free`, and not fresh */
    uint32_t block_size, capacity;
    _Atomic uint8_t state; /* enum slab_state; a hint to others */
    uint8_t size_class;

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

/* Whose the slabs of a region are; 0: nobody's, or his who has no number. */
struct slab_numbers {
    _Atomic uint8_t of[REGION_SLABS];
};

_Static_assert(sizeof(struct slab_numbers) <= sizeof(struct slab), "they stand in the place of a head");

static inline _Atomic uint8_t *slab_number(const void *block)
{
    uintptr_t at = (uintptr_t)block;
    struct slab_numbers *numbers = (struct slab_numbers *)(void *)slab_heads(at & ~(REGION_BYTES - 1));

    return &numbers->of[at / SLAB_BYTES % REGION_SLABS];
}

/* Where its blocks begin. */
static inline char *slab_begin(const struct slab *slab)
{
    uintptr_t region = (uintptr_t)slab & ~(REGION_BYTES - 1);

    return (char *)region + (size_t)(slab - slab_heads(region)) * SLAB_BYTES;
}

/* --- slab_owner.c: which thread has which slabs --- */

struct slab_class {
    /* of the thread that has it */
    struct free_block *kept; /* freed by this thread, of anybody's slabs, and not given back: the newest first */
    uint32_t kept_count;
    uint32_t slabs;
    struct slab *current, *open, *sparse;
    uint64_t used;     /* blocks in all its slabs, without those that are kept or in `returned` still */
    uint32_t capacity; /* blocks of a slab */
} __attribute__((aligned(64)));

struct slab_owner {
    /* of the thread that has it */
    struct slab_class classes[CLASSES];
    struct slab_owner *next_idle;
    uint8_t number; /* 0: there were too many before; set once */

    /* read by all */
    struct slab_owner *next;    /* of all that exist; set once */
    _Atomic int64_t used_bytes; /* what this thread has taken less what it has freed, of anybody's */
    _Atomic size_t held_bytes;

    /* Read by all, and seldom written: which classes had better get their blocks back, a hint. */
    _Atomic bool loose[CLASSES] __attribute__((aligned(64)));

    /* What others have freed: the line that they write. */
    _Atomic(struct free_block *) returned __attribute__((aligned(64)));
};

/* This thread's; NULL: it has none yet. */
extern _Thread_local struct slab_owner *slab_mine;

/* An owner for this thread. NULL: no memory. */
struct slab_owner *owner_of_thread(void);

/* The newest of all owners; each knows the next older. */
struct slab_owner *owner_newest(void);

/* Of threads that ended: whoever takes one has it until he puts it back. NULL: there is none. */
struct slab_owner *owner_take_idle(void);
void owner_put_idle(struct slab_owner *owner);

#define SLAB_NUMBERS 256

/* By number; 0 is nobody's. */
extern _Atomic(struct slab_owner *) slab_owners[SLAB_NUMBERS];

/* Whose slab the block is cut from. Whoever has it got it from its owner in the end, so sees what that one wrote. */
static inline struct slab_owner *owner_of_block(const void *block)
{
    unsigned number = atomic_load_explicit(slab_number(block), memory_order_relaxed);

    if (unlikely(number == 0)) return slab_of(block)->owner;
    return atomic_load_explicit(&slab_owners[number], memory_order_relaxed);
}

/* slab.c: gives back what an owner keeps of blocks that its thread has freed. */
void owner_give_back(struct slab_owner *owner);

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
