#include "coatcheck/base/purge.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "coatcheck/base/clock.h"
#include "coatcheck/base/mem.h"

#define MUCH ((size_t)64 << 20)
#define BLOCK 4096

/* Pages that nobody uses, which the kernel has still given us. */
static void leave_pages(void)
{
    static char *blocks[MUCH / BLOCK];

    for (size_t i = 0; i < MUCH / BLOCK; i++) memset(blocks[i] = mem_alloc(BLOCK), 1, BLOCK);
    for (size_t i = 0; i < MUCH / BLOCK; i++) mem_free(blocks[i]);
}

static void unused_pages_go_back(void)
{
    size_t before;

    leave_pages();
    before = mem_resident();
    purge_wait(10000000);
#ifdef COATCHECK_JEMALLOC
    assert_true(mem_resident() + MUCH / 2 < before);
#else
    (void)before;
#endif
}

static void without_its_thread_the_caller_does_it(void **state)
{
    (void)state;
    unused_pages_go_back();
}

static void its_thread_does_it_again_and_again(void **state)
{
    (void)state;
    purge_setup();
    for (unsigned i = 0; i < 3; i++) unused_pages_go_back();
    purge_stop();
    unused_pages_go_back();
    purge_setup();
    unused_pages_go_back();
    purge_stop();
}

static void *ask(void *context)
{
    (void)context;
    for (unsigned i = 0; i < 200; i++) {
        void *block = mem_alloc(100000);

        purge_wait(i % 3 ? 100 : 10000000);
        mem_free(block);
    }
    return NULL;
}

/* Whoever waits for longer than it takes does not wait for ever, though others ask meanwhile. */
static void many_may_ask_at_once(void **state)
{
    pthread_t threads[4];

    (void)state;
    purge_setup();
    for (unsigned i = 0; i < 4; i++) pthread_create(&threads[i], NULL, ask, NULL);
    for (unsigned i = 0; i < 4; i++) pthread_join(threads[i], NULL);
    purge_stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_its_thread_the_caller_does_it),
        cmocka_unit_test(its_thread_does_it_again_and_again),
        cmocka_unit_test(many_may_ask_at_once),
    };

    clock_setup();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
