#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include "support/chance.h"
#include "coatcheck/base/held.h"
#include "coatcheck/base/mem.h"
#include "coatcheck/base/random.h"
#include "coatcheck/values/kind.h"
#include "coatcheck/values/set.h"

/* Members are drawn from so many names; the model says of each whether it is there. */
#define NAMES 40000

#ifdef COATCHECK_SANITIZED
#define STEPS 20000
#else
#define STEPS 200000
#endif

static uint64_t seed = 3;

static uint64_t draw(uint64_t limit)
{
    return random_below(&seed, limit);
}

enum names { NUMBERS, TEXTS, LONG_TEXTS, MIXED };

struct pair {
    struct set *set;
    enum names names;
    uint64_t count;
    bool there[NAMES];
};

/* One name per number, of any length from none on. */
static struct bytes name_of(enum names names, unsigned number, char into[600])
{
    size_t len;

    if (names == MIXED) names = number % 97 == 5 ? LONG_TEXTS : number % 3 == 0 ? NUMBERS : TEXTS;
    if (names == NUMBERS) return bytes_of(into, (size_t)sprintf(into, "%d", (int)number - NAMES / 2));
    if (number == 1) return bytes_of(into, 0);
    len = (size_t)sprintf(into, "%c%x", number % 2 ? 'm' : '\xff', number);
    if (names == LONG_TEXTS) {
        /* Round the length from which on a member is elsewhere. */
        size_t longer = 58 + number % 11 + (number % 50 == 0 ? 400 : 0);

        memset(into + len, '.', longer);
        len += longer;
    }
    return bytes_of(into, len);
}

static unsigned number_of(enum names names, struct bytes member)
{
    char copy[700];
    bool is_number;

    memcpy(copy, member.at, member.len);
    copy[member.len] = '\0';
    is_number = names == NUMBERS || (names == MIXED && copy[0] != 'm' && copy[0] != '\xff' && member.len > 0);
    if (is_number) return (unsigned)(atoi(copy) + NAMES / 2);
    return member.len == 0 ? 1 : (unsigned)strtoul(copy + 1, NULL, 16);
}

static struct pair *pair_new(enum names names)
{
    struct pair *pair = calloc(1, sizeof *pair);

    pair->set = set_new();
    pair->names = names;
    return pair;
}

static void pair_free(struct pair *pair)
{
    set_free(&pair->set);
    assert_null(pair->set);
    free(pair);
}

static void pair_add(struct pair *pair, unsigned number)
{
    char text[600];
    bool added;

    assert_int_equal(set_add(pair->set, name_of(pair->names, number, text), &added), OK);
    assert_int_equal(added, !pair->there[number]);
    pair->count += added;
    pair->there[number] = true;
}

static void pair_remove(struct pair *pair, unsigned number)
{
    char text[600];

    assert_int_equal(set_remove(pair->set, name_of(pair->names, number, text)), pair->there[number]);
    pair->count -= pair->there[number];
    pair->there[number] = false;
}

/* `set` has the members of the pair's model, each once, on a walk and when asked for. */
static void assert_members(const struct pair *pair, const struct set *set)
{
    bool *seen = calloc(NAMES, 1);
    struct set_walk walk;
    uint64_t count = 0;
    char text[600];

    set_check(set);
    assert_int_equal(set_count(set), pair->count);
    for (set_walk_begin(&walk, set); set_walk_next(&walk); count++) {
        unsigned number = number_of(pair->names, walk.member);

        assert_true(number < NAMES && pair->there[number] && !seen[number]);
        seen[number] = true;
    }
    assert_int_equal(count, pair->count);
    for (unsigned i = 0; i < NAMES; i += 1 + (unsigned)draw(20)) {
        assert_int_equal(set_has(set, name_of(pair->names, i, text)), pair->there[i]);
    }
    free(seen);
}

