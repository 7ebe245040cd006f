#include "coatcheck/base/cgroup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Folders and files as the kernel would show them, in a folder of our own. */
static char root[] = "/tmp/cgroup.XXXXXX";
static char memberships[PATH_MAX], mounted[PATH_MAX];

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* "/a/b/memory.max" below the mounted folder, with the folders that it needs. */
static void place(const char *name, const char *text)
{
    char path[2 * PATH_MAX];

    snprintf(path, sizeof path, "%s%s", mounted, name);
    for (char *slash = path + strlen(mounted) + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = 0;
        mkdir(path, 0700);
        *slash = '/';
    }
    write_file(path, text);
}

static size_t limit_of(const char *groups)
{
    write_file(memberships, groups);
    return cgroup_memory_limit(memberships, mounted);
}

static void clear(void)
{
    char command[2 * PATH_MAX];

    snprintf(command, sizeof command, "rm -rf -- %s/mounted && mkdir %s/mounted", root, root);
    assert_int_equal(system(command), 0);
}

static int setup(void **state)
{
    (void)state;
    if (!mkdtemp(root)) return -1;
    snprintf(memberships, sizeof memberships, "%s/memberships", root);
    snprintf(mounted, sizeof mounted, "%s/mounted", root);
    return mkdir(mounted, 0700);
}

static int teardown(void **state)
{
    char command[2 * PATH_MAX];

    (void)state;
    snprintf(command, sizeof command, "rm -rf -- %s", root);
    return system(command);
}

static void the_least_limit_on_the_way_up_holds(void **state)
{
    (void)state;
    clear();
    place("/a/memory.max", "3000000\n");
    place("/a/b/memory.max", "max\n");
    place("/a/b/c/memory.max", "4000000\n");
    place("/d/memory.max", "1\n");
    assert_int_equal(limit_of("0::/a/b/c\n"), 3000000);
    place("/a/b/c/memory.max", "2000000\n");
    assert_int_equal(limit_of("0::/a/b/c\n"), 2000000);
    assert_int_equal(limit_of("0::/a/b\n"), 3000000);
    place("/memory.max", "1500000\n");
    assert_int_equal(limit_of("0::/a/b/c\n"), 1500000);
    assert_int_equal(limit_of("0::/\n"), 1500000);
}

static void version_1_is_asked_where_memory_stands(void **state)
{
    (void)state;
    clear();
    place("/memory/memory.limit_in_bytes", "9223372036854771712\n");
    place("/memory/docker/memory.limit_in_bytes", "5000000\n");
    place("/memory/docker/box/memory.limit_in_bytes", "6000000\n");
    place("/cpu/docker/box/memory.limit_in_bytes", "1\n");
    assert_int_equal(limit_of("3:cpu:/docker/box\n2:memory:/docker/box\n1:name=systemd:/memory\n"), 5000000);
    assert_int_equal(limit_of("2:memory:/\n"), 9223372036854771712u);
    assert_int_equal(limit_of("3:cpu:/docker/box\n"), SIZE_MAX);
}

static void where_both_versions_are_mounted_either_may_limit(void **state)
{
    (void)state;
    clear();
    place("/memory/box/memory.limit_in_bytes", "5000000\n");
    assert_int_equal(limit_of("4:memory:/box\n1:cpu:/\n0::/\n"), 5000000);
    place("/box/memory.max", "4000000\n");
    assert_int_equal(limit_of("4:memory:/box\n0::/box\n"), 4000000);
}

static void in_a_container_its_own_group_stands_uppermost(void **state)
{
    (void)state;
    clear();
    place("/memory/memory.limit_in_bytes", "7000000\n");
    assert_int_equal(limit_of("4:memory:/of/the/host\n0::/\n"), 7000000);
    place("/memory.max", "6000000\n");
    assert_int_equal(limit_of("0::/of/the/host\n"), 6000000);
}

static void where_nothing_is_told_there_is_no_limit(void **state)
{
    (void)state;
    clear();
    assert_int_equal(limit_of("0::/a/b\n4:memory:/c\n"), SIZE_MAX);
    assert_int_equal(limit_of(""), SIZE_MAX);
    assert_int_equal(limit_of("no such line\n::\n:\n\n0:\n"), SIZE_MAX);
    assert_int_equal(cgroup_memory_limit("/nosuch", mounted), SIZE_MAX);
    assert_true(cgroup_memory_limit("/proc/self/cgroup", "/sys/fs/cgroup") > 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_least_limit_on_the_way_up_holds),
        cmocka_unit_test(version_1_is_asked_where_memory_stands),
        cmocka_unit_test(where_both_versions_are_mounted_either_may_limit),
        cmocka_unit_test(in_a_container_its_own_group_stands_uppermost),
        cmocka_unit_test(where_nothing_is_told_there_is_no_limit),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
