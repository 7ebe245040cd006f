/* A hash beside its model, in each form and from one to the other. */
#include "hash_model.h"

static void a_small_hash_is_its_model(void **state)
{
    (void)state;
    names = 30;
    atomic_store(&hash_options.hash_max_listpack_value, 4000);
    run_steps(6000 / SCALE, 60, false);
    assert_true(hash_is_packed(hash));
    run_steps(6000 / SCALE, 60, true);
    run_steps(2000 / SCALE, 10, true);
}

static void a_large_hash_is_its_model(void **state)
{
    (void)state;
    names = NAMES;
    atomic_store(&hash_options.hash_max_listpack_entries, 10);
    run_steps(15000 / SCALE, 80, false);
    assert_false(hash_is_packed(hash));
    run_steps(6000 / SCALE, 20, false);
    run_steps(15000 / SCALE, 70, true);
    run_steps(10000 / SCALE, 5, true);
}

static void a_hash_of_any_size_may_call_itself_packed(void **state)
{
    (void)state;
    names = NAMES;
    atomic_store(&hash_options.hash_max_listpack_entries, 1000000);
    atomic_store(&hash_options.hash_max_listpack_value, 1000000);
    run_steps(8000 / SCALE, 70, true);
    assert_true(hash_is_packed(hash));
    assert_string_equal(value_kind_of(VALUE_HASH)->encoding(hash), "listpackex");
}

static void a_field_costs_nothing_for_deadlines_that_nobody_set(void **state)
{
    const struct value_kind *kind = value_kind_of(VALUE_HASH);
    size_t before, with_one;
    char room[512];
    bool added;

    (void)state;
    for (unsigned i = 10; i < 20; i++) hash_put(hash, name_of(i, room), BYTES("value"), NEVER, &added);
    before = kind->used_bytes(hash);
    assert_string_equal(kind->encoding(hash), "listpack");
    assert_int_equal(hash_set_deadline(hash, name_of(13, room), now_ms + 5), OK);
    with_one = kind->used_bytes(hash);
    assert_true(with_one - before <= 10 * 8 + 32);
    assert_string_equal(kind->encoding(hash), "listpackex");
}

static void its_copy_is_as_it_is_and_its_own(void **state)
{
    const struct value_kind *kind = value_kind_of(VALUE_HASH);
    struct hash *copy;

    (void)state;
    names = 300;
    for (unsigned round = 0; round < 2; round++) {
        atomic_store(&hash_options.hash_max_listpack_entries, round ? 10 : 512);
        run_steps(1000 / SCALE, 70, true);
        copy = kind->copy(hash);
        assert_non_null(copy);
        check_all(copy);
        assert_int_equal(hash_soonest_ms(copy), hash_soonest_ms(hash));
        hash_free(&copy);
        check_all(hash);
    }
}

static void it_is_the_same_after_its_blocks_have_moved(void **state)
{
    const struct value_kind *kind = value_kind_of(VALUE_HASH);

    (void)state;
    names = 60;
    for (unsigned round = 0; round < 300 / SCALE; round++) {
        size_t used;

        atomic_store(&hash_options.hash_max_listpack_entries, round < 250 / SCALE ? 512 : 10);
        run_steps(20, 70, round % 2);
        used = kind->used_bytes(hash);
        compact(&hash, round % 3 == 0, round % 2);
        assert_int_equal(kind->used_bytes(hash), used);
        check_all(hash);
    }
}

static unsigned steps_seen;

static void count_seen(void *context, const struct hash_field *field)
{
    (void)context;
    must(lives(number_of(field->name)));
    steps_seen++;
}

static void its_order_is_that_of_coming(void **state)
{
    static const char *const order[] = {"a", "c", "d", "b"};
    struct hash_walk walk;
    unsigned at = 0;
    bool added;

    (void)state;
    shape_forget();
    for (unsigned round = 0; round < 6; round++) {
        hash_free(&hash);
        hash = hash_new();
        for (const char *name = "abcd"; *name; name++) hash_put(hash, bytes_of(name, 1), BYTES(""), NEVER, &added);
    }
    assert_true(hash_is_shaped(hash));
    assert_true(hash_remove(hash, BYTES("b")));
    hash_put(hash, BYTES("b"), BYTES("again"), NEVER, &added);
    assert_true(added);
    for (hash_walk_begin(&walk, hash); hash_walk_next(&walk); at++) {
        assert_true(bytes_equal(walk.field.name, bytes_of(order[at], 1)));
        assert_int_equal(walk.field.value.len, at < 3 ? 0 : 5);
    }
    assert_int_equal(at, 4);
    names = SHAPE_NAMES;
    make_shape();
    begin_shaped(20, true, false);
    steps_seen = 0;
    assert_int_equal(hash_scan(hash, 0, 5, count_seen, NULL), 0);
    assert_int_equal(steps_seen, 20);
}

