/* slab: blocks of a few bytes to 8 KB without a header each, in sizes close enough that little is lost.
 *
 * Sizes go in steps of 8 up to 1 KB; beyond, each is the 63rd, 62nd … 8th part of a slab. Blocks of one size are
 * cut from slabs of 64 KB. A slab belongs to one thread, which takes blocks from it and puts them back without
 * atomics; blocks that others free they take again themselves, as many as they soon need, and the rest goes on a list
 * of that thread, which it empties when it runs out or tidies up (mimalloc keeps such a list for each of its pages; one
 * a thread is a miss less, see docs/decisions).
 * A thread that ends leaves its slabs to the next that begins.
 *
 * The caller knows how large a block is: whoever frees it says so. Nothing here aborts for want of memory.
 * Under AddressSanitizer every block is one of the general allocator's, so that it sees misuse. */
#ifndef COATCHECK_BASE_SLAB_H
#define COATCHECK_BASE_SLAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__SANITIZE_ADDRESS__)
#define SLAB_BLOCKS_APART 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SLAB_BLOCKS_APART 1
#endif
#endif

#define SLAB_BYTES 65536
#define SLAB_LEAST 16
#define SLAB_MOST 8192
#define SLAB_FINE_MOST 1024

/* The size of the block for a request of `size`, at most SLAB_MOST. */
static inline size_t slab_size(size_t size)
{
    if (__builtin_expect(size <= SLAB_FINE_MOST, 1)) {
        return size <= SLAB_LEAST ? SLAB_LEAST : (size + 7) & ~(size_t)7;
    }
    return SLAB_BYTES / (SLAB_BYTES / (((uint32_t)size + 7) & ~7u)) & ~7u;
}

/* A multiple of 8 as address; not zeroed. NULL: no memory. `size` is at most SLAB_MOST. */
void *slab_alloc(size_t size);

/* From any thread. `size` is what was asked for, or anything with the same slab_size. */
void slab_free(void *block, size_t size);

/* Zeroed pages: for what is too large for a slab, and must take no more than it needs. They come from the kernel and
 * go back to it at once. NULL: no memory. */
#define SLAB_PAGE 4096
void *slab_pages_alloc(size_t bytes);
void slab_pages_free(void *pages, size_t bytes);

/* Has the kernel put memory behind some of them now: one call is cheaper than a fault a page, but takes some 0.5 us
 * for each, for the kernel clears it. `from` is on a page's edge. Pages that nobody asked for come as they are touched. */
void slab_pages_back(void *from, size_t bytes);

/* --- giving memory back --- */

/* A slice of tidying, some ten times a second from each thread that allocates: takes in what others have freed,
 * gives empty slabs back, and those that have been empty for a while to the kernel, until the clock says
 * `until_ticks` (clock_ticks()). True: nothing is left to do for now. */
bool slab_tidy(uint64_t until_ticks);

/* As slab_tidy, and keeps the pages of no empty slab for who comes next. */
bool slab_press(uint64_t until_ticks);

/* Is much lost in slabs that are far from full? Then whoever can move his blocks should: take a new block for
 * each that slab_is_sparse(), and free the old one. */
bool slab_wants_moves(void);
bool slab_is_sparse(const void *block);

/* Is it of a slab of this thread? Then its room is free as soon as it is freed; another's waits for its thread. */
bool slab_is_own(const void *block);

/* All empty slabs go back to the kernel, now. */
void slab_purge(void);

struct slab_figures {
    size_t used;     /* bytes in blocks and pages handed out */
    size_t held;     /* bytes of those pages, and of slabs that have such blocks */
    size_t spare;    /* bytes of empty slabs that the kernel has not got back */
    size_t reserved; /* address space */
};
void slab_read_figures(struct slab_figures *figures);

/* `used` alone; and this thread's part of it: what it has taken less what it has freed, of anybody's. */
size_t slab_used(void);
int64_t slab_own_used(void);

/* Tests: every block is sparse and moves are wanted. */
void slab_pretend_sparse(bool all);

#endif