static void live(enum names names, unsigned range)
{
    struct pair *pair = pair_new(names);
    bool grows = true;

    for (unsigned step = 0; step < STEPS; step++) {
        unsigned number = (unsigned)draw(range);

        if (pair->count == 0) grows = true;
        if (pair->count > range * 4 / 5) grows = false;
        if (draw(10) < (grows ? 7u : 3u)) {
            pair_add(pair, number);
        } else if (pair->count > 0 && draw(3) == 0) {
            struct set_spot spot;

            set_draw(pair->set, &seed, &spot);
            number = number_of(names, spot.member);
            assert_true(pair->there[number]);
            set_take(pair->set, &spot);
            pair->there[number] = false;
            pair->count--;
        } else {
            pair_remove(pair, number);
        }
        if (step % (STEPS / 20) == 0) assert_members(pair, pair->set);
    }
    assert_members(pair, pair->set);
    for (unsigned i = 0; i < NAMES; i++) pair_remove(pair, i);
    assert_members(pair, pair->set);
    pair_free(pair);
}

static void it_holds_what_a_set_would(void **state)
{
    (void)state;
    for (unsigned names = NUMBERS; names <= MIXED; names++) {
        live(names, 50);
        live(names, 400);
        live(names, NAMES);
    }
}

static void numbers_alone_are_an_intset_up_to_the_limit(void **state)
{
    struct pair *pair = pair_new(NUMBERS);
    struct bytes no_numbers[] = {BYTES("01"), BYTES("+1"), BYTES("-0"), BYTES(" 1"), BYTES("1 "), BYTES(""),
                                 BYTES("9223372036854775808"), BYTES("1e3")};
    int64_t before = INT64_MIN;
    struct set_walk walk;
    bool added;

    (void)state;
    for (unsigned i = 0; i < 512; i++) {
        pair_add(pair, i * 7 % 512);
        assert_true(set_is_intset(pair->set));
    }
    for (set_walk_begin(&walk, pair->set); set_walk_next(&walk);) {
        int64_t number;

        assert_true(number_read_int(walk.member, &number) && number > before);
        before = number;
    }
    pair_add(pair, 100);
    assert_true(set_is_intset(pair->set));
    pair_add(pair, 600);
    assert_false(set_is_intset(pair->set));
    assert_members(pair, pair->set);
    for (unsigned i = 0; i < NAMES; i++) pair_remove(pair, i);
    pair_add(pair, 1);
    assert_false(set_is_intset(pair->set));
    pair_free(pair);
    for (unsigned i = 0; i < sizeof no_numbers / sizeof no_numbers[0]; i++) {
        struct set *set = set_new();

        assert_int_equal(set_add(set, BYTES("1"), &added), OK);
        assert_false(set_has(set, no_numbers[i]));
        assert_int_equal(set_add(set, no_numbers[i], &added), OK);
        assert_true(added && !set_is_intset(set) && set_has(set, no_numbers[i]) && set_has(set, BYTES("1")));
        set_free(&set);
    }
    atomic_store(&set_options.set_max_intset_entries, 0);
    pair = pair_new(NUMBERS);
    pair_add(pair, 5);
    assert_false(set_is_intset(pair->set));
    atomic_store(&set_options.set_max_intset_entries, 512);
    pair_free(pair);
}

static void assert_fair(struct pair *pair)
{
    uint64_t draws = pair->count * 200, freedom = pair->count - 1;
    unsigned *times = calloc(NAMES, sizeof *times);
    double sum = 0;

    for (uint64_t i = 0; i < draws; i++) {
        struct set_spot spot;

        set_draw(pair->set, &seed, &spot);
        times[number_of(pair->names, spot.member)]++;
    }
    for (unsigned i = 0; i < NAMES; i++) {
        double off = (double)times[i] - 200;

        if (pair->there[i]) sum += off * off / 200;
        if (!pair->there[i]) assert_int_equal(times[i], 0);
    }
    assert_true(chance_is_even(sum, (double)freedom));
    free(times);
}

