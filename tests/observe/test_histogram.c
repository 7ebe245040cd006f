#include "coatcheck/observe/histogram.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdlib.h>
#include "coatcheck/base/mem.h"
#include "coatcheck/base/random.h"

static void nothing_seen_is_nothing_told(void **state)
{
    struct histogram histogram = {0};

    (void)state;
    assert_int_equal(histogram_total(&histogram), 0);
    assert_int_equal(histogram_percentile_ns(&histogram, 50), 0);
    histogram_fini(&histogram);
}

static void every_time_is_told_within_a_sixtieth(void **state)
{
    uint64_t seed = 1;

    (void)state;
    for (int i = 0; i < 20000; i++) {
        struct histogram histogram = {0};
        uint64_t ns = random_next(&seed) >> (28 + random_below(&seed, 36)), told;

        histogram_add(&histogram, ns);
        histogram_add(&histogram,
                      ns * 3); /* so that the first is not the longest, which is kept whole */
        told = histogram_percentile_ns(&histogram, 50);
        assert_true(told * 1000 >= ns * 984 && told * 1000 <= ns * 1016);
        histogram_fini(&histogram);
    }
}

static void small_times_and_the_longest_are_exact(void **state)
{
    (void)state;
    for (uint64_t ns = 0; ns < 64; ns++) {
        struct histogram histogram = {0};

        histogram_add(&histogram, ns);
        histogram_add(&histogram, 123456789);
        assert_int_equal(histogram_percentile_ns(&histogram, 50), ns);
        assert_true(histogram_percentile_ns(&histogram, 100) <= 123456789);
        histogram_fini(&histogram);
    }
}

static void more_than_a_minute_counts_in_the_last_cell(void **state)
{
    struct histogram histogram = {0};

    (void)state;
    histogram_add(&histogram, UINT64_C(1) << 36);
    histogram_add(&histogram, UINT64_MAX);
    assert_int_equal(histogram_total(&histogram), 2);
    assert_true(histogram_percentile_ns(&histogram, 50) > UINT64_C(60000000000));
    histogram_fini(&histogram);
}

static int by_value(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

    return (left > right) - (left < right);
}

static void percentiles_are_those_of_the_sorted_times(void **state)
{
    static const double percents[] = {0, 1, 10, 50, 90, 99, 99.9, 99.99, 100};
    enum { COUNT = 50000 };
    static uint64_t times[COUNT];
    struct histogram histogram = {0};
    uint64_t seed = 2;

    (void)state;
    for (int i = 0; i < COUNT; i++) {
        times[i] = 200 + random_below(&seed, UINT64_C(1) << (8 + random_below(&seed, 22)));
        histogram_add(&histogram, times[i]);
    }
    qsort(times, COUNT, sizeof times[0], by_value);
    for (unsigned i = 0; i < sizeof percents / sizeof percents[0]; i++) {
        size_t rank = (size_t)(percents[i] / 100 * COUNT + 0.5);
        double wanted = (double)times[rank > 0 ? rank - 1 : 0];
        double told = (double)histogram_percentile_ns(&histogram, percents[i]);

        assert_true(told > wanted * 0.984 && told < wanted * 1.016);
    }
    histogram_fini(&histogram);
}

static void merging_is_as_having_seen_both(void **state)
{
    struct histogram left = {0}, right = {0}, both = {0}, merged = {0};
    uint64_t seed = 3;

    (void)state;
    for (int i = 0; i < 10000; i++) {
        uint64_t ns = random_next(&seed) >> random_below(&seed, 64);

        histogram_add(i % 3 ? &left : &right, ns);
        histogram_add(&both, ns);
    }
    histogram_merge(&merged, &left);
    histogram_merge(&merged, &right);
    assert_int_equal(histogram_total(&merged), 10000);
    for (double percent = 0; percent <= 100; percent += 0.5) {
        assert_int_equal(histogram_percentile_ns(&merged, percent),
                         histogram_percentile_ns(&both, percent));
    }
    histogram_fini(&left);
    histogram_fini(&right);
    histogram_fini(&both);
    histogram_fini(&merged);
}

static void clearing_starts_again(void **state)
{
    struct histogram histogram = {0};

    (void)state;
    for (uint64_t ns = 1; ns < 1000000; ns *= 3) histogram_add(&histogram, ns);
    histogram_clear(&histogram);
    assert_int_equal(histogram_total(&histogram), 0);
    assert_int_equal(histogram_percentile_ns(&histogram, 99), 0);
    histogram_add(&histogram, 7);
    assert_int_equal(histogram_percentile_ns(&histogram, 99), 7);
    histogram_fini(&histogram);
}

static void what_is_subtracted_was_never_counted(void **state)
{
    struct histogram before = {0}, all = {0}, after = {0};
    uint64_t seed = 7;

    (void)state;
    for (int i = 0; i < 20000; i++) {
        uint64_t ns = random_below(&seed, 1u << random_below(&seed, 31));

        histogram_add(i < 10000 ? &before : &after, ns);
        histogram_add(&all, ns);
    }
    histogram_subtract(&all, &before);
    assert_int_equal(histogram_total(&all), 10000);
    for (double percent = 1; percent < 100; percent += 7) {
        assert_int_equal(histogram_percentile_ns(&all, percent), histogram_percentile_ns(&after, percent));
    }
    /* More than there is leaves nothing, and no more. */
    histogram_subtract(&all, &after);
    histogram_subtract(&all, &before);
    assert_int_equal(histogram_total(&all), 0);
    assert_int_equal(histogram_percentile_ns(&all, 100), 0);
    histogram_fini(&before);
    histogram_fini(&all);
    histogram_fini(&after);
}

