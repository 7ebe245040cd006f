/* histogram: how often each duration was seen, true to 0.8 % from a nanosecond to an hour.
 * Always: total is the sum of all counts, and no quantile is above max_ns. One thread adds to it;
 * what several threads saw is joined afterwards with histogram_merge(). A zeroed one is empty. */
#ifndef BENCH_HISTOGRAM_H
#define BENCH_HISTOGRAM_H

#include <stdint.h>

/*  bucket of v = | v itself below 128 | then 128 steps for each doubling: 128..255, 256..511, ... |
 *  300 ns is in the second doubling, with steps of 2 ns: 2 * 128 + (300 >> 1) - 128 = 278 */
enum {
    HISTOGRAM_STEP_BITS = 7,
    HISTOGRAM_TOP_BIT = 42,
    HISTOGRAM_BUCKETS = (HISTOGRAM_TOP_BIT - HISTOGRAM_STEP_BITS + 2) << HISTOGRAM_STEP_BITS
};

struct histogram {
    uint64_t total;
    uint64_t max_ns;
    double sum_ns;
    uint64_t count[HISTOGRAM_BUCKETS];
};

/* Durations beyond the top bucket (73 minutes) are counted there; max_ns keeps them whole. */
void histogram_add(struct histogram *seen, uint64_t ns, uint64_t times);

void histogram_merge(struct histogram *into, const struct histogram *from);

/* The duration that `share` (0..1) of all were not above, in ns; 0 when nothing was seen. */
uint64_t histogram_quantile_ns(const struct histogram *seen, double share);

#endif
