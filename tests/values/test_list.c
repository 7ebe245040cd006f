#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include "coatcheck/base/mem.h"
#include "coatcheck/base/random.h"
#include "coatcheck/values/kind.h"
#include "coatcheck/values/list.h"

#define MOST 30000

#ifdef COATCHECK_SANITIZED
#define STEPS 6000
#else
#define STEPS 30000
#endif

static uint64_t seed = 1;

static uint64_t draw(uint64_t limit)
{
    return random_below(&seed, limit);
}

/* The list and its model: texts in an array. */
struct pair {
    struct list *list;
    uint64_t count;
    struct bytes texts[MOST]; /* owned */
};

static void set_option(int64_t size)
{
    atomic_store(&list_options.list_max_listpack_size, size);
}

static struct bytes text_copy(struct bytes text)
{
    char *copy = malloc(text.len + 1);

    memcpy(copy, text.at, text.len);
    return bytes_of(copy, text.len);
}

static void model_put(struct pair *pair, uint64_t at, struct bytes text)
{
    memmove(&pair->texts[at + 1], &pair->texts[at], (pair->count - at) * sizeof text);
    pair->texts[at] = text_copy(text);
    pair->count++;
}

static void model_cut(struct pair *pair, uint64_t first, uint64_t end)
{
    for (uint64_t i = first; i < end; i++) free((char *)pair->texts[i].at);
    memmove(&pair->texts[first], &pair->texts[end], (pair->count - end) * sizeof pair->texts[0]);
    pair->count -= end - first;
}

static void pair_open(struct pair *pair)
{
    pair->list = list_new();
    pair->count = 0;
}

static void pair_close(struct pair *pair)
{
    model_cut(pair, 0, pair->count);
    list_free(&pair->list);
    assert_null(pair->list);
}

/* `many` elements from `at` on, in both directions. */
static void assert_part(const struct pair *pair, const struct list *list, uint64_t at,
                        uint64_t many)
{
    for (unsigned backwards = 0; pair->count > 0 && backwards < 2; backwards++) {
        struct list_walk walk;
        char scratch[NUMBER_MAX_TEXT];
        uint64_t i = at, left = many;

        list_walk_from(&walk, list, at, backwards);
        while (left > 0 && list_walk_next(&walk)) {
            assert_int_equal(walk.at, i);
            assert_true(bytes_equal(list_walk_text(&walk, scratch), pair->texts[i]));
            i += backwards ? UINT64_MAX : 1;
            left--;
        }
        if (left > 0) assert_int_equal(i, backwards ? UINT64_MAX : pair->count);
    }
}

static void assert_same(const struct pair *pair, const struct list *list)
{
    list_check(list);
    assert_int_equal(list_count(list), pair->count);
    assert_part(pair, list, 0, UINT64_MAX);
    if (pair->count > 0) assert_part(pair, list, pair->count - 1, UINT64_MAX);
}

/* What a run's texts are like. */
enum texts { SHORT, NUMBERS, MIXED, LARGE };

static struct bytes draw_text(enum texts texts, char *room)
{
    size_t len;

    if (texts == NUMBERS || (texts == MIXED && draw(3) == 0)) {
        return bytes_of(room, number_print_int(room, (int64_t)(random_next(&seed) >> (draw(64)))));
    }
    len = texts == SHORT ? draw(24) : texts == MIXED && draw(20) ? draw(300) : draw(12000);
    if (texts == LARGE && draw(40) == 0) len = 60000 + draw(200000);
    memset(room, 'a' + (int)draw(4), len);
    if (len > 8) snprintf(room, 8, "%d", (int)draw(5000));
    return bytes_of(room, len);
}

static void remove_equal(struct pair *pair)
{
    struct list_needle needle;
    uint64_t most = draw(3) ? draw(4) + 1 : UINT64_MAX, removed = 0;
    bool backwards = draw(2);
    struct bytes text = text_copy(pair->texts[draw(pair->count)]);

    list_needle_init(&needle, text);
    for (uint64_t k = 0, i = backwards ? pair->count - 1 : 0; k < pair->count && removed < most;) {
        if (!bytes_equal(pair->texts[i], text)) {
            k++;
            i += backwards ? UINT64_MAX : 1;
            continue;
        }
        model_cut(pair, i, i + 1);
        removed++;
        if (backwards) i--;
    }
    assert_int_equal(list_remove_equal(pair->list, &needle, most, backwards), removed);
    free((char *)text.at);
}

/* From one end to the other, as LMOVE does with one list: one that stands alone is in it twice
 * meanwhile. */
