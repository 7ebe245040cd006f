#include "coatcheck/base/lock.h"

#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "coatcheck/base/clock.h"
#include "coatcheck/base/must.h"

#define SPIN_US 2

static void pause_briefly(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb" ::: "memory");
#endif
}

/* Most holders are through in tens of nanoseconds, so a short wait saves two trips to the kernel.
 * Waiters look less and less often: each look takes the cache line away from the holder. */
static bool take_within_a_moment(struct lock *lock)
{
    uint64_t from = clock_ticks();
    uint64_t patience = clock_us_to_ticks(SPIN_US);
    unsigned pauses = 1;

    do {
        uint32_t free_word = 0;

        for (unsigned i = 0; i < pauses; i++) pause_briefly();
        if (pauses < 16) pauses *= 2;
        if (atomic_load_explicit(&lock->word, memory_order_relaxed) == 0 &&
            atomic_compare_exchange_weak_explicit(&lock->word, &free_word, 1, memory_order_acquire,
                                                  memory_order_relaxed)) {
            return true;
        }
    } while (clock_ticks() - from < patience);
    return false;
}

void lock_wait(struct lock *lock)
{
    if (take_within_a_moment(lock)) return;

    /* From here on the word says 2, even when we are the only one: who comes back from a sleep
     * cannot know whether others still sleep, and one needless wake is cheaper than a lost one. */
    while (atomic_exchange_explicit(&lock->word, 2, memory_order_acquire) != 0) {
        syscall(SYS_futex, &lock->word, FUTEX_WAIT_PRIVATE, 2, NULL, NULL, 0);
    }
}

void lock_wake(struct lock *lock)
{
    syscall(SYS_futex, &lock->word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

#if !defined(NDEBUG) || defined(COATCHECK_SANITIZED)

/* What this thread holds, rank by rank. Locks of one rank are taken in rising order, so the newest
 * order is the highest; it counts until the last lock of its rank is given back. */
static _Thread_local struct {
    unsigned held;
    uint32_t newest;
} ranks[RANK_LOG + 1];

void lock_rank_enter(enum lock_rank rank, uint32_t order)
{
    for (unsigned later = rank + 1; later <= RANK_LOG; later++) must(ranks[later].held == 0);
    must(ranks[rank].held == 0 || ranks[rank].newest < order);
    ranks[rank].held++;
    ranks[rank].newest = order;
}

void lock_rank_leave(enum lock_rank rank)
{
    must(ranks[rank].held > 0);
    ranks[rank].held--;
}

#endif
