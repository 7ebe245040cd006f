/* lock: four bytes, free at the price of one compare-and-swap.
 * Taking pauses for about two microseconds at the most and then sleeps in the kernel: a holder that was
 * descheduled costs its waiters a sleep, never a spin (Drepper, "Futexes are tricky", 2011, mutex 3). */
#ifndef COATCHECK_BASE_LOCK_H
#define COATCHECK_BASE_LOCK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Holding one, take only later ones. Debug builds check. */
enum lock_rank {
    RANK_SHARD = 1, /* several at once, in rising order of their index */
    RANK_RECLAIM,
    RANK_REWRITE,
    RANK_USERS,
    RANK_SESSIONS,
    RANK_JOURNAL,
    RANK_SLOWLOG,
    RANK_OPTIONS,
    RANK_TLS,
    RANK_METRICS,
    RANK_CHANNELS,
    RANK_PATTERNS, /* several at once, in rising order of their worker */
    RANK_MAILBOX,
    RANK_SHAPES,
    RANK_SLABS,
    RANK_LOG
};

struct lock {
    _Atomic uint32_t word; /* 0 free, 1 held, 2 held and somebody sleeps */
};

void lock_wait(struct lock *lock);
void lock_wake(struct lock *lock);

#if !defined(NDEBUG) || defined(COATCHECK_SANITIZED)
void lock_rank_enter(enum lock_rank rank, uint32_t order);
void lock_rank_leave(enum lock_rank rank);
#else
#define lock_rank_enter(rank, order) ((void)0)
#define lock_rank_leave(rank) ((void)0)
#endif

/* `order` tells locks of one rank apart: they must be taken in rising order. */
static inline void lock_take(struct lock *lock, enum lock_rank rank, uint32_t order)
{
    uint32_t free_word = 0;

    (void)rank;
    (void)order;
    lock_rank_enter(rank, order);
    if (!atomic_compare_exchange_strong_explicit(&lock->word, &free_word, 1, memory_order_acquire,
                                                 memory_order_relaxed)) {
        lock_wait(lock);
    }
}

static inline bool lock_try(struct lock *lock, enum lock_rank rank, uint32_t order)
{
    uint32_t free_word = 0;

    (void)rank;
    (void)order;
    if (!atomic_compare_exchange_strong_explicit(&lock->word, &free_word, 1, memory_order_acquire,
                                                 memory_order_relaxed)) {
        return false;
    }
    lock_rank_enter(rank, order);
    return true;
}

static inline void lock_release(struct lock *lock, enum lock_rank rank)
{
    (void)rank;
    lock_rank_leave(rank);
    if (atomic_exchange_explicit(&lock->word, 0, memory_order_release) == 2) lock_wake(lock);
}

#endif
