/* footprint: the memory that the process holds, looked at often enough for a peak to mean something
 * and seldom enough to cost nothing: the allocator adds up all its arenas when asked. Any thread.
 */
#ifndef COATCHECK_OBSERVE_FOOTPRINT_H
#define COATCHECK_OBSERVE_FOOTPRINT_H

#include "coatcheck/base/mem.h"

struct footprint {
    struct mem_figures now; /* not older than FOOTPRINT_FRESH_US */
    size_t rss;             /* as the kernel counts */
    size_t peak;            /* the most that `allocated` was seen at */
    int64_t peak_at_ms;     /* since 1970 */
    size_t at_start;        /* allocated when the server began to serve */
};

#define FOOTPRINT_FRESH_US 100000

/* The server serves from here on: what is allocated now is its own overhead. */
void footprint_setup(void);

/* Looks again when the last look is old. */
void footprint_note(void);

/* The same, and tells. Makes a system call. */
void footprint_read(struct footprint *footprint);

#endif
