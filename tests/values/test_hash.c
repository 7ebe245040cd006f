/* A hash beside its model, a plain list of names, in each form and from one to the other. */
#include "../../src/values/hash_internal.h"
#include "../../src/values/shape_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include "coatcheck/base/clock.h"
#include "coatcheck/base/mem.h"
#include "coatcheck/base/must.h"
#include "coatcheck/base/random.h"
#include "coatcheck/base/slab.h"
#include "coatcheck/values/hash.h"
#include "coatcheck/values/kind.h"

/* Sanitizers make each check of a whole hash long: they get a tenth of the steps. */
#ifdef COATCHECK_SANITIZED
#define SCALE 10
#else
#define SCALE 1
#endif

#define NOW_MS 1800000000000
#define NAMES 4000

struct model_field {
    bool there;
    char *value;
    size_t len;
    int64_t deadline_ms;
};

static struct model_field model[NAMES];
static struct hash *hash;
static uint64_t dice;
static int64_t now_ms;
static unsigned names; /* that are drawn from */

static void set_now(int64_t ms)
{
    now_ms = ms;
    clock_set_ms(ms);
}

static int open_hash(void **state)
{
    (void)state;
    hash_kind_setup();
    set_now(NOW_MS);
    dice = 11;
    hash = hash_new();
    assert_non_null(hash);
    atomic_store(&hash_options.hash_max_listpack_entries, 512);
    atomic_store(&hash_options.hash_max_listpack_value, 64);
    return 0;
}

static void forget(unsigned number)
{
    free(model[number].value);
    model[number] = (struct model_field){0};
}

static int close_hash(void **state)
{
    (void)state;
    mem_fail_after(0);
    hash_free(&hash);
    assert_null(hash);
    for (unsigned i = 0; i < NAMES; i++) forget(i);
    clock_release();
    return 0;
}

/* Short and long ones, numbers among them, and one of no bytes. */
static struct bytes name_of(unsigned number, char room[512])
{
    int len = number == 0 ? 0
              : number % 5 == 1 ? snprintf(room, 512, "%u", number * 77)
              : number % 5 == 2 ? snprintf(room, 512, "-%u", number)
              : number % 41 == 3 ? snprintf(room, 512, "%0*u", 230 + (int)(number % 40), number)
                                 : snprintf(room, 512, "field:%u", number);

    return bytes_of(room, (size_t)len);
}

static struct bytes draw_value(char *room, size_t most)
{
    size_t len = (size_t)random_below(&dice, random_below(&dice, 20) ? 20 : most);

    if (random_below(&dice, 3) == 0) {
        return bytes_of(room, (size_t)snprintf(room, most, "%lld", (long long)(random_next(&dice) >> random_below(&dice, 64))));
    }
    for (size_t i = 0; i < len; i++) room[i] = (char)random_next(&dice);
    return bytes_of(room, len);
}

static bool lives(unsigned number)
{
    return model[number].there && model[number].deadline_ms > now_ms;
}

static void remember(unsigned number, struct bytes value, int64_t deadline_ms)
{
    bool keep = deadline_ms == HASH_KEEP_DEADLINE;
    int64_t kept_ms = keep && lives(number) ? model[number].deadline_ms : NEVER;

    forget(number);
    model[number] = (struct model_field){true, malloc(value.len + 1), value.len, keep ? kept_ms : deadline_ms};
    if (value.len > 0) memcpy(model[number].value, value.at, value.len);
}

static void expect_field(const struct hash *of, unsigned number)
{
    struct hash_field field;
    char room[512];
    bool there = hash_get(of, name_of(number, room), &field);

    must(there == lives(number));
    if (!there) return;
    must(field.deadline_ms == model[number].deadline_ms);
    must(bytes_equal(field.value, bytes_of(model[number].value, model[number].len)));
}

static unsigned number_of(struct bytes name)
{
    char room[512];

    for (unsigned i = 0; i < names; i++) {
        if (bytes_equal(name_of(i, room), name)) return i;
    }
    fail_msg("a name that nobody has put");
    return 0;
}

