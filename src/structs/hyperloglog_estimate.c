/* The estimate that Otmar Ertl found ("New cardinality estimation algorithms for HyperLogLog
 * sketches", 2017, section on the improved raw estimator): from how many registers hold which rank,
 * without corrections learned by trial, and good from nothing to far beyond what will be counted.
 */
#include <math.h>
#include "hyperloglog_internal.h"

/* 1 / (2 ln 2): what the estimate tends to for many registers. */
#define ALPHA 0.721347520444481703680
#define REGISTERS ((double)HLL_REGISTERS)

/* x + sum of x^(2^k) 2^(k-1): registers at 0 count for what the rank below all would have told. */
static double sigma(double x)
{
    double sum = x, weight = 1, before;

    if (x == 1) return INFINITY;
    do {
        before = sum;
        x *= x;
        sum += x * weight;
        weight += weight;
    } while (sum != before);
    return sum;
}

/* (1 - x - sum of (1 - x^(2^-k))^2 2^-k) / 3: registers at the highest rank count for those above
 * it. */
static double tau(double x)
{
    double sum = 1 - x, weight = 1, before;

    if (x == 0 || x == 1) return 0;
    do {
        before = sum;
        x = sqrt(x);
        weight *= 0.5;
        sum -= pow(1 - x, 2) * weight;
    } while (sum != before);
    return sum / 3;
}

uint64_t hll_estimate(const struct hll_census *census)
{
    double sum = REGISTERS * tau((REGISTERS - census->of[HLL_RANK_MAX]) / REGISTERS), estimate;

    for (unsigned rank = HLL_RANK_MAX - 1; rank >= 1; rank--) {
        sum += census->of[rank];
        sum *= 0.5;
    }
    sum += REGISTERS * sigma(census->of[0] / REGISTERS);
    estimate = (double)roundl((long double)ALPHA * REGISTERS * REGISTERS / sum);
    /* Registers beyond what elements can do; redis-server makes of it what the processor does. */
    if (!(estimate < 0x1p63)) return (uint64_t)1 << 63;
    return (uint64_t)estimate;
}
