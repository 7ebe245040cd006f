#include "keyspace/keyspace_help.h"

#define NOW_MS 1800000000000

/* Sanitizers make each check of the whole key space long: they get a tenth of keys and rounds. */
#ifdef COATCHECK_SANITIZED
#define SCALE 10
#else
#define SCALE 1
#endif
#define WINDOW_MS (32766 * 1024LL) /* as far as a hint looks ahead */
#define FINE_WINDOW_MS (32766 * 8LL)

static struct keyspace *keyspace;
static int64_t now_ms;

static void set_now(int64_t ms)
{
    now_ms = ms;
    clock_set_ms(ms);
}

static int open_keyspace(void **state)
{
    (void)state;
    set_now(NOW_MS);
    keyspace = new_keyspace(4, 3);
    return 0;
}

static int close_keyspace(void **state)
{
    (void)state;
    keyspace_check(keyspace);
    keyspace_free(&keyspace);
    clock_release();
    return 0;
}

static void sweep(void)
{
    for (unsigned i = 0; i < 1000000; i++) {
        if (keyspace_housekeep(keyspace, 0, 1, 1000) == HOUSE_CLEAN) return;
    }
    fail_msg("the sweep does not come to an end");
}

static uint64_t left(void)
{
    return keyspace_count(keyspace, 0) + keyspace_count(keyspace, 1) + keyspace_count(keyspace, 2);
}

static void a_reader_never_sees_a_key_past_its_deadline(void **state)
{
    struct key key;
    struct spot spot;

    (void)state;
    put(keyspace, 0, BYTES("coat"), BYTES("v"), now_ms + 30);
    set_now(now_ms + 29);
    assert_true(exists(keyspace, 0, BYTES("coat")));
    set_now(now_ms + 1);
    assert_false(exists(keyspace, 0, BYTES("coat")));
    assert_int_equal(keyspace_count(keyspace, 0), 0);
    put(keyspace, 0, BYTES("coat"), BYTES("v"), now_ms + 1);
    set_now(now_ms + 1);
    key_init(&key, keyspace, 0, BYTES("coat"));
    shard_enter(key.shard);
    assert_null(key_find(&key, &spot));
    assert_int_equal(key_put_string(&key, &spot, BYTES("fresh"), KEEP_DEADLINE), OK);
    shard_leave(key.shard);
    assert_true(holds(keyspace, 0, BYTES("coat"), BYTES("fresh"), NEVER));
}

static void a_deadline_in_the_past_is_over_at_once(void **state)
{
    (void)state;
    put(keyspace, 0, BYTES("a"), BYTES("v"), now_ms);
    put(keyspace, 0, BYTES("b"), BYTES("v"), 0);
    put(keyspace, 0, BYTES("c"), BYTES("v"), -5);
    put(keyspace, 0, BYTES("d"), BYTES("v"), INT64_MIN + 1);
    keyspace_check(keyspace);
    assert_false(exists(keyspace, 0, BYTES("b")));
    assert_false(exists(keyspace, 0, BYTES("d")));
    set_now(now_ms + 300);
    sweep();
    assert_int_equal(keyspace_count(keyspace, 0), 0);
}

static void the_sweep_finds_every_key_within_a_quarter_of_a_second(void **state)
{
    enum { KEYS = 50000 / SCALE };
    uint64_t dice = 3, planned = 0, gone;
    static uint64_t due_at[200]; /* keys due in each step of 50 ms */
    char room[32];

    (void)state;
    for (uint64_t i = 0; i < KEYS; i++) {
        uint64_t step = random_below(&dice, 200);
        unsigned db = (unsigned)random_below(&dice, 3);

        if (random_below(&dice, 2)) {
            put(keyspace, db, numbered(room, i), BYTES("v"), NOW_MS + (int64_t)step * 50);
            due_at[step]++;
        } else {
            put(keyspace, db, numbered(room, i), BYTES("v"),
                random_below(&dice, 2) ? NEVER : NOW_MS + WINDOW_MS * 3);
        }
    }
    for (unsigned step = 0; step < 200; step++) {
        set_now(NOW_MS + step * 50);
        sweep();
        keyspace_check(keyspace);
        gone = KEYS - left();
        /* Nothing early, nothing later than two ticks. */
        assert_true(gone <= planned + due_at[step]);
        planned += due_at[step];
        if (step >= 5) {
            uint64_t long_due = planned;

            for (unsigned back = 0; back < 5; back++) long_due -= due_at[step - back];
            assert_true(gone >= long_due);
        }
    }
    set_now(now_ms + 300);
    sweep();
    assert_int_equal(KEYS - left(), planned);
}