static unsigned living(void)
{
    unsigned count = 0;

    for (unsigned i = 0; i < names; i++) count += lives(i);
    return count;
}

static void check_all(const struct hash *of)
{
    struct hash_walk walk;
    unsigned seen = 0;

    hash_check(of);
    for (unsigned i = 0; i < names; i++) expect_field(of, i);
    for (hash_walk_begin(&walk, of); hash_walk_next(&walk); seen++) {}
    must(seen == living());
    must(hash_count(of) >= seen);
}

static int64_t draw_deadline(void)
{
    uint64_t kind = random_below(&dice, 10);

    if (kind < 5) return NEVER;
    return kind < 6 ? HASH_KEEP_DEADLINE : now_ms + 1 + (int64_t)random_below(&dice, kind < 9 ? 2000 : 1u << 30);
}

static void step_put(unsigned number, bool mortal)
{
    char room[512], value_room[3000];
    struct bytes value = draw_value(value_room, hash_is_packed(hash) && random_below(&dice, 50) ? 60 : sizeof value_room);
    int64_t deadline_ms = mortal ? draw_deadline() : NEVER;
    bool was = lives(number), added = false;

    assert_int_equal(hash_put(hash, name_of(number, room), value, deadline_ms, &added), OK);
    must(added == !was);
    remember(number, value, deadline_ms);
}

static void step_all(bool mortal)
{
    static char rooms[8][512], value_rooms[8][64];
    struct bytes words[16];
    unsigned pairs = 1 + (unsigned)random_below(&dice, 8), added, fresh = 0, numbers[8];
    int64_t deadline_ms = mortal ? draw_deadline() : NEVER;

    for (unsigned i = 0; i < pairs; i++) {
        numbers[i] = (unsigned)random_below(&dice, names);
        words[2 * i] = name_of(numbers[i], rooms[i]);
        words[2 * i + 1] = draw_value(value_rooms[i], sizeof value_rooms[i]);
    }
    assert_int_equal(hash_put_all(hash, words, pairs, deadline_ms, &added), OK);
    for (unsigned i = 0; i < pairs; i++) {
        fresh += !lives(numbers[i]);
        remember(numbers[i], words[2 * i + 1], deadline_ms);
    }
    must(added == fresh);
}

static void step_deadline(unsigned number)
{
    int64_t deadline_ms = random_below(&dice, 2) ? NEVER : now_ms + 1 + (int64_t)random_below(&dice, 3000);
    char room[512];
    enum status status = hash_set_deadline(hash, name_of(number, room), deadline_ms);

    must(status == (lives(number) ? OK : NOT_FOUND));
    if (status == OK) model[number].deadline_ms = deadline_ms;
}

static void step_expire(void)
{
    size_t steps = random_below(&dice, 2) ? 5 : SIZE_MAX;
    bool done = hash_expire(hash, now_ms, &steps, NULL, NULL);

    must(done || steps == 0);
    if (!done) return;
    must(hash_soonest_ms(hash) > now_ms);
    must(hash_count(hash) == living());
    for (unsigned i = 0; i < names; i++) {
        if (!lives(i)) forget(i);
    }
}

/* Of a hundred steps so many put something. */
static void run_steps(unsigned steps, unsigned puts, bool mortal)
{
    char room[512];

    for (unsigned i = 0; i < steps; i++) {
        unsigned number = (unsigned)random_below(&dice, names), kind = (unsigned)random_below(&dice, 100);

        if (kind < puts) {
            if (random_below(&dice, 8)) {
                step_put(number, mortal);
            } else {
                step_all(mortal);
            }
        } else if (kind < puts + 6 && mortal) {
            step_deadline(number);
        } else if (kind < puts + 9 && mortal) {
            set_now(now_ms + (int64_t)random_below(&dice, 300));
            step_expire();
        } else {
            must(hash_remove(hash, name_of(number, room)) == lives(number));
            forget(number);
        }
        expect_field(hash, number);
        if (i % (names < 100 ? 1 : 97) == 0) check_all(hash);
    }
    check_all(hash);
}

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
    slab_pretend_sparse(true);
    for (unsigned round = 0; round < 300 / SCALE; round++) {
        size_t used;

        atomic_store(&hash_options.hash_max_listpack_entries, round < 250 / SCALE ? 512 : 10);
        run_steps(20, 70, round % 2);
        used = kind->used_bytes(hash);
        kind->compact(hash, round % 3 == 0);
        assert_int_equal(kind->used_bytes(hash), used);
        check_all(hash);
    }
    slab_pretend_sparse(false);
}

