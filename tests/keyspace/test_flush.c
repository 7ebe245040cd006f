#include "keyspace/keyspace_help.h"
#include "keyspace/box_help.h"
#include "coatcheck/keyspace/weight.h"

#define NOW_MS 1800000000000

static struct keyspace *keyspace;

static int open_keyspace(void **state)
{
    (void)state;
    clock_set_ms(NOW_MS);
    keyspace = new_keyspace(16, 4);
    return 0;
}

static int close_keyspace(void **state)
{
    (void)state;
    keyspace_check(keyspace);
    keyspace_free(&keyspace);
    assert_int_equal(atomic_load(&boxes_alive), 0);
    clock_release();
    return 0;
}

static uint64_t flush(unsigned db)
{
    uint64_t gone;

    keyspace_enter_all(keyspace);
    gone = keyspace_flush_entered(keyspace, db);
    keyspace_leave_all(keyspace);
    return gone;
}

static enum status swap(unsigned a, unsigned b)
{
    enum status status;

    keyspace_enter_all(keyspace);
    status = keyspace_swap_entered(keyspace, a, b);
    keyspace_leave_all(keyspace);
    return status;
}

static void fill(unsigned db, uint64_t count, int64_t deadline_ms)
{
    char room[32];

    for (uint64_t i = 0; i < count; i++) {
        assert_int_equal(
            put(keyspace, db, numbered(room, i), BYTES("some value of some bytes"), deadline_ms),
            OK);
    }
}

static void put_box(unsigned db, struct bytes name, size_t elements)
{
    void *box = box_new(elements);
    struct key key;
    struct spot spot;

    key_init(&key, keyspace, db, name);
    shard_enter(key.shard);
    key_find(&key, &spot);
    assert_int_equal(key_put_container(&key, &spot, VALUE_HASH, &box, NEVER), OK);
    shard_leave(key.shard);
}

static void a_flush_empties_one_database_and_no_other(void **state)
{
    (void)state;
    fill(0, 10000, NEVER);
    fill(1, 5000, NOW_MS + 1000);
    assert_int_equal(flush(0), 10000);
    assert_int_equal(keyspace_count(keyspace, 0), 0);
    assert_int_equal(keyspace_count(keyspace, 1), 5000);
    keyspace_check(keyspace);
    assert_int_equal(flush(0), 0);
    assert_int_equal(flush(3), 0); /* never written to */
    assert_int_equal(flush(1), 5000);
    assert_int_equal(keyspace_count_volatile(keyspace, 1), 0);
    fill(0, 100, NEVER);
    assert_int_equal(keyspace_count(keyspace, 0), 100);
}

static void what_was_flushed_is_freed_in_slices(void **state)
{
    size_t pending;
    unsigned slices = 0;

    (void)state;
    fill(0, 100000, NEVER);
    put_box(0, BYTES("large"), 100000);
    put_box(0, BYTES("small"), 1);
    flush(0);
    assert_int_equal(atomic_load(&boxes_alive), 2);
    pending = keyspace_pending(keyspace);
    assert_true(pending >= 16);
    while (keyspace_pending(keyspace) > 0) {
        keyspace_housekeep(keyspace, 0, 1, 50);
        slices++;
        assert_true(slices < 1000000);
    }
    assert_true(slices > 10);
    assert_int_equal(atomic_load(&boxes_alive), 0);
}

static void reclaiming_all_leaves_nothing_behind(void **state)
{
    (void)state;
    fill(2, 20000, NEVER);
    put_box(2, BYTES("large"), 1000000);
    flush(2);
    keyspace_reclaim_all(keyspace);
    assert_int_equal(keyspace_pending(keyspace), 0);
    assert_int_equal(atomic_load(&boxes_alive), 0);
}

