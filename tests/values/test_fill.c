/* Values that are filled at once beside the same ones made element by element. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>
#include "coatcheck/base/mem.h"
#include "coatcheck/base/random.h"
#include "coatcheck/structs/twins.h"
#include "coatcheck/values/hash.h"
#include "coatcheck/values/list.h"
#include "coatcheck/values/set.h"
#include "coatcheck/values/zset.h"

#define ROUNDS 300
#define TEXTS 400

static char texts[TEXTS][80];
static struct packitem items[TEXTS];
static uint64_t dice = 5;

static struct bytes text_at(unsigned at)
{
    return bytes_of_text(texts[at]);
}

/* Texts and numbers of all lengths, each with its place at its end. */
static void draw_texts(unsigned count, unsigned longest)
{
    for (unsigned i = 0; i < count; i++) {
        unsigned len = (unsigned)random_below(&dice, longest - 4), at = 0;
        bool number = random_below(&dice, 3) == 0;

        if (number && len > 12) len = 12;
        for (; at < len; at++) texts[i][at] = (char)((number ? '1' : 'a') + random_below(&dice, 9));
        for (unsigned digit = 0, left = i; digit < 4; digit++, left /= 10) texts[i][len + 3 - digit] = (char)('0' + left % 10);
        texts[i][len + 4] = '\0';
        if (number && len == 0) texts[i][0] = '7';
        assert_true(packitem_init(&items[i], text_at(i)));
    }
}

static void a_hash_filled_at_once_has_all_of_its_fields(void **state)
{
    (void)state;
    for (unsigned round = 0; round < ROUNDS; round++) {
        unsigned pairs = 1 + (unsigned)random_below(&dice, TEXTS / 2);
        struct hash *hash = hash_new();

        draw_texts(2 * pairs, 50);
        assert_int_equal(hash_fill(hash, items, pairs), OK);
        hash_check(hash);
        assert_int_equal(hash_count(hash), pairs);
        for (unsigned i = 0; i < pairs; i++) {
            struct hash_field field;

            assert_true(hash_get(hash, text_at(2 * i), &field));
            assert_true(bytes_equal(field.value, text_at(2 * i + 1)));
        }
        hash_free(&hash);
    }
}

static void what_has_two_fields_of_a_name_is_not_filled(void **state)
{
    struct hash *hash = hash_new();

    (void)state;
    for (unsigned round = 0; round < ROUNDS; round++) {
        unsigned pairs = 2 + (unsigned)random_below(&dice, TEXTS / 2 - 2);
        unsigned one = (unsigned)random_below(&dice, pairs - 1);

        draw_texts(2 * pairs, 50);
        items[2 * (one + 1 + random_below(&dice, pairs - one - 1))] = items[2 * one];
        assert_int_equal(hash_fill(hash, items, pairs), MALFORMED);
        assert_int_equal(hash_count(hash), 0);
    }
    hash_free(&hash);
}

/* Those of the options, and bytes of a block. */
static void what_is_beyond_the_limits_is_left_to_those_who_put_one_by_one(void **state)
{
    struct hash *hash = hash_new();
    struct list *list = list_new();
    struct set *set = set_new();
    int64_t numbers[] = {-7, 1, 70000};

    (void)state;
    draw_texts(200, 79);
    memset(texts[7], 'x', 65);
    texts[7][65] = '\0';
    assert_true(packitem_init(&items[7], text_at(7)));
    assert_int_equal(hash_fill(hash, items, 100), OK);
    assert_true(hash_is_packed(hash));
    hash_free(&hash);
    hash = hash_new();
    atomic_store(&hash_options.hash_max_listpack_entries, 3);
    draw_texts(200, 50);
    assert_int_equal(hash_fill(hash, items, 4), TOO_BIG);
    assert_int_equal(hash_fill(hash, items, 3), OK);
    atomic_store(&hash_options.hash_max_listpack_entries, 512);
    atomic_store(&list_options.list_max_listpack_size, 3);
    assert_int_equal(list_fill(list, items, 4), TOO_BIG);
    assert_int_equal(list_fill(list, items, 3), OK);
    atomic_store(&list_options.list_max_listpack_size, -2);
    atomic_store(&set_options.set_max_intset_entries, 2);
    assert_int_equal(set_fill(set, numbers, 3), TOO_BIG);
    atomic_store(&set_options.set_max_intset_entries, 512);
    assert_int_equal(set_fill(set, numbers, 3), OK);
    set_check(set);
    assert_int_equal(set_number_width(set), 4);
    hash_free(&hash);
    list_free(&list);
    set_free(&set);
}

static void a_list_filled_at_once_is_in_order_and_takes_more(void **state)
{
    (void)state;
    for (unsigned round = 0; round < ROUNDS; round++) {
        unsigned count = 1 + (unsigned)random_below(&dice, 100);
        struct list *list = list_new();
        struct list_walk walk;

        draw_texts(count, 70);
        assert_int_equal(list_fill(list, items, count), OK);
        assert_int_equal(list_push(list, LIST_LEFT, BYTES("first")), OK);
        assert_int_equal(list_push(list, LIST_RIGHT, BYTES("last")), OK);
        list_check(list);
        assert_int_equal(list_count(list), count + 2);
        list_walk_from(&walk, list, 1, false);
        for (unsigned i = 0; i < count; i++) {
            char scratch[NUMBER_MAX_TEXT];

            assert_true(list_walk_next(&walk));
            assert_true(bytes_equal(list_walk_text(&walk, scratch), text_at(i)));
        }
        list_free(&list);
    }
}

