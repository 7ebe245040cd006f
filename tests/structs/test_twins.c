#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "coatcheck/base/random.h"
#include "coatcheck/structs/twins.h"

static uint64_t things[TWINS_MOST];
static uint64_t dice = 3;

static uint64_t hash_well(const void *of, unsigned at)
{
    return ((const uint64_t *)of)[at] * UINT64_C(0x9e3779b97f4a7c15) >> 32;
}

/* As somebody might who means ill. */
static uint64_t hash_badly(const void *of, unsigned at)
{
    return ((const uint64_t *)of)[at] % 2;
}

static bool is_same(const void *of, unsigned at, unsigned other)
{
    return ((const uint64_t *)of)[at] == ((const uint64_t *)of)[other];
}

static void two_of_a_kind_are_found_wherever_they_are(void **state)
{
    const struct twins_verbs verbs[] = {{hash_well, is_same}, {hash_badly, is_same}};

    (void)state;
    for (unsigned round = 0; round < 2000; round++) {
        unsigned count = 2 + (unsigned)random_below(&dice, round % 100 == 0 ? TWINS_MOST - 1 : 40);
        unsigned one = (unsigned)random_below(&dice, count), other = (unsigned)random_below(&dice, count);
        const struct twins_verbs *some = &verbs[round % 2];

        for (unsigned i = 0; i < count; i++) things[i] = random_next(&dice) << 11 | i;
        assert_false(twins_found(some, things, count));
        things[one] = things[other];
        assert_int_equal(twins_found(some, things, count), one != other);
    }
}

static void there_are_no_two_among_one_or_none(void **state)
{
    const struct twins_verbs verbs = {hash_well, is_same};

    (void)state;
    assert_false(twins_found(&verbs, things, 0));
    assert_false(twins_found(&verbs, things, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_of_a_kind_are_found_wherever_they_are),
        cmocka_unit_test(there_are_no_two_among_one_or_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