static void move_round(struct pair *pair)
{
    enum list_end from = draw(2) ? LIST_LEFT : LIST_RIGHT, to = draw(2) ? LIST_LEFT : LIST_RIGHT;
    uint64_t at = from == LIST_LEFT ? 0 : pair->count - 1;
    struct list_walk walk;

    list_walk_from(&walk, pair->list, at, false);
    assert_true(list_walk_next(&walk));
    assert_int_equal(list_push_walked(pair->list, to, &walk), OK);
    model_put(pair, to == LIST_LEFT ? 0 : pair->count, pair->texts[at]);
    at = from == LIST_LEFT ? 0 : pair->count - 1;
    list_remove_range(pair->list, at, at + 1);
    model_cut(pair, at, at + 1);
}

/* `growth` of a hundred steps put something in. */
static void step(struct pair *pair, enum texts texts, unsigned growth, char *room)
{
    uint64_t at = draw(3) == 0 ? 0 : draw(2) ? pair->count : draw(pair->count + 1), end;
    struct bytes text = draw_text(texts, room);
    enum list_end side = draw(2) ? LIST_LEFT : LIST_RIGHT;

    if (draw(100) < growth && pair->count < MOST) {
        if (draw(2)) {
            assert_int_equal(list_push(pair->list, side, text), OK);
            model_put(pair, side == LIST_LEFT ? 0 : pair->count, text);
        } else {
            assert_int_equal(list_insert(pair->list, at, text), OK);
            model_put(pair, at, text);
        }
        return;
    }
    if (pair->count == 0) return;
    at = at == pair->count ? at - 1 : at;
    switch (draw(9)) {
    case 8:
        if (pair->count < MOST) move_round(pair);
        return;
    case 0:
    case 1:
        assert_int_equal(list_set(pair->list, at, text), OK);
        free((char *)pair->texts[at].at);
        pair->texts[at] = text_copy(text);
        return;
    case 2:
        if (draw(20) == 0 || pair->count < 300) remove_equal(pair);
        return;
    case 3:
        end = at + draw(draw(50) == 0 ? pair->count / 3 + 1 : 12);
        if (end > pair->count) end = pair->count;
        list_remove_range(pair->list, at, end);
        model_cut(pair, at, end);
        return;
    default:
        at = draw(2) ? 0 : pair->count - 1;
        list_remove_range(pair->list, at, at + 1);
        model_cut(pair, at, at + 1);
    }
}

static void run(int64_t option, enum texts texts, unsigned steps)
{
    static const unsigned growths[] = {75, 45, 20, 60};
    static struct pair pair;
    char *room = malloc(300000);

    set_option(option);
    pair_open(&pair);
    for (unsigned i = 0; i < steps; i++) {
        step(&pair, texts, growths[i * 4 / steps], room);
        assert_int_equal(list_count(pair.list), pair.count);
        if (i % 256 == 0 || (pair.count < 30 && i % 4 == 0)) assert_same(&pair, pair.list);
        if (pair.count > 0) assert_part(&pair, pair.list, draw(pair.count), 3);
    }
    assert_same(&pair, pair.list);
    pair_close(&pair);
    set_option(-2);
    free(room);
}

static void a_list_is_as_its_model_after_each_step(void **state)
{
    (void)state;
    run(-2, SHORT, STEPS);
    run(-1, NUMBERS, STEPS);
    run(-2, MIXED, STEPS);
    run(-5, MIXED, STEPS);
}

static void elements_too_large_for_a_block_are_as_the_others(void **state)
{
    (void)state;
    run(-2, LARGE, STEPS / 6);
    run(-5, LARGE, STEPS / 6);
    run(3, LARGE, STEPS / 6);
}

static void a_tree_of_many_small_blocks_is_as_its_model(void **state)
{
    (void)state;
    run(1, SHORT, STEPS);
    run(0, NUMBERS, STEPS);
    run(3, MIXED, STEPS);
}

static void a_list_lives_on_when_the_limit_changes(void **state)
{
    static struct pair pair;
    static const int64_t limits[] = {-2, 1, 128, -5, -1, 2};
    char *room = malloc(300000);

    (void)state;
    pair_open(&pair);
    for (unsigned i = 0; i < STEPS; i++) {
        if (i % 500 == 0) set_option(limits[draw(6)]);
        step(&pair, MIXED, 55, room);
        if (i % 250 == 0) assert_same(&pair, pair.list);
    }
    pair_close(&pair);
    set_option(-2);
    free(room);
}

static const struct value_kind *kind(void)
{
    list_setup();
    return value_kind_of(VALUE_LIST);
}

