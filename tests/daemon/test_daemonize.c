#include "coatcheck/daemon/daemonize.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include "coatcheck/base/clock.h"
#include "daemon/child.h"

/* One start of a server: the operator's command is a child of the test, the server a child of that.
 * They write to `out`, which stands for the terminal; the server tells the test through `told`. */
struct start {
    void (*serve)(struct start *start);
    int out[2];
    int told[2];
};

static void be_the_command(void *context)
{
    struct start *start = context;
    struct text why = {0};

    child_check(dup2(start->out[1], STDOUT_FILENO) >= 0 && dup2(start->out[1], STDERR_FILENO) >= 0);
    close(start->out[0]);
    close(start->out[1]);
    close(start->told[0]);
    printf("printed once ");
    child_check(daemonize_start(&why));
    alarm(60);
    start->serve(start);
}

/* Runs a start to the return of the command; fills what the terminal saw until nobody had it open.
 */
static int run(struct start *start, char *terminal, size_t room)
{
    size_t len = 0;
    ssize_t got;
    int status;

    assert_int_equal(pipe(start->out), 0);
    assert_int_equal(pipe(start->told), 0);
    status = child_run(be_the_command, start);
    close(start->out[1]);
    close(start->told[1]);
    while ((got = read(start->out[0], terminal + len, room - 1 - len)) > 0) len += (size_t)got;
    terminal[len] = '\0';
    close(start->out[0]);
    return status;
}

struct facts {
    pid_t pid, session, parent_at_start;
    char folder[256];
    bool null_in, null_out, null_err;
};

static bool is_null(int fd)
{
    struct stat there, null;

    return fstat(fd, &there) == 0 && stat("/dev/null", &null) == 0 && there.st_rdev == null.st_rdev;
}

static void serve_well(struct start *start)
{
    struct facts facts = {.parent_at_start = getppid()};

    dprintf(STDERR_FILENO, "starting\n");
    usleep(100000); /* the command must not return before this is over */
    daemonize_ready();
    dprintf(STDERR_FILENO, "never seen\n");
    daemonize_ready();
    facts.pid = getpid();
    facts.session = getsid(0);
    facts.null_in = is_null(0);
    facts.null_out = is_null(1);
    facts.null_err = is_null(2);
    child_check(getcwd(facts.folder, sizeof facts.folder));
    child_check(write(start->told[1], &facts, sizeof facts) == sizeof facts);
}

static void the_command_returns_when_the_server_serves(void **state)
{
    struct start start = {.serve = serve_well};
    char terminal[1024], folder[256];
    struct facts facts;
    int64_t from = clock_steady_us();

    (void)state;
    assert_int_equal(child_exit_code(run(&start, terminal, sizeof terminal)), 0);
    assert_true(clock_steady_us() - from >= 100000);
    assert_string_equal(terminal, "printed once starting\n");
    assert_int_equal(read(start.told[0], &facts, sizeof facts), sizeof facts);
    close(start.told[0]);
    assert_int_equal(facts.session, facts.pid);
    assert_int_not_equal(facts.parent_at_start, getpid());
    assert_true(facts.null_in && facts.null_out && facts.null_err);
    assert_non_null(getcwd(folder, sizeof folder));
    assert_string_equal(facts.folder, folder);
}

static void fail_with_two(struct start *start)
{
    (void)start;
    dprintf(STDERR_FILENO, "bad configuration\n");
    _exit(2);
}

static void a_failure_is_the_command_s_own_with_its_code_and_words(void **state)
{
    struct start start = {.serve = fail_with_two};
    char terminal[1024];

    (void)state;
    assert_int_equal(child_exit_code(run(&start, terminal, sizeof terminal)), 2);
    assert_string_equal(terminal, "printed once bad configuration\n");
    close(start.told[0]);
}

static void end_without_a_word(struct start *start)
{
    (void)start;
}

static void an_end_before_ready_is_no_success_even_with_zero(void **state)
{
    struct start start = {.serve = end_without_a_word};
    char terminal[1024];

    (void)state;
    assert_int_equal(child_exit_code(run(&start, terminal, sizeof terminal)), 1);
    close(start.told[0]);
}

static void die(struct start *start)
{
    (void)start;
    raise(SIGKILL);
}

static void a_death_before_ready_is_told_with_its_signal(void **state)
{
    struct start start = {.serve = die};
    char terminal[1024];

    (void)state;
    assert_int_equal(child_exit_code(run(&start, terminal, sizeof terminal)), 1);
    assert_non_null(strstr(terminal, "signal 9 (Killed)"));
    close(start.told[0]);
}

static void outlive_the_command(struct start *start)
{
    kill(getppid(), SIGKILL);
    usleep(50000);
    daemonize_ready();
    child_check(write(start->told[1], "s", 1) == 1);
}

static void an_interrupted_command_does_not_take_the_server_along(void **state)
{
    struct start start = {.serve = outlive_the_command};
    char terminal[1024], byte = 0;
    int status;

    (void)state;
    status = run(&start, terminal, sizeof terminal);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    assert_int_equal(read(start.told[0], &byte, 1), 1);
    close(start.told[0]);
}

static void ready_in_the_foreground_changes_nothing(void **state)
{
    bool before = is_null(2);

    (void)state;
    daemonize_ready();
    assert_int_equal(is_null(2), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_command_returns_when_the_server_serves),
        cmocka_unit_test(a_failure_is_the_command_s_own_with_its_code_and_words),
        cmocka_unit_test(an_end_before_ready_is_no_success_even_with_zero),
        cmocka_unit_test(a_death_before_ready_is_told_with_its_signal),
        cmocka_unit_test(an_interrupted_command_does_not_take_the_server_along),
        cmocka_unit_test(ready_in_the_foreground_changes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
