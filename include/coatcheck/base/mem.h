/* mem: the one door to the allocator: jemalloc, or the C library's under a sanitizer.
 * Nothing here aborts: NULL means that there was no memory, and the caller says so to the client. */
#ifndef COATCHECK_BASE_MEM_H
#define COATCHECK_BASE_MEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void *mem_alloc(size_t size);
void *mem_alloc_zeroed(size_t size);

/* Zeroed, at an address that is a multiple of `align` (a power of two). */
void *mem_alloc_aligned(size_t align, size_t size);

/* As realloc: on NULL the old block is untouched. */
void *mem_resize(void *block, size_t size);

/* NULL is allowed. */
void mem_free(void *block);

/* As mem_free, cheaper: `size` is what was asked for (or anything with the same mem_good_size). Not for
 * blocks of mem_alloc_aligned(). */
void mem_free_sized(void *block, size_t size);

/* What the allocator really holds for a block, and what it would hold for a request of `size`: the same
 * with jemalloc; the C library's answer is an estimate, so count with one of them, not with both. */
size_t mem_usable(const void *block);
size_t mem_good_size(size_t size);

/* For small things at start-up, where nothing can go on without them: never NULL, logs and exits. */
void *mem_need(size_t size);
char *mem_need_text(const char *text);

/* All that the allocator holds for us now, and figures for INFO and MEMORY STATS. */
struct mem_figures {
    size_t allocated; /* bytes in blocks handed out */
    size_t active;    /* bytes in pages that hold at least one block */
    size_t resident;  /* bytes in physical memory, dirty pages and metadata included */
    size_t retained;  /* address space kept, not backed by memory */
};
void mem_read_figures(struct mem_figures *figures);

#ifndef COATCHECK_JEMALLOC
/* Bytes that this thread has allocated here less those that it has freed: read held.h instead. */
extern _Thread_local int64_t mem_counted_here;
#endif

/* The machine's memory in bytes, or what the control group of this process allows, whichever is less. */
size_t mem_machine(void);

/* Resident set of the process in bytes, from the kernel. */
size_t mem_resident(void);

/* Gives unused pages back to the kernel at once. */
void mem_purge(void);

/* Bytes in gaps between blocks that are no larger than MEM_COMPACT_MOST, as mem_read_figures() last saw them: what moving
 * blocks together would give back. 0 as well where the allocator cannot tell which of them to move. Any thread. */
size_t mem_gaps(void);
unsigned mem_gaps_seen(void); /* how often it has looked */
#define MEM_COMPACT_MOST 14336

/* Moves a block to where its like stand closer together, if it stands where they are fewer than on average: to the same
 * bytes and the same size. Returns where it is now, which may be where it was. */
void *mem_compact(void *block);

/* What this thread has done for that, in questions to the allocator: moving 128 bytes takes about as long as one. */
extern _Thread_local uint64_t mem_compact_work;

/* Bytes that this thread, and that all threads, have moved so. */
extern _Thread_local uint64_t mem_compacted;
uint64_t mem_compacted_by_all(void);

/* Tests: every block is to be moved. */
void mem_pretend_gaps(bool all);

/* The allocator's own report as text, piece by piece. */
void mem_report(void (*say)(void *context, const char *text), void *context);

/* Name and version for INFO: "jemalloc-5.3.0". */
const char *mem_name(void);

/* Unused pages go back within seconds, by a thread of the allocator. Call after daemonizing: a fork
 * would lose that thread. */
void mem_setup(void);

/* Tests: the n-th allocation from now fails (1 is the next), 0 switches that off. */
void mem_fail_after(unsigned n);

/* Tests: that one and all after it fail, until one of the two is called again. */
void mem_fail_from(unsigned n);

/* For other allocators: shall this allocation fail? Counts it. */
bool mem_fails_now(void);

#endif