static void a_failed_allocation_changes_nothing(void **state)
{
    static char rooms[8][512];
    struct bytes words[16];

    (void)state;
    names = 600;
    for (unsigned round = 0; round < 4000 / SCALE; round++) {
        unsigned pairs = 1 + (unsigned)random_below(&dice, 7), added, numbers[8];
        char value_room[2000];
        struct bytes value = draw_value(value_room, round % 3 ? 60 : sizeof value_room);
        int64_t deadline_ms = random_below(&dice, 3) ? NEVER : now_ms + 1000000;
        uint64_t count = hash_count(hash);
        enum status status;

        atomic_store(&hash_options.hash_max_listpack_entries, (int64_t)random_below(&dice, 600));
        for (unsigned i = 0; i < pairs; i++) {
            numbers[i] = (unsigned)random_below(&dice, names);
            words[2 * i] = name_of(numbers[i], rooms[i]);
            words[2 * i + 1] = value;
        }
        mem_fail_after(1 + (unsigned)random_below(&dice, 12));
        status = hash_put_all(hash, words, pairs, deadline_ms, &added);
        mem_fail_after(0);
        if (status == OK) {
            for (unsigned i = 0; i < pairs; i++) remember(numbers[i], value, deadline_ms);
        } else {
            must(status == NO_MEMORY && hash_count(hash) == count);
        }
        if (round % 50 == 0 || status != OK) check_all(hash);
        mem_fail_after(1);
        status = hash_ready_deadline(hash, words[0]);
        if (status == OK && lives(numbers[0])) {
            must(hash_set_deadline(hash, words[0], now_ms + 77777) == OK);
            model[numbers[0]].deadline_ms = now_ms + 77777;
            must(hash_set_deadline(hash, words[0], NEVER) == OK);
            model[numbers[0]].deadline_ms = NEVER;
        }
        mem_fail_after(0);
        if (round % 400 == 399) {
            hash_free(&hash);
            hash = hash_new();
            for (unsigned i = 0; i < names; i++) forget(i);
        }
    }
    check_all(hash);
}

static uint8_t seen[NAMES];

static void see(void *context, const struct hash_field *field)
{
    (void)context;
    seen[number_of(field->name)] = 1;
}

static void a_scan_sees_what_is_there_all_the_time(void **state)
{
    uint64_t cursor = 0;
    char room[512];
    bool added;

    (void)state;
    names = NAMES;
    atomic_store(&hash_options.hash_max_listpack_entries, 10);
    for (unsigned i = 0; i < 500; i++) hash_put(hash, name_of(i, room), BYTES("v"), NEVER, &added);
    memset(seen, 0, sizeof seen);
    do {
        unsigned from = 500 + (unsigned)random_below(&dice, NAMES - 600);

        cursor = hash_scan(hash, cursor, 10, see, NULL);
        for (unsigned i = from; i < from + 100; i++) {
            if (random_below(&dice, 3)) {
                hash_put(hash, name_of(i, room), BYTES("w"), NEVER, &added);
            } else {
                hash_remove(hash, name_of(i, room));
            }
        }
    } while (cursor != 0);
    for (unsigned i = 0; i < 500; i++) assert_true(seen[i]);
}

/* 300 fields, 60,000 draws: 200 for each, with a variance that chi-square knows. */
static void draw_evenly(unsigned entries)
{
    enum { FIELDS = 300, DRAWS = 60000 };
    static unsigned drawn[NAMES];
    struct hash_field field;
    double chi_square = 0;
    char room[512];
    bool added;

    names = NAMES;
    atomic_store(&hash_options.hash_max_listpack_entries, entries);
    for (unsigned i = 0; i < NAMES; i++) hash_put(hash, name_of(i, room), BYTES("v"), NEVER, &added);
    for (unsigned i = FIELDS; i < NAMES; i++) hash_remove(hash, name_of(i, room));
    names = FIELDS;
    memset(drawn, 0, sizeof drawn);
    for (unsigned i = 0; i < DRAWS; i++) {
        assert_true(hash_draw(hash, &dice, &field));
        drawn[number_of(field.name)]++;
    }
    for (unsigned i = 0; i < FIELDS; i++) {
        double off = (double)drawn[i] - (double)DRAWS / FIELDS;

        chi_square += off * off / ((double)DRAWS / FIELDS);
    }
    /* 299 degrees of freedom: six sigma is 447. */
    assert_true(chi_square < 447);
}

static void a_draw_gives_each_field_the_same_chance(void **state)
{
    (void)state;
    draw_evenly(10);
}

static void it_is_freed_in_slices(void **state)
{
    unsigned slices = 0;
    char room[512];
    bool added;

    (void)state;
    atomic_store(&hash_options.hash_max_listpack_entries, 10);
    for (unsigned i = 0; i < NAMES; i++) hash_put(hash, name_of(i, room), BYTES("v"), NEVER, &added);
    while (!hash_free_some(&hash, 100)) slices++;
    assert_true(slices >= NAMES / 100 - 1);
    assert_null(hash);
    hash = hash_new();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HASH_TEST(a_small_hash_is_its_model),
        HASH_TEST(a_large_hash_is_its_model),
        HASH_TEST(a_hash_of_any_size_may_call_itself_packed),
        HASH_TEST(a_field_costs_nothing_for_deadlines_that_nobody_set),
        HASH_TEST(its_copy_is_as_it_is_and_its_own),
        HASH_TEST(it_is_the_same_after_its_blocks_have_moved),
        HASH_TEST(its_order_is_that_of_coming),
        HASH_TEST(a_failed_allocation_changes_nothing),
        HASH_TEST(a_scan_sees_what_is_there_all_the_time),
        HASH_TEST(a_draw_gives_each_field_the_same_chance),
        HASH_TEST(it_is_freed_in_slices),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
