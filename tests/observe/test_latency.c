#include "coatcheck/observe/latency.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include "coatcheck/base/clock.h"
#include "coatcheck/base/mem.h"

static int begin(void **state)
{
    (void)state;
    latency_reset_all();
    latency_threshold_ms = 10;
    clock_set_ms(1000000);
    return 0;
}

static int end(void **state)
{
    (void)state;
    latency_reset_all();
    latency_threshold_ms = 0;
    clock_release();
    return 0;
}

static const struct latency_series *read(const char *event)
{
    static struct latency_series series;

    return latency_read(bytes_of_text(event), &series) ? &series : NULL;
}

static void only_what_reaches_the_threshold_is_kept(void **state)
{
    (void)state;
    latency_add("command", 9);
    assert_null(read("command"));
    latency_add("command", 10);
    assert_int_equal(read("command")->count, 1);
    latency_threshold_ms = 0;
    clock_set_ms(1001000);
    latency_add("command", 5000);
    assert_int_equal(read("command")->count, 1);
}

static void a_second_keeps_its_worst(void **state)
{
    const struct latency_series *series;

    (void)state;
    latency_add("command", 20);
    latency_add("command", 50);
    latency_add("command", 30);
    clock_set_ms(1000999);
    latency_add("command", 40);
    clock_set_ms(1001000);
    latency_add("command", 15);
    series = read("command");
    assert_int_equal(series->count, 2);
    assert_int_equal(series->samples[0].at_s, 1000);
    assert_int_equal(series->samples[0].ms, 50);
    assert_int_equal(series->samples[1].at_s, 1001);
    assert_int_equal(series->samples[1].ms, 15);
    assert_int_equal(series->worst_ms, 50);
    clock_set_ms(1000999); /* a thread whose turn began before the last sample */
    latency_add("command", 17);
    assert_int_equal(read("command")->count, 2);
    assert_int_equal(read("command")->samples[1].ms, 17);
}

static void the_last_160_seconds_with_an_event_stay_and_the_worst_of_all(void **state)
{
    const struct latency_series *series;

    (void)state;
    latency_add("command", 9999);
    for (int i = 1; i <= 1000; i++) {
        clock_set_ms(1000000 + i * 2000);
        latency_add("command", 10 + i);
    }
    series = read("command");
    assert_int_equal(series->count, LATENCY_SAMPLES);
    assert_int_equal(series->worst_ms, 9999);
    for (int i = 0; i < LATENCY_SAMPLES; i++) {
        assert_int_equal(series->samples[i].ms, 10 + 1000 - LATENCY_SAMPLES + 1 + i);
        assert_int_equal(series->samples[i].at_s, 1000 + (1000 - LATENCY_SAMPLES + 1 + i) * 2);
    }
}

static void events_are_kept_apart_and_forgotten_by_name(void **state)
{
    const char *events[LATENCY_EVENTS];

    (void)state;
    assert_int_equal(latency_events(events), 0);
    latency_add("command", 11);
    latency_add("expire-cycle", 12);
    latency_add("fast-command", 13);
    latency_add("command", 14);
    assert_int_equal(latency_events(events), 3);
    assert_string_equal(events[0], "command");
    assert_string_equal(events[1], "expire-cycle");
    assert_string_equal(events[2], "fast-command");
    assert_int_equal(latency_reset(BYTES("expire-cycle")), 1);
    assert_int_equal(latency_reset(BYTES("expire-cycle")), 0);
    assert_int_equal(latency_reset(BYTES("Command")), 0);
    assert_null(read("expire-cycle"));
    assert_int_equal(read("fast-command")->samples[0].ms, 13);
    assert_int_equal(latency_reset_all(), 2);
    assert_int_equal(latency_events(events), 0);
}

static void more_events_than_there_is_room_for_are_not_kept(void **state)
{
    static char names[LATENCY_EVENTS + 1][16];
    const char *events[LATENCY_EVENTS];

    (void)state;
    mem_fail_after(1);
    latency_add("command", 10);
    mem_fail_after(0);
    assert_null(read("command"));
    for (int i = 0; i <= LATENCY_EVENTS; i++) {
        sprintf(names[i], "event-%d", i);
        latency_add(names[i], 10);
    }
    assert_int_equal(latency_events(events), LATENCY_EVENTS);
    assert_null(read(names[LATENCY_EVENTS]));
    assert_non_null(read(names[LATENCY_EVENTS - 1]));
}

static void *add_many(void *event)
{
    for (int i = 0; i < 5000; i++) {
        clock_set_ms(1000000 + i * 1000);
        latency_add(event, 10 + i % 50);
        if (i % 500 == 0) latency_reset(BYTES("gone"));
    }
    return NULL;
}

static void any_thread_adds_and_reads(void **state)
{
    static const char *const events[] = {"command", "command", "expire-cycle", "gone"};
    pthread_t threads[4];

    (void)state;
    for (int i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, add_many, (void *)events[i]), 0);
    }
    for (int i = 0; i < 1000; i++) {
        const struct latency_series *series = read("command");

        for (unsigned j = 0; series && j < series->count; j++)
            assert_in_range(series->samples[j].ms, 10, 59);
    }
    for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
    assert_int_equal(read("expire-cycle")->count, LATENCY_SAMPLES);
    assert_int_equal(read("command")->worst_ms, 59);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(only_what_reaches_the_threshold_is_kept, begin, end),
        cmocka_unit_test_setup_teardown(a_second_keeps_its_worst, begin, end),
        cmocka_unit_test_setup_teardown(
            the_last_160_seconds_with_an_event_stay_and_the_worst_of_all, begin, end),
        cmocka_unit_test_setup_teardown(events_are_kept_apart_and_forgotten_by_name, begin, end),
        cmocka_unit_test_setup_teardown(more_events_than_there_is_room_for_are_not_kept, begin,
                                        end),
        cmocka_unit_test_setup_teardown(any_thread_adds_and_reads, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
