#include "coatcheck/base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <time.h>

static void pause_ms(long ms)
{
    nanosleep(&(struct timespec){.tv_nsec = ms * 1000000}, NULL);
}

static void the_time_stands_still_between_updates(void **state)
{
    int64_t before;

    (void)state;
    clock_update();
    before = clock_now_ms();
    pause_ms(5);
    assert_int_equal(clock_now_ms(), before);
    clock_update();
    assert_true(clock_now_ms() >= before + 5);
    assert_true(clock_now_ms() / 1000 - time(NULL) <= 1);
    assert_true(time(NULL) - clock_now_ms() / 1000 <= 1);
}

static void a_test_sets_the_time_and_gives_it_back(void **state)
{
    (void)state;
    clock_set_ms(42);
    clock_update();
    assert_int_equal(clock_now_ms(), 42);
    clock_set_ms(clock_now_ms() + 1);
    assert_int_equal(clock_now_ms(), 43);
    clock_release();
    assert_true(clock_now_ms() > INT64_C(1600000000000));
}

static void *time_in_another_thread(void *into)
{
    *(int64_t *)into = clock_now_ms();
    return NULL;
}

static void a_thread_that_never_updates_has_a_time_all_the_same(void **state)
{
    int64_t seen = 0;
    pthread_t thread;

    (void)state;
    clock_set_ms(42); /* of this thread alone */
    assert_int_equal(pthread_create(&thread, NULL, time_in_another_thread, &seen), 0);
    pthread_join(thread, NULL);
    clock_release();
    assert_true(seen > INT64_C(1600000000000));
}

static void wall_and_steady_clocks_count_microseconds(void **state)
{
    int64_t wall = clock_wall_us(), steady = clock_steady_us();

    (void)state;
    pause_ms(10);
    assert_true(clock_wall_us() - wall >= 9000);
    assert_true(clock_steady_us() - steady >= 10000);
    assert_true(wall / 1000000 - time(NULL) <= 1);
}

/* A machine that is busy may stretch the pause between two reads, so of a few tries one must be
 * near. */
static void ticks_become_nanoseconds_and_back(void **state)
{
    double nearest = 1;

    (void)state;
    clock_setup();
    for (int i = 0; i < 20; i++) {
        int64_t from_us = clock_steady_us();
        uint64_t from = clock_ticks();
        double ns, off;

        pause_ms(20);
        ns = (double)clock_ticks_to_ns(clock_ticks() - from);
        off = ns / ((double)(clock_steady_us() - from_us) * 1000) - 1;
        if (off < 0) off = -off;
        if (off < nearest) nearest = off;
    }
    assert_true(nearest < 0.01);
    for (uint64_t us = 1; us < UINT64_C(100000000000); us *= 10) {
        uint64_t ns = clock_ticks_to_ns(clock_us_to_ticks(us));

        assert_true(ns <= us * 1000 && ns + us / 1000 + 2 >= us * 1000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_time_stands_still_between_updates),
        cmocka_unit_test(a_test_sets_the_time_and_gives_it_back),
        cmocka_unit_test(a_thread_that_never_updates_has_a_time_all_the_same),
        cmocka_unit_test(wall_and_steady_clocks_count_microseconds),
        cmocka_unit_test(ticks_become_nanoseconds_and_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
