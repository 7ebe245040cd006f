#include "coatcheck/daemon/descriptors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <grp.h>
#include "daemon/child.h"

/* Limits never come back up, so each test is a process of its own. */
static void expect(void (*run)(void *context))
{
    assert_int_equal(child_exit_code(child_run(run, NULL)), 0);
}

static void limit(rlim_t soft, rlim_t hard)
{
    const struct rlimit asked = {soft, hard};

    child_check(setrlimit(RLIMIT_NOFILE, &asked) == 0);
}

/* Root may raise its hard limit; what an ordinary user meets is to be tested as one. */
static void drop_root(void)
{
    if (getuid() != 0) return;
    child_check(setgroups(0, NULL) == 0 && setgid(65534) == 0 && setuid(65534) == 0);
}

static rlim_t soft_now(void)
{
    struct rlimit now;

    child_check(getrlimit(RLIMIT_NOFILE, &now) == 0);
    return now.rlim_cur;
}

static unsigned most_open(void)
{
    unsigned count = 0;

    while (open("/dev/null", O_RDONLY) >= 0) count++;
    return count;
}

static void raise_within_hard(void *unused)
{
    struct text why = {0};

    (void)unused;
    limit(64, 512);
    drop_root();
    child_check(descriptors_raise(200, 40, &why) == 200);
    child_check(why.len == 0);
    child_check(soft_now() == 240);
    child_check(most_open() >= 200);
}

static void the_soft_limit_rises_to_what_is_needed(void **state)
{
    (void)state;
    expect(raise_within_hard);
}

static void raise_beyond_hard(void *unused)
{
    static const char words[] =
        "maxclients 1000 needs 1040 open files, the system allows 256 (Operation not "
        "permitted): 216 clients fit.";
    struct text why = {0};

    (void)unused;
    limit(64, 256);
    drop_root();
    child_check(descriptors_raise(1000, 40, &why) == 216);
    child_check(soft_now() == 256);
    child_check(why.len > sizeof words && memcmp(why.at, words, sizeof words - 1) == 0);
    text_fini(&why);
}

static void beyond_the_hard_limit_fewer_clients_fit_and_why_is_told(void **state)
{
    (void)state;
    expect(raise_beyond_hard);
}

static void raise_without_room(void *unused)
{
    struct text why = {0};

    (void)unused;
    limit(32, 32);
    drop_root();
    child_check(descriptors_raise(1000, 40, &why) == 0);
    child_check(why.len > 0);
    text_fini(&why);
}

static void when_not_even_the_reserve_fits_nobody_does(void **state)
{
    (void)state;
    expect(raise_without_room);
}

static void raise_when_high(void *unused)
{
    struct text why = {0};

    (void)unused;
    limit(512, 512);
    child_check(descriptors_raise(100, 40, &why) == 100);
    child_check(soft_now() == 512);
}

static void a_limit_that_is_high_enough_is_not_lowered(void **state)
{
    (void)state;
    expect(raise_when_high);
}

/* CAP_SYS_RESOURCE, which root lacks in many a container. */
static bool may_raise_hard(void)
{
    char *status = file_read("/proc/self/status");
    unsigned long long effective = 0;

    child_check(status && sscanf(strstr(status, "CapEff:"), "CapEff: %llx", &effective) == 1);
    free(status);
    return effective & (1ull << 24);
}

static void raise_hard(void *unused)
{
    struct text why = {0};
    unsigned fit;

    (void)unused;
    limit(64, 128);
    fit = descriptors_raise(400, 40, &why);
    child_check(fit == (may_raise_hard() ? 400 : 88));
    child_check(soft_now() == (may_raise_hard() ? 440 : 128));
    child_check((why.len == 0) == may_raise_hard());
    text_fini(&why);
}

static void who_may_raises_the_hard_limit_as_well(void **state)
{
    (void)state;
    expect(raise_hard);
}

static void the_reserve_grows_with_threads_and_listeners(void **state)
{
    (void)state;
    assert_true(descriptors_reserve(1, 1) >= 32);
    assert_true(descriptors_reserve(8, 1) > descriptors_reserve(1, 1));
    assert_int_equal(descriptors_reserve(8, 5), descriptors_reserve(8, 1) + 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_soft_limit_rises_to_what_is_needed),
        cmocka_unit_test(beyond_the_hard_limit_fewer_clients_fit_and_why_is_told),
        cmocka_unit_test(when_not_even_the_reserve_fits_nobody_does),
        cmocka_unit_test(a_limit_that_is_high_enough_is_not_lowered),
        cmocka_unit_test(who_may_raises_the_hard_limit_as_well),
        cmocka_unit_test(the_reserve_grows_with_threads_and_listeners),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
