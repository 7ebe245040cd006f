/* Names of former times: they are names of the rows of today. */
#include "coatcheck/config/registry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#define SHELF_OPTIONS(BOOL, INT, SIZE, WORD, TEXT)                                                                       \
    INT(entries, "hash-max-listpack-entries", 512, 0, INT64_MAX, OPTION_LIVE, "coats on a shelf")                        \
    INT(size, "list-max-listpack-size", -2, INT32_MIN, INT32_MAX, OPTION_LIVE, "how long a shelf is")
OPTION_STRUCT(shelf, SHELF_OPTIONS);

#define OPTIONS_HERE shelf_options
#define OPTION_HOOKS_HERE shelf_option_hooks
OPTION_DEFINE(shelf, SHELF_OPTIONS)

static struct text why;

static int tidy(void **state)
{
    (void)state;
    shelf_options.entries = 512;
    shelf_options.size = -2;
    shelf_option_hooks = (struct shelf_option_hooks){0};
    text_clear(&why);
    return 0;
}

static bool set_two(const char *name, const char *value, const char *other, const char *other_value)
{
    struct config_pair pairs[] = {{bytes_of_text(name), bytes_of_text(value)}, {bytes_of_text(other), bytes_of_text(other_value)}};

    text_clear(&why);
    return config_set(pairs, *other ? 2 : 1, &why);
}

static void assert_why(const char *sentence)
{
    assert_int_equal(why.len, strlen(sentence));
    assert_memory_equal(why.at, sentence, why.len);
}

static void a_row_is_found_by_a_name_of_former_times(void **state)
{
    (void)state;
    assert_ptr_equal(config_find(BYTES("hash-max-ziplist-entries")), &shelf_option_set.rows[0]);
    assert_ptr_equal(config_find(BYTES("LIST-max-ziplist-size")), &shelf_option_set.rows[1]);
    assert_null(config_find(BYTES("hash-max-ziplist-value"))); /* there is no such row in this program */
    assert_null(config_find(BYTES("hash-max-ziplist")));
}

static void those_names_are_listed_with_their_rows(void **state)
{
    const char *name;

    (void)state;
    assert_ptr_equal(config_former(0, &name), &shelf_option_set.rows[0]);
    assert_string_equal(name, "hash-max-ziplist-entries");
    assert_ptr_equal(config_former(1, &name), &shelf_option_set.rows[1]);
    assert_string_equal(name, "list-max-ziplist-size");
    assert_null(config_former(2, &name));
}

static void by_either_name_the_same_is_set(void **state)
{
    (void)state;
    assert_true(set_two("hash-max-ziplist-entries", "7", "", ""));
    assert_int_equal(option_int(&shelf_options.entries), 7);
    assert_true(set_two("Hash-Max-Ziplist-Entries", "8", "list-max-ziplist-size", "9"));
    assert_int_equal(option_int(&shelf_options.entries), 8);
    assert_int_equal(option_int(&shelf_options.size), 9);
}

/* As redis-server, where they are two options with one value. */
static void given_by_both_names_the_last_one_holds(void **state)
{
    (void)state;
    assert_true(set_two("list-max-ziplist-size", "3", "list-max-listpack-size", "4"));
    assert_int_equal(option_int(&shelf_options.size), 4);
    assert_true(set_two("list-max-listpack-size", "5", "list-max-ziplist-size", "6"));
    assert_int_equal(option_int(&shelf_options.size), 6);
    assert_false(set_two("list-max-ziplist-size", "1", "LIST-max-ziplist-size", "2"));
    assert_why("CONFIG SET failed (possibly related to argument 'LIST-max-ziplist-size') - duplicate parameter");
}

static void a_refusal_names_what_was_given(void **state)
{
    (void)state;
    assert_false(set_two("HASH-max-ziplist-entries", "-1", "", ""));
    assert_why("CONFIG SET failed (possibly related to argument 'hash-max-ziplist-entries') - argument must be between 0 and "
               "9223372036854775807 inclusive");
    assert_int_equal(option_int(&shelf_options.entries), 512);
}

static bool never(struct text *into)
{
    text_addf(into, "not today");
    return false;
}

static void what_was_given_by_both_names_is_taken_back_whole(void **state)
{
    (void)state;
    shelf_option_hooks.size.apply = never;
    assert_false(set_two("list-max-ziplist-size", "3", "list-max-listpack-size", "4"));
    assert_int_equal(option_int(&shelf_options.size), -2);
    assert_why("CONFIG SET failed (possibly related to argument 'list-max-ziplist-size') - not today");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_row_is_found_by_a_name_of_former_times, tidy),
        cmocka_unit_test_setup(those_names_are_listed_with_their_rows, tidy),
        cmocka_unit_test_setup(by_either_name_the_same_is_set, tidy),
        cmocka_unit_test_setup(given_by_both_names_the_last_one_holds, tidy),
        cmocka_unit_test_setup(a_refusal_names_what_was_given, tidy),
        cmocka_unit_test_setup(what_was_given_by_both_names_is_taken_back_whole, tidy),
    };

    config_add(&shelf_option_set);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
