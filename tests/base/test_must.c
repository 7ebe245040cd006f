#include "coatcheck/base/must.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void a_kept_promise_costs_nothing(void **state)
{
    int asked = 0;

    (void)state;
    must(++asked == 1);
    assert_int_equal(asked, 1);
}

static void a_broken_promise_names_its_place_and_aborts(void **state)
{
    char said[512] = {0};
    int ends[2], status;
    pid_t child;

    (void)state;
    assert_int_equal(pipe(ends), 0);
    child = fork();
    if (child == 0) {
        signal(SIGABRT, SIG_DFL);
        dup2(ends[1], STDERR_FILENO);
        must(1 + 1 == 3);
        _exit(0);
    }
    close(ends[1]);
    assert_true(read(ends[0], said, sizeof said - 1) > 0);
    close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
    assert_non_null(strstr(said, "1 + 1 == 3"));
    assert_non_null(strstr(said, "test_must.c:"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_kept_promise_costs_nothing),
        cmocka_unit_test(a_broken_promise_names_its_place_and_aborts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