static void each_member_is_drawn_as_often_as_any_other(void **state)
{
    (void)state;
    for (unsigned names = NUMBERS; names <= MIXED; names++) {
        static const unsigned sizes[] = {20, 200, 3000};

        for (unsigned s = 0; s < 3; s++) {
            struct pair *pair = pair_new(names);

            while (pair->count < sizes[s]) pair_add(pair, (unsigned)draw(NAMES));
            assert_fair(pair);
            /* What has shrunk is uneven. */
            for (unsigned i = 0; i < NAMES && pair->count > sizes[s] / 3; i++) pair_remove(pair, i);
            assert_fair(pair);
            pair_free(pair);
        }
    }
}

/* ---- scans ---- */

struct seen {
    const struct pair *pair;
    uint8_t *times;
    uint64_t page;
};

static void see(void *context, struct bytes member)
{
    struct seen *seen = context;
    unsigned number = number_of(seen->pair->names, member);

    assert_true(seen->pair->there[number]);
    if (seen->times[number] < 255) seen->times[number]++;
    seen->page++;
}

static void a_scan_sees_each_member_once_when_nothing_changes(void **state)
{
    (void)state;
    for (unsigned names = NUMBERS; names <= MIXED; names++) {
        struct pair *pair = pair_new(names);

        for (unsigned i = 0; i < 20000; i++) pair_add(pair, (unsigned)draw(NAMES));
        for (uint64_t budget = 1; budget < 3000; budget *= 7) {
            struct seen seen = {pair, calloc(NAMES, 1), 0};
            uint64_t cursor = 0;

            do {
                seen.page = 0;
                cursor = set_scan(pair->set, cursor, budget, see, &seen);
                assert_true(seen.page <= 4 * budget + 8);
            } while (cursor != 0);
            for (unsigned i = 0; i < NAMES; i++) assert_int_equal(seen.times[i], pair->there[i]);
            free(seen.times);
        }
        pair_free(pair);
    }
}

static void a_scan_sees_what_is_there_all_the_time_whatever_else_comes_and_goes(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 6; round++) {
        struct pair *pair = pair_new(TEXTS);
        struct seen seen = {pair, calloc(NAMES, 1), 0};
        bool grows = round % 2;
        uint64_t cursor = 0;

        for (unsigned i = 0; i < NAMES; i += grows ? 10 : 1) pair_add(pair, i);
        do {
            cursor = set_scan(pair->set, cursor, 10, see, &seen);
            for (unsigned i = 0; i < 30 + 60 * round; i++) {
                unsigned number = (unsigned)draw(NAMES);

                if (number % 10 == 0) continue;
                if (grows) pair_add(pair, number);
                if (!grows) pair_remove(pair, number);
            }
        } while (cursor != 0);
        for (unsigned i = 0; i < NAMES; i += 10) assert_true(seen.times[i] > 0);
        set_check(pair->set);
        free(seen.times);
        pair_free(pair);
    }
}

/* ---- as a kind ---- */

static void a_copy_is_a_set_of_its_own(void **state)
{
    const struct value_kind *kind = value_kind_of(VALUE_SET);

    (void)state;
    for (unsigned names = NUMBERS; names <= MIXED; names++) {
        for (unsigned size = 0; size <= 3000; size += size < 300 ? 100 : 900) {
            struct pair *pair = pair_new(names);
            struct set *copy;

            for (unsigned i = 0; i < size; i++) pair_add(pair, (unsigned)draw(NAMES));
            copy = kind->copy(pair->set);
            assert_members(pair, copy);
            assert_string_equal(kind->encoding(copy), kind->encoding(pair->set));
            set_free(&copy);
            copy = set_copy_as_texts(pair->set);
            assert_members(pair, copy);
            assert_false(set_is_intset(copy));
            set_free(&copy);
            assert_members(pair, pair->set);
            pair_free(pair);
        }
    }
}

