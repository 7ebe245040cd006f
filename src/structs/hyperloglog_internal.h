/* hyperloglog_internal: between the files of the noun. */
#ifndef COATCHECK_STRUCTS_HYPERLOGLOG_INTERNAL_H
#define COATCHECK_STRUCTS_HYPERLOGLOG_INTERNAL_H

#include "coatcheck/structs/hyperloglog.h"

/* Ranks are six bits, so a stored text may hold some that no element has. */
#define HLL_RANKS 64

/* How many registers hold each rank. */
struct hll_census {
    uint32_t of[HLL_RANKS];
};

uint64_t hll_estimate(const struct hll_census *census);

bool hll_merge_sparse(struct bytes sparse, uint8_t *ranks);
bool hll_census_sparse(struct bytes sparse, struct hll_census *census);

/* Register `index` of the dense ones at `at`; no byte beyond the last one's is touched. */
static inline unsigned hll_register(const uint8_t *at, unsigned index)
{
    unsigned bit = index * 6, shift = bit % 8;
    unsigned low = at[bit / 8] >> shift;

    return (shift > 2 ? low | (unsigned)at[bit / 8 + 1] << (8 - shift) : low) & 63;
}

static inline void hll_set_register(uint8_t *at, unsigned index, unsigned rank)
{
    unsigned bit = index * 6, shift = bit % 8;
    uint8_t *low = &at[bit / 8];

    *low = (uint8_t)((*low & ~(63u << shift)) | rank << shift);
    if (shift > 2) low[1] = (uint8_t)((low[1] & ~(63u >> (8 - shift))) | rank >> (8 - shift));
}

#endif
