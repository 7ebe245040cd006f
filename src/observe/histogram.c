#include "coatcheck/observe/histogram.h"

#include "coatcheck/base/mem.h"

#define LAST (HISTOGRAM_ROWS - 1)

void histogram_fini(struct histogram *histogram)
{
    for (unsigned row = 0; row < HISTOGRAM_ROWS; row++) {
        mem_free(atomic_load_explicit(&histogram->rows[row], memory_order_relaxed));
        atomic_store_explicit(&histogram->rows[row], NULL, memory_order_relaxed);
    }
    histogram_clear(histogram);
}

static const struct histogram_row *row_at(const struct histogram *histogram, unsigned row)
{
    return atomic_load_explicit(&histogram->rows[row], memory_order_acquire);
}

/* By the one who adds. */
static struct histogram_row *row_needed(struct histogram *histogram, unsigned row)
{
    struct histogram_row *cells = atomic_load_explicit(&histogram->rows[row], memory_order_relaxed);

    if (__builtin_expect(cells != NULL, 1)) return cells;
    cells = mem_alloc_zeroed(sizeof *cells);
    /* A reader that sees the row must see the zeroes in it as well. */
    if (cells) atomic_store_explicit(&histogram->rows[row], cells, memory_order_release);
    return cells;
}

static void raise(_Atomic uint64_t *cell, uint64_t by)
{
    uint64_t now = atomic_load_explicit(cell, memory_order_relaxed);

    atomic_store_explicit(cell, now + by, memory_order_relaxed);
}

static void see_longest(struct histogram *histogram, uint64_t ns)
{
    if (ns > atomic_load_explicit(&histogram->longest_ns, memory_order_relaxed)) {
        atomic_store_explicit(&histogram->longest_ns, ns, memory_order_relaxed);
    }
}

void histogram_add(struct histogram *histogram, uint64_t ns)
{
    unsigned row = 0, cell = (unsigned)ns;
    struct histogram_row *cells;

    if (ns >= HISTOGRAM_CELLS) {
        unsigned top_bit = 63 - (unsigned)__builtin_clzll(ns);

        row = top_bit - HISTOGRAM_CELL_BITS + 1;
        cell = (unsigned)(ns >> (row - 1)) - HISTOGRAM_CELLS;
    }
    if (row > LAST) {
        row = LAST;
        cell = HISTOGRAM_CELLS - 1;
    }
    cells = row_needed(histogram, row);
    if (!cells) return;
    raise(&cells->cells[cell], 1);
    raise(&histogram->total, 1);
    see_longest(histogram, ns);
}

void histogram_merge(struct histogram *into, const struct histogram *from)
{
    uint64_t sum = 0;

    for (unsigned row = 0; row < HISTOGRAM_ROWS; row++) {
        const struct histogram_row *source = row_at(from, row);
        struct histogram_row *target = source ? row_needed(into, row) : NULL;

        for (unsigned cell = 0; cell < HISTOGRAM_CELLS && target; cell++) {
            uint64_t count = atomic_load_explicit(&source->cells[cell], memory_order_relaxed);

            if (count > 0) raise(&target->cells[cell], count);
            sum += count;
        }
    }
    /* Not from's total: that one may have moved on since its cells were read. */
    raise(&into->total, sum);
    see_longest(into, atomic_load_explicit(&from->longest_ns, memory_order_relaxed));
}

void histogram_clear(struct histogram *histogram)
{
    for (unsigned row = 0; row < HISTOGRAM_ROWS; row++) {
        struct histogram_row *cells =
            atomic_load_explicit(&histogram->rows[row], memory_order_acquire);

        for (unsigned cell = 0; cell < HISTOGRAM_CELLS && cells; cell++) {
            atomic_store_explicit(&cells->cells[cell], 0, memory_order_relaxed);
        }
    }
    atomic_store_explicit(&histogram->total, 0, memory_order_relaxed);
    atomic_store_explicit(&histogram->longest_ns, 0, memory_order_relaxed);
}

