/* Who has read which key: as a model has it, through growth and shrinking, without memory, and when all is forgotten. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>
#include "coatcheck/base/mem.h"
#include "coatcheck/base/random.h"
#include "coatcheck/keyspace/shard.h"
#include "coatcheck/keyspace/touch.h"
#include "coatcheck/tracking/remembered.h"

#define NAMES 600
#define ITEMS 40

static struct keyspace *keyspace;
static bool model[NAMES][ITEMS];

static tracker_item item_of(unsigned i)
{
    return ((tracker_item)(i + 1) << 33) | ((tracker_item)i << 9) | (1 << 1);
}

static struct key key_of(unsigned name, char room[16])
{
    struct key key;

    snprintf(room, 16, "key:%u", name);
    key_init(&key, keyspace, 0, bytes_of_text(room));
    return key;
}

static int begin(void **state)
{
    (void)state;
    keyspace = keyspace_new(&(struct keyspace_rules){.databases = 2, .shards = 4, .one_thread = true});
    memset(model, 0, sizeof model);
    return keyspace ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    keyspace_enter_all(keyspace);
    remembered_forget_all(keyspace);
    keyspace_leave_all(keyspace);
    assert_int_equal(remembered_count(), 0);
    assert_true(remembered_reclaim(UINT64_MAX));
    keyspace_free(&keyspace);
    return 0;
}

static void check(void)
{
    uint64_t names = 0;

    for (unsigned i = 0; i < NAMES; i++) {
        bool some = false;

        for (unsigned j = 0; j < ITEMS; j++) some |= model[i][j];
        names += some;
    }
    assert_int_equal(remembered_count(), names);
    for (unsigned i = 0; i < keyspace_shards(keyspace); i++) remembered_check(shard_at(keyspace, i));
}

static void take_and_compare(unsigned name)
{
    char room[16];
    struct key key = key_of(name, room);
    struct remembered *taken = remembered_take(&key);
    bool seen[ITEMS] = {false};
    uint32_t at = 0;
    tracker_item item;

    if (taken) {
        assert_memory_equal(remembered_name(taken).at, room, key.name.len);
        while ((item = remembered_next(taken, &at))) {
            unsigned i = (unsigned)(item >> 33) - 1;

            assert_false(seen[i]);
            seen[i] = true;
        }
        remembered_free(&taken);
    }
    assert_memory_equal(seen, model[name], sizeof seen);
    memset(model[name], 0, sizeof model[name]);
}

static void what_is_taken_out_is_what_was_read_since(void **state)
{
    uint64_t random = 17;

    (void)state;
    for (unsigned round = 0; round < 60000; round++) {
        unsigned name = (unsigned)random_below(&random, NAMES), item = (unsigned)random_below(&random, ITEMS);
        char room[16];
        struct key key = key_of(name, room);

        /* The table grows for a while, and then runs empty. */
        if (random_below(&random, 10) < (round / 15000 % 2 ? 1 : 9)) {
            assert_int_equal(remembered_add(&key, item_of(item), UINT32_MAX), OK);
            model[name][item] = true;
        } else {
            take_and_compare(name);
        }
        if (round % 1000 == 0) check();
    }
    for (unsigned name = 0; name < NAMES; name++) take_and_compare(name);
    check();
}

static void the_same_name_in_two_databases_is_one(void **state)
{
    struct key in_0, in_1;
    struct remembered *taken;

    (void)state;
    key_init(&in_0, keyspace, 0, BYTES("coat"));
    key_init(&in_1, keyspace, 1, BYTES("coat"));
    assert_int_equal(remembered_add(&in_0, item_of(3), UINT32_MAX), OK);
    taken = remembered_take(&in_1);
    assert_non_null(taken);
    remembered_free(&taken);
    assert_null(remembered_take(&in_0));
}

static void without_memory_nothing_is_half_remembered(void **state)
{
    char room[16];

    (void)state;
    for (unsigned name = 0; name < 40; name++) {
        for (unsigned fail = 1; fail <= 4; fail++) {
            struct key key = key_of(name, room);
            unsigned item = (name + fail) % ITEMS;

            mem_fail_after(fail);
            if (remembered_add(&key, item_of(item), UINT32_MAX) == OK) model[name][item] = true;
            mem_fail_after(0);
            check();
        }
    }
    for (unsigned name = 0; name < 40; name++) take_and_compare(name);
    check();
}

static void any_of_them_can_be_taken_until_there_are_none(void **state)
{
    char room[16];
    struct remembered *taken;
    unsigned count = 0;

    (void)state;
    for (unsigned name = 0; name < 100; name++) {
        struct key key = key_of(name, room);

        assert_int_equal(remembered_add(&key, item_of(0), UINT32_MAX), OK);
    }
    while ((taken = remembered_take_any(keyspace))) {
        remembered_free(&taken);
        count++;
        for (unsigned i = 0; i < keyspace_shards(keyspace); i++) remembered_check(shard_at(keyspace, i));
    }
    assert_int_equal(count, 100);
    assert_int_equal(remembered_count(), 0);
}

static void what_is_forgotten_at_once_is_given_back_in_slices(void **state)
{
    char room[16];
    unsigned slices = 0;

    (void)state;
    for (unsigned name = 0; name < 500; name++) {
        struct key key = key_of(name, room);

        for (unsigned item = 0; item < 3; item++) assert_int_equal(remembered_add(&key, item_of(item), UINT32_MAX), OK);
    }
    keyspace_enter_all(keyspace);
    remembered_forget_all(keyspace);
    keyspace_leave_all(keyspace);
    assert_int_equal(remembered_count(), 0);
    for (unsigned name = 0; name < 500; name++) take_and_compare(name);
    while (!remembered_reclaim(0)) slices++;
    assert_true(slices >= 3);
}

static void a_key_has_no_more_items_than_are_asked_for(void **state)
{
    char room[16];
    struct key key = key_of(1, room);
    struct remembered *taken;

    (void)state;
    for (unsigned item = 0; item < 20; item++) assert_int_equal(remembered_add(&key, item_of(item), 20), OK);
    assert_int_equal(remembered_add(&key, item_of(20), 20), TOO_BIG);
    assert_int_equal(remembered_add(&key, item_of(7), 20), OK); /* it is there already */
    taken = remembered_take(&key);
    assert_int_equal(pointerset_count(&taken->items), 20);
    remembered_free(&taken);
    assert_int_equal(remembered_add(&key, item_of(20), 20), OK);
    taken = remembered_take(&key);
    remembered_free(&taken);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_taken_out_is_what_was_read_since, begin, end),
        cmocka_unit_test_setup_teardown(the_same_name_in_two_databases_is_one, begin, end),
        cmocka_unit_test_setup_teardown(without_memory_nothing_is_half_remembered, begin, end),
        cmocka_unit_test_setup_teardown(any_of_them_can_be_taken_until_there_are_none, begin, end),
        cmocka_unit_test_setup_teardown(a_key_has_no_more_items_than_are_asked_for, begin, end),
        cmocka_unit_test_setup_teardown(what_is_forgotten_at_once_is_given_back_in_slices, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
