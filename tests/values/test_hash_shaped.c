/* Hashes whose names others have too, beside the model. */
#include "hash_model.h"

static void one_that_shares_its_names_is_its_model(void **state)
{
    const struct value_kind *kind = value_kind_of(VALUE_HASH);

    (void)state;
    names = SHAPE_NAMES + 5;
    make_shape();
    for (unsigned round = 0; round < 600 / SCALE; round++) {
        bool mortal = random_below(&dice, 2);
        struct hash *copy;

        begin_shaped(1 + (unsigned)random_below(&dice, SHAPE_NAMES), random_below(&dice, 2), mortal);
        check_all(hash);
        atomic_store(&hash_options.hash_max_listpack_entries, round % 5 ? 512 : 25);
        run_steps(1 + (unsigned)random_below(&dice, 12), (unsigned)random_below(&dice, 90), mortal);
        copy = kind->copy(hash);
        assert_non_null(copy);
        check_all(copy);
        compact(&copy, false, round % 2);
        check_all(copy);
        run_steps(10, 50, mortal);
        hash_free(&copy);
        check_all(hash);
        atomic_store(&hash_options.hash_max_listpack_entries, 512);
    }
}

static void fields_removed_from_a_shape_leave_holes_that_nobody_sees(void **state)
{
    char room[512];

    (void)state;
    names = SHAPE_NAMES;
    make_shape();
    for (unsigned round = 0; round < 200 / SCALE; round++) {
        begin_shaped(SHAPE_NAMES, true, round % 2);
        while (hash_count(hash) > 0) {
            unsigned number = (unsigned)random_below(&dice, SHAPE_NAMES);
            struct hash_field field;

            must(hash_remove(hash, name_of(number, room)) == lives(number));
            forget(number);
            check_all(hash);
            if (hash_count(hash) == 0) break;
            must(hash_draw(hash, &dice, &field) == (living() > 0));
            if (living() > 0) must(lives(number_of(field.name)));
            if (round % 2) set_now(now_ms + 100);
            if (round % 2) step_expire();
        }
    }
}

static void what_was_in_a_hole_takes_no_room(void **state)
{
    char room[512], value[60];
    size_t used;
    bool added;

    (void)state;
    names = SHAPE_NAMES;
    make_shape();
    begin_shaped(SHAPE_NAMES, true, false);
    memset(value, 'v', sizeof value);
    for (unsigned i = 0; i < SHAPE_NAMES; i++) {
        assert_int_equal(hash_put(hash, name_of(i, room), bytes_of(value, sizeof value), NEVER, &added), OK);
    }
    used = value_kind_of(VALUE_HASH)->used_bytes(hash);
    for (unsigned i = 1; i <= 12; i++) assert_true(hash_remove(hash, name_of(i, room)));
    hash_check(hash);
    assert_true(hash_is_shaped(hash) && hash_shaped_holes(hash) == 12);
    assert_true(used - value_kind_of(VALUE_HASH)->used_bytes(hash) > 10 * sizeof value);
}

/* Without memory a field goes all the same, as it must. */
static void a_hash_with_a_shape_changes_wholly_or_not_at_all(void **state)
{
    char room[512], value_room[64];

    (void)state;
    names = SHAPE_NAMES + 5;
    make_shape();
    for (unsigned round = 0; round < 3000 / SCALE; round++) {
        unsigned number = (unsigned)random_below(&dice, names);
        struct bytes value = draw_value(value_room, 60);
        int64_t deadline_ms = random_below(&dice, 3) ? NEVER : now_ms + 1000000;
        bool added;

        if (round % 12 == 0) begin_shaped(SHAPE_NAMES - (unsigned)random_below(&dice, 5), random_below(&dice, 2), false);
        for (unsigned fail = 1;; fail++) {
            enum status status;

            mem_fail_from(fail);
            if (random_below(&dice, 4) == 0) {
                must(hash_remove(hash, name_of(number, room)) == lives(number));
                mem_fail_after(0);
                forget(number);
                break;
            }
            status = hash_put(hash, name_of(number, room), value, deadline_ms, &added);
            mem_fail_after(0);
            if (status == NO_MEMORY) {
                check_all(hash);
                continue;
            }
            must(status == OK);
            remember(number, value, deadline_ms);
            break;
        }
        check_all(hash);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HASH_TEST(one_that_shares_its_names_is_its_model),
        HASH_TEST(fields_removed_from_a_shape_leave_holes_that_nobody_sees),
        HASH_TEST(what_was_in_a_hole_takes_no_room),
        HASH_TEST(a_hash_with_a_shape_changes_wholly_or_not_at_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
