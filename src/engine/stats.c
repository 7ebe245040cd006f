#include "coatcheck/engine/stats.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "coatcheck/base/clock.h"
#include "coatcheck/base/lock.h"
#include "coatcheck/base/mem.h"
#include "coatcheck/base/must.h"
#include "coatcheck/base/number.h"
#include "coatcheck/engine/options.h"
#include "coatcheck/observe/histogram.h"

struct command_stats *stats_lanes[METRIC_LANES];

/* What everything had come to at the last reset, summed over the lanes: taken away from what is
 * told. Nobody but its own thread writes to a lane, so a count that is being made cannot bring the
 * old ones back. */
struct lane_sums {
    int64_t calls, ticks, rejected, failed;
};
static struct {
    struct lane_sums sums;
    struct histogram *times_ns; /* owned, or NULL */
} * before_reset;
static struct lock reset_lock;

/* Errors by first word. Clients choose few of them, but a script could choose many: then the later
 * ones count in the total only. */
#define ERROR_WORDS 128
static struct {
    char code[32];
    int64_t count;
} errors[ERROR_WORDS];
static unsigned error_words;
static _Atomic int64_t errors_total;
static struct lock errors_lock;

/* ---- latency-tracking-info-percentiles: numbers from 0 to 100, split by single blanks ---- */

static bool check_percentiles(struct bytes value, struct text *why)
{
    const char *end = value.at + value.len;

    for (const char *p = value.at; p < end; p++) {
        const char *blank = memchr(p, ' ', (size_t)(end - p)), *stop = blank ? blank : end;
        double percent;

        if (!number_read_double(bytes_of(p, (size_t)(stop - p)), &percent) ||
            (blank && blank + 1 == end)) {
            text_addf(why, "Invalid latency-tracking-info-percentiles parameters");
            return false;
        }
        if (percent < 0 || percent > 100) {
            text_addf(
                why, "latency-tracking-info-percentiles parameters should sit between [0.0,100.0]");
            return false;
        }
        p = stop;
    }
    return true;
}

static void print_percentiles(struct text *into)
{
    const char *p = option_text(&engine_options.latency_tracking_info_percentiles);
    bool first = true;

    for (char *end; *p; p = end + strspn(end, " ")) {
        text_addf(into, "%s%.12g", first ? "" : " ", strtod(p, &end));
        if (end == p) return;
        first = false;
    }
}

void stats_declare(void)
{
    engine_option_hooks.latency_tracking_info_percentiles.check = check_percentiles;
    engine_option_hooks.latency_tracking_info_percentiles.print = print_percentiles;
}

void stats_setup(unsigned threads)
{
    size_t size = commands_count() * sizeof(struct command_stats);

    must(threads < METRIC_LANES);
    before_reset = mem_need(commands_count() * sizeof *before_reset);
    for (unsigned lane = 0; lane <= threads; lane++) {
        stats_lanes[lane] = mem_need(size);
        memset(stats_lanes[lane], 0, size);
    }
}

void stats_note_time(struct command_stats *stats, uint64_t ticks)
{
    struct histogram *times;

    if (unlikely(!option_int(&engine_options.latency_tracking))) return;
    times = atomic_load_explicit(&stats->times_ns, memory_order_relaxed);
    if (unlikely(!times)) {
        times = mem_alloc_zeroed(sizeof *times);
        if (!times) return;
        atomic_store_explicit(&stats->times_ns, times, memory_order_release);
    }
    histogram_add(times, clock_ticks_to_ns(ticks));
}

static struct lane_sums sum_lanes(unsigned number)
{
    struct lane_sums sums = {0};

    for (unsigned lane = 0; lane < METRIC_LANES && stats_lanes[lane]; lane++) {
        const struct command_stats *stats = &stats_lanes[lane][number];

        sums.calls += atomic_load_explicit(&stats->calls, memory_order_relaxed);
        sums.ticks += atomic_load_explicit(&stats->ticks, memory_order_relaxed);
        sums.rejected += atomic_load_explicit(&stats->rejected, memory_order_relaxed);
        sums.failed += atomic_load_explicit(&stats->failed, memory_order_relaxed);
    }
    return sums;
}

struct command_sums stats_sum(unsigned number)
{
    struct lane_sums now, before;

