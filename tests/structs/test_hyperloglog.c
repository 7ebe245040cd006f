#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include "coatcheck/base/random.h"
#include "coatcheck/structs/hyperloglog.h"

#define ROOM (HLL_HEAD + 2 * HLL_REGISTERS + HLL_GROWTH)

/* A sparse text and the registers that it should hold. */
struct model {
    char text[ROOM];
    size_t len;
    uint8_t ranks[HLL_REGISTERS];
};

static void model_init(struct model *model)
{
    memset(model, 0, sizeof *model);
    hll_write_empty(model->text);
    model->len = HLL_EMPTY_LEN;
}

static struct bytes text_of(const struct model *model)
{
    return bytes_of(model->text, model->len);
}

static void assert_holds(struct bytes text, const uint8_t *expected)
{
    uint8_t ranks[HLL_REGISTERS] = {0};

    assert_true(hll_is_one(text));
    assert_true(hll_merge(text, ranks));
    assert_memory_equal(ranks, expected, HLL_REGISTERS);
}

/* Of a geometric distribution, as elements have it, but for higher ones now and then. */
static unsigned draw_rank(uint64_t *dice)
{
    if (random_below(dice, 10) == 0) return 1 + (unsigned)random_below(dice, 32);
    return (unsigned)__builtin_ctzll(random_next(dice) | (uint64_t)1 << 31) + 1;
}

static void an_empty_one_has_seen_nothing(void **state)
{
    struct model model;
    uint64_t count;

    (void)state;
    model_init(&model);
    assert_holds(text_of(&model), model.ranks);
    assert_true(hll_cached(text_of(&model), &count));
    assert_int_equal(count, 0);
    hll_void_cache(model.text);
    assert_false(hll_cached(text_of(&model), &count));
    assert_true(hll_count(text_of(&model), &count));
    assert_int_equal(count, 0);
    hll_cache(model.text, 1234567890123);
    assert_true(hll_cached(text_of(&model), &count));
    assert_true(count == 1234567890123);
}

/* Told by redis-server's PFDEBUG DECODE. */
static void elements_fall_to_redis_registers(void **state)
{
    const struct hll_run expected[] = {{8436, 0, 2}, {1, 1, 1}, {4274, 0, 2}, {1, 2, 1},
                                       {3068, 0, 2}, {1, 1, 1}, {603, 0, 2}};
    const char *const elements[] = {"a", "b", "c"};
    struct model model;
    struct hll_run run;
    size_t at = 0;

    (void)state;
    model_init(&model);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(hll_raise_sparse(model.text, &model.len, ROOM,
                                          hll_mark_of(bytes_of_text(elements[i])), NULL),
                         HLL_RAISED);
    }
    for (unsigned i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        assert_true(hll_next_run(text_of(&model), &at, &run));
        assert_memory_equal(&run, &expected[i], sizeof run);
    }
    assert_false(hll_next_run(text_of(&model), &at, &run));
}

static void a_mark_is_within_its_bounds(void **state)
{
    unsigned highest = 0;

    (void)state;
    for (uint64_t i = 0; i < 200000; i++) {
        struct hll_mark mark = hll_mark_of(bytes_of(&i, i % 9));

        assert_in_range(mark.index, 0, HLL_REGISTERS - 1);
        assert_in_range(mark.rank, 1, HLL_RANK_MAX);
        if (mark.rank > highest) highest = mark.rank;
    }
    assert_in_range(highest, 12, 30);
}

static void a_sparse_one_holds_what_the_model_holds(void **state)
{
    uint64_t dice = 7;
    struct model model;

    (void)state;
    for (unsigned limit = 64; limit <= ROOM; limit *= 2) {
        model_init(&model);
        for (unsigned i = 0; i < 3000; i++) {
            struct hll_mark mark = {(unsigned)random_below(&dice, limit) % HLL_REGISTERS,
                                    draw_rank(&dice)};
            size_t before = model.len;
            enum hll_outcome outcome = hll_raise_sparse(model.text, &model.len, ROOM, mark, NULL);

            assert_int_equal(outcome, model.ranks[mark.index] < mark.rank ? HLL_RAISED : HLL_SAME);
            assert_true(model.len <= before + HLL_GROWTH);
            if (outcome == HLL_RAISED) model.ranks[mark.index] = (uint8_t)mark.rank;
            if (i % 50 == 0) assert_holds(text_of(&model), model.ranks);
        }
        assert_holds(text_of(&model), model.ranks);
    }
}

