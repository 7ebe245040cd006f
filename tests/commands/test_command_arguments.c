/* COMMAND DOCS reads the syntax line of every row, so every line has to be in the form that it
 * understands. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "coatcheck/commands/table.h"
#include "../../src/commands/command_internal.h"

static struct reply reply;
static struct outbox queue;
static char window[1 << 16];

static void begin(void)
{
    reply_open(&reply, window, sizeof window, &queue, 2);
}

/* What is told of a made-up command with this syntax, with the lengths and line ends left out. */
static const char *told(const char *syntax, struct command_keys keys)
{
    static char text[1 << 16];
    struct command_row row = {.name = "test", .keys = keys, .access = KEY_RO, .syntax = syntax};
    struct command command = {.row = &row, .full_name = "test"};
    struct bytes raw;
    size_t len = 0;

    begin();
    assert_true(reply_command_arguments(&reply, &command));
    raw = reply_in_window(&reply);
    for (size_t i = 0; i < raw.len;) {
        size_t end = i;

        while (raw.at[end] != '\r') end++;
        if (raw.at[i] != '*' && raw.at[i] != '$') {
            memcpy(text + len, raw.at + i, end - i);
            len += end - i;
            text[len++] = ' ';
        }
        i = end + 2;
    }
    text[len] = '\0';
    return text;
}

static void every_row_of_every_family_is_understood(void **state)
{
    (void)state;
    commands_add(command_families, command_family_count);
    assert_true(commands_count() > 100);
    for (unsigned n = 0; n < commands_count(); n++) {
        const struct command *command = commands_at(n);

        if (command->subs || !command->row->syntax || !*command->row->syntax) continue;
        begin();
        if (!reply_command_arguments(&reply, command)) {
            fail_msg("%s: the syntax '%s' is not understood", command->full_name,
                     command->row->syntax);
        }
    }
}

static void words_in_capitals_are_tokens_and_take_the_name_behind_them(void **state)
{
    (void)state;
    assert_string_equal(told("key [EX seconds]", (struct command_keys)KEYS_ONE),
                        "name key type key key_spec_index :0 "
                        "name seconds type integer token EX flags +optional ");
    assert_string_equal(told("[WITHCODE]", (struct command_keys)KEYS_NONE),
                        "name withcode type pure-token token WITHCODE flags +optional ");
}

static void alternatives_are_one_of(void **state)
{
    (void)state;
    assert_string_equal(told("[NX | XX]", (struct command_keys)KEYS_NONE),
                        "name nx_xx type oneof flags +optional arguments "
                        "name nx type pure-token token NX name xx type pure-token token XX ");
    assert_string_equal(
        told("<host port | NO ONE>", (struct command_keys)KEYS_NONE),
        "name host_port_no_one type oneof arguments "
        "name host_port type block arguments name host type string name port type integer "
        "name no_one type block arguments "
        "name no type pure-token token NO name one type pure-token token ONE ");
    assert_string_equal(told("ON | OFF", (struct command_keys)KEYS_NONE),
                        "name on_off type oneof arguments "
                        "name on type pure-token token ON name off type pure-token token OFF ");
    assert_string_equal(told("FILTERBY <A a | B b>", (struct command_keys)KEYS_NONE),
                        "name a_b type oneof token FILTERBY arguments "
                        "name a type string token A name b type string token B ");
}

static void what_repeats_is_multiple(void **state)
{
    (void)state;
    assert_string_equal(told("key [key ...]", (struct command_keys)KEYS_ALL),
                        "name key type key key_spec_index :0 flags +multiple ");
    assert_string_equal(told("key value [key value ...]", (struct command_keys){1, -1, 2}),
                        "name key_value type block flags +multiple arguments "
                        "name key type key key_spec_index :0 name value type string ");
    assert_string_equal(told("[section [section ...]]", (struct command_keys)KEYS_NONE),
                        "name section type string flags +optional +multiple ");
    assert_string_equal(
        told("[PREFIX prefix [PREFIX prefix ...]]", (struct command_keys)KEYS_NONE),
        "name prefix type string token PREFIX flags +optional +multiple +multiple_token ");
    assert_string_equal(
        told("[CONFIG name value [CONFIG name value ...]]", (struct command_keys)KEYS_NONE),
        "name name_value type block token CONFIG flags +optional +multiple +multiple_token "
        "arguments "
        "name name type string name value type string ");
}

static void several_keys_in_a_row_are_all_keys(void **state)
{
    (void)state;
    assert_string_equal(
        told("source destination [DB destination-db]", (struct command_keys){1, 2, 1}),
        "name source type key key_spec_index :0 name destination type key key_spec_index :0 "
        "name destination-db type integer token DB flags +optional ");
}

static void a_line_of_another_form_is_given_up(void **state)
{
    static const char *const broken[] = {"[",    "[NX", "NX]",  "<a | ", "key [key ...",
                                         "a ||", "...", "[] a", "a > b"};

    (void)state;
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        struct command_row row = {.name = "test", .syntax = broken[i]};
        struct command command = {.row = &row, .full_name = "test"};

        begin();
        if (reply_command_arguments(&reply, &command)) fail_msg("'%s' was understood", broken[i]);
        assert_true(bytes_equal(reply_in_window(&reply), BYTES("*0\r\n")));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_of_every_family_is_understood),
        cmocka_unit_test(words_in_capitals_are_tokens_and_take_the_name_behind_them),
        cmocka_unit_test(alternatives_are_one_of),
        cmocka_unit_test(what_repeats_is_multiple),
        cmocka_unit_test(several_keys_in_a_row_are_all_keys),
        cmocka_unit_test(a_line_of_another_form_is_given_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
