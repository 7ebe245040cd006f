/* held: how much memory the program holds, as a running figure that costs a few loads.
 *
 * Each thread knows what it has allocated less what it has freed (jemalloc counts that for it; without jemalloc
 * mem.c does), and publishes it now and then. The sum over all threads is what is held; what was allocated by
 * threads that never publish is found by comparing with the allocator's own figure, which takes long to add up. */
#ifndef COATCHECK_BASE_HELD_H
#define COATCHECK_BASE_HELD_H

#include <stddef.h>
#include <stdint.h>

/* Bytes that this thread has allocated less those that it has freed, of anybody's: below zero for one that frees
 * what others allocate. */
int64_t held_own(void);

/* As held_own, and tells the others. */
int64_t held_publish(void);

/* Bytes that all threads hold, as last published. Publishes this thread's. */
size_t held_all(void);

/* Compares with the allocator's figure, `allocated` of mem_read_figures(). */
void held_level(size_t allocated);

#endif
