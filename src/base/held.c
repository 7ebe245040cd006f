#include "coatcheck/base/held.h"

#include <pthread.h>
#include <stdatomic.h>
#ifdef COATCHECK_JEMALLOC
#include <jemalloc/jemalloc.h>
#endif
#include "coatcheck/base/mem.h"
#include "coatcheck/base/must.h"
#include "coatcheck/base/slab.h"

#define LANES 512

/* A thread's place; the last is for those that find no other, and for what ended threads leave. */
struct held_lane {
    _Atomic int64_t bytes;    /* published */
    _Atomic int64_t expected; /* published; not in `bytes` */
    _Atomic int taken;
} __attribute__((aligned(64)));

static struct held_lane lanes[LANES];
static _Atomic int64_t unknown; /* of threads that publish nothing */

/* Threads between held_expect_begin() and _end(), and how often one has been there. */
static _Atomic unsigned expecting, expected_times;

static _Thread_local struct {
    struct held_lane *lane;
    const uint64_t *allocated, *freed; /* jemalloc's, of this thread */
    int64_t expected;
} own;

static pthread_key_t end_key;
static pthread_once_t end_once = PTHREAD_ONCE_INIT;

/* What it held it holds still: others free it. */
static void lane_retire(void *context)
{
    struct held_lane *lane = context;

    held_publish();
    atomic_fetch_add_explicit(&lanes[LANES - 1].bytes, atomic_load(&lane->bytes), memory_order_relaxed);
    atomic_fetch_add_explicit(&lanes[LANES - 1].expected, own.expected, memory_order_relaxed);
    atomic_store(&lane->bytes, 0);
    atomic_store(&lane->expected, 0);
    own.lane = NULL;
    atomic_store(&lane->taken, 0);
}

static void make_end_key(void)
{
    must(pthread_key_create(&end_key, lane_retire) == 0);
}

static __attribute__((noinline)) void lane_take(void)
{
    pthread_once(&end_once, make_end_key);
    for (unsigned i = 0; i < LANES - 1; i++) {
        int free = 0;

        if (!atomic_compare_exchange_strong(&lanes[i].taken, &free, 1)) continue;
        own.lane = &lanes[i];
        pthread_setspecific(end_key, own.lane);
        return;
    }
}

#ifdef COATCHECK_JEMALLOC

static const uint64_t nothing;

static __attribute__((noinline)) void counters_find(void)
{
    size_t len = sizeof own.allocated;

    if (mallctl("thread.allocatedp", &own.allocated, &len, NULL, 0) != 0) own.allocated = &nothing;
    if (mallctl("thread.deallocatedp", &own.freed, &len, NULL, 0) != 0) own.freed = &nothing;
}

static inline int64_t allocated_here(void)
{
    if (unlikely(!own.freed)) counters_find();
    return (int64_t)(*own.allocated - *own.freed);
}

#else

static inline int64_t allocated_here(void)
{
    return mem_counted_here;
}

#endif

int64_t held_own(void)
{
    return allocated_here() - own.expected + slab_own_used();
}

void held_expect(int64_t bytes)
{
    own.expected += bytes;
    held_publish();
}

void held_expect_begin(void)
{
    atomic_fetch_add(&expecting, 1);
}

void held_expect_end(void)
{
    atomic_fetch_add(&expected_times, 1);
    atomic_fetch_sub(&expecting, 1);
}

/* The slabs' part is published by themselves. */
int64_t held_publish(void)
{
    int64_t here = allocated_here() - own.expected;

    if (unlikely(!own.lane)) lane_take();
    if (likely(own.lane != NULL)) {
        atomic_store_explicit(&own.lane->bytes, here, memory_order_relaxed);
        atomic_store_explicit(&own.lane->expected, own.expected, memory_order_relaxed);
    }
    return here + slab_own_used();
}

/* Lanes that were ever taken; they are taken from the front. */
static unsigned lanes_used(void)
{
    static _Atomic unsigned most;
    unsigned upto = atomic_load_explicit(&most, memory_order_relaxed);

    while (upto < LANES - 1 && atomic_load_explicit(&lanes[upto].taken, memory_order_relaxed)) {
        atomic_store_explicit(&most, ++upto, memory_order_relaxed);
    }
    return upto;
}

static int64_t published(void)
{
    unsigned upto = lanes_used();
    int64_t sum = atomic_load_explicit(&lanes[LANES - 1].bytes, memory_order_relaxed);

    for (unsigned i = 0; i < upto; i++) sum += atomic_load_explicit(&lanes[i].bytes, memory_order_relaxed);
    return sum + (int64_t)slab_used();
}

size_t held_all(void)
{
    int64_t sum;

    held_publish();
    sum = published() + atomic_load_explicit(&unknown, memory_order_relaxed);
    return sum > 0 ? (size_t)sum : 0;
}

size_t held_expected(void)
{
    unsigned upto = lanes_used();
    int64_t sum = atomic_load_explicit(&lanes[LANES - 1].expected, memory_order_relaxed);

    for (unsigned i = 0; i < upto; i++) sum += atomic_load_explicit(&lanes[i].expected, memory_order_relaxed);
    return sum > 0 ? (size_t)sum : 0;
}

bool held_level(void)
{
    unsigned times = atomic_load(&expected_times);
    int64_t expected = (int64_t)held_expected();
    struct mem_figures now;

    held_publish();
    mem_read_figures(&now);
    /* Otherwise a large block might be in one of the figures and not in the others. */
    if (atomic_load(&expecting) > 0 || atomic_load(&expected_times) != times) return false;
#ifdef COATCHECK_SANITIZED
    now.allocated = (size_t)(published() + expected); /* there is no figure but the resident set, shadows included */
#endif
    atomic_store_explicit(&unknown, (int64_t)now.allocated - expected - published(), memory_order_relaxed);
    return true;
}
