#include "coatcheck/daemon/crash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <time.h>
#include "coatcheck/base/clock.h"
#include "coatcheck/base/log.h"
#include "coatcheck/base/must.h"
#include "coatcheck/version.h"
#include "daemon/child.h"

static char *forbidden; /* a page that may be read, and neither written nor run */

/* One crash: a child process, its log, and how it ended. */
struct crash {
    void (*happen)(void);
    void (*describe)(int fd);
    bool in_worker;
    char *folder, *path;
    int status;
    char *log;
};

static _Thread_local const char *command_at_work = "nothing";

static void describe_command(int fd)
{
    crash_write(fd, "at work: GET \"");
    crash_write(fd, command_at_work);
    crash_write(fd, "\"\n");
}

static void *be_a_worker(void *context)
{
    struct crash *crash = context;

    child_check(crash_thread_setup());
    command_at_work = "coat:42";
    crash->happen();
    return NULL;
}

static void crash_inside(void *context)
{
    struct crash *crash = context;
    pthread_t worker;

    child_check(log_open(crash->path));
    child_check(crash_setup());
    if (crash->describe) crash_describe(crash->describe);
    if (crash->in_worker) {
        child_check(pthread_create(&worker, NULL, be_a_worker, crash) == 0);
        pthread_join(worker, NULL);
    } else {
        command_at_work = "coat:1";
        crash->happen();
    }
    _exit(CHILD_FAILED);
}

static void crash_run(struct crash *crash)
{
    crash->folder = folder_new();
    crash->path = folder_path(crash->folder, "log");
    crash->status = child_run(crash_inside, crash);
    crash->log = file_read(crash->path);
    assert_non_null(crash->log);
}

static void crash_free(struct crash *crash)
{
    folder_free(&crash->folder);
    free(crash->path);
    free(crash->log);
}

static void assert_ended_by(const struct crash *crash, int number)
{
    if (!WIFSIGNALED(crash->status)) print_error("%s", crash->log);
    assert_true(WIFSIGNALED(crash->status));
    assert_int_equal(WTERMSIG(crash->status), number);
}

static void assert_log_says(const struct crash *crash, const char *words)
{
    if (strstr(crash->log, words)) return;
    print_error("no '%s' in:\n%s", words, crash->log);
    fail();
}

/* ---- ways to crash ---- */

static __attribute__((noinline)) void write_where_nobody_may(void)
{
    *(volatile char *)forbidden = 1;
}

static __attribute__((noinline)) void touch_forbidden_memory(void)
{
    write_where_nobody_may();
    __asm__ volatile("" ::: "memory"); /* no tail call: this function is to be in the backtrace */
}

static void break_a_promise(void)
{
    int coats = 3;

    must(coats == 4);
}

static void raise_fpe(void)
{
    raise(SIGFPE);
}

static void raise_ill(void)
{
    raise(SIGILL);
}

static void run_off_a_file(void)
{
    int fd = memfd_create("short", 0);
    volatile char *page = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);

    child_check(fd >= 0 && page != MAP_FAILED);
    (void)page[0];
}

static volatile unsigned long bottom = ~0ul;

static __attribute__((noinline)) unsigned long fall_deeper(unsigned long depth)
{
    volatile char room[512];

    if (depth == bottom) return 0;
    room[depth % sizeof room] = (char)depth;
    return fall_deeper(depth + 1) + (unsigned long)room[(depth * 7) % sizeof room];
}

static void overflow_the_stack(void)
{
    volatile unsigned long sum = fall_deeper(1);

    (void)sum;
}

static __attribute__((noinline)) void jump_nowhere(void)
{
    void (*volatile nowhere)(void) = (void (*)(void))(uintptr_t)forbidden;

    nowhere();
    __asm__ volatile("" ::: "memory");
}

/* ---- what a report must hold ---- */

/* How far into a function a return address may lie: what sanitizers put in makes it long. */
#ifdef COATCHECK_SANITIZED
#define FUNCTION_BYTES 16384
#else
#define FUNCTION_BYTES 1024
#endif

static bool address_near(const char *text, const char *before, const void *function)
{
    const char *at = strstr(text, before);
    unsigned long address;

    return at && sscanf(at + strlen(before), "%lx", &address) == 1 &&
           address >= (uintptr_t)function && address < (uintptr_t)function + FUNCTION_BYTES;
}

static bool backtrace_passes(const char *log, const void *function)
{
    for (const char *at = strstr(log, "backtrace"); at && (at = strchr(at + 1, '['));) {
        if (address_near(at, "[", function)) return true;
    }
    return false;
}

