#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "coatcheck/base/clock.h"
#include "coatcheck/base/mem.h"
#include "coatcheck/commands/table.h"
#include "coatcheck/engine/options.h"
#include "coatcheck/engine/stats.h"
#include "coatcheck/observe/histogram.h"

#define THREADS 4
#define CALLS 200000

static unsigned get, set;

static int setup(void **state)
{
    (void)state;
    clock_setup();
    commands_add(command_families, command_family_count);
    stats_setup(THREADS);
    stats_declare();
    get = commands_find_full(BYTES("get"))->number;
    set = commands_find_full(BYTES("set"))->number;
    return 0;
}

/* As dispatch counts a call of 1 µs. */
static void count_call(unsigned number)
{
    struct command_stats *stats = stats_of(number);

    metric_add(&stats->calls, 1);
    metric_add(&stats->ticks, (int64_t)clock_us_to_ticks(1));
    stats_note_time(stats, clock_us_to_ticks(1));
}

static uint64_t timed(unsigned number)
{
    struct histogram times = {0};
    uint64_t total;

    stats_merge_times(number, &times);
    total = histogram_total(&times);
    histogram_fini(&times);
    return total;
}

static void calls_are_summed_over_the_lanes(void **state)
{
    (void)state;
    stats_reset();
    for (metric_lane = 0; metric_lane <= THREADS; metric_lane++) {
        count_call(get);
        count_call(get);
    }
    metric_lane = 0;
    assert_int_equal(stats_sum(get).calls, 2 * (THREADS + 1));
    assert_in_range(stats_sum(get).usec, 2 * THREADS, 3 * (THREADS + 1));
    assert_int_equal(stats_sum(set).calls, 0);
    assert_int_equal(stats_calls(), 2 * (THREADS + 1));
    assert_int_equal(timed(get), 2 * (THREADS + 1));
}

static void a_reset_begins_again_but_for_what_was_written(void **state)
{
    int64_t written = stats_write_calls();

    (void)state;
    count_call(get);
    count_call(set);
    stats_count_error(BYTES("ERR"));
    stats_reset();
    assert_int_equal(stats_calls(), 0);
    assert_int_equal(stats_errors(), 0);
    assert_int_equal(timed(get), 0);
    assert_int_equal(stats_write_calls(), written + 1);
    count_call(set);
    assert_int_equal(stats_sum(set).calls, 1);
    assert_int_equal(timed(set), 1);
    assert_int_equal(stats_write_calls(), written + 2);
}

static void without_memory_a_reset_still_sets_the_counts_back(void **state)
{
    (void)state;
    count_call(get);
    mem_fail_after(1);
    stats_reset();
    mem_fail_after(0);
    assert_int_equal(stats_sum(get).calls, 0);
}

static void switched_off_no_times_are_kept(void **state)
{
    (void)state;
    stats_reset();
    atomic_store(&engine_options.latency_tracking, 0);
    count_call(get);
    atomic_store(&engine_options.latency_tracking, 1);
    assert_int_equal(stats_sum(get).calls, 1);
    assert_int_equal(timed(get), 0);
}

/* ---- resets while others count ---- */

static void *count_many(void *lane)
{
    metric_lane = (unsigned)(uintptr_t)lane;
    for (int i = 0; i < CALLS; i++) count_call(get);
    return NULL;
}

static void a_reset_never_brings_old_counts_back(void **state)
{
    pthread_t threads[THREADS];

    (void)state;
    for (uintptr_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, count_many, (void *)(i + 1)), 0);
    }
    for (int i = 0; i < 200; i++) {
        stats_reset();
        assert_in_range(stats_sum(get).calls, 0, THREADS * CALLS);
    }
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    stats_reset();
    assert_int_equal(stats_sum(get).calls, 0);
    assert_int_equal(timed(get), 0);
    count_call(get);
    assert_int_equal(stats_sum(get).calls, 1);
    assert_int_equal(timed(get), 1);
}

/* ---- errors ---- */

struct seen {
    unsigned words;
    int64_t total;
};

static void see_error(const char *code, int64_t count, void *context)
{
    struct seen *seen = context;

    assert_true(strlen(code) > 0);
    seen->words++;
    seen->total += count;
}

static void errors_are_told_apart_until_there_are_too_many(void **state)
{
    struct seen seen = {0};

    (void)state;
    stats_reset();
    for (int i = 0; i < 1000; i++) {
        char code[40];

        snprintf(code, sizeof code, "CODE%d", i % 500);
        stats_count_error(bytes_of_text(code));
    }
    stats_each_error(see_error, &seen);
    assert_int_equal(seen.words, 128);
    assert_int_equal(seen.total, 256);
    assert_int_equal(stats_errors(), 1000);
}

static void percentiles_are_numbers_from_0_to_100(void **state)
{
    static const char *const good[] = {"", "50", "50 99 99.9", "0 100", "5e1"};
    static const char *const bad[] = {" ",    "50 ", " 50", "50  99", "x",
                                      "50 x", "101", "-1",  "nan",    "50,99"};
    struct option_hooks *hooks = &engine_option_hooks.latency_tracking_info_percentiles;

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct text why = {0};

        if (!hooks->check(bytes_of_text(good[i]), &why)) fail_msg("'%s' was refused", good[i]);
        text_fini(&why);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct text why = {0};

        if (hooks->check(bytes_of_text(bad[i]), &why)) fail_msg("'%s' was taken", bad[i]);
        assert_true(why.len > 0);
        text_fini(&why);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_are_summed_over_the_lanes),
        cmocka_unit_test(a_reset_begins_again_but_for_what_was_written),
        cmocka_unit_test(without_memory_a_reset_still_sets_the_counts_back),
        cmocka_unit_test(switched_off_no_times_are_kept),
        cmocka_unit_test(a_reset_never_brings_old_counts_back),
        cmocka_unit_test(errors_are_told_apart_until_there_are_too_many),
        cmocka_unit_test(percentiles_are_numbers_from_0_to_100),
    };

    return cmocka_run_group_tests(tests, setup, NULL);
}