    lock_take(&reset_lock, RANK_METRICS, 0);
    before = before_reset[number].sums;
    now = sum_lanes(number);
    lock_release(&reset_lock, RANK_METRICS);
    return (struct command_sums){
        .calls = now.calls - before.calls,
        .usec = (int64_t)(clock_ticks_to_ns((uint64_t)(now.ticks - before.ticks)) / 1000),
        .rejected = now.rejected - before.rejected,
        .failed = now.failed - before.failed,
    };
}

int64_t stats_calls(void)
{
    int64_t calls = 0;

    lock_take(&reset_lock, RANK_METRICS, 0);
    for (unsigned number = 0; number < commands_count(); number++) {
        calls += sum_lanes(number).calls - before_reset[number].sums.calls;
    }
    lock_release(&reset_lock, RANK_METRICS);
    return calls;
}

int64_t stats_write_calls(void)
{
    int64_t calls = 0;

    for (unsigned number = 0; number < commands_count(); number++) {
        if (commands_at(number)->row->flags & COMMAND_WRITE) calls += sum_lanes(number).calls;
    }
    return calls;
}

static void merge_lanes(unsigned number, struct histogram *into)
{
    for (unsigned lane = 0; lane < METRIC_LANES && stats_lanes[lane]; lane++) {
        const struct histogram *times =
            atomic_load_explicit(&stats_lanes[lane][number].times_ns, memory_order_acquire);

        if (times) histogram_merge(into, times);
    }
}

void stats_merge_times(unsigned number, struct histogram *into)
{
    struct histogram now = {0};

    merge_lanes(number, &now);
    lock_take(&reset_lock, RANK_METRICS, 0);
    if (before_reset[number].times_ns) histogram_subtract(&now, before_reset[number].times_ns);
    lock_release(&reset_lock, RANK_METRICS);
    histogram_merge(into, &now);
    histogram_fini(&now);
}

void stats_count_error(struct bytes code)
{
    unsigned i;

    atomic_fetch_add_explicit(&errors_total, 1, memory_order_relaxed);
    if (code.len >= sizeof errors[0].code) code.len = sizeof errors[0].code - 1;
    lock_take(&errors_lock, RANK_METRICS, 0);
    for (i = 0; i < error_words; i++) {
        if (strlen(errors[i].code) == code.len && memcmp(errors[i].code, code.at, code.len) == 0)
            break;
    }
    if (i == error_words && error_words < ERROR_WORDS) {
        error_words++;
        memcpy(errors[i].code, code.at, code.len);
        errors[i].code[code.len] = '\0';
        errors[i].count = 0;
    }
    if (i < error_words) errors[i].count++;
    lock_release(&errors_lock, RANK_METRICS);
}

int64_t stats_errors(void)
{
    return atomic_load_explicit(&errors_total, memory_order_relaxed);
}

void stats_each_error(void (*see)(const char *code, int64_t count, void *context), void *context)
{
    lock_take(&errors_lock, RANK_METRICS, 0);
    for (unsigned i = 0; i < error_words; i++) see(errors[i].code, errors[i].count, context);
    lock_release(&errors_lock, RANK_METRICS);
}

/* The lock is held for the exchange only: memory is asked for before and given back after. Without
 * memory the times stay as they were. */
static void reset_command(unsigned number)
{
    struct histogram *times = mem_alloc_zeroed(sizeof *times), *old;

    if (times) merge_lanes(number, times);
    lock_take(&reset_lock, RANK_METRICS, 0);
    before_reset[number].sums = sum_lanes(number);
    old = before_reset[number].times_ns;
    if (times) before_reset[number].times_ns = times;
    lock_release(&reset_lock, RANK_METRICS);
    if (times && old) {
        histogram_fini(old);
        mem_free(old);
    }
}

void stats_reset(void)
{
    for (unsigned number = 0; number < commands_count(); number++) {
        struct lane_sums sums = sum_lanes(number);

        if (sums.calls + sums.rejected != 0) reset_command(number);
    }
    lock_take(&errors_lock, RANK_METRICS, 0);
    error_words = 0;
    lock_release(&errors_lock, RANK_METRICS);
    atomic_store_explicit(&errors_total, 0, memory_order_relaxed);
}