static void nothing_is_looked_at_before_it_is_due(void **state)
{
    int64_t looked;
    char room[32];

    (void)state;
    for (uint64_t i = 0; i < 20000; i++) {
        put(keyspace, 0, numbered(room, i), BYTES("v"), now_ms + 3600 * 1000 + (int64_t)(i % 1000));
    }
    looked = METRIC_SUM(keyspace, sweep_groups);
    for (unsigned i = 0; i < 3599; i++) {
        set_now(now_ms + 1000);
        sweep();
    }
    assert_int_equal(METRIC_SUM(keyspace, sweep_groups), looked);
    assert_int_equal(left(), 20000);
    set_now(now_ms + 3000);
    sweep();
    assert_int_equal(left(), 0);
    /* Each group is looked into when its earliest key is due, and again a few ticks later. */
    assert_true(METRIC_SUM(keyspace, sweep_groups) - looked < 20000 / 3 * 3);
}

static void deadlines_beyond_the_window_are_found_in_time(void **state)
{
    char room[32];
    int64_t looked;

    (void)state;
    for (uint64_t i = 0; i < 1000; i++) {
        put(keyspace, 0, numbered(room, i), BYTES("v"), now_ms + WINDOW_MS * 5 + 1000);
    }
    looked = METRIC_SUM(keyspace, sweep_groups);
    while (now_ms < NOW_MS + WINDOW_MS * 5 + 900) {
        int64_t next_ms = now_ms + 60000 * SCALE;

        set_now(next_ms < NOW_MS + WINDOW_MS * 5 + 900 ? next_ms : NOW_MS + WINDOW_MS * 5 + 900);
        sweep();
        if (now_ms % 3600000 < 60000) keyspace_check(keyspace);
    }
    assert_int_equal(left(), 1000);
    set_now(now_ms + 500);
    sweep();
    assert_int_equal(left(), 0);
    /* Once a window, and once more when they come near. */
    assert_true(METRIC_SUM(keyspace, sweep_groups) - looked < 300 * 9);
}

/* Deadlines beyond the window leave their groups due until the whole table was passed: a slice that is over
 * after a few groups must be followed by one that goes on there. */
/* The sweep says when it wants to be called: not before there is something to do, and soon enough after. */
static void the_sweep_tells_when_the_next_is_due(void **state)
{
    static const int64_t ahead_ms[] = {50, 5000, FINE_WINDOW_MS - 1000, FINE_WINDOW_MS * 3};
    char room[32];

    (void)state;
    assert_int_equal(keyspace_due_in_ms(keyspace, 0, 1), INT64_MAX);
    for (unsigned n = 0; n < sizeof ahead_ms / sizeof ahead_ms[0]; n++) {
        int64_t deadline_ms = now_ms + ahead_ms[n];

        put(keyspace, 0, numbered(room, n), BYTES("v"), deadline_ms);
        for (unsigned calls = 0; left() > 0; calls++) {
            int64_t wait_ms = keyspace_due_in_ms(keyspace, 0, 1);

            assert_in_range(wait_ms, 1, ahead_ms[n] + 9);
            set_now(now_ms + wait_ms);
            sweep();
            assert_true(calls < 3);
        }
        assert_in_range(now_ms, deadline_ms, deadline_ms + 16);
    }
    keyspace_sweep(keyspace, false);
    put(keyspace, 0, BYTES("k"), BYTES("v"), now_ms + 10);
    assert_int_equal(keyspace_due_in_ms(keyspace, 0, 1), INT64_MAX);
    keyspace_sweep(keyspace, true);
}

static void the_shortest_slices_come_to_an_end_too(void **state)
{
    char room[32];

    (void)state;
    for (uint64_t i = 0; i < 20000; i++) {
        put(keyspace, i % 2, numbered(room, i), BYTES("v"), now_ms + WINDOW_MS * 3);
    }
    set_now(now_ms + WINDOW_MS * 3 / 2);
    for (unsigned i = 0; keyspace_housekeep(keyspace, 0, 1, 0) != HOUSE_CLEAN; i++) assert_true(i < 20000);
    assert_int_equal(left(), 20000);
    keyspace_check(keyspace);
    set_now(NOW_MS + WINDOW_MS * 3 + 300);
    for (unsigned i = 0; keyspace_housekeep(keyspace, 0, 1, 0) != HOUSE_CLEAN; i++) assert_true(i < 100000);
    assert_int_equal(left(), 0);
}

