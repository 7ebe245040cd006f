#include "coatcheck/observe/footprint.h"

#include <stdatomic.h>
#include "coatcheck/base/clock.h"
#include "coatcheck/base/held.h"
#include "coatcheck/base/lock.h"

static struct lock footprint_lock;
static struct footprint last; /* under the lock; `rss` is not kept */
static _Atomic int64_t looked_at_us;

static void look(int64_t now_us)
{
    struct mem_figures figures;
    size_t expected;

    mem_read_figures(&figures);
    expected = held_expected();
    figures.allocated -= expected < figures.allocated ? expected : 0;
    figures.active -= expected < figures.active ? expected : 0;
    figures.resident -= expected < figures.resident ? expected : 0;
    lock_take(&footprint_lock, RANK_METRICS, 0);
    last.now = figures;
    if (figures.allocated > last.peak) {
        last.peak = figures.allocated;
        last.peak_at_ms = clock_wall_us() / 1000;
    }
    lock_release(&footprint_lock, RANK_METRICS);
    atomic_store_explicit(&looked_at_us, now_us, memory_order_relaxed);
}

void footprint_setup(void)
{
    look(clock_steady_us());
    lock_take(&footprint_lock, RANK_METRICS, 0);
    last.at_start = last.now.allocated;
    lock_release(&footprint_lock, RANK_METRICS);
}

void footprint_note(void)
{
    int64_t now_us = clock_steady_us();

    if (now_us - atomic_load_explicit(&looked_at_us, memory_order_relaxed) >= FOOTPRINT_FRESH_US)
        look(now_us);
}

void footprint_read(struct footprint *footprint)
{
    footprint_note();
    lock_take(&footprint_lock, RANK_METRICS, 0);
    *footprint = last;
    lock_release(&footprint_lock, RANK_METRICS);
    footprint->rss = mem_resident();
}
