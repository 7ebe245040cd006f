#include "coatcheck/daemon/pidfile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <limits.h>
#include <signal.h>
#include <fcntl.h>
#include <sys/stat.h>
#include "daemon/child.h"

struct place {
    char *folder;
    char *path;
    struct text why;
};

static int place_setup(void **state)
{
    struct place *place = calloc(1, sizeof *place);

    place->folder = folder_new();
    place->path = folder_path(place->folder, "coatcheckd.pid");
    *state = place;
    return 0;
}

static int place_teardown(void **state)
{
    struct place *place = *state;

    pidfile_close();
    folder_free(&place->folder);
    free(place->path);
    text_fini(&place->why);
    free(place);
    return 0;
}

static bool holds(const char *path, const char *expected)
{
    char *text = file_read(path);
    bool same = text && strcmp(text, expected) == 0;

    free(text);
    return same;
}

static bool holds_our_pid(const char *path)
{
    char expected[32];

    snprintf(expected, sizeof expected, "%ld\n", (long)getpid());
    return holds(path, expected);
}

static bool exists(const char *path)
{
    struct stat there;

    return lstat(path, &there) == 0;
}

static void put(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static unsigned files_in(const char *folder)
{
    DIR *dir = opendir(folder);
    unsigned count = 0;

    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir));) count += entry->d_name[0] != '.';
    closedir(dir);
    return count;
}

static bool says(struct text *why, const char *words)
{
    return why->len && memmem(why->at, why->len, words, strlen(words));
}

static void the_file_holds_the_pid_while_the_server_runs(void **state)
{
    struct place *place = *state;
    struct stat there;

    assert_true(pidfile_open(place->path, &place->why));
    assert_true(holds_our_pid(place->path));
    assert_int_equal(stat(place->path, &there), 0);
    assert_int_equal(there.st_mode & 0133, 0); /* not executable, written by its owner alone */
    assert_int_equal(files_in(place->folder), 1);
    pidfile_close();
    assert_false(exists(place->path));
    pidfile_close();
}

static void what_a_dead_server_left_is_replaced(void **state)
{
    struct place *place = *state;
    char beside[PATH_MAX];

    put(place->path, "1\n");
    snprintf(beside, sizeof beside, "%s.%ld", place->path, (long)getpid());
    put(beside, "half");
    assert_true(pidfile_open(place->path, &place->why));
    assert_true(holds_our_pid(place->path));
    assert_int_equal(files_in(place->folder), 1);
}

static void a_file_that_another_server_wrote_meanwhile_stays(void **state)
{
    struct place *place = *state;
    char own[32], *kept, *other;

    assert_true(pidfile_open(place->path, &place->why));
    put(place->path, "1\n"); /* the same inode, another number */
    pidfile_close();
    assert_true(holds(place->path, "1\n"));

    assert_true(pidfile_open(place->path, &place->why));
    kept = folder_path(place->folder, "kept");
    other = folder_path(place->folder, "other");
    assert_int_equal(rename(place->path, kept), 0); /* as long as it lives, its inode is taken */
    snprintf(own, sizeof own, "%ld\n", (long)getpid());
    put(other, own); /* another inode, the same number: another container */
    assert_int_equal(rename(other, place->path), 0);
    pidfile_close();
    assert_true(holds(place->path, own));
    free(kept);
    free(other);
}

static void close_it(void *unused)
{
    (void)unused;
    pidfile_close();
}

static void a_child_does_not_remove_it(void **state)
{
    struct place *place = *state;

    assert_true(pidfile_open(place->path, &place->why));
    assert_int_equal(child_exit_code(child_run(close_it, NULL)), 0);
    assert_true(holds_our_pid(place->path));
}

static void a_relative_path_means_the_folder_of_the_start(void **state)
{
    struct place *place = *state;
    char before[PATH_MAX];

    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(chdir(place->folder), 0);
    assert_true(pidfile_open("coatcheckd.pid", &place->why));
    assert_int_equal(chdir("/"), 0);
    assert_true(holds_our_pid(place->path));
    pidfile_close();
    assert_false(exists(place->path));
    assert_int_equal(chdir(before), 0);
}

static void a_path_that_cannot_be_written_is_told(void **state)
{
    struct place *place = *state;
    char *nowhere = folder_path(place->folder, "missing/coatcheckd.pid");

    assert_false(pidfile_open(nowhere, &place->why));
    assert_true(says(&place->why, nowhere));
    assert_true(says(&place->why, "No such file or directory"));
    pidfile_close();
    free(nowhere);
}

static void a_folder_or_a_device_is_never_replaced(void **state)
{
    struct place *place = *state;
    struct stat there;

    assert_int_equal(mkfifo(place->path, 0600), 0);
    assert_false(pidfile_open(place->path, &place->why));
    assert_true(says(&place->why, "not a file"));
    assert_int_equal(lstat(place->path, &there), 0);
    assert_true(S_ISFIFO(there.st_mode));

    text_clear(&place->why);
    assert_false(pidfile_open(place->folder, &place->why));
    assert_true(says(&place->why, "is a directory, not a file"));
}

/* A disk without room, as far as a test without a disk of its own can have one. */
static void write_without_room(void *context)
{
    const struct rlimit none = {0, 0};
    struct place *place = context;

    signal(SIGXFSZ, SIG_IGN);
    child_check(setrlimit(RLIMIT_FSIZE, &none) == 0);
    child_check(!pidfile_open(place->path, &place->why));
    child_check(says(&place->why, "cannot be written"));
}

static void a_full_disk_leaves_no_half_file(void **state)
{
    struct place *place = *state;

    assert_int_equal(child_exit_code(child_run(write_without_room, place)), 0);
    assert_int_equal(files_in(place->folder), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define WITH_PLACE(test) cmocka_unit_test_setup_teardown(test, place_setup, place_teardown)
        WITH_PLACE(the_file_holds_the_pid_while_the_server_runs),
        WITH_PLACE(what_a_dead_server_left_is_replaced),
        WITH_PLACE(a_file_that_another_server_wrote_meanwhile_stays),
        WITH_PLACE(a_child_does_not_remove_it),
        WITH_PLACE(a_relative_path_means_the_folder_of_the_start),
        WITH_PLACE(a_path_that_cannot_be_written_is_told),
        WITH_PLACE(a_folder_or_a_device_is_never_replaced),
        WITH_PLACE(a_full_disk_leaves_no_half_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