static void a_sweep_that_slept_for_days_still_finds_all(void **state)
{
    static const int64_t naps_ms[] = {1000,           3600000,
                                      FINE_WINDOW_MS, FINE_WINDOW_MS * 3 / 2,
                                      WINDOW_MS,      WINDOW_MS * 3 / 2,
                                      WINDOW_MS * 7,  400 * 86400000LL};
    char room[32];

    (void)state;
    for (size_t n = 0; n < sizeof naps_ms / sizeof naps_ms[0]; n++) {
        for (uint64_t i = 0; i < 2000; i++) {
            put(keyspace, i % 3, numbered(room, i), BYTES("v"),
                now_ms + 1 + (int64_t)i * naps_ms[n] / 2000);
        }
        set_now(now_ms + naps_ms[n] + 300);
        keyspace_check(keyspace);
        sweep();
        assert_int_equal(left(), 0);
        keyspace_check(keyspace);
    }
}

static void a_clock_that_is_set_back_delays_nothing_once_it_catches_up(void **state)
{
    static const int64_t back_ms[] = {
        5, 5000, FINE_WINDOW_MS, FINE_WINDOW_MS * 2, WINDOW_MS / 2, WINDOW_MS * 2, 3000 * 86400000LL, NOW_MS - 1000};
    char room[32];

    (void)state;
    for (size_t n = 0; n < sizeof back_ms / sizeof back_ms[0]; n++) {
        set_now(NOW_MS);
        for (uint64_t i = 0; i < 1000; i++)
            put(keyspace, 0, numbered(room, i), BYTES("v"), now_ms + 10000);
        set_now(NOW_MS - back_ms[n]);
        sweep();
        assert_int_equal(left(), 1000);
        /* New keys with deadlines of the new time, over some of the old. */
        for (uint64_t i = 500; i < 1500; i++)
            put(keyspace, 0, numbered(room, i), BYTES("v"), now_ms + 2000);
        keyspace_check(keyspace);
        set_now(now_ms + 2300);
        sweep();
        keyspace_check(keyspace);
        assert_int_equal(left(), now_ms >= NOW_MS + 10000 ? 0 : 500);
        set_now(NOW_MS + 10300);
        sweep();
        assert_int_equal(left(), 0);
    }
}

static void a_clock_that_runs_wild_loses_no_deadline(void **state)
{
    uint64_t dice = 11;
    char room[32];

    (void)state;
    for (unsigned round = 0; round < 1200 / SCALE; round++) {
        int64_t jump = (int64_t)random_below(&dice, (uint64_t)1 << random_below(&dice, 42));

        set_now(random_below(&dice, 2) ? NOW_MS + jump : NOW_MS - jump);
        for (unsigned i = 0; i < 10; i++) {
            int64_t ahead = (int64_t)random_below(&dice, (uint64_t)1 << random_below(&dice, 38));

            put(keyspace, (unsigned)random_below(&dice, 3),
                numbered(room, random_below(&dice, 3000)), BYTES("v"),
                random_below(&dice, 8) ? now_ms + ahead : now_ms - ahead);
        }
        if (random_below(&dice, 2)) sweep();
        keyspace_check(keyspace);
    }
    set_now(NOW_MS + ((int64_t)1 << 43));
    sweep();
    assert_int_equal(left(), 0);
}

static void changing_and_taking_away_deadlines_is_followed(void **state)
{
    char room[32];

    (void)state;
    for (uint64_t i = 0; i < 3000; i++)
        put(keyspace, 0, numbered(room, i), BYTES("v"), now_ms + 60000);
    for (uint64_t i = 0; i < 3000; i++) {
        struct key key;
        struct spot spot;

        key_init(&key, keyspace, 0, numbered(room, i));
        shard_enter(key.shard);
        key_find(&key, &spot);
        assert_int_equal(key_set_deadline(&key, &spot,
                                          i % 3 == 0   ? NEVER
                                          : i % 3 == 1 ? now_ms + 1000
                                                       : now_ms + 120000),
                         OK);
        shard_leave(key.shard);
    }
    assert_int_equal(keyspace_count_volatile(keyspace, 0), 2000);
    set_now(now_ms + 1300);
    sweep();
    assert_int_equal(left(), 2000);
    set_now(now_ms + 60000);
    sweep();
    assert_int_equal(left(), 2000);
    set_now(now_ms + 60000);
    sweep();
    assert_int_equal(left(), 1000);
    assert_int_equal(keyspace_count_volatile(keyspace, 0), 0);
}

static void the_sweep_goes_on_while_tables_grow_and_shrink(void **state)
{
    uint64_t dice = 21, number = 0;
    char room[32];

    (void)state;
    for (unsigned round = 0; round < 2000; round++) {
        unsigned puts = round / 200 % 2 ? 2 : 60;

        for (unsigned i = 0; i < puts; i++) {
            put(keyspace, 0, numbered(room, number++), BYTES("v"),
                now_ms + 1 + (int64_t)random_below(&dice, 20000));
        }
        set_now(now_ms + 100);
        keyspace_housekeep(keyspace, 0, 1, 30);
        if (round % 50 == 0) keyspace_check(keyspace);
    }
    set_now(now_ms + 20300);
    sweep();
    assert_int_equal(left(), 0);
}

