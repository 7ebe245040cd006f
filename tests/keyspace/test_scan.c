#include "keyspace/keyspace_help.h"

#define NOW_MS 1800000000000
#define STEADY 5000 /* keys that are there from the first call of a scan to the last */

static struct keyspace *keyspace;

static int open_with(unsigned shards)
{
    clock_set_ms(NOW_MS);
    keyspace = new_keyspace(shards, 2);
    return 0;
}

static int open_keyspace(void **state)
{
    (void)state;
    return open_with(8);
}

static int close_keyspace(void **state)
{
    (void)state;
    keyspace_check(keyspace);
    keyspace_free(&keyspace);
    clock_release();
    return 0;
}

static struct bytes steady_name(char room[32], uint64_t number)
{
    return bytes_of(room, (size_t)snprintf(room, 32, "steady:%llu", (unsigned long long)number));
}

struct seen {
    unsigned times[STEADY];
    uint64_t total;
};

static void see(void *context, const struct entry *entry)
{
    struct seen *seen = context;
    struct bytes name = entry_key(entry);
    char text[32] = {0};

    seen->total++;
    if (name.len >= sizeof text || !bytes_start_with(name, BYTES("steady:"))) return;
    memcpy(text, name.at, name.len);
    seen->times[strtoul(text + 7, NULL, 10)]++;
}

static void put_steady(void)
{
    char room[32];

    for (uint64_t i = 0; i < STEADY; i++) {
        assert_int_equal(put(keyspace, 0, steady_name(room, i), BYTES("v"), NEVER), OK);
    }
}

static void must_have_seen_all(const struct seen *seen)
{
    for (unsigned i = 0; i < STEADY; i++) assert_true(seen->times[i] > 0);
}

static void a_scan_of_what_stands_still_sees_each_key_once(void **state)
{
    static const uint64_t budgets[] = {1, 7, 10, 1000, UINT64_MAX};
    static struct seen seen;

    (void)state;
    put_steady();
    for (unsigned settled = 0; settled < 2; settled++) {
        for (size_t b = 0; b < sizeof budgets / sizeof budgets[0]; b++) {
            uint64_t cursor = 0, calls = 0;

            memset(&seen, 0, sizeof seen);
            do {
                cursor = keyspace_scan(keyspace, 0, cursor, budgets[b], see, &seen);
                assert_true(cursor < (uint64_t)1 << 53);
                calls++;
            } while (cursor != 0);
            must_have_seen_all(&seen);
            assert_int_equal(seen.total, STEADY);
            if (budgets[b] == UINT64_MAX) assert_int_equal(calls, 1);
            if (budgets[b] == 10) assert_true(calls > STEADY / 100);
        }
        /* Some tables are still on the move at first. */
        for (unsigned i = 0; i < 100; i++) keyspace_housekeep(keyspace, 0, 1, 10000);
    }
}

static void a_scan_crosses_the_border_in_a_table_that_stopped_half_way(void **state)
{
    static struct seen seen;
    struct keyspace_shape shape;
    unsigned half_ways = 0;
    uint64_t number = 0;
    char room[32];

    (void)state;
    keyspace_free(&keyspace);
    open_with(1);
    for (; number < STEADY; number++) {
        uint64_t cursor = 0;

        assert_int_equal(put(keyspace, 0, steady_name(room, number), BYTES("v"), NEVER), OK);
        keyspace_read_shape(keyspace, 0, &shape);
        if (shape.groups_moving == 0) continue;
        half_ways++;
        memset(&seen, 0, sizeof seen);
        do {
            cursor = keyspace_scan(keyspace, 0, cursor, 1 + number % 20, see, &seen);
        } while (cursor != 0);
        assert_int_equal(seen.total, number + 1);
        for (unsigned i = 0; i <= number; i++) assert_int_equal(seen.times[i], 1);
    }
    assert_true(half_ways > 100);
}

static void an_empty_database_ends_at_once(void **state)
{
    static struct seen seen;

    (void)state;
    assert_int_equal(keyspace_scan(keyspace, 0, 0, 10, see, &seen), 0);
    assert_int_equal(keyspace_scan(keyspace, 1, 0, 10, see, &seen), 0);
    assert_int_equal(seen.total, 0);
}

static void any_number_is_a_cursor(void **state)
{
    static struct seen seen;
    uint64_t dice = 1;

    (void)state;
    put_steady();
    for (unsigned i = 0; i < 20000; i++) {
        uint64_t cursor = random_next(&dice) >> random_below(&dice, 64);

        cursor = keyspace_scan(keyspace, 0, cursor, 1 + random_below(&dice, 50), see, &seen);
        assert_true(cursor < (uint64_t)1 << 53);
    }
    assert_int_equal(keyspace_scan(keyspace, 0, UINT64_MAX, 10, see, &seen), 0);
}

/* Scans with `budget` while other keys come (or go) between the calls. */
static void scan_while(uint64_t budget, void (*meanwhile)(uint64_t call))
{
    static struct seen seen;
    uint64_t cursor = 0, calls = 0;

    memset(&seen, 0, sizeof seen);
    do {
        cursor = keyspace_scan(keyspace, 0, cursor, budget, see, &seen);
        meanwhile(calls++);
        assert_true(calls < 1000000);
    } while (cursor != 0);
    must_have_seen_all(&seen);
}

static uint64_t guests;