static void a_set_filled_at_once_has_all_of_its_numbers(void **state)
{
    int64_t numbers[300];

    (void)state;
    for (unsigned round = 0; round < ROUNDS; round++) {
        unsigned count = 1 + (unsigned)random_below(&dice, 300);
        int64_t step = round % 3 == 0 ? 9 : round % 3 == 1 ? 90000 : INT64_C(9000000000000000);
        struct set *set = set_new();

        for (unsigned i = 0; i < count; i++)
            numbers[i] = (i > 0 ? numbers[i - 1] : -step * 150) + 1 + (int64_t)random_below(&dice, (uint64_t)step);
        assert_int_equal(set_fill(set, numbers, count), OK);
        set_check(set);
        assert_int_equal(set_count(set), count);
        for (unsigned i = 0; i < count; i++) {
            char digits[NUMBER_MAX_TEXT];

            assert_true(set_has(set, bytes_of(digits, number_print_int(digits, numbers[i]))));
        }
        set_free(&set);
    }
}

static void a_sorted_set_is_filled_at_once_when_its_members_are_in_order(void **state)
{
    struct scoreitem members[100];

    (void)state;
    for (unsigned round = 0; round < ROUNDS; round++) {
        unsigned count = 2 + (unsigned)random_below(&dice, 98), other = (unsigned)random_below(&dice, count - 1) + 1;
        double step = round % 2 ? 1.5 : 3;
        struct zset *zset = zset_new();

        draw_texts(count, 60);
        for (unsigned i = 0; i < count; i++)
            assert_int_equal(scoreitem_init(&members[i], step * i - 20, text_at(i), 0), OK);
        members[other].score = -1000;
        assert_int_equal(zset_fill(zset, members, count), TOO_BIG);
        members[other].score = step * other - 20;
        members[other].at = members[0].at;
        members[other].length = members[0].length;
        assert_int_equal(zset_fill(zset, members, count), MALFORMED);
        assert_int_equal(scoreitem_init(&members[other], step * other - 20, text_at(other), 0), OK);
        assert_int_equal(zset_fill(zset, members, count), OK);
        zset_check(zset);
        for (unsigned i = 0; i < count; i++) {
            uint64_t rank;
            double score;

            assert_true(zset_rank(zset, text_at(i), &rank, &score));
            assert_int_equal(rank, i);
            assert_true(score == step * i - 20);
        }
        zset_free(&zset);
    }
}

/* As redis-server's small form has it. */
static void a_score_of_minus_zero_is_zero(void **state)
{
    struct zset *zset = zset_new();
    struct scoreitem member;
    double score;

    (void)state;
    assert_int_equal(scoreitem_init(&member, -0.0, BYTES("a"), 0), OK);
    assert_int_equal(zset_fill(zset, &member, 1), OK);
    assert_true(zset_score(zset, BYTES("a"), &score));
    assert_false(__builtin_signbit(score));
    zset_free(&zset);
}

static void without_memory_nothing_is_filled(void **state)
{
    struct hash *hash = hash_new();
    struct list *list = list_new();
    struct set *set = set_new();
    struct zset *zset = zset_new();
    int64_t numbers[] = {1, 2};
    struct scoreitem member;

    (void)state;
    draw_texts(20, 50);
    assert_int_equal(scoreitem_init(&member, 1, BYTES("a"), 0), OK);
    mem_fail_after(1);
    assert_int_equal(hash_fill(hash, items, 10), NO_MEMORY);
    mem_fail_after(1);
    assert_int_equal(list_fill(list, items, 20), NO_MEMORY);
    mem_fail_after(1);
    assert_int_equal(set_fill(set, numbers, 2), NO_MEMORY);
    mem_fail_after(1);
    assert_int_equal(zset_fill(zset, &member, 1), NO_MEMORY);
    mem_fail_after(0);
    assert_int_equal(hash_count(hash) + list_count(list) + set_count(set) + zset_count(zset), 0);
    hash_free(&hash);
    list_free(&list);
    set_free(&set);
    zset_free(&zset);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hash_filled_at_once_has_all_of_its_fields),
        cmocka_unit_test(what_has_two_fields_of_a_name_is_not_filled),
        cmocka_unit_test(what_is_beyond_the_limits_is_left_to_those_who_put_one_by_one),
        cmocka_unit_test(a_list_filled_at_once_is_in_order_and_takes_more),
        cmocka_unit_test(a_set_filled_at_once_has_all_of_its_numbers),
        cmocka_unit_test(a_sorted_set_is_filled_at_once_when_its_members_are_in_order),
        cmocka_unit_test(a_score_of_minus_zero_is_zero),
        cmocka_unit_test(without_memory_nothing_is_filled),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
