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

/* Errors by first word. Clients choose few of them, but a script could choose many: then the rest is
 * counted together, as redis-server 7.2 does. */
#define ERROR_WORDS 128
static struct {
    char code[32];
    int64_t count;
} errors[ERROR_WORDS];
static unsigned error_words;
static _Atomic int64_t errors_total;
static struct lock errors_lock;
static _Atomic int64_t writes_before_reset;

/* ---- latency-tracking-info-percentiles: numbers from 0 to 100, split by single blanks ---- */

static bool check_percentiles(struct bytes value, struct text *why)
{
    const char *end = value.at + value.len;

    for (const char *p = value.at; p < end; p++) {
        const char *blank = memchr(p, ' ', (size_t)(end - p)), *stop = blank ? blank : end;
        double percent;

        if (!number_read_double(bytes_of(p, (size_t)(stop - p)), &percent) || (blank && blank + 1 == end)) {
            text_addf(why, "Invalid latency-tracking-info-percentiles parameters");
            return false;
        }
        if (percent < 0 || percent > 100) {
            text_addf(why, "latency-tracking-info-percentiles parameters should sit between [0.0,100.0]");
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

struct command_sums stats_sum(unsigned number)
{
    struct command_sums sums = {0};
    int64_t ticks = 0;

    for (unsigned lane = 0; lane < METRIC_LANES && stats_lanes[lane]; lane++) {
        const struct command_stats *stats = &stats_lanes[lane][number];

        sums.calls += atomic_load_explicit(&stats->calls, memory_order_relaxed);
        ticks += atomic_load_explicit(&stats->ticks, memory_order_relaxed);
        sums.rejected += atomic_load_explicit(&stats->rejected, memory_order_relaxed);
        sums.failed += atomic_load_explicit(&stats->failed, memory_order_relaxed);
    }
    sums.usec = (int64_t)(clock_ticks_to_ns((uint64_t)ticks) / 1000);
    return sums;
}

static int64_t sum_calls(uint32_t flags)
{
    int64_t calls = 0;

    for (unsigned number = 0; number < commands_count(); number++) {
        if (flags && !(commands_at(number)->row->flags & flags)) continue;
        for (unsigned lane = 0; lane < METRIC_LANES && stats_lanes[lane]; lane++) {
            calls += atomic_load_explicit(&stats_lanes[lane][number].calls, memory_order_relaxed);
        }
    }
    return calls;
}

int64_t stats_calls(void)
{
    return sum_calls(0);
}

int64_t stats_write_calls(void)
{
    return sum_calls(COMMAND_WRITE) + atomic_load_explicit(&writes_before_reset, memory_order_relaxed);
}

void stats_merge_times(unsigned number, struct histogram *into)
{
    for (unsigned lane = 0; lane < METRIC_LANES && stats_lanes[lane]; lane++) {
        const struct histogram *times =
            atomic_load_explicit(&stats_lanes[lane][number].times_ns, memory_order_acquire);

        if (times) histogram_merge(into, times);
    }
}

void stats_count_error(struct bytes code)
{
    unsigned i;

    atomic_fetch_add_explicit(&errors_total, 1, memory_order_relaxed);
    if (code.len >= sizeof errors[0].code) code.len = sizeof errors[0].code - 1;
    lock_take(&errors_lock, RANK_METRICS, 0);
    for (i = 0; i < error_words; i++) {
        if (strlen(errors[i].code) == code.len && memcmp(errors[i].code, code.at, code.len) == 0) break;
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

void stats_reset(void)
{
    atomic_fetch_add_explicit(&writes_before_reset, sum_calls(COMMAND_WRITE), memory_order_relaxed);
    for (unsigned lane = 0; lane < METRIC_LANES && stats_lanes[lane]; lane++) {
        for (unsigned number = 0; number < commands_count(); number++) {
            struct command_stats *stats = &stats_lanes[lane][number];
            struct histogram *times = atomic_load_explicit(&stats->times_ns, memory_order_acquire);

            atomic_store_explicit(&stats->calls, 0, memory_order_relaxed);
            atomic_store_explicit(&stats->ticks, 0, memory_order_relaxed);
            atomic_store_explicit(&stats->rejected, 0, memory_order_relaxed);
            atomic_store_explicit(&stats->failed, 0, memory_order_relaxed);
            if (times) histogram_clear(times);
        }
    }
    lock_take(&errors_lock, RANK_METRICS, 0);
    error_words = 0;
    lock_release(&errors_lock, RANK_METRICS);
    atomic_store_explicit(&errors_total, 0, memory_order_relaxed);
}