/* --- with a shape --- */

enum { SHAPE_NAMES = 30 };

/* Hashes of the first SHAPE_NAMES names in their order, until these are a shape. */
static void make_shape(void)
{
    shape_forget();
    /* One of the names is long. */
    atomic_store(&hash_options.hash_max_listpack_value, 4000);
    for (unsigned round = 0; round <= SHAPE_NAMES; round++) {
        struct hash *other = hash_new();
        char room[512];
        bool added;

        for (unsigned i = 0; i < SHAPE_NAMES; i++) {
            assert_int_equal(hash_put(other, name_of(i, room), BYTES("v"), NEVER, &added), OK);
        }
        assert_int_equal(hash_is_shaped(other), round == SHAPE_NAMES);
        hash_check(other);
        hash_free(&other);
    }
}

/* A new hash of the first `count` names, one by one or all at once. */
static void begin_shaped(unsigned count, bool at_once, bool mortal)
{
    static char rooms[SHAPE_NAMES][512], value_rooms[SHAPE_NAMES][64];
    struct bytes words[2 * SHAPE_NAMES];
    int64_t deadline_ms = mortal ? draw_deadline() : NEVER;
    unsigned added = 0;

    hash_free(&hash);
    hash = hash_new();
    for (unsigned i = 0; i < NAMES; i++) forget(i);
    for (unsigned i = 0; i < count; i++) {
        words[2 * i] = name_of(i, rooms[i]);
        words[2 * i + 1] = draw_value(value_rooms[i], 60);
    }
    if (at_once) assert_int_equal(hash_put_all(hash, words, count, deadline_ms, &added), OK);
    for (unsigned i = 0; i < count; i++) {
        bool is_new;

        if (!at_once) {
            assert_int_equal(hash_put(hash, words[2 * i], words[2 * i + 1], deadline_ms, &is_new), OK);
            added += is_new;
        }
        remember(i, words[2 * i + 1], deadline_ms);
    }
    assert_int_equal(added, count);
    assert_true(hash_is_shaped(hash));
}

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
        slab_pretend_sparse(true);
        kind->compact(copy, false);
        slab_pretend_sparse(false);
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
#define HASH_TEST(test) cmocka_unit_test_setup_teardown(test, open_hash, close_hash)
    const struct CMUnitTest tests[] = {
        HASH_TEST(a_small_hash_is_its_model),
        HASH_TEST(a_large_hash_is_its_model),
        HASH_TEST(a_hash_of_any_size_may_call_itself_packed),
        HASH_TEST(a_field_costs_nothing_for_deadlines_that_nobody_set),
        HASH_TEST(its_copy_is_as_it_is_and_its_own),
        HASH_TEST(it_is_the_same_after_its_blocks_have_moved),
        HASH_TEST(one_that_shares_its_names_is_its_model),
        HASH_TEST(fields_removed_from_a_shape_leave_holes_that_nobody_sees),
        HASH_TEST(what_was_in_a_hole_takes_no_room),
        HASH_TEST(a_hash_with_a_shape_changes_wholly_or_not_at_all),
        HASH_TEST(its_order_is_that_of_coming),
        HASH_TEST(a_failed_allocation_changes_nothing),
        HASH_TEST(a_scan_sees_what_is_there_all_the_time),
        HASH_TEST(a_draw_gives_each_field_the_same_chance),
        HASH_TEST(it_is_freed_in_slices),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
