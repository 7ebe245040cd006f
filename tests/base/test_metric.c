#include "coatcheck/base/metric.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <string.h>

#define CLOAK_METRICS(ROW)                                                                         \
    ROW(coats_taken, COUNTER, "coats that were handed in")                                         \
    ROW(coats_held, GAUGE, "coats that hang here now")                                             \
    ROW(coats_lost, COUNTER, "coats that nobody found again")
METRIC_STRUCT(cloak, CLOAK_METRICS);
METRIC_DEFINE(cloak, CLOAK_METRICS)

static void rows_name_what_they_count(void **state)
{
    (void)state;
    assert_string_equal(cloak_metric_set.room, "cloak");
    assert_int_equal(cloak_metric_set.count, 3);
    assert_string_equal(cloak_metric_set.rows[1].name, "coats_held");
    assert_int_equal(cloak_metric_set.rows[1].kind, GAUGE);
    assert_int_equal(cloak_metric_set.rows[1].offset, offsetof(struct cloak_metrics, coats_held));
    assert_string_equal(cloak_metric_set.rows[2].sentence, "coats that nobody found again");
    assert_int_equal(cloak_metric_set.lane_size % 64, 0);
    assert_int_equal((uintptr_t)cloak_metric_set.lanes % 64, 0);
}

static void *hand_in(void *lane)
{
    metric_lane = (unsigned)(uintptr_t)lane;
    for (int i = 0; i < 100000; i++) {
        METRIC_ADD(cloak, coats_taken, 1);
        METRIC_ADD(cloak, coats_held, i % 2 ? -1 : 1);
    }
    METRIC_ADD(cloak, coats_held, 3);
    return NULL;
}

static void nothing_is_lost_between_lanes(void **state)
{
    pthread_t threads[8];

    (void)state;
    for (uintptr_t i = 0; i < 8; i++) {
        uintptr_t lane = i == 7 ? METRIC_LANES - 1 : i + 1;

        assert_int_equal(pthread_create(&threads[i], NULL, hand_in, (void *)lane), 0);
    }
    METRIC_ADD(cloak, coats_held, -10); /* in lane 0: taken away by another than who brought it */
    while (METRIC_SUM(cloak, coats_taken) < 1000) continue;
    for (int i = 0; i < 8; i++) pthread_join(threads[i], NULL);
    assert_int_equal(METRIC_SUM(cloak, coats_taken), 800000);
    assert_int_equal(METRIC_SUM(cloak, coats_held), 14);
    assert_int_equal(METRIC_SUM(cloak, coats_lost), 0);
}

static void resetting_spares_the_gauges(void **state)
{
    (void)state;
    METRIC_ADD(cloak, coats_lost, 2);
    metric_reset(&cloak_metric_set);
    assert_int_equal(METRIC_SUM(cloak, coats_taken), 0);
    assert_int_equal(METRIC_SUM(cloak, coats_lost), 0);
    assert_int_equal(METRIC_SUM(cloak, coats_held), 14);
    METRIC_ADD(cloak, coats_taken, 5);
    assert_int_equal(METRIC_SUM(cloak, coats_taken), 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_name_what_they_count),
        cmocka_unit_test(nothing_is_lost_between_lanes),
        cmocka_unit_test(resetting_spares_the_gauges),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