static void guests_come(uint64_t call)
{
    char room[32];

    for (uint64_t i = 0; i < 40 && guests < 300000; i++) {
        assert_int_equal(put(keyspace, 0, numbered(room, guests++), BYTES("guest"), NEVER), OK);
    }
    if (call % 7 == 0) keyspace_housekeep(keyspace, 0, 1, 20);
}

static void guests_go(uint64_t call)
{
    char room[32];

    for (uint64_t i = 0; i < 40 && guests > 0; i++) drop(keyspace, 0, numbered(room, --guests));
    clock_set_ms(clock_now_ms() + 100); /* rounds of housekeeping pass: tables shrink */
    keyspace_housekeep(keyspace, 0, 1, call % 3 ? 20 : 2000);
}

static void guests_come_and_go(uint64_t call)
{
    if (call / 100 % 2) {
        guests_go(call);
    } else {
        guests_come(call);
    }
}

static void growing_under_a_scan_hides_nothing(void **state)
{
    (void)state;
    put_steady();
    guests = 0;
    scan_while(1, guests_come);
    scan_while(10, guests_come);
    assert_true(METRIC_SUM(keyspace, table_growths) > 50);
}

static void shrinking_under_a_scan_hides_nothing(void **state)
{
    int64_t shrinks = METRIC_SUM(keyspace, table_shrinks);

    (void)state;
    put_steady();
    guests = 0;
    while (guests < 100000) guests_come(0);
    scan_while(10, guests_go);
    while (guests > 0) guests_go(0);
    scan_while(1, guests_go);
    scan_while(3, guests_come_and_go);
    assert_true(METRIC_SUM(keyspace, table_shrinks) > shrinks + 8);
}

static void expired_keys_are_not_shown(void **state)
{
    static struct seen seen;
    uint64_t cursor = 0;
    char room[32];

    (void)state;
    put_steady();
    for (uint64_t i = 0; i < 5000; i++)
        put(keyspace, 0, numbered(room, i), BYTES("v"), NOW_MS + 10);
    clock_set_ms(NOW_MS + 10);
    memset(&seen, 0, sizeof seen);
    do {
        cursor = keyspace_scan(keyspace, 0, cursor, 100, see, &seen);
    } while (cursor != 0);
    assert_int_equal(seen.total, STEADY);
}

static void a_scan_inside_all_shards_does_not_lock_itself_out(void **state)
{
    static struct seen seen;
    struct bytes name;

    (void)state;
    put_steady();
    memset(&seen, 0, sizeof seen);
    keyspace_enter_all(keyspace);
    assert_int_equal(keyspace_scan(keyspace, 0, 0, UINT64_MAX, see, &seen), 0);
    assert_int_equal(keyspace_random_key(keyspace, 0, &name), OK);
    keyspace_leave_all(keyspace);
    assert_int_equal(seen.total, STEADY);
    mem_free((char *)name.at);
}

static void random_keys_are_drawn_evenly(void **state)
{
    static unsigned drawn[100];
    struct bytes name;
    char room[32];

    (void)state;
    assert_int_equal(keyspace_random_key(keyspace, 0, &name), NOT_FOUND);
    assert_int_equal(keyspace_random_key(keyspace, 1, &name), NOT_FOUND);
    memset(drawn, 0, sizeof drawn);
    for (uint64_t i = 0; i < 100; i++) put(keyspace, 0, numbered(room, i), BYTES("v"), NEVER);
    for (unsigned i = 0; i < 100000; i++) {
        char text[32] = {0};

        assert_int_equal(keyspace_random_key(keyspace, 0, &name), OK);
        memcpy(text, name.at, name.len);
        drawn[strtoul(text + 4, NULL, 10)]++;
        mem_free((char *)name.at);
    }
    /* A thousand each; ten times the spread that chance has. */
    for (unsigned i = 0; i < 100; i++) assert_true(drawn[i] > 680 && drawn[i] < 1320);
}

static void a_random_key_is_found_among_expired_ones(void **state)
{
    struct bytes name;
    char room[32];

    (void)state;
    for (uint64_t i = 0; i < 20000; i++)
        put(keyspace, 0, numbered(room, i), BYTES("v"), NOW_MS + 10);
    put(keyspace, 0, BYTES("alive"), BYTES("v"), NEVER);
    clock_set_ms(NOW_MS + 20);
    assert_int_equal(keyspace_random_key(keyspace, 0, &name), OK);
    assert_true(bytes_equal(name, BYTES("alive")));
    mem_free((char *)name.at);
    drop(keyspace, 0, BYTES("alive"));
    assert_int_equal(keyspace_random_key(keyspace, 0, &name), NOT_FOUND);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_keyspace, close_keyspace)
    const struct CMUnitTest tests[] = {
        TEST(a_scan_of_what_stands_still_sees_each_key_once),
        TEST(a_scan_crosses_the_border_in_a_table_that_stopped_half_way),
        TEST(an_empty_database_ends_at_once),
        TEST(any_number_is_a_cursor),
        TEST(growing_under_a_scan_hides_nothing),
        TEST(shrinking_under_a_scan_hides_nothing),
        TEST(expired_keys_are_not_shown),
        TEST(a_scan_inside_all_shards_does_not_lock_itself_out),
        TEST(random_keys_are_drawn_evenly),
        TEST(a_random_key_is_found_among_expired_ones),
    };

    clock_setup();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