static void after_a_subtraction_the_longest_is_one_of_those_left(void **state)
{
    struct histogram before = {0}, all = {0};

    (void)state;
    histogram_add(&before, 1000000000);
    histogram_add(&all, 1000000000);
    histogram_add(&all, 20);
    histogram_subtract(&all, &before);
    assert_int_equal(histogram_percentile_ns(&all, 100), 20);
    histogram_fini(&before);
    histogram_fini(&all);
}

struct steps {
    unsigned count;
    uint64_t us[40], cumulative[40];
};

static void see(void *context, uint64_t us, uint64_t cumulative)
{
    struct steps *steps = context;

    assert_true(steps->count < 40);
    steps->us[steps->count] = us;
    steps->cumulative[steps->count++] = cumulative;
}

/* The names as redis-server 7.0 gives them. */
static void doublings_have_redis_names(void **state)
{
    static const uint64_t names[] = {1,     2,     4,     8,      16,     33,    66,
                                     132,   264,   528,   1056,   2113,   4227,  8454,
                                     16908, 33816, 67633, 135266, 270532, 541065};
    struct histogram histogram = {0};
    struct steps steps = {0};

    (void)state;
    for (unsigned bit = 9; bit < 29; bit++) {
        histogram_add(&histogram, UINT64_C(1) << bit);
        histogram_add(&histogram, (UINT64_C(2) << bit) - 1);
    }
    histogram_walk_doublings(&histogram, see, &steps);
    assert_int_equal(steps.count, 20);
    for (unsigned i = 0; i < 20; i++) {
        assert_int_equal(steps.us[i], names[i]);
        assert_int_equal(steps.cumulative[i], 2 * (i + 1));
    }
    histogram_fini(&histogram);
}

static void doublings_that_add_nothing_are_left_out(void **state)
{
    struct histogram histogram = {0};
    struct steps steps = {0};

    (void)state;
    for (int i = 0; i < 5; i++) histogram_add(&histogram, 3);
    histogram_add(&histogram, 900);
    for (int i = 0; i < 4; i++) histogram_add(&histogram, 100000);
    histogram_walk_doublings(&histogram, see, &steps);
    assert_int_equal(steps.count, 2);
    assert_int_equal(steps.us[0], 1);
    assert_int_equal(steps.cumulative[0], 6);
    assert_int_equal(steps.us[1], 132);
    assert_int_equal(steps.cumulative[1], 10);
    histogram_fini(&histogram);
}

static void without_memory_a_time_is_not_counted(void **state)
{
    struct histogram histogram = {0}, merged = {0};

    (void)state;
    histogram_add(&histogram, 100);
    mem_fail_after(1);
    histogram_add(&histogram, 1000000);
    histogram_add(&histogram, 100);
    mem_fail_after(0);
    assert_int_equal(histogram_total(&histogram), 2);
    histogram_add(&histogram, 1000000);
    mem_fail_after(2);
    histogram_merge(&merged, &histogram);
    mem_fail_after(0);
    assert_int_equal(histogram_total(&merged), 2); /* of the rows that there was memory for */
    histogram_fini(&histogram);
    histogram_fini(&merged);
}

static struct histogram shared;
static _Atomic int done;

static void *add_many(void *context)
{
    uint64_t seed = 4;

    (void)context;
    for (int i = 0; i < 300000; i++) histogram_add(&shared, random_next(&seed) >> (30 + i % 30));
    atomic_store(&done, 1);
    return NULL;
}

static void a_reader_may_look_while_another_adds(void **state)
{
    uint64_t before = 0;
    pthread_t thread;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, add_many, NULL), 0);
    while (!atomic_load(&done)) {
        struct histogram copy = {0};

        histogram_merge(&copy, &shared);
        assert_true(histogram_total(&copy) >= before);
        before = histogram_total(&copy);
        histogram_percentile_ns(&shared, 99);
        histogram_fini(&copy);
    }
    pthread_join(thread, NULL);
    assert_int_equal(histogram_total(&shared), 300000);
    histogram_fini(&shared);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_seen_is_nothing_told),
        cmocka_unit_test(every_time_is_told_within_a_sixtieth),
        cmocka_unit_test(small_times_and_the_longest_are_exact),
        cmocka_unit_test(more_than_a_minute_counts_in_the_last_cell),
        cmocka_unit_test(percentiles_are_those_of_the_sorted_times),
        cmocka_unit_test(merging_is_as_having_seen_both),
        cmocka_unit_test(clearing_starts_again),
        cmocka_unit_test(what_is_subtracted_was_never_counted),
        cmocka_unit_test(after_a_subtraction_the_longest_is_one_of_those_left),
        cmocka_unit_test(doublings_have_redis_names),
        cmocka_unit_test(doublings_that_add_nothing_are_left_out),
        cmocka_unit_test(without_memory_a_time_is_not_counted),
        cmocka_unit_test(a_reader_may_look_while_another_adds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
