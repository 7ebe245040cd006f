#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <time.h>
#include "coatcheck/observe/footprint.h"

#define LARGE (64u << 20)

/* Looks are only taken again when the last one is old. */
static struct footprint look_again(void)
{
    struct timespec pause = {.tv_nsec = (FOOTPRINT_FRESH_US + 20000) * 1000l};
    struct footprint footprint;

    nanosleep(&pause, NULL);
    footprint_read(&footprint);
    return footprint;
}

static char *block_of(size_t size)
{
    char *block = mem_alloc(size);

    assert_non_null(block);
    memset(block, 1, size);
    return block;
}

static void the_peak_stays_when_the_memory_is_gone(void **state)
{
    struct footprint before, with, after;
    char *block;

    (void)state;
    footprint_setup();
    before = look_again();
    block = block_of(LARGE);
    with = look_again();
    mem_free(block);
    after = look_again();
    assert_true(with.now.allocated >= before.now.allocated + LARGE);
    assert_true(with.peak >= with.now.allocated);
    assert_true(after.peak >= before.now.allocated + LARGE);
    assert_true(after.peak_at_ms >= with.peak_at_ms);
#ifndef COATCHECK_SANITIZED
    /* A sanitizer keeps what is freed, to see who uses it after all. */
    assert_true(after.now.allocated < with.now.allocated);
#endif
    assert_true(with.rss >= LARGE);
}

static void looks_that_follow_close_upon_each_other_cost_one(void **state)
{
    struct footprint first = look_again(), second;
    char *block = block_of(1 << 20); /* small, so that it takes no time */

    (void)state;
    footprint_read(&second);
    assert_int_equal(first.now.allocated, second.now.allocated);
    mem_free(block);
}

static void the_start_is_what_was_held_when_serving_began(void **state)
{
    char *block = block_of(LARGE);
    struct footprint footprint;

    (void)state;
    footprint_setup();
    mem_free(block);
    footprint = look_again();
    assert_true(footprint.at_start >= LARGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_peak_stays_when_the_memory_is_gone),
        cmocka_unit_test(looks_that_follow_close_upon_each_other_cost_one),
        cmocka_unit_test(the_start_is_what_was_held_when_serving_began),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
