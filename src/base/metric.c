#include "coatcheck/base/metric.h"

_Thread_local unsigned metric_lane;

static _Atomic int64_t *cell_of(const struct metric_set *set, unsigned lane, size_t offset)
{
    return (_Atomic int64_t *)(void *)(set->lanes + lane * set->lane_size + offset);
}

int64_t metric_sum(const struct metric_set *set, size_t offset)
{
    int64_t sum = 0;

    for (unsigned lane = 0; lane < METRIC_LANES; lane++) {
        sum += atomic_load_explicit(cell_of(set, lane, offset), memory_order_relaxed);
    }
    return sum;
}

void metric_reset(const struct metric_set *set)
{
    for (unsigned i = 0; i < set->count; i++) {
        /* A gauge tells what is there now, and that did not change. */
        if (set->rows[i].kind != COUNTER) continue;
        for (unsigned lane = 0; lane < METRIC_LANES; lane++) {
            atomic_store_explicit(cell_of(set, lane, set->rows[i].offset), 0, memory_order_relaxed);
        }
    }
}
