#include "coatcheck/daemon/signals.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <event2/event.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <time.h>
#include "coatcheck/base/log.h"
#include "daemon/child.h"

/* A server as far as signals go: a loop, and one worker that only waits. */
struct server {
    void (*on_stop)(struct server *server);
    const char *log;
    int told[2]; /* the test reads what the server writes, a letter an event */

    /* inside the child */
    struct event_base *base;
    pthread_t worker;
    int end_worker[2];
};

static void tell(struct server *server, char letter)
{
    child_check(write(server->told[1], &letter, 1) == 1);
}

static void stop(void *context, int number)
{
    struct server *server = context;

    tell(server, number == SIGTERM ? 'T' : number == SIGINT ? 'I' : '?');
    server->on_stop(server);
}

static void reopened(void *context)
{
    log_warning("said after");
    tell(context, 'R');
}

static void *work(void *context)
{
    struct server *server = context;
    sigset_t blocked;
    char byte;

    child_check(pthread_sigmask(SIG_SETMASK, NULL, &blocked) == 0);
    for (int number = 1; number < 32; number++) {
        bool own_doing = number == SIGSEGV || number == SIGBUS || number == SIGFPE ||
                         number == SIGILL || number == SIGABRT || number == SIGTRAP ||
                         number == SIGSYS;
        bool cannot = number == SIGKILL || number == SIGSTOP;

        if (!cannot) child_check(sigismember(&blocked, number) == !own_doing);
    }
    child_check(read(server->end_worker[0], &byte, 1) == 0);
    return NULL;
}

static void serve(void *context)
{
    struct server *server = context;
    const struct signals_rows rows = {.stop = stop, .reopened = reopened, .context = server};

    close(server->told[0]);
    if (server->log) child_check(log_open(server->log));
    signals_block();
    child_check(pipe(server->end_worker) == 0);
    child_check(pthread_create(&server->worker, NULL, work, server) == 0);
    server->base = event_base_new();
    child_check(server->base && signals_setup(server->base, &rows));
    tell(server, 'u'); /* up */
    child_check(event_base_loop(server->base, EVLOOP_NO_EXIT_ON_EMPTY) == 0);
    tell(server, 'e'); /* ended in order */
    close(server->end_worker[1]);
    child_check(pthread_join(server->worker, NULL) == 0);
    signals_teardown();
    event_base_free(server->base);
}

static pid_t server_start(struct server *server)
{
    pid_t pid;
    char up = 0;

    assert_int_equal(pipe(server->told), 0);
    pid = child_start(serve, server);
    close(server->told[1]);
    assert_int_equal(read(server->told[0], &up, 1), 1);
    assert_int_equal(up, 'u');
    return pid;
}

/* The next letter; 0 when the server has ended. */
static char hear(struct server *server)
{
    char letter = 0;

    if (read(server->told[0], &letter, 1) != 1) return 0;
    return letter;
}

static void end_the_loop(struct server *server)
{
    event_base_loopbreak(server->base);
}

static void go_on(struct server *server)
{
    (void)server;
}

static void get_stuck(struct server *server)
{
    (void)server;
    for (;;) pause();
}

static void the_first_of_either_stops_in_order(void **state)
{
    static const struct {
        int number;
        char letter;
    } cases[] = {{SIGTERM, 'T'}, {SIGINT, 'I'}};

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct server server = {.on_stop = end_the_loop};
        pid_t pid = server_start(&server);

        kill(pid, cases[i].number);
        assert_int_equal(hear(&server), cases[i].letter);
        assert_int_equal(hear(&server), 'e');
        assert_int_equal(child_exit_code(child_wait(pid)), 0);
        close(server.told[0]);
    }
}

static void second_ends_at_once(void (*on_stop)(struct server *), int first, int second)
{
    struct server server = {.on_stop = on_stop};
    pid_t pid = server_start(&server);

    kill(pid, first);
    assert_int_equal(hear(&server), first == SIGTERM ? 'T' : 'I');
    kill(pid, second);
    assert_int_equal(child_exit_code(child_wait(pid)), 128 + second);
    assert_int_equal(hear(&server), 0);
    close(server.told[0]);
}

static void the_second_ends_at_once_even_a_loop_that_is_stuck(void **state)
{
    (void)state;
    log_set_level(LOG_LEVEL_NOTHING);
    second_ends_at_once(go_on, SIGTERM, SIGTERM);
    second_ends_at_once(get_stuck, SIGTERM, SIGINT);
    second_ends_at_once(get_stuck, SIGINT, SIGTERM);
    log_set_level(LOG_LEVEL_NOTICE);
}