static void copies_and_parts_are_lists_of_their_own(void **state)
{
    static struct pair pair;
    char *room = malloc(300000);
    struct list *copy;

    (void)state;
    pair_open(&pair);
    for (unsigned i = 0; i < 4000; i++) step(&pair, i % 50 ? MIXED : LARGE, 90, room);
    copy = kind()->copy(pair.list);
    assert_same(&pair, copy);
    assert_in_range(kind()->used_bytes(copy), 1, kind()->used_bytes(pair.list) * 9 / 8);
    list_free(&copy);
    for (unsigned i = 0; i < 200; i++) {
        uint64_t first = draw(pair.count), end = first + 1 + draw(draw(2) ? 3 : pair.count - first);
        static struct pair part;

        if (end > pair.count) end = pair.count;
        copy = list_copy_range(pair.list, first, end);
        list_check(copy);
        memcpy(part.texts, pair.texts + first, (end - first) * sizeof part.texts[0]);
        part.count = end - first;
        assert_same(&part, copy);
        list_free(&copy);
    }
    assert_same(&pair, pair.list);
    pair_close(&pair);
    free(room);
}

/* Each allocation of a change fails in its turn, until one does not. */
static void without_memory_nothing_changes(void **state)
{
    static struct pair pair;
    char *room = malloc(300000);

    (void)state;
    for (unsigned round = 0; round < 300; round++) {
        pair_open(&pair);
        set_option(round % 3 ? (int64_t)draw(4) : -1);
        for (unsigned i = draw(120); i > 0; i--) step(&pair, round % 2 ? MIXED : LARGE, 100, room);
        for (unsigned turn = 0; turn < 4; turn++) {
            uint64_t at = pair.count ? draw(pair.count) : 0;
            struct bytes text = draw_text(round % 2 ? MIXED : LARGE, room);
            enum status status = NO_MEMORY;

            for (unsigned n = 1; status != OK; n++) {
                assert_in_range(n, 1, 60);
                mem_fail_after(n);
                if (turn == 0) status = list_push(pair.list, LIST_LEFT, text);
                if (turn == 1) status = list_push(pair.list, LIST_RIGHT, text);
                if (turn == 2) status = list_insert(pair.list, at, text);
                if (turn == 3) status = list_set(pair.list, at, text);
                mem_fail_after(0);
                if (status != OK) assert_same(&pair, pair.list);
            }
            if (turn < 3) model_put(&pair, turn == 0 ? 0 : turn == 1 ? pair.count : at, text);
            if (turn == 3) {
                free((char *)pair.texts[at].at);
                pair.texts[at] = text_copy(text);
            }
            assert_same(&pair, pair.list);
        }
        for (unsigned n = 1;; n++) {
            struct list *copy;

            mem_fail_after(n);
            copy = kind()->copy(pair.list);
            mem_fail_after(0);
            if (!copy) continue;
            assert_same(&pair, copy);
            list_free(&copy);
            break;
        }
        pair_close(&pair);
    }
    set_option(-2);
    free(room);
}

static void a_long_list_goes_in_slices(void **state)
{
    struct list *list = list_new();
    void *container = list;
    unsigned slices = 1;

    (void)state;
    for (unsigned i = 0; i < 200000; i++)
        assert_int_equal(list_push(list, LIST_RIGHT, BYTES("some element")), OK);
    list_check(list);
    while (!kind()->free_some(&container, 16)) slices++;
    assert_null(container);
    assert_in_range(slices, 15, 40);
}

static void elements_take_hardly_more_than_their_bytes(void **state)
{
    struct list *list = list_new();
    uint64_t count = 200000;

    (void)state;
    for (uint64_t i = 0; i < count; i++) {
        assert_int_equal(list_push(list, i % 2 ? LIST_LEFT : LIST_RIGHT, BYTES("sixteen bytes: 1")),
                         OK);
    }
    assert_in_range(kind()->used_bytes(list), 17 * count, 17 * count * 101 / 100);
    list_free(&list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_is_as_its_model_after_each_step),
        cmocka_unit_test(elements_too_large_for_a_block_are_as_the_others),
        cmocka_unit_test(a_tree_of_many_small_blocks_is_as_its_model),
        cmocka_unit_test(a_list_lives_on_when_the_limit_changes),
        cmocka_unit_test(copies_and_parts_are_lists_of_their_own),
        cmocka_unit_test(without_memory_nothing_changes),
        cmocka_unit_test(a_long_list_goes_in_slices),
        cmocka_unit_test(elements_take_hardly_more_than_their_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
