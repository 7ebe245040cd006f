#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "coatcheck/commands/table.h"
#include "coatcheck/engine/category.h"

#define BIT(name) (1u << CATEGORY_##name)

static uint32_t categories_of(const char *name)
{
    const struct command *command = commands_find_full(bytes_of_text(name));

    if (!command) fail_msg("there is no command %s", name);
    return command_categories(command);
}

/* As redis-server 7.0 answers in COMMAND INFO. */
static void categories_follow_from_the_row(void **state)
{
    (void)state;
    assert_int_equal(categories_of("get"), BIT(READ) | BIT(STRING) | BIT(FAST));
    assert_int_equal(categories_of("set"), BIT(WRITE) | BIT(STRING) | BIT(SLOW));
    assert_int_equal(categories_of("expire"), BIT(KEYSPACE) | BIT(WRITE) | BIT(FAST));
    assert_int_equal(categories_of("ping"), BIT(FAST) | BIT(CONNECTION));
    assert_int_equal(categories_of("config|get"), BIT(ADMIN) | BIT(SLOW) | BIT(DANGEROUS));
    assert_int_equal(categories_of("wait"), BIT(SLOW) | BIT(CONNECTION));
    assert_int_equal(categories_of("info"), BIT(SLOW) | BIT(DANGEROUS));
    assert_int_equal(categories_of("role"), BIT(ADMIN) | BIT(FAST) | BIT(DANGEROUS));
}

static void a_container_is_nothing_but_slow_while_its_subcommands_are_what_they_are(void **state)
{
    (void)state;
    assert_int_equal(categories_of("object"), BIT(SLOW));
    assert_int_equal(categories_of("object|help"), BIT(KEYSPACE) | BIT(SLOW));
    assert_int_equal(categories_of("script"), BIT(SLOW));
    assert_int_equal(categories_of("script|flush"), BIT(SCRIPTING) | BIT(SLOW));
}

static void what_a_script_reads_does_not_make_it_a_read(void **state)
{
    (void)state;
    assert_int_equal(categories_of("eval_ro"), BIT(SCRIPTING) | BIT(SLOW));
}

static void names_are_found_in_any_case_and_only_whole(void **state)
{
    (void)state;
    for (unsigned i = 0; category_names[i]; i++) {
        assert_int_equal(category_find(bytes_of_text(category_names[i])), i);
    }
    assert_int_equal(category_find(BYTES("SortedSet")), CATEGORY_SORTEDSET);
    assert_int_equal(category_find(BYTES("sort")), CATEGORY_COUNT);
    assert_int_equal(category_find(BYTES("")), CATEGORY_COUNT);
    assert_int_equal(category_find(BYTES("@read")), CATEGORY_COUNT);
}

static int setup(void **state)
{
    (void)state;
    commands_add(command_families, command_family_count);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(categories_follow_from_the_row),
        cmocka_unit_test(a_container_is_nothing_but_slow_while_its_subcommands_are_what_they_are),
        cmocka_unit_test(what_a_script_reads_does_not_make_it_a_read),
        cmocka_unit_test(names_are_found_in_any_case_and_only_whole),
    };

    return cmocka_run_group_tests(tests, setup, NULL);
}