static void a_text_that_may_not_grow_is_left_as_it_was(void **state)
{
    struct hll_mark mark = {100, 3}, high = {100, 33};
    char before[HLL_EMPTY_LEN];
    struct model model;

    (void)state;
    model_init(&model);
    memcpy(before, model.text, sizeof before);
    assert_int_equal(
        hll_raise_sparse(model.text, &model.len, HLL_EMPTY_LEN + HLL_GROWTH - 1, mark, NULL),
        HLL_TOO_LONG);
    assert_int_equal(hll_raise_sparse(model.text, &model.len, ROOM, high, NULL), HLL_TOO_LONG);
    assert_int_equal(model.len, HLL_EMPTY_LEN);
    assert_memory_equal(model.text, before, sizeof before);
    assert_int_equal(
        hll_raise_sparse(model.text, &model.len, HLL_EMPTY_LEN + HLL_GROWTH, mark, NULL),
        HLL_RAISED);
    assert_int_equal(model.len, HLL_EMPTY_LEN + HLL_GROWTH);
}

static void with_a_hint_the_same_bytes_come_out(void **state)
{
    static struct model hinted, plain;
    uint64_t dice = 11;

    (void)state;
    model_init(&hinted);
    model_init(&plain);
    for (unsigned round = 0; round < 40; round++) {
        struct hll_hint hint = {0};

        for (unsigned i = 0; i < HLL_REGISTERS; i += 1 + (unsigned)random_below(&dice, 200)) {
            struct hll_mark mark = {i, draw_rank(&dice) % 4 + 1};
            enum hll_outcome outcome = hll_raise_sparse(plain.text, &plain.len, ROOM, mark, NULL);

            assert_int_equal(hll_raise_sparse(hinted.text, &hinted.len, ROOM, mark, &hint),
                             outcome);
        }
        assert_int_equal(hinted.len, plain.len);
        assert_memory_equal(hinted.text, plain.text, plain.len);
    }
}

static void a_dense_one_holds_what_the_sparse_one_held(void **state)
{
    static struct model model;
    char dense[HLL_DENSE_LEN];
    uint64_t dice = 3, sparse_count, dense_count;

    (void)state;
    model_init(&model);
    for (unsigned i = 0; i < 2000; i++) {
        struct hll_mark mark = {(unsigned)random_below(&dice, HLL_REGISTERS), draw_rank(&dice)};

        if (hll_raise_sparse(model.text, &model.len, ROOM, mark, NULL) == HLL_RAISED)
            model.ranks[mark.index] = (uint8_t)mark.rank;
    }
    assert_true(hll_make_dense(text_of(&model), dense));
    assert_false(hll_is_sparse(bytes_of(dense, sizeof dense)));
    assert_holds(bytes_of(dense, sizeof dense), model.ranks);
    assert_true(hll_count(text_of(&model), &sparse_count));
    assert_true(hll_count(bytes_of(dense, sizeof dense), &dense_count));
    assert_int_equal(sparse_count, dense_count);
    assert_int_equal(hll_count_ranks(model.ranks), dense_count);
}

static void every_register_of_a_dense_one_stands_alone(void **state)
{
    char *dense = malloc(HLL_DENSE_LEN);
    uint64_t dice = 5;
    struct model model;

    (void)state;
    model_init(&model);
    assert_true(hll_make_dense(text_of(&model), dense));
    for (unsigned i = 0; i < 100000; i++) {
        struct hll_mark mark = {(unsigned)random_below(&dice, HLL_REGISTERS),
                                1 + (unsigned)random_below(&dice, 63)};
        bool raises = model.ranks[mark.index] < mark.rank;

        assert_int_equal(hll_raise_dense(dense, mark), raises);
        if (raises) model.ranks[mark.index] = (uint8_t)mark.rank;
        if (i % 5000 == 0) assert_holds(bytes_of(dense, HLL_DENSE_LEN), model.ranks);
    }
    assert_holds(bytes_of(dense, HLL_DENSE_LEN), model.ranks);
    free(dense);
}

