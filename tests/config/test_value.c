#include "../../src/config/value_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "config/cloakroom.h"

static const struct option_row *row_of(const char *name)
{
    for (unsigned i = 0; i < cloak_option_set.count; i++) {
        if (strcmp(cloak_option_set.rows[i].name, name) == 0) return &cloak_option_set.rows[i];
    }
    return NULL;
}

static void assert_lines(const char *name, const char *value, const char *prefix,
                         const char *wanted)
{
    struct text text = {0};

    value_print_lines(row_of(name), bytes_of_text(value), prefix, &text);
    assert_string_equal(said(&text), wanted);
    text_fini(&text);
}

static void lines_quote_what_needs_it(void **state)
{
    (void)state;
    assert_lines("hooks", "7", "", "hooks 7\n");
    assert_lines("sign", "plain", "#", "#sign plain\n");
    assert_lines("sign", "", "", "sign \"\"\n");
    assert_lines("sign", "two words", "", "sign \"two words\"\n");
    assert_lines("sign", "a\"b'c\\", "", "sign \"a\\\"b'c\\\\\"\n");
    assert_lines("sign", "#1", "", "sign \"#1\"\n");
    assert_lines("sign", "x\n\xff", "", "sign \"x\\n\\xff\"\n");
}

static void sizes_stand_in_their_largest_unit(void **state)
{
    (void)state;
    assert_lines("pocket", "1024", "", "pocket 1kb\n");
    assert_lines("pocket", "1025", "", "pocket 1025\n");
    assert_lines("pocket", "536870912", "", "pocket 512mb\n");
    assert_lines("pocket", "1099511627776", "", "pocket 1024gb\n");
    assert_lines("attic", "0", "", "attic 0\n");
}

static void lists_stay_words_and_repeats_stay_lines(void **state)
{
    (void)state;
    assert_lines("doors", "front -back", "", "doors front -back\n");
    assert_lines("doors", "", "", "doors \"\"\n");
    assert_lines("rename", "coat jacket\nhat ", "#", "#rename coat jacket\n#rename hat \"\"\n");
}

static void expectations_tell_kind_and_range(void **state)
{
    static const struct {
        const char *name, *wanted;
    } known[] = {{"locked", "yes or no"},
                 {"port", "a whole number from 0 to 65535"},
                 {"cold-ms", "a whole number from -5"},
                 {"pocket", "a size such as 512mb, from 1kb"},
                 {"attic", "a size such as 512mb, from 0 to 1gb"},
                 {"level", "one of debug, notice, warning"},
                 {"sign", "a text"},
                 {"doors", "words"}};

    (void)state;
    for (unsigned i = 0; i < sizeof known / sizeof known[0]; i++) {
        struct text text = {0};

        value_expectation(row_of(known[i].name), &text);
        assert_string_equal(said(&text), known[i].wanted);
        text_fini(&text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_quote_what_needs_it),
        cmocka_unit_test(sizes_stand_in_their_largest_unit),
        cmocka_unit_test(lists_stay_words_and_repeats_stay_lines),
        cmocka_unit_test(expectations_tell_kind_and_range),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
