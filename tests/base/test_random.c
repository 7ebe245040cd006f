#include "coatcheck/base/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <string.h>

static void a_secret_fills_all_of_it_and_never_repeats(void **state)
{
    unsigned char first[1000] = {0}, second[1000] = {0};
    unsigned zeros = 0;

    (void)state;
    random_secret(first, sizeof first);
    random_secret(second, sizeof second);
    assert_memory_not_equal(first, second, sizeof first);
    for (unsigned i = 0; i < sizeof first; i++) zeros += first[i] == 0;
    assert_true(zeros < 40); /* four on average */
    random_secret(first, 0);
}

/* splitmix64 from 0, as its authors publish it. */
static void a_seed_gives_the_same_numbers_everywhere(void **state)
{
    uint64_t seed = 0;

    (void)state;
    assert_true(random_next(&seed) == 0xe220a8397b1dcdaf);
    assert_true(random_next(&seed) == 0x6e789e6aa1b965f4);
    assert_true(random_next(&seed) == 0x06c45d188009454f);
}

static void draws_below_a_limit_are_even(void **state)
{
    unsigned seen[7] = {0};
    uint64_t seed = 1;

    (void)state;
    for (int i = 0; i < 70000; i++) seen[random_below(&seed, 7)]++;
    for (int i = 0; i < 7; i++) assert_in_range(seen[i], 9500, 10500);
    for (int i = 0; i < 100; i++) assert_int_equal(random_below(&seed, 1), 0);
    for (int i = 0; i < 100; i++) assert_true(random_below(&seed, UINT64_MAX) < UINT64_MAX);
}

static void *first_number(void *into)
{
    *(uint64_t *)into = random_next(random_of_thread());
    return NULL;
}

static void each_thread_has_dice_of_its_own(void **state)
{
    uint64_t mine = random_next(random_of_thread()), theirs = 0;
    pthread_t thread;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, first_number, &theirs), 0);
    pthread_join(thread, NULL);
    assert_true(mine != theirs);
    assert_true(random_next(random_of_thread()) != mine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_secret_fills_all_of_it_and_never_repeats),
        cmocka_unit_test(a_seed_gives_the_same_numbers_everywhere),
        cmocka_unit_test(draws_below_a_limit_are_even),
        cmocka_unit_test(each_thread_has_dice_of_its_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
