#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include "coatcheck/base/mem.h"
#include "coatcheck/base/random.h"
#include "coatcheck/structs/nearby.h"

/* The score is the place in the list, so that what is equal can be told apart. */
static void fill(struct nearby_list *list, size_t count, uint64_t *dice, uint64_t different)
{
    list->count = 0;
    for (size_t i = 0; i < count; i++) {
        struct nearby one = {.score = (double)i, .distance = (double)random_below(dice, different)};

        assert_int_equal(nearby_add(list, one), OK);
    }
}

static int by_distance_and_place(const void *a, const void *b)
{
    const struct nearby *left = a, *right = b;

    if (left->distance != right->distance) return left->distance < right->distance ? -1 : 1;
    return left->score < right->score ? -1 : 1;
}

static int by_falling_distance_and_place(const void *a, const void *b)
{
    const struct nearby *left = a, *right = b;

    if (left->distance != right->distance) return left->distance > right->distance ? -1 : 1;
    return left->score < right->score ? -1 : 1;
}

static void all_are_sorted_and_equal_ones_stay_in_order(void **state)
{
    struct nearby_list list = {0}, model = {0};
    uint64_t dice = 1;

    (void)state;
    for (size_t count = 0; count < 400; count++) {
        bool falling = count % 2;
        uint64_t different = 1 + random_below(&dice, 2 * count + 1), again = dice;

        fill(&list, count, &dice, different);
        fill(&model, count, &again, different);
        assert_int_equal(nearby_sort(&list, count, falling), OK);
        if (count > 0)
            qsort(model.of, count, sizeof *model.of,
                  falling ? by_falling_distance_and_place : by_distance_and_place);
        for (size_t i = 0; i < count; i++) assert_true(list.of[i].score == model.of[i].score);
    }
    nearby_fini(&list);
    nearby_fini(&model);
}

/* As distances; which of several equal ones come first is held against redis-server by the
 * comparer. */
static void the_first_ones_are_the_nearest(void **state)
{
    struct nearby_list list = {0}, model = {0};
    uint64_t dice = 2;

    (void)state;
    for (size_t count = 1; count < 600; count++) {
        bool falling = count % 2;
        size_t wanted = 1 + random_below(&dice, count);
        uint64_t different = 1 + random_below(&dice, 2 * count), again = dice;
        double places = 0;

        fill(&list, count, &dice, different);
        fill(&model, count, &again, different);
        assert_int_equal(nearby_sort(&list, wanted, falling), OK);
        qsort(model.of, count, sizeof *model.of,
              falling ? by_falling_distance_and_place : by_distance_and_place);
        for (size_t i = 0; i < wanted; i++)
            assert_true(list.of[i].distance == model.of[i].distance);
        for (size_t i = 0; i < count; i++) places += list.of[i].score;
        assert_true(places == (double)(count * (count - 1) / 2));
    }
    nearby_fini(&list);
    nearby_fini(&model);
}

static void the_same_distance_a_million_times_is_quick(void **state)
{
    struct nearby_list list = {0};
    uint64_t dice = 3;

    (void)state;
    fill(&list, 1000000, &dice, 1);
    assert_int_equal(nearby_sort(&list, 10, false), OK);
    fill(&list, 1000000, &dice, 2);
    assert_int_equal(nearby_sort(&list, 600000, true), OK);
    for (size_t i = 1; i < 600000; i++) assert_true(list.of[i - 1].distance >= list.of[i].distance);
    nearby_fini(&list);
}

static void without_memory_it_is_said(void **state)
{
    struct nearby_list list = {0};
    uint64_t dice = 4;

    (void)state;
    mem_fail_after(1);
    assert_int_equal(nearby_add(&list, (struct nearby){.score = 1}), NO_MEMORY);
    assert_int_equal(list.count, 0);
    fill(&list, 50, &dice, 10);
    mem_fail_after(1);
    assert_int_equal(nearby_sort(&list, 50, false), NO_MEMORY);
    mem_fail_after(0);
    assert_int_equal(list.count, 50);
    nearby_fini(&list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_are_sorted_and_equal_ones_stay_in_order),
        cmocka_unit_test(the_first_ones_are_the_nearest),
        cmocka_unit_test(the_same_distance_a_million_times_is_quick),
        cmocka_unit_test(without_memory_it_is_said),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