static void a_fault_is_reported_with_all_that_is_known(void **state)
{
    struct crash crash = {.happen = touch_forbidden_memory, .describe = describe_command};
    char pid[64], cause[128];

    (void)state;
    crash_run(&crash);
    assert_ended_by(&crash, SIGSEGV);
    assert_log_says(&crash, "=== coatcheckd crashed ===\nversion " COATCHECK_VERSION ", pid ");
    snprintf(cause, sizeof cause, "signal 11 (SIGSEGV), the mapping forbids it, address %p\n",
             (void *)forbidden);
    assert_log_says(&crash, cause);
    assert_true(address_near(crash.log, "registers: pc ", (void *)write_where_nobody_may));
    assert_true(backtrace_passes(crash.log, (void *)write_where_nobody_may));
    assert_true(backtrace_passes(crash.log, (void *)touch_forbidden_memory));
    assert_true(backtrace_passes(crash.log, (void *)crash_inside));
    assert_log_says(&crash, "at work: GET \"coat:1\"\n=== end of the report ===\n");
    snprintf(pid, sizeof pid, "pid %ld", (long)getpid());
    assert_null(strstr(crash.log, pid)); /* the child's, not ours */
    crash_free(&crash);
}

static void the_command_is_the_crashed_thread_s_own(void **state)
{
    struct crash crash = {
        .happen = touch_forbidden_memory, .describe = describe_command, .in_worker = true};

    (void)state;
    crash_run(&crash);
    assert_ended_by(&crash, SIGSEGV);
    assert_log_says(&crash, "at work: GET \"coat:42\"\n");
    crash_free(&crash);
}

static void a_broken_promise_is_reported_like_a_fault(void **state)
{
    struct crash crash = {.happen = break_a_promise, .describe = describe_command};

    (void)state;
    crash_run(&crash);
    assert_ended_by(&crash, SIGABRT);
    assert_log_says(&crash, "coats == 4");
    assert_log_says(&crash, "signal 6 (SIGABRT)");
    assert_true(backtrace_passes(crash.log, (void *)break_a_promise));
    assert_log_says(&crash, "at work: GET \"coat:1\"");
    crash_free(&crash);
}

static void each_signal_is_named_and_ends_the_process(void **state)
{
    static const struct {
        void (*happen)(void);
        int number;
        const char *words;
    } cases[] = {
        {raise_fpe, SIGFPE, "signal 8 (SIGFPE), sent by a process, pid "},
        {raise_ill, SIGILL, "signal 4 (SIGILL), sent by a process, pid "},
        {run_off_a_file, SIGBUS, "signal 7 (SIGBUS), no memory behind the address, address 0x"},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct crash crash = {.happen = cases[i].happen};

        crash_run(&crash);
        assert_ended_by(&crash, cases[i].number);
        assert_log_says(&crash, cases[i].words);
        assert_log_says(&crash, "command at work: not known\n=== end of the report ===\n");
        crash_free(&crash);
    }
}

static void a_stack_overflow_is_reported_from_the_other_stack(void **state)
{
    (void)state;
    for (int worker = 0; worker < 2; worker++) {
        struct crash crash = {
            .happen = overflow_the_stack, .in_worker = worker, .describe = describe_command};

        crash_run(&crash);
        assert_ended_by(&crash, SIGSEGV);
        assert_true(backtrace_passes(crash.log, (void *)fall_deeper));
        assert_log_says(&crash, worker ? "at work: GET \"coat:42\"" : "at work: GET \"coat:1\"");
        crash_free(&crash);
    }
}

static void a_jump_to_nowhere_tells_where_it_came_from(void **state)
{
    struct crash crash = {.happen = jump_nowhere};

    (void)state;
    crash_run(&crash);
    assert_ended_by(&crash, SIGSEGV);
    assert_true(address_near(crash.log, "registers: pc ", forbidden));
    assert_log_says(&crash, "from a jump to where no code is");
    assert_true(backtrace_passes(crash.log, (void *)jump_nowhere));
    assert_true(backtrace_passes(crash.log, (void *)crash_inside));
    assert_null(strstr(crash.log, "this part of the report crashed"));
    crash_free(&crash);
}

static void describe_badly(int fd)
{
    crash_write(fd, "at work: the key is ");
    touch_forbidden_memory();
}

static void a_description_that_crashes_does_not_cost_the_rest(void **state)
{
    struct crash crash = {.happen = break_a_promise, .describe = describe_badly};

    (void)state;
    crash_run(&crash);
    assert_ended_by(&crash, SIGABRT);
    assert_true(backtrace_passes(crash.log, (void *)break_a_promise));
    assert_log_says(&crash,
                    "at work: the key is \n(this part of the report crashed: SIGSEGV)\n=== end");
    crash_free(&crash);
}