/* Everything in the cell is below that. */
static uint64_t end_of(unsigned row, unsigned cell)
{
    return row == 0 ? cell + 1 : (uint64_t)(HISTOGRAM_CELLS + cell + 1) << (row - 1);
}

void histogram_subtract(struct histogram *from, const struct histogram *what)
{
    uint64_t total = 0, longest = 0;

    for (unsigned row = 0; row < HISTOGRAM_ROWS; row++) {
        struct histogram_row *cells = atomic_load_explicit(&from->rows[row], memory_order_relaxed);
        const struct histogram_row *taken = row_at(what, row);

        for (unsigned cell = 0; cell < HISTOGRAM_CELLS && cells; cell++) {
            uint64_t count = atomic_load_explicit(&cells->cells[cell], memory_order_relaxed);
            uint64_t less = taken ? atomic_load_explicit(&taken->cells[cell], memory_order_relaxed) : 0;

            count = count > less ? count - less : 0;
            atomic_store_explicit(&cells->cells[cell], count, memory_order_relaxed);
            total += count;
            if (count > 0) longest = end_of(row, cell) - 1;
        }
    }
    atomic_store_explicit(&from->total, total, memory_order_relaxed);
    if (longest < atomic_load_explicit(&from->longest_ns, memory_order_relaxed)) {
        atomic_store_explicit(&from->longest_ns, longest, memory_order_relaxed);
    }
}

/* The middle of what a cell stands for: nothing in it is further away than half of its width. */
static uint64_t middle_of(unsigned row, unsigned cell)
{
    if (row <= 1) return row * HISTOGRAM_CELLS + cell;
    return ((uint64_t)(HISTOGRAM_CELLS + cell) << (row - 1)) + (UINT64_C(1) << (row - 2));
}

uint64_t histogram_percentile_ns(const struct histogram *histogram, double percent)
{
    uint64_t longest = atomic_load_explicit(&histogram->longest_ns, memory_order_relaxed);
    uint64_t wanted = (uint64_t)(percent / 100 * (double)histogram_total(histogram) + 0.5);
    uint64_t seen = 0;

    if (histogram_total(histogram) == 0) return 0;
    if (wanted == 0) wanted = 1;
    for (unsigned row = 0; row < HISTOGRAM_ROWS; row++) {
        const struct histogram_row *cells = row_at(histogram, row);

        for (unsigned cell = 0; cell < HISTOGRAM_CELLS && cells; cell++) {
            uint64_t middle = middle_of(row, cell);

            seen += atomic_load_explicit(&cells->cells[cell], memory_order_relaxed);
            if (seen >= wanted) return middle < longest ? middle : longest;
        }
    }
    return longest;
}

/* Redis counts in cells of 1/128, and names a step by the end of its power of two's cell. */
static uint64_t name_of_step(unsigned top_bit)
{
    return ((UINT64_C(1) << top_bit) + (UINT64_C(1) << (top_bit - 7)) - 1) / 1000;
}

void histogram_walk_doublings(const struct histogram *histogram,
                              void (*see)(void *context, uint64_t us, uint64_t cumulative),
                              void *context)
{
    uint64_t cumulative = 0, shown = 0;

    for (unsigned row = 0; row < HISTOGRAM_ROWS; row++) {
        const struct histogram_row *cells = row_at(histogram, row);
        unsigned ends_at_bit = row + HISTOGRAM_CELL_BITS; /* all in the row is below 2 to that */

        for (unsigned cell = 0; cell < HISTOGRAM_CELLS && cells; cell++) {
            cumulative += atomic_load_explicit(&cells->cells[cell], memory_order_relaxed);
        }
        if (ends_at_bit < 10 || cumulative == shown) continue;
        see(context, name_of_step(ends_at_bit), cumulative);
        shown = cumulative;
    }
}