static void flushing_a_table_on_the_move_loses_nothing_of_it(void **state)
{
    struct keyspace_shape shape = {0};
    uint64_t count = 0;
    char room[32];

    (void)state;
    /* Until many tables are in the middle of their growth. */
    while (shape.groups_moving < 100) {
        put(keyspace, 0, numbered(room, count++), BYTES("v"), NEVER);
        if (count % 16 == 0) keyspace_read_shape(keyspace, 0, &shape);
    }
    assert_int_equal(flush(0), count);
    keyspace_check(keyspace);
    keyspace_reclaim_all(keyspace); /* the leak checker of sanitizer builds watches */
    fill(0, 1000, NEVER);
}

static void swapping_exchanges_two_databases_with_their_deadlines(void **state)
{
    (void)state;
    fill(0, 3000, NOW_MS + 1000);
    fill(1, 500, NEVER);
    assert_int_equal(swap(0, 1), OK);
    assert_int_equal(keyspace_count(keyspace, 0), 500);
    assert_int_equal(keyspace_count(keyspace, 1), 3000);
    assert_true(
        holds(keyspace, 1, BYTES("key:7"), BYTES("some value of some bytes"), NOW_MS + 1000));
    assert_int_equal(swap(1, 2), OK); /* the other was never written to */
    assert_int_equal(keyspace_count(keyspace, 1), 0);
    assert_int_equal(swap(2, 2), OK);
    assert_int_equal(keyspace_count_volatile(keyspace, 2), 3000);
    keyspace_check(keyspace);
    clock_set_ms(NOW_MS + 1300);
    while (keyspace_housekeep(keyspace, 0, 1, 1000) == HOUSE_BEHIND) {}
    assert_int_equal(keyspace_count(keyspace, 2), 0);
    assert_int_equal(keyspace_count(keyspace, 0), 500);
}

static void swapping_without_memory_changes_nothing(void **state)
{
    (void)state;
    fill(0, 100, NEVER);
    mem_fail_after(1);
    assert_int_equal(swap(0, 3), NO_MEMORY);
    mem_fail_after(0);
    assert_int_equal(keyspace_count(keyspace, 0), 100);
    assert_int_equal(keyspace_count(keyspace, 3), 0);
    mem_fail_after(1);
    assert_int_equal(put(keyspace, 3, BYTES("k"), BYTES("v"), NEVER), NO_MEMORY);
    mem_fail_after(0);
    assert_int_equal(put(keyspace, 3, BYTES("k"), BYTES("v"), NEVER), OK);
}

static void a_keyspace_that_gets_no_memory_is_none(void **state)
{
    struct keyspace_rules rules = {.databases = 16};

    (void)state;
    for (unsigned n = 1; n <= 3; n++) {
        mem_fail_after(n);
        assert_null(keyspace_new(&rules));
        mem_fail_after(0);
    }
}

static void tables_keep_growing_after_a_swap_that_came_between(void **state)
{
    char room[32];

    (void)state;
    for (uint64_t i = 0; i < 50000; i++) {
        assert_int_equal(put(keyspace, i % 2, numbered(room, i), BYTES("v"), NEVER), OK);
        if (i % 100 == 0) assert_int_equal(swap(0, 1), OK);
    }
    keyspace_check(keyspace);
    assert_int_equal(keyspace_count(keyspace, 0) + keyspace_count(keyspace, 1), 50000);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_keyspace, close_keyspace)
    const struct CMUnitTest tests[] = {
        TEST(a_flush_empties_one_database_and_no_other),
        TEST(what_was_flushed_is_freed_in_slices),
        TEST(reclaiming_all_leaves_nothing_behind),
        TEST(flushing_a_table_on_the_move_loses_nothing_of_it),
        TEST(swapping_exchanges_two_databases_with_their_deadlines),
        TEST(swapping_without_memory_changes_nothing),
        TEST(a_keyspace_that_gets_no_memory_is_none),
        TEST(tables_keep_growing_after_a_swap_that_came_between),
    };

    clock_setup();
    value_kind_add(VALUE_HASH, &box_kind);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
