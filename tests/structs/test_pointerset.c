#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "coatcheck/base/mem.h"
#include "coatcheck/base/random.h"
#include "coatcheck/structs/pointerset.h"

#define MANY 3000

static uint64_t things[MANY];

static void nothing_and_one_take_no_memory(void **state)
{
    struct pointerset set = {0};

    (void)state;
    mem_fail_after(1);
    assert_int_equal(pointerset_count(&set), 0);
    assert_false(pointerset_has(&set, &things[0]));
    assert_false(pointerset_remove(&set, &things[0]));
    assert_true(pointerset_add(&set, &things[0]));
    assert_true(pointerset_has(&set, &things[0]));
    assert_false(pointerset_has(&set, &things[1]));
    assert_int_equal(pointerset_count(&set), 1);
    assert_false(pointerset_remove(&set, &things[1]));
    assert_true(pointerset_remove(&set, &things[0]));
    mem_fail_after(0);
    assert_int_equal(set.word, 0);
}

static void it_holds_what_was_added_and_not_removed(void **state)
{
    struct pointerset set = {0};
    bool in[MANY] = {false};
    uint32_t count = 0;

    (void)state;
    for (unsigned step = 0; step < 200000; step++) {
        /* Grows to many, shrinks to few, in waves. */
        unsigned limit = (step / 20000) % 2 ? 40 : MANY;
        unsigned i = (unsigned)random_below(random_of_thread(), step % 3 ? limit : MANY);

        if (in[i] && (limit == 40 || step % 4 == 0)) {
            assert_true(pointerset_remove(&set, &things[i]));
            in[i] = false;
            count--;
        } else if (!in[i] && limit == MANY) {
            assert_true(pointerset_add(&set, &things[i]));
            in[i] = true;
            count++;
        } else {
            assert_int_equal(pointerset_has(&set, &things[i]), in[i]);
        }
        assert_int_equal(pointerset_count(&set), count);
        if (step % 1000 == 0) pointerset_check(&set);
    }
    for (unsigned i = 0; i < MANY; i++) {
        assert_int_equal(pointerset_has(&set, &things[i]), in[i]);
        assert_int_equal(pointerset_remove(&set, &things[i]), in[i]);
        if (i % 100 == 0) pointerset_check(&set);
    }
    assert_int_equal(set.word, 0);
}

static void each_is_seen_once(void **state)
{
    (void)state;
    for (unsigned count = 0; count < 100; count++) {
        struct pointerset set = {0};
        unsigned seen[100] = {0};
        uint32_t at = 0;
        uint64_t *thing;

        for (unsigned i = 0; i < count; i++) assert_true(pointerset_add(&set, &things[i]));
        while ((thing = pointerset_next(&set, &at))) seen[thing - things]++;
        for (unsigned i = 0; i < 100; i++) assert_int_equal(seen[i], i < count);
        pointerset_clear(&set);
    }
}

static void without_memory_nothing_changes(void **state)
{
    struct pointerset set = {0};

    (void)state;
    for (unsigned i = 0; i < 200; i++) {
        mem_fail_after(1);
        if (pointerset_add(&set, &things[i])) {
            mem_fail_after(0);
            continue;
        }
        mem_fail_after(0);
        assert_int_equal(pointerset_count(&set), i);
        assert_false(pointerset_has(&set, &things[i]));
        pointerset_check(&set);
        assert_true(pointerset_add(&set, &things[i]));
    }
    assert_int_equal(pointerset_count(&set), 200);
    pointerset_clear(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_and_one_take_no_memory),
        cmocka_unit_test(it_holds_what_was_added_and_not_removed),
        cmocka_unit_test(each_is_seen_once),
        cmocka_unit_test(without_memory_nothing_changes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