/* Whatever is looked for, and however large the set: only what is there is read, in so many steps. */
static void fetching_ahead_ends(void **state)
{
    const struct value_kind *kind = value_kind_of(VALUE_SET);

    (void)state;
    for (enum names names = NUMBERS; names <= MIXED; names++) {
        struct pair *pair = pair_new(names);

        for (unsigned i = 0; i < 3000; i++) {
            char scratch[600];
            uint64_t memo = 0;
            unsigned step = 0;

            if (i > 0) pair_add(pair, i);
            while (kind->prefetch(pair->set, name_of(names, (unsigned)draw(NAMES), scratch), step, &memo)) {
                assert_true(++step < PREFETCH_STEPS);
            }
            assert_true(step > 0);
        }
        assert_members(pair, pair->set);
        pair_free(pair);
    }
}

static void it_is_freed_in_slices(void **state)
{
    const struct value_kind *kind = value_kind_of(VALUE_SET);
    struct pair *pair = pair_new(MIXED);
    void *container = pair->set;
    unsigned slices = 1;

    (void)state;
    for (unsigned i = 0; i < NAMES; i++) pair_add(pair, i);
    while (!kind->free_some(&container, 10)) slices++;
    assert_null(container);
    assert_true(slices > 20);
    free(pair);
}

#ifdef COATCHECK_JEMALLOC
static void it_knows_what_the_allocator_holds_for_it(void **state)
{
    const struct value_kind *kind = value_kind_of(VALUE_SET);

    (void)state;
    for (unsigned names = NUMBERS; names <= MIXED; names++) {
        struct pair *pair = pair_new(names);
        int64_t before = held_own() - (int64_t)kind->used_bytes(pair->set);

        for (unsigned i = 0; i < 30000; i++) {
            pair_add(pair, (unsigned)draw(NAMES));
            if (i % 3 == 0) pair_remove(pair, (unsigned)draw(NAMES));
            if (i % 100 == 0) assert_int_equal(held_own() - before, kind->used_bytes(pair->set));
        }
        pair_free(pair);
    }
}
#endif

static void a_failed_allocation_changes_nothing(void **state)
{
    (void)state;
    for (unsigned names = NUMBERS; names <= MIXED; names++) {
        struct pair *pair = pair_new(names);

        for (unsigned i = 0; i < 3000; i++) {
            unsigned number = (unsigned)draw(6000);
            char text[600];
            bool added;

            for (unsigned nth = 1; nth < 4; nth++) {
                enum status status;

                mem_fail_after(nth);
                status = set_add(pair->set, name_of(names, number, text), &added);
                mem_fail_after(0);
                if (status == OK) {
                    assert_int_equal(added, !pair->there[number]);
                    pair->count += added;
                    pair->there[number] = true;
                }
                assert_int_equal(set_count(pair->set), pair->count);
                if (i % 50 == 0) assert_members(pair, pair->set);
            }
            pair_add(pair, number);
            mem_fail_after(1);
            if (i % 3 == 0) pair_remove(pair, (unsigned)draw(6000));
            mem_fail_after(0);
        }
        for (unsigned nth = 1; nth < 60; nth++) {
            void *copy;

            mem_fail_after(nth);
            copy = value_kind_of(VALUE_SET)->copy(pair->set);
            mem_fail_after(0);
            if (copy) set_free((struct set **)&copy);
        }
        assert_members(pair, pair->set);
        pair_free(pair);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_holds_what_a_set_would),
        cmocka_unit_test(numbers_alone_are_an_intset_up_to_the_limit),
        cmocka_unit_test(each_member_is_drawn_as_often_as_any_other),
        cmocka_unit_test(a_scan_sees_each_member_once_when_nothing_changes),
        cmocka_unit_test(a_scan_sees_what_is_there_all_the_time_whatever_else_comes_and_goes),
        cmocka_unit_test(a_copy_is_a_set_of_its_own),
        cmocka_unit_test(fetching_ahead_ends),
        cmocka_unit_test(it_is_freed_in_slices),
#ifdef COATCHECK_JEMALLOC
        cmocka_unit_test(it_knows_what_the_allocator_holds_for_it),
#endif
        cmocka_unit_test(a_failed_allocation_changes_nothing),
    };

    set_kind_setup();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