static void describe_for_ever(int fd)
{
    crash_write(fd, "at work: ");
    alarm(1); /* the ten seconds, shortened */
    for (;;) pause();
}

static void a_report_that_hangs_is_cut_off(void **state)
{
    struct crash crash = {.happen = touch_forbidden_memory, .describe = describe_for_ever};

    (void)state;
    crash_run(&crash);
    assert_ended_by(&crash, SIGSEGV);
    assert_log_says(&crash, "at work: ");
    assert_null(strstr(crash.log, "=== end"));
    crash_free(&crash);
}

static pthread_barrier_t all_ready;

static void *crash_too(void *unused)
{
    (void)unused;
    child_check(crash_thread_setup());
    pthread_barrier_wait(&all_ready);
    write_where_nobody_may();
    return NULL;
}

static void crash_in_four_threads(void)
{
    pthread_t threads[4];

    pthread_barrier_init(&all_ready, NULL, 4);
    for (int i = 0; i < 4; i++)
        child_check(pthread_create(&threads[i], NULL, crash_too, NULL) == 0);
    for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
}

static void threads_that_crash_together_make_one_report(void **state)
{
    (void)state;
    for (int round = 0; round < 10; round++) {
        struct crash crash = {.happen = crash_in_four_threads};
        const char *head;

        crash_run(&crash);
        assert_ended_by(&crash, SIGSEGV);
        head = strstr(crash.log, "=== coatcheckd crashed");
        assert_non_null(head);
        assert_null(strstr(head + 1, "=== coatcheckd crashed"));
        assert_null(strstr(crash.log, "this part of the report crashed"));
        assert_log_says(&crash, "=== end of the report ===\n");
        crash_free(&crash);
    }
}

static void *set_up_and_end(void *unused)
{
    stack_t before, during, after;

    (void)unused;
    sigaltstack(NULL, &before);
    assert_true(crash_thread_setup());
    assert_true(crash_thread_setup());
    sigaltstack(NULL, &during);
    assert_false(during.ss_flags & SS_DISABLE);
    crash_thread_teardown();
    crash_thread_teardown();
    sigaltstack(NULL, &after);
    assert_int_equal(after.ss_flags, before.ss_flags);
    assert_ptr_equal(after.ss_sp, before.ss_sp);
    return NULL;
}

static void a_thread_leaves_no_stack_behind(void **state)
{
    (void)state;
    for (int i = 0; i < 100; i++) {
        pthread_t thread;

        assert_int_equal(pthread_create(&thread, NULL, set_up_and_end, NULL), 0);
        assert_int_equal(pthread_join(thread, NULL), 0);
    }
}

static void words_of_a_report_are_written_without_stdio(void **state)
{
    char got[256] = {0};
    int pipe_ends[2];

    (void)state;
    assert_int_equal(pipe(pipe_ends), 0);
    crash_write_int(pipe_ends[1], 0);
    crash_write(pipe_ends[1], " ");
    crash_write_int(pipe_ends[1], -9223372036854775807L - 1);
    crash_write(pipe_ends[1], " ");
    crash_write_hex(pipe_ends[1], ~0ul);
    crash_write(pipe_ends[1], " ");
    crash_write_bytes(pipe_ends[1], "a\0\n\"\\\xff~", 7);
    assert_true(read(pipe_ends[0], got, sizeof got - 1) > 0);
    assert_string_equal(got,
                        "0 -9223372036854775808 0xffffffffffffffff a\\x00\\x0a\\x22\\x5c\\xff~");
    close(pipe_ends[0]);
    close(pipe_ends[1]);
}

static int map_forbidden(void **state)
{
    (void)state;
    forbidden = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return forbidden == MAP_FAILED ? -1 : 0;
}

static int unmap_forbidden(void **state)
{
    (void)state;
    return munmap(forbidden, 4096);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fault_is_reported_with_all_that_is_known),
        cmocka_unit_test(the_command_is_the_crashed_thread_s_own),
        cmocka_unit_test(a_broken_promise_is_reported_like_a_fault),
        cmocka_unit_test(each_signal_is_named_and_ends_the_process),
        cmocka_unit_test(a_stack_overflow_is_reported_from_the_other_stack),
        cmocka_unit_test(a_jump_to_nowhere_tells_where_it_came_from),
        cmocka_unit_test(a_description_that_crashes_does_not_cost_the_rest),
        cmocka_unit_test(a_report_that_hangs_is_cut_off),
        cmocka_unit_test(threads_that_crash_together_make_one_report),
        cmocka_unit_test(a_thread_leaves_no_stack_behind),
        cmocka_unit_test(words_of_a_report_are_written_without_stdio),
    };

    return cmocka_run_group_tests(tests, map_forbidden, unmap_forbidden);
}
