/* purge: a thread that gives unused pages back to the kernel, which takes tens of milliseconds for many of them. */
#ifndef COATCHECK_BASE_PURGE_H
#define COATCHECK_BASE_PURGE_H

#include <stdint.h>

/* Begins the thread; after daemonizing, as a fork would lose it. Without it purge_wait() does the work itself. */
void purge_setup(void);

/* Has all unused pages given back (mem_purge()), and waits for it, but no longer than `most_us`. Any thread, but not with a
 * lock held that the allocator's callers take. */
void purge_wait(int64_t most_us);

/* Ends the thread. */
void purge_stop(void);

#endif
