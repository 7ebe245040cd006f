/* held: how much memory the program holds, as a running figure that costs a few loads.
 *
 * Each thread knows what it has allocated less what it has freed (jemalloc counts that for it; without jemalloc
 * mem.c does), and publishes it now and then. The sum over all threads is what is held; what was allocated by
 * threads that never publish is found by comparing with the allocator's own figure, which takes long to add up. */
#ifndef COATCHECK_BASE_HELD_H
#define COATCHECK_BASE_HELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* So many bytes more (or less) of what this thread has allocated are still to be written: they hold no memory yet, and
 * do not count. For large blocks, which the kernel backs page by page. Publishes. A block of whose bytes most are
 * expected is allocated between _begin and _end, or who compares just then would count them. */
void held_expect(int64_t bytes);
void held_expect_begin(void);
void held_expect_end(void);

/* Such bytes of all threads: what the allocator's figure says too much. */
size_t held_expected(void);

/* Bytes that this thread has allocated less those that it has freed, of anybody's: below zero for one that frees
 * what others allocate. */
int64_t held_own(void);

/* As held_own, and tells the others. */
int64_t held_publish(void);

/* Bytes that all threads hold, as last published. Publishes this thread's. */
size_t held_all(void);

/* Compares with the allocator's figure, which takes long to add up. False: something large was on its way; later. */
bool held_level(void);

#endif
