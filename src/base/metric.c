#include "coatcheck/base/metric.h"

_Thread_local unsigned metric_lane;

static _Atomic int64_t *cell_of(const struct metric_set *set, unsigned lane, size_t offset)
{
    return (_Atomic int64_t *)(void *)(set->lanes + lane * set->lane_size + offset);
}

static int64_t sum_lanes(const struct metric_set *set, size_t offset, unsigned lanes)
{
    int64_t sum = 0;

    for (unsigned lane = 0; lane < lanes; lane++) {
        sum += atomic_load_explicit(cell_of(set, lane, offset), memory_order_relaxed);
    }
    return sum;
}

int64_t metric_sum(const struct metric_set *set, size_t offset)
{
    return sum_lanes(set, offset, METRIC_LANES);
}

void metric_reset(const struct metric_set *set)
{
    for (unsigned i = 0; i < set->count; i++) {
        size_t offset = set->rows[i].offset;

        /* A gauge tells what is there now, and that did not change. */
        if (set->rows[i].kind != COUNTER) continue;
        atomic_store_explicit(cell_of(set, METRIC_RESET_LANE, offset), -sum_lanes(set, offset, METRIC_RESET_LANE),
                              memory_order_relaxed);
    }
}
