#include "histogram.h"

static unsigned bucket_of(uint64_t ns)
{
    if (ns >> HISTOGRAM_STEP_BITS == 0) return (unsigned)ns;
    if (ns >> (HISTOGRAM_TOP_BIT + 1)) return HISTOGRAM_BUCKETS - 1;

    unsigned top = 63 - (unsigned)__builtin_clzll(ns);
    unsigned shift = top - HISTOGRAM_STEP_BITS;
    return (shift << HISTOGRAM_STEP_BITS) + (unsigned)(ns >> shift);
}

/* The longest duration of the bucket: a quantile may be told too long, never too short. */
static uint64_t bucket_ceiling_ns(unsigned bucket)
{
    if (bucket >> HISTOGRAM_STEP_BITS == 0) return bucket;

    unsigned shift = (bucket >> HISTOGRAM_STEP_BITS) - 1;
    uint64_t first = (uint64_t)(bucket - (shift << HISTOGRAM_STEP_BITS)) << shift;
    return first + (1ull << shift) - 1;
}

void histogram_add(struct histogram *seen, uint64_t ns, uint64_t times)
{
    seen->total += times;
    seen->sum_ns += (double)ns * (double)times;
    seen->count[bucket_of(ns)] += times;
    if (ns > seen->max_ns) seen->max_ns = ns;
}

void histogram_merge(struct histogram *into, const struct histogram *from)
{
    into->total += from->total;
    into->sum_ns += from->sum_ns;
    if (from->max_ns > into->max_ns) into->max_ns = from->max_ns;
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) into->count[i] += from->count[i];
}

uint64_t histogram_quantile_ns(const struct histogram *seen, double share)
{
    uint64_t wanted = (uint64_t)(share * (double)seen->total + 0.5);
    uint64_t passed = 0;

    if (seen->total == 0) return 0;
    if (wanted == 0) wanted = 1;
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        passed += seen->count[i];
        if (passed < wanted) continue;
        uint64_t ceiling = bucket_ceiling_ns(i);
        return ceiling < seen->max_ns ? ceiling : seen->max_ns;
    }
    return seen->max_ns;
}
