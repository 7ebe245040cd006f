/* memory_waits: how long commands have waited for eviction, a histogram for each thread. */
#include <time.h>
#include "coatcheck/base/clock.h"
#include "coatcheck/base/mem.h"
#include "coatcheck/engine/memory.h"
#include "coatcheck/observe/histogram.h"
#include "memory_internal.h"

static _Atomic(struct histogram *) lanes[METRIC_LANES]; /* owned; NULL: that thread's commands never waited */

uint64_t memory_waits_now_ns(void)
{
#ifdef COATCHECK_WAITS_BY_PROCESSOR
    struct timespec now;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
#else
    return clock_ticks_to_ns(clock_ticks());
#endif
}

void memory_waits_note(uint64_t since_ns)
{
    struct histogram *waits = atomic_load_explicit(&lanes[metric_lane], memory_order_relaxed);

    if (unlikely(!waits)) {
        waits = mem_alloc_zeroed(sizeof *waits);
        if (!waits) return;
        atomic_store_explicit(&lanes[metric_lane], waits, memory_order_release);
    }
    histogram_add(waits, memory_waits_now_ns() - since_ns);
}

struct memory_waits memory_waits(void)
{
    struct histogram all = {0};
    struct memory_waits waits;

    for (unsigned lane = 0; lane < METRIC_LANES; lane++) {
        const struct histogram *here = atomic_load_explicit(&lanes[lane], memory_order_acquire);

        if (here) histogram_merge(&all, here);
    }
    waits = (struct memory_waits){
        .count = histogram_total(&all),
        .p50_ns = histogram_percentile_ns(&all, 50),
        .p99_ns = histogram_percentile_ns(&all, 99),
        .p999_ns = histogram_percentile_ns(&all, 99.9),
        .longest_ns = atomic_load_explicit(&all.longest_ns, memory_order_relaxed),
    };
    histogram_fini(&all);
    return waits;
}
