/* memory_waits: how long commands have waited for eviction, for each thread. */
#include "coatcheck/base/clock.h"
#include "coatcheck/base/mem.h"
#include "coatcheck/engine/memory.h"
#include "coatcheck/observe/histogram.h"
#include "memory_internal.h"

#define LATE_NS 20000

struct waits {
    struct histogram lengths;
    _Atomic uint64_t total_ns, late;
};

static _Atomic(struct waits *) lanes[METRIC_LANES]; /* owned; NULL: that thread's commands never waited */

uint64_t memory_waits_now_ns(void)
{
    return clock_ticks_to_ns(clock_ticks());
}

void memory_waits_note(uint64_t since_ns)
{
    struct waits *waits = atomic_load_explicit(&lanes[metric_lane], memory_order_relaxed);
    uint64_t ns = memory_waits_now_ns() - since_ns;

    if (unlikely(!waits)) {
        waits = mem_alloc_zeroed(sizeof *waits);
        if (!waits) return;
        atomic_store_explicit(&lanes[metric_lane], waits, memory_order_release);
    }
    histogram_add(&waits->lengths, ns);
    atomic_fetch_add_explicit(&waits->total_ns, ns, memory_order_relaxed);
    if (ns > LATE_NS) atomic_fetch_add_explicit(&waits->late, 1, memory_order_relaxed);
}

struct memory_waits memory_waits(void)
{
    struct histogram all = {0};
    struct memory_waits waits = {0};

    for (unsigned lane = 0; lane < METRIC_LANES; lane++) {
        struct waits *here = atomic_load_explicit(&lanes[lane], memory_order_acquire);

        if (!here) continue;
        histogram_merge(&all, &here->lengths);
        waits.total_ns += atomic_load_explicit(&here->total_ns, memory_order_relaxed);
        waits.late += atomic_load_explicit(&here->late, memory_order_relaxed);
    }
    waits.count = histogram_total(&all);
    waits.p50_ns = histogram_percentile_ns(&all, 50);
    waits.p99_ns = histogram_percentile_ns(&all, 99);
    waits.p999_ns = histogram_percentile_ns(&all, 99.9);
    waits.longest_ns = atomic_load_explicit(&all.longest_ns, memory_order_relaxed);
    histogram_fini(&all);
    return waits;
}
