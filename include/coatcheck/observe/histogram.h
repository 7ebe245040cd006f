/* histogram: how long things took, true to 1.6 % from a nanosecond to a minute.
 * Always: total is the sum of all counts, give or take what is being added at this very moment.
 * One thread adds to a histogram; any thread may read it meanwhile, or merge it into one of its own.
 * All zero is an empty one. Memory: a quarter of a KB, and as much for each doubling that was ever seen: 2 to
 * 3 KB for a command. */
#ifndef COATCHECK_OBSERVE_HISTOGRAM_H
#define COATCHECK_OBSERVE_HISTOGRAM_H

#include <stdatomic.h>
#include <stdint.h>

/*  row 0: 0 … 31 ns, a cell each; row 1: 32 … 63 a cell each; row 2: 64 … 127 in steps of 2;
 *  row 3: 128 … 255 in steps of 4; …  row 31: 34 … 69 s
 *  300 ns: row 4 (256 … 511, steps of 8), cell (300 - 256) / 8 = 5, which stands for 296 … 303 */
#define HISTOGRAM_CELL_BITS 5
#define HISTOGRAM_CELLS (1 << HISTOGRAM_CELL_BITS)
#define HISTOGRAM_ROWS 32

struct histogram_row {
    _Atomic uint64_t cells[HISTOGRAM_CELLS];
};

struct histogram {
    _Atomic uint64_t total;
    _Atomic uint64_t longest_ns;
    _Atomic(struct histogram_row *) rows[HISTOGRAM_ROWS]; /* owned; NULL: nothing seen in it */
};

/* Frees the rows; no other thread reads any more. */
void histogram_fini(struct histogram *histogram);

/* A time beyond the last row counts in its last cell. Not counted when there is no memory for a row. */
void histogram_add(struct histogram *histogram, uint64_t ns);

/* Adds all of `from`, which another thread may be adding to. */
void histogram_merge(struct histogram *into, const struct histogram *from);

/* Takes away what was counted before. `from` is the caller's own; what is in none of its cells stays out. */
void histogram_subtract(struct histogram *from, const struct histogram *what);

/* Back to nothing, by the thread that adds. Keeps the memory. */
void histogram_clear(struct histogram *histogram);

static inline uint64_t histogram_total(const struct histogram *histogram)
{
    return atomic_load_explicit(&histogram->total, memory_order_relaxed);
}

/* The time that `percent` (0 … 100) of all did not exceed, in ns; 0 when nothing was seen. */
uint64_t histogram_percentile_ns(const struct histogram *histogram, double percent);

/* Shows, in rising order, how many took no longer than about 1, 2, 4, 8, 16, 33, 66 … µs: the steps of LATENCY
 * HISTOGRAM and their names. Steps that add nothing are left out. */
void histogram_walk_doublings(const struct histogram *histogram,
                              void (*see)(void *context, uint64_t us, uint64_t cumulative),
                              void *context);

#endif
