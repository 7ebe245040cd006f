#include "coatcheck/observe/registry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sys/wait.h>
#include <unistd.h>
#include "coatcheck/base/log.h"

/* METRIC_DEFINE is made for one set to a file, so the second one is written out. */
#define DOOR_METRICS(ROW)                                                                          \
    ROW(door_opened, COUNTER, "times that the door was opened")                                    \
    ROW(door_guests, GAUGE, "people inside")
METRIC_STRUCT(door, DOOR_METRICS);
METRIC_DEFINE(door, DOOR_METRICS)

static _Alignas(64) char wall_lanes[METRIC_LANES * 64];
static const struct metric_row wall_rows[] = {
    {.name = "wall_hooks", .kind = GAUGE, .offset = 0, .sentence = "hooks on the wall"}};
static const struct metric_set wall_set = {
    .room = "wall", .rows = wall_rows, .count = 1, .lanes = wall_lanes, .lane_size = 64};
static const struct metric_row thief_rows[] = {
    {.name = "door_guests", .kind = GAUGE, .offset = 0, .sentence = "a name that is taken"}};
static const struct metric_set thief_set = {
    .room = "thief", .rows = thief_rows, .count = 1, .lanes = wall_lanes, .lane_size = 64};

static void sets_come_in_the_order_of_adding(void **state)
{
    (void)state;
    assert_null(observe_set(0));
    observe_add(&door_metric_set);
    observe_add(&wall_set);
    assert_ptr_equal(observe_set(0), &door_metric_set);
    assert_ptr_equal(observe_set(1), &wall_set);
    assert_null(observe_set(2));
}

struct seen {
    unsigned count;
    const char *rooms[4], *names[4];
    int64_t sums[4];
};

static void see(void *context, const struct metric_set *set, const struct metric_row *row,
                int64_t sum)
{
    struct seen *seen = context;

    assert_true(seen->count < 4);
    seen->rooms[seen->count] = set->room;
    seen->names[seen->count] = row->name;
    seen->sums[seen->count++] = sum;
}

static void a_walk_shows_every_row_with_its_sum(void **state)
{
    struct seen seen = {0};

    (void)state;
    METRIC_ADD(door, door_opened, 3);
    METRIC_ADD(door, door_guests, -2);
    metric_add((_Atomic int64_t *)(void *)(wall_lanes + 5 * 64), 40);
    metric_add((_Atomic int64_t *)(void *)(wall_lanes + 6 * 64), 2);
    observe_walk(see, &seen);
    assert_int_equal(seen.count, 3);
    assert_string_equal(seen.names[0], "door_opened");
    assert_int_equal(seen.sums[0], 3);
    assert_string_equal(seen.rooms[1], "door");
    assert_int_equal(seen.sums[1], -2);
    assert_string_equal(seen.rooms[2], "wall");
    assert_string_equal(seen.names[2], "wall_hooks");
    assert_int_equal(seen.sums[2], 42);
}

static void one_metric_is_read_by_its_name(void **state)
{
    int64_t sum = 0;

    (void)state;
    assert_true(observe_read(BYTES("wall_hooks"), &sum));
    assert_int_equal(sum, 42);
    assert_false(observe_read(BYTES("wall_hook"), &sum));
    assert_false(observe_read(BYTES(""), &sum));
}

static void resetting_goes_through_all_sets_and_spares_gauges(void **state)
{
    int64_t sum;

    (void)state;
    observe_reset();
    assert_true(observe_read(BYTES("door_opened"), &sum) && sum == 0);
    assert_true(observe_read(BYTES("door_guests"), &sum) && sum == -2);
    assert_true(observe_read(BYTES("wall_hooks"), &sum) && sum == 42);
}

static void a_name_that_is_taken_stops_the_program(void **state)
{
    pid_t child = fork();
    int status;

    (void)state;
    if (child == 0) {
        log_set_level(LOG_LEVEL_NOTHING);
        observe_add(&thief_set);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_false(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sets_come_in_the_order_of_adding),
        cmocka_unit_test(a_walk_shows_every_row_with_its_sum),
        cmocka_unit_test(one_metric_is_read_by_its_name),
        cmocka_unit_test(resetting_goes_through_all_sets_and_spares_gauges),
        cmocka_unit_test(a_name_that_is_taken_stops_the_program),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
