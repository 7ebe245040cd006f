#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <ctype.h>
#include <cmocka.h>
#include "coatcheck/commands/table.h"

/* Names are looked at in steps of 16 bytes: as input they have padding. */
static const struct command *find(const char *name)
{
    char padded[64] = {0};

    snprintf(padded, sizeof padded, "%s", name);
    return commands_find(bytes_of(padded, strlen(name)));
}

static int setup(void **state)
{
    (void)state;
    commands_add(command_families, command_family_count);
    return 0;
}

static void every_command_is_found_in_any_case(void **state)
{
    (void)state;
    assert_true(commands_count() > 10);
    for (unsigned n = 0; n < commands_count(); n++) {
        const struct command *command = commands_at(n);
        char upper[64];
        size_t i;

        assert_int_equal(command->number, n);
        if (command->parent) {
            assert_ptr_equal(commands_find_sub(command->parent, bytes_of_text(command->name)), command);
            continue;
        }
        for (i = 0; command->name[i]; i++) upper[i] = (char)toupper((unsigned char)command->name[i]);
        upper[i] = '\0';
        assert_ptr_equal(find(command->name), command);
        assert_ptr_equal(find(upper), command);
    }
}

static void what_is_no_command_is_not_found(void **state)
{
    static const char *const names[] = {"", "g", "ge", "gett", "get ", "g\x65\x54\x80", "\x07et",
                                        "averyveryverylongnamethatnobodyhas", "gEt\x01"};

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) assert_null(find(names[i]));
    /* A letter's neighbours in the alphabet of bytes are not its other case. */
    assert_null(find("GE\x14"));
    assert_null(find("'et"));
}

static void every_row_is_complete(void **state)
{
    (void)state;
    for (unsigned n = 0; n < commands_count(); n++) {
        const struct command_row *row = commands_at(n)->row;

        if (!row->since || !row->summary || !row->cost || !row->syntax) {
            fail_msg("%s lacks since, summary, cost or syntax", commands_at(n)->full_name);
        }
        assert_true(row->arity != 0);
        assert_true(row->run != NULL || row->subs != NULL);
        assert_true(row->keys.first >= 0 && (row->keys.first == 0 || row->keys.step > 0));
    }
}

static void the_nearest_name_is_offered_when_one_is_near(void **state)
{
    (void)state;
    assert_string_equal(commands_nearest(BYTES("gte")), "get");
    assert_string_equal(commands_nearest(BYTES("EXPRIE")), "expire");
    assert_null(commands_nearest(BYTES("helicopter")));
    assert_null(commands_nearest(BYTES("x")));
}

static void keys_are_found_by_first_last_and_step(void **state)
{
    struct bytes words[] = {BYTES("mset"), BYTES("a"), BYTES("1"), BYTES("b"), BYTES("2")};
    struct args args = {5, words};
    unsigned places[5];

    (void)state;
    assert_int_equal(command_keys_of(find("mset")->row, &args, places), 2);
    assert_int_equal(places[0], 1);
    assert_int_equal(places[1], 3);
    assert_int_equal(command_keys_of(find("get")->row, &args, places), 1);
    assert_int_equal(command_keys_of(find("ping")->row, &args, places), 0);
}

static void a_command_can_be_renamed_and_taken_away(void **state)
{
    (void)state;
    assert_false(commands_rename(BYTES("nosuch"), BYTES("other")));
    assert_false(commands_rename(BYTES("flushall"), BYTES("get")));
    assert_true(commands_rename(BYTES("FLUSHALL"), BYTES("Wipe")));
    assert_null(find("flushall"));
    assert_non_null(find("wIPE"));
    assert_true(commands_rename(BYTES("wipe"), BYTES("")));
    assert_null(find("wipe"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_command_is_found_in_any_case),
        cmocka_unit_test(what_is_no_command_is_not_found),
        cmocka_unit_test(every_row_is_complete),
        cmocka_unit_test(the_nearest_name_is_offered_when_one_is_near),
        cmocka_unit_test(keys_are_found_by_first_last_and_step),
        cmocka_unit_test(a_command_can_be_renamed_and_taken_away),
    };

    return cmocka_run_group_tests(tests, setup, NULL);
}
