#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "coatcheck/base/mem.h"
#include "coatcheck/base/random.h"
#include "coatcheck/structs/intset.h"

#define STEPS 20000
#define MOST 600

static uint64_t seed = 7;

/* Numbers of all widths, few enough to be met again. */
static int64_t draw_number(unsigned width)
{
    int64_t number = (int64_t)random_below(&seed, 400) - 200;

    if (width > 2 && random_below(&seed, 4) == 0) number *= 100000;
    if (width > 4 && random_below(&seed, 4) == 0) number *= 10000000000;
    return number;
}

struct model {
    int64_t numbers[MOST];
    uint32_t count;
};

static uint32_t model_place(const struct model *model, int64_t number)
{
    uint32_t at = 0;

    while (at < model->count && model->numbers[at] < number) at++;
    return at;
}

static bool model_add(struct model *model, int64_t number)
{
    uint32_t at = model_place(model, number);

    if (at < model->count && model->numbers[at] == number) return false;
    for (uint32_t i = model->count++; i > at; i--) model->numbers[i] = model->numbers[i - 1];
    model->numbers[at] = number;
    return true;
}

static void model_cut(struct model *model, uint32_t at)
{
    for (model->count--; at < model->count; at++) model->numbers[at] = model->numbers[at + 1];
}

static void assert_same(const struct intset *set, const struct model *model)
{
    intset_check(set);
    assert_int_equal(intset_count(set), model->count);
    for (uint32_t i = 0; i < model->count; i++) assert_int_equal(intset_at(set, i), model->numbers[i]);
}

static void it_holds_what_a_sorted_array_would(void **state)
{
    (void)state;
    for (unsigned width = 2; width <= 8; width *= 2) {
        struct intset *set = intset_new(1, 2);
        struct model model = {.count = 0};

        for (unsigned step = 0; step < STEPS; step++) {
            int64_t number = draw_number(width);
            uint32_t at = model_place(&model, number), found;
            bool there = at < model.count && model.numbers[at] == number, added;

            assert_int_equal(intset_find(set, number, &found), there);
            assert_int_equal(found, at);
            if (model.count == MOST || random_below(&seed, 3) == 0) {
                if (!there) continue;
                intset_cut(&set, at);
                model_cut(&model, at);
            } else {
                assert_int_equal(intset_add(&set, number, &added), OK);
                assert_int_equal(added, model_add(&model, number));
            }
            if (step % 64 == 0) assert_same(set, &model);
        }
        assert_same(set, &model);
        intset_free(&set);
        assert_null(set);
    }
}

static void the_ends_of_each_width_are_kept(void **state)
{
    static const int64_t ends[] = {INT16_MAX, INT16_MIN, INT16_MAX + 1, INT16_MIN - 1, INT32_MAX,       INT32_MIN,
                                   INT32_MAX + INT64_C(1), INT32_MIN - INT64_C(1), INT64_MAX, INT64_MIN, 0, -1};
    static const unsigned widths[] = {2, 2, 4, 4, 4, 4, 8, 8, 8, 8, 8, 8};
    struct intset *set = intset_new(1, 2);
    struct model model = {.count = 0};

    (void)state;
    for (unsigned i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        bool added;

        assert_int_equal(intset_add(&set, ends[i], &added), OK);
        assert_true(added);
        model_add(&model, ends[i]);
        assert_int_equal(intset_width(set), widths[i]);
        assert_same(set, &model);
    }
    intset_free(&set);
}

static void a_failed_allocation_changes_nothing(void **state)
{
    struct intset *set = intset_new(1, 2), *copy;
    struct model model = {.count = 0};
    bool added;

    (void)state;
    for (unsigned i = 0; i < 300; i++) {
        int64_t number = i % 50 == 49 ? INT64_C(100000) << i % 40 : (int64_t)i * 3;

        mem_fail_after(1);
        if (intset_add(&set, number, &added) == OK && added) model_add(&model, number);
        mem_fail_after(0);
        assert_same(set, &model);
        assert_int_equal(intset_add(&set, number, &added), OK);
        model_add(&model, number);
    }
    mem_fail_after(1);
    assert_null(intset_copy(set));
    mem_fail_after(0);
    copy = intset_copy(set);
    assert_same(copy, &model);
    while (intset_count(copy) > 0) intset_cut(&copy, intset_count(copy) / 2);
    assert_true(intset_room(copy) <= 128);
    intset_free(&copy);
    intset_free(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_holds_what_a_sorted_array_would),
        cmocka_unit_test(the_ends_of_each_width_are_kept),
        cmocka_unit_test(a_failed_allocation_changes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
