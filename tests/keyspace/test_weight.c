#include "keyspace/keyspace_help.h"
#include "coatcheck/keyspace/weight.h"

static void put_many(struct keyspace *keyspace, unsigned db, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        char name[32];

        snprintf(name, sizeof name, "key:%u", i);
        assert_int_equal(put(keyspace, db, bytes_of_text(name), BYTES("value"), NEVER), OK);
    }
}

static void a_database_that_was_never_written_to_weighs_nothing(void **state)
{
    struct keyspace *keyspace = new_keyspace(16, 4);

    (void)state;
    for (unsigned db = 0; db < 4; db++) assert_int_equal(keyspace_table_weight(keyspace, db), 0);
    assert_true(keyspace_weight(keyspace) >= 16 * 64);
    keyspace_free(&keyspace);
}

/* Seven slots in 64 bytes, filled to between 0.35 and 0.875, and twice that while tables move. */
static void tables_weigh_what_their_slots_take(void **state)
{
    struct keyspace *keyspace = new_keyspace(16, 4);
    size_t empty = keyspace_weight(keyspace), weight;

    (void)state;
    put_many(keyspace, 0, 100000);
    weight = keyspace_table_weight(keyspace, 0);
    assert_true(weight >= 100000 * 64 / 7);
    assert_true(weight <= 2 * 100000 * 64 / 7 * 3);
    assert_int_equal(keyspace_weight(keyspace), empty + weight);
    put_many(keyspace, 2, 1000);
    assert_true(keyspace_table_weight(keyspace, 2) >= 1000 * 64 / 7);
    assert_int_equal(keyspace_weight(keyspace),
                     empty + weight + keyspace_table_weight(keyspace, 2));
    keyspace_free(&keyspace);
}

static void the_same_is_told_while_all_shards_are_entered(void **state)
{
    struct keyspace *keyspace = new_keyspace(16, 2);
    size_t before;

    (void)state;
    put_many(keyspace, 0, 1000);
    before = keyspace_weight(keyspace);
    keyspace_enter_all(keyspace);
    assert_int_equal(keyspace_weight(keyspace), before);
    keyspace_leave_all(keyspace);
    keyspace_free(&keyspace);
}

static void what_a_flush_left_is_pending_until_it_is_freed(void **state)
{
    struct keyspace *keyspace = new_keyspace(16, 2);

    (void)state;
    put_many(keyspace, 0, 10000);
    assert_int_equal(keyspace_pending(keyspace), 0);
    keyspace_enter_all(keyspace);
    keyspace_flush_entered(keyspace, 0);
    keyspace_leave_all(keyspace);
    assert_true(keyspace_pending(keyspace) > 0);
    keyspace_reclaim_all(keyspace);
    assert_int_equal(keyspace_pending(keyspace), 0);
    assert_int_equal(keyspace_table_weight(keyspace, 0), 0);
    keyspace_free(&keyspace);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_database_that_was_never_written_to_weighs_nothing),
        cmocka_unit_test(tables_weigh_what_their_slots_take),
        cmocka_unit_test(the_same_is_told_while_all_shards_are_entered),
        cmocka_unit_test(what_a_flush_left_is_pending_until_it_is_freed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