static void hup_and_usr1_open_the_log_again(void **state)
{
    static const int numbers[] = {SIGHUP, SIGUSR1};
    char *folder = folder_new();
    char *log = folder_path(folder, "log"), *moved = folder_path(folder, "log.1");

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct server server = {.on_stop = end_the_loop, .log = log};
        pid_t pid = server_start(&server);
        char *before, *after;

        assert_int_equal(rename(log, moved), 0);
        kill(pid, numbers[i]);
        assert_int_equal(hear(&server), 'R');
        before = file_read(moved);
        after = file_read(log);
        assert_non_null(before);
        assert_non_null(after);
        assert_null(strstr(before, "said after"));
        assert_non_null(strstr(after, "Log opened again"));
        assert_non_null(strstr(after, "said after"));
        free(before);
        free(after);
        kill(pid, SIGTERM);
        assert_int_equal(child_exit_code(child_wait(pid)), 0);
        close(server.told[0]);
        assert_int_equal(unlink(log), 0);
    }
    free(log);
    free(moved);
    folder_free(&folder);
}

static void a_storm_of_hup_neither_stops_nor_blocks_the_server(void **state)
{
    struct server server = {.on_stop = end_the_loop, .log = "/dev/null"};
    pid_t pid = server_start(&server);
    char letter;

    (void)state;
    for (int i = 0; i < 1000; i++) kill(pid, i % 2 ? SIGHUP : SIGUSR1);
    kill(pid, SIGTERM);
    do {
        letter = hear(&server);
    } while (letter == 'R');
    assert_int_equal(letter, 'T');
    assert_int_equal(child_exit_code(child_wait(pid)), 0);
    close(server.told[0]);
}

static void write_to_nobody(struct server *server)
{
    int pair[2];

    child_check(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    close(pair[0]);
    child_check(write(pair[1], "x", 1) < 0 && errno == EPIPE);
    event_base_loopbreak(server->base);
}

static void a_broken_pipe_is_an_error_and_no_end(void **state)
{
    struct server server = {.on_stop = write_to_nobody};
    pid_t pid = server_start(&server);

    (void)state;
    kill(pid, SIGTERM);
    assert_int_equal(child_exit_code(child_wait(pid)), 0);
    close(server.told[0]);
}

static void be_signalled_early(void *context)
{
    struct server *server = context;
    const struct signals_rows rows = {.stop = stop, .context = server};

    signals_block();
    child_check(kill(getpid(), SIGTERM) == 0);
    server->base = event_base_new();
    child_check(server->base && signals_setup(server->base, &rows));
    child_check(event_base_loop(server->base, EVLOOP_NO_EXIT_ON_EMPTY) == 0);
    tell(server, 'e');
}

static void what_arrives_while_starting_is_not_lost(void **state)
{
    struct server server = {.on_stop = end_the_loop};

    (void)state;
    assert_int_equal(pipe(server.told), 0);
    assert_int_equal(child_exit_code(child_run(be_signalled_early, &server)), 0);
    assert_int_equal(hear(&server), 'T');
    assert_int_equal(hear(&server), 'e');
    close(server.told[0]);
    close(server.told[1]);
}

static void be_torn_down(void *unused)
{
    const struct signals_rows rows = {.stop = stop};
    struct event_base *base = event_base_new();

    (void)unused;
    child_check(signals_setup(base, &rows));
    signals_teardown();
    signals_teardown();
    event_base_free(base);
    raise(SIGHUP); /* logrotate does not know that we are about to end */
    raise(SIGUSR1);
    raise(SIGPIPE);
    raise(SIGTERM);
}

static void after_teardown_only_term_and_int_still_end_the_process(void **state)
{
    int status = child_run(be_torn_down, NULL);

    (void)state;
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGTERM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_of_either_stops_in_order),
        cmocka_unit_test(the_second_ends_at_once_even_a_loop_that_is_stuck),
        cmocka_unit_test(hup_and_usr1_open_the_log_again),
        cmocka_unit_test(a_storm_of_hup_neither_stops_nor_blocks_the_server),
        cmocka_unit_test(a_broken_pipe_is_an_error_and_no_end),
        cmocka_unit_test(what_arrives_while_starting_is_not_lost),
        cmocka_unit_test(after_teardown_only_term_and_int_still_end_the_process),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
