#include "coatcheck/base/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "coatcheck/base/metric.h"

static char folder[] = "/tmp/coatcheck-log-XXXXXX";

static const char *path_of(const char *name)
{
    static char path[128];

    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static char *content_of(const char *name)
{
    static char content[1 << 20];
    int fd = open(path_of(name), O_RDONLY);
    ssize_t len;

    assert_true(fd >= 0);
    len = read(fd, content, sizeof content - 1);
    assert_true(len >= 0);
    content[len] = 0;
    close(fd);
    return content;
}

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    static const char *const names[] = {"head", "level", "tame", "old", "moved", "mixed", "after"};

    (void)state;
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) unlink(path_of(names[i]));
    return rmdir(folder);
}

/* "12345:M 22 Nov 2026 17:00:00.123 * text" */
static void a_line_tells_process_time_and_level(void **state)
{
    char role, month[4], mark, said[64];
    int pid, day, year, hour, minute, second, ms, used = 0;
    char *line;

    (void)state;
    assert_true(log_open(path_of("head")));
    log_notice("hello %d", 42);
    line = content_of("head");
    assert_int_equal(sscanf(line, "%d:%c %2d %3s %4d %2d:%2d:%2d.%3d %c %63[^\n]%n", &pid, &role,
                            &day, month, &year, &hour, &minute, &second, &ms, &mark, said, &used),
                     11);
    assert_string_equal(line + used, "\n");
    assert_int_equal(pid, getpid());
    assert_int_equal(role, 'M');
    assert_int_equal(mark, '*');
    assert_true(year >= 2024 && day >= 1 && ms < 1000);
    assert_string_equal(said, "hello 42");
    metric_lane = 3;
    log_warning("from a worker");
    metric_lane = 0;
    assert_non_null(strstr(content_of("head"), ":W "));
    assert_non_null(strstr(content_of("head"), " # from a worker\n"));
}

static void lines_below_the_level_are_not_written(void **state)
{
    (void)state;
    assert_true(log_open(path_of("level")));
    log_set_level(LOG_LEVEL_WARNING);
    log_notice("not this");
    log_warning("one");
    log_set_level(LOG_LEVEL_DEBUG);
    log_debug("two");
    log_verbose("three");
    log_set_level(LOG_LEVEL_NOTHING);
    log_warning("nor this");
    log_set_level(LOG_LEVEL_NOTICE);
    log_verbose("nor that");
    assert_null(strstr(content_of("level"), "not this"));
    assert_null(strstr(content_of("level"), "nor"));
    assert_non_null(strstr(content_of("level"), " # one\n"));
    assert_non_null(strstr(content_of("level"), " . two\n"));
    assert_non_null(strstr(content_of("level"), " - three\n"));
}

static void a_clients_bytes_cannot_fake_a_line(void **state)
{
    static char endless[10000];
    char *content;

    (void)state;
    assert_true(log_open(path_of("tame")));
    memset(endless, '\n', sizeof endless - 1);
    log_notice("a\nb\rc\x1b[31m\x7f\xc3\xa9");
    log_notice("%s", endless);
    content = content_of("tame");
    assert_non_null(strstr(content, "* a\\x0ab\\x0dc\\x1b[31m\\x7f\xc3\xa9\n"));
    content = strchr(content, '\n') + 1;
    assert_int_equal(strcspn(content, "\n"), strlen(content) - 1);
    assert_true(strlen(content) < 4096);
}

static void reopening_follows_a_file_that_was_moved_away(void **state)
{
    char from[128];
    int fd;

    (void)state;
    assert_true(log_open(path_of("old")));
    fd = log_fd();
    log_notice("first");
    strcpy(from, path_of("old"));
    assert_int_equal(rename(from, path_of("moved")), 0);
    log_notice("second");
    assert_true(log_reopen());
    log_notice("third");
    assert_int_equal(log_fd(), fd);
    assert_non_null(strstr(content_of("moved"), "second"));
    assert_null(strstr(content_of("moved"), "third"));
    assert_null(strstr(content_of("old"), "second"));
    assert_non_null(strstr(content_of("old"), "third"));
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
}

static void a_target_that_cannot_be_opened_changes_nothing(void **state)
{
    (void)state;
    assert_true(log_open(path_of("after")));
    errno = 0;
    assert_false(log_open("/nonexistent/folder/log"));
    assert_int_equal(errno, ENOENT);
    log_notice("still here");
    assert_non_null(strstr(content_of("after"), "still here"));
    assert_true(log_reopen());
}

static void errno_survives_a_line(void **state)
{
    (void)state;
    errno = EXDEV;
    log_notice("something failed");
    assert_int_equal(errno, EXDEV);
}

static void *chatter(void *context)
{
    for (int i = 0; i < 500; i++) log_notice("<%s>", (const char *)context);
    return NULL;
}

static void lines_of_threads_never_mix(void **state)
{
    static char words[8][64];
    pthread_t threads[8];
    unsigned lines = 0;
    char *line;

    (void)state;
    assert_true(log_open(path_of("mixed")));
    for (int i = 0; i < 8; i++) {
        memset(words[i], 'a' + i, sizeof words[i] - 1);
        assert_int_equal(pthread_create(&threads[i], NULL, chatter, words[i]), 0);
    }
    for (int i = 0; i < 20; i++) assert_true(log_reopen());
    for (int i = 0; i < 8; i++) pthread_join(threads[i], NULL);
    for (line = strtok(content_of("mixed"), "\n"); line; line = strtok(NULL, "\n"), lines++) {
        char *said = strchr(line, '<');

        assert_non_null(said);
        assert_int_equal(strspn(said + 1, (char[]){said[1], 0}), 63);
        assert_string_equal(said + 64, ">");
    }
    assert_int_equal(lines, 4000);
}

static void no_path_is_stderr(void **state)
{
    int kept = dup(STDERR_FILENO), ends[2];
    char said[256] = {0};

    (void)state;
    assert_int_equal(pipe(ends), 0);
    dup2(ends[1], STDERR_FILENO);
    assert_true(log_open(""));
    log_notice("to the terminal");
    dup2(kept, STDERR_FILENO);
    assert_true(log_open(""));
    assert_true(read(ends[0], said, sizeof said - 1) > 0);
    assert_non_null(strstr(said, "to the terminal\n"));
    close(ends[0]);
    close(ends[1]);
    close(kept);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_tells_process_time_and_level),
        cmocka_unit_test(lines_below_the_level_are_not_written),
        cmocka_unit_test(a_clients_bytes_cannot_fake_a_line),
        cmocka_unit_test(reopening_follows_a_file_that_was_moved_away),
        cmocka_unit_test(a_target_that_cannot_be_opened_changes_nothing),
        cmocka_unit_test(errno_survives_a_line),
        cmocka_unit_test(lines_of_threads_never_mix),
        cmocka_unit_test(no_path_is_stderr),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