/* No rank that an element can have is wrong, and those that none can have end in a number all the
 * same. */
static void any_ranks_can_be_counted(void **state)
{
    static uint8_t ranks[HLL_REGISTERS];
    uint64_t dice = 9;

    (void)state;
    for (unsigned rank = 0; rank < 64; rank++) {
        memset(ranks, (int)rank, sizeof ranks);
        hll_count_ranks(ranks);
    }
    assert_true(hll_count_ranks(ranks) == (uint64_t)1 << 63);
    for (unsigned round = 0; round < 200; round++) {
        for (unsigned i = 0; i < HLL_REGISTERS; i++) ranks[i] = (uint8_t)random_below(&dice, 64);
        hll_count_ranks(ranks);
    }
}

static void counts_are_near_the_truth(void **state)
{
    (void)state;
    assert_null(hll_self_test());
}

/* Whatever is stored: every byte that is touched is the text's own, which the address sanitizer
 * proves. */
static void use_all(char *text, size_t len, size_t room, uint64_t *dice)
{
    static uint8_t ranks[HLL_REGISTERS];
    char dense[HLL_DENSE_LEN];
    struct hll_hint hint = {0};
    struct hll_run run;
    uint64_t count;
    size_t at = 0;

    if (!hll_is_one(bytes_of(text, len))) return;
    hll_cached(bytes_of(text, len), &count);
    if (!hll_is_sparse(bytes_of(text, len))) return;
    assert_int_equal(hll_make_dense(bytes_of(text, len), dense),
                     hll_merge(bytes_of(text, len), ranks));
    assert_int_equal(hll_count(bytes_of(text, len), &count), hll_merge(bytes_of(text, len), ranks));
    while (hll_next_run(bytes_of(text, len), &at, &run)) assert_true(run.len > 0);
    for (unsigned index = 0; index < HLL_REGISTERS && len + HLL_GROWTH <= room;
         index += 1 + (unsigned)random_below(dice, 999)) {
        struct hll_mark mark = {index, draw_rank(dice)};

        hll_raise_sparse(text, &len, room, mark, random_below(dice, 2) ? &hint : NULL);
    }
}

static void damage_never_reaches_beyond_the_text(void **state)
{
    uint64_t dice = 13;

    (void)state;
    for (unsigned round = 0; round < 20000; round++) {
        struct model model;
        size_t room;
        char *copy;

        model_init(&model);
        for (uint64_t i = random_below(&dice, 200); i > 0; i--) {
            struct hll_mark mark = {(unsigned)random_below(&dice, HLL_REGISTERS), draw_rank(&dice)};

            hll_raise_sparse(model.text, &model.len, ROOM, mark, NULL);
        }
        for (uint64_t i = random_below(&dice, 5); i > 0; i--)
            model.text[random_below(&dice, model.len)] = (char)random_next(&dice);
        if (random_below(&dice, 3) == 0) model.len = random_below(&dice, model.len + 1);
        room = model.len + HLL_GROWTH * random_below(&dice, 30);
        copy = malloc(room ? room : 1);
        memcpy(copy, model.text, model.len);
        use_all(copy, model.len, room, &dice);
        free(copy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_one_has_seen_nothing),
        cmocka_unit_test(elements_fall_to_redis_registers),
        cmocka_unit_test(a_mark_is_within_its_bounds),
        cmocka_unit_test(a_sparse_one_holds_what_the_model_holds),
        cmocka_unit_test(a_text_that_may_not_grow_is_left_as_it_was),
        cmocka_unit_test(with_a_hint_the_same_bytes_come_out),
        cmocka_unit_test(a_dense_one_holds_what_the_sparse_one_held),
        cmocka_unit_test(every_register_of_a_dense_one_stands_alone),
        cmocka_unit_test(any_ranks_can_be_counted),
        cmocka_unit_test(counts_are_near_the_truth),
        cmocka_unit_test(damage_never_reaches_beyond_the_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