static void lanes_share_the_shards_and_none_is_left_out(void **state)
{
    char room[32];

    (void)state;
    for (unsigned lanes = 1; lanes <= 7; lanes++) {
        for (uint64_t i = 0; i < 1000; i++)
            put(keyspace, 0, numbered(room, i), BYTES("v"), now_ms + 10);
        set_now(now_ms + 300);
        for (unsigned lane = 0; lane < lanes; lane++) {
            while (keyspace_housekeep(keyspace, lane, lanes, 1000) == HOUSE_BEHIND) {}
        }
        assert_int_equal(left(), 0);
    }
}

static void a_slice_ends_in_time_and_says_that_it_is_behind(void **state)
{
    char room[32];
    unsigned slices = 0, late = 0;

    (void)state;
    for (uint64_t i = 0; i < 300000; i++)
        put(keyspace, 0, numbered(room, i), BYTES("v"), now_ms + 10);
    set_now(now_ms + 300);
    for (;;) {
        int64_t began = clock_steady_us();
        enum house_state house = keyspace_housekeep(keyspace, 0, 1, 50);

        slices++;
        late += clock_steady_us() - began > 500; /* the machine may have looked away */
        if (house == HOUSE_CLEAN && left() == 0) break;
        assert_true(slices < 1000000);
    }
    assert_true(slices > 50);
    assert_true(late < slices / 10 + 5);
}

static void switched_off_the_sweep_leaves_keys_to_their_readers(void **state)
{
    (void)state;
    put(keyspace, 0, BYTES("k"), BYTES("v"), now_ms + 10);
    keyspace_sweep(keyspace, false);
    set_now(now_ms + 10000);
    sweep();
    assert_int_equal(keyspace_count(keyspace, 0), 1);
    assert_false(exists(keyspace, 0, BYTES("k")));
    put(keyspace, 0, BYTES("k"), BYTES("v"), now_ms + 10);
    set_now(now_ms + WINDOW_MS * 2);
    keyspace_sweep(keyspace, true);
    sweep();
    assert_int_equal(keyspace_count(keyspace, 0), 0);
}

static void the_mean_time_to_live_is_about_right(void **state)
{
    char room[32];
    int64_t mean;

    (void)state;
    assert_int_equal(keyspace_mean_ttl_ms(keyspace, 0), 0);
    assert_int_equal(keyspace_mean_ttl_ms(keyspace, 2), 0);
    for (uint64_t i = 0; i < 10000; i++) {
        put(keyspace, 0, numbered(room, i), BYTES("v"),
            i % 2 ? NEVER : now_ms + 1000 + (int64_t)(i % 1000) * 10);
    }
    mean = keyspace_mean_ttl_ms(keyspace, 0);
    assert_true(mean > 4000 && mean < 8000);
}

static void the_mean_time_to_live_of_a_few_is_exact(void **state)
{
    (void)state;
    put(keyspace, 0, BYTES("a"), BYTES("v"), now_ms + 1000);
    put(keyspace, 0, BYTES("b"), BYTES("v"), now_ms + 2000);
    put(keyspace, 0, BYTES("c"), BYTES("v"), NEVER);
    assert_int_equal(keyspace_mean_ttl_ms(keyspace, 0), 1500);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_keyspace, close_keyspace)
    const struct CMUnitTest tests[] = {
        TEST(a_reader_never_sees_a_key_past_its_deadline),
        TEST(a_deadline_in_the_past_is_over_at_once),
        TEST(the_sweep_finds_every_key_within_a_quarter_of_a_second),
        TEST(nothing_is_looked_at_before_it_is_due),
        TEST(deadlines_beyond_the_window_are_found_in_time),
        TEST(the_sweep_tells_when_the_next_is_due),
        TEST(the_shortest_slices_come_to_an_end_too),
        TEST(a_sweep_that_slept_for_days_still_finds_all),
        TEST(a_clock_that_is_set_back_delays_nothing_once_it_catches_up),
        TEST(a_clock_that_runs_wild_loses_no_deadline),
        TEST(changing_and_taking_away_deadlines_is_followed),
        TEST(the_sweep_goes_on_while_tables_grow_and_shrink),
        TEST(lanes_share_the_shards_and_none_is_left_out),
        TEST(a_slice_ends_in_time_and_says_that_it_is_behind),
        TEST(switched_off_the_sweep_leaves_keys_to_their_readers),
        TEST(the_mean_time_to_live_is_about_right),
        TEST(the_mean_time_to_live_of_a_few_is_exact),
    };

    clock_setup();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
