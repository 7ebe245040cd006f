/* hyperloglog_check: does counting work on this machine, with this compiler? */
#include "hyperloglog_internal.h"

#define ELEMENTS 50000
/* The standard error is 1.04 / sqrt(16384), 0.8 %; five times that is seen once in two million. */
#define TOLERANCE 0.041

static bool near_enough(uint64_t count, uint64_t true_count)
{
    double off = (double)count - (double)true_count;

    if (off < 0) off = -off;
    return off <= 1 + TOLERANCE * (double)true_count;
}

/* One text is kept sparse as long as it goes, the other is dense from the start. */
struct twins {
    char sparse[HLL_DENSE_LEN + HLL_GROWTH], dense[HLL_DENSE_LEN];
    size_t sparse_len;
};

/* False: the runs have broken. */
static bool twins_add(struct twins *twins, uint64_t element)
{
    struct hll_mark mark = hll_mark_of(bytes_of(&element, sizeof element));
    char dense[HLL_DENSE_LEN];

    hll_raise_dense(twins->dense, mark);
    if (!hll_is_sparse(bytes_of(twins->sparse, twins->sparse_len))) {
        hll_raise_dense(twins->sparse, mark);
        return true;
    }
    switch (hll_raise_sparse(twins->sparse, &twins->sparse_len, HLL_DENSE_LEN, mark, NULL)) {
    case HLL_CORRUPT:
        return false;
    case HLL_TOO_LONG:
        if (!hll_make_dense(bytes_of(twins->sparse, twins->sparse_len), dense)) return false;
        memcpy(twins->sparse, dense, sizeof dense);
        twins->sparse_len = sizeof dense;
        hll_raise_dense(twins->sparse, mark);
        return true;
    default:
        return true;
    }
}

const char *hll_self_test(void)
{
    struct twins twins = {.sparse_len = HLL_EMPTY_LEN};
    uint64_t sparse, dense;

    hll_write_empty(twins.sparse);
    if (!hll_make_dense(bytes_of(twins.sparse, HLL_EMPTY_LEN), twins.dense))
        return "an empty one is broken";
    for (uint64_t n = 1; n <= ELEMENTS; n++) {
        if (!twins_add(&twins, n)) return "the runs of a sparse one are broken";
        if (n > 100 && n % 5000 != 0) continue;
        if (!hll_count(bytes_of(twins.sparse, twins.sparse_len), &sparse) ||
            !hll_count(bytes_of(twins.dense, sizeof twins.dense), &dense))
            return "the registers are not all there";
        if (sparse != dense) return "sparse and dense ones count differently";
        if (!near_enough(dense, n)) return "the count is far from the truth";
    }
    return NULL;
}
