#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include "coatcheck/base/version.h"

#define THREADS 4
#define EACH 100000

static void *draw(void *into)
{
    uint64_t *versions = into;

    for (unsigned i = 0; i < EACH; i++) versions[i] = version_new();
    return NULL;
}

static int smaller_first(const void *a, const void *b)
{
    uint64_t one = *(const uint64_t *)a, other = *(const uint64_t *)b;

    return (one > other) - (one < other);
}

static void no_two_versions_are_the_same_and_none_is_zero(void **state)
{
    static uint64_t versions[THREADS * EACH];
    pthread_t threads[THREADS];

    (void)state;
    for (unsigned i = 0; i < THREADS; i++) assert_int_equal(pthread_create(&threads[i], NULL, draw, versions + i * EACH), 0);
    for (unsigned i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    qsort(versions, THREADS * EACH, sizeof versions[0], smaller_first);
    assert_true(versions[0] > 0);
    for (unsigned i = 1; i < THREADS * EACH; i++) assert_true(versions[i] > versions[i - 1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(no_two_versions_are_the_same_and_none_is_zero)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
