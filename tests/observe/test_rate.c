#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "coatcheck/observe/rate.h"

static void a_steady_stream_is_told_as_it_is(void **state)
{
    struct rate rate = {0};

    (void)state;
    for (int64_t i = 0; i <= RATE_SAMPLES; i++) rate_note(&rate, 5000000 + i * 100000, i * 250);
    assert_int_equal(rate_read(&rate), 2500);
}

static void a_look_that_comes_late_is_no_burst(void **state)
{
    struct rate rate = {0};

    (void)state;
    rate_note(&rate, 1000000, 0);
    for (int i = 1; i <= RATE_SAMPLES; i++) rate_note(&rate, 1000000 + i * 1000000, i * 1000);
    assert_int_equal(rate_read(&rate), 1000);
}

static void silence_brings_it_to_zero(void **state)
{
    struct rate rate = {0};

    (void)state;
    for (int i = 0; i <= RATE_SAMPLES; i++) rate_note(&rate, 1000000 + i * 100000, i * 1000);
    for (int i = 1; i <= RATE_SAMPLES; i++) rate_note(&rate, 9000000 + i * 100000, 16000);
    assert_int_equal(rate_read(&rate), 0);
}

static void a_total_that_was_reset_counts_as_nothing(void **state)
{
    struct rate rate = {0};

    (void)state;
    rate_note(&rate, 1000000, 1000000);
    rate_note(&rate, 1100000, 10);
    assert_int_equal(rate_read(&rate), 0);
    for (int i = 1; i <= RATE_SAMPLES; i++) rate_note(&rate, 1100000 + i * 100000, 10 + i * 10);
    assert_int_equal(rate_read(&rate), 100);
}

static void the_first_look_and_two_at_one_moment_say_nothing(void **state)
{
    struct rate rate = {0};

    (void)state;
    rate_note(&rate, 1000000, 1 << 20);
    assert_int_equal(rate_read(&rate), 0);
    rate_note(&rate, 1000000, 1 << 21);
    assert_int_equal(rate_read(&rate), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_steady_stream_is_told_as_it_is),
        cmocka_unit_test(a_look_that_comes_late_is_no_burst),
        cmocka_unit_test(silence_brings_it_to_zero),
        cmocka_unit_test(a_total_that_was_reset_counts_as_nothing),
        cmocka_unit_test(the_first_look_and_two_at_one_moment_say_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
