#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "coatcheck/acl/rules.h"
#include "coatcheck/base/mem.h"
#include "coatcheck/commands/table.h"
#include "coatcheck/engine/category.h"

static struct rules *rules;

static int setup(void **state)
{
    (void)state;
    if (commands_count() == 0) commands_add(command_families, command_family_count);
    rules = rules_new();
    return rules ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    rules_free(&rules);
    return 0;
}

static bool take(struct rules *into, const char *words)
{
    char copy[1024];
    struct bytes list[64];
    struct text why = {0};
    unsigned count = 0;
    bool good;

    snprintf(copy, sizeof copy, "%s", words);
    for (char *word = strtok(copy, " "); word; word = strtok(NULL, " ")) list[count++] = bytes_of_text(word);
    good = rules_take(into, list, count, &why);
    text_fini(&why);
    return good;
}

static enum permit ask(const struct rules *of, const char *words)
{
    char copy[256];
    struct bytes list[32];
    struct args args = {.of = list};
    const struct command *command;
    unsigned place;

    snprintf(copy, sizeof copy, "%s", words);
    for (char *word = strtok(copy, " "); word; word = strtok(NULL, " ")) list[args.n++] = bytes_of_text(word);
    command = commands_find_full(list[0]);
    if (command->subs) command = commands_find_sub(command, list[1]);
    return rules_permit(of, command, &args, &place);
}

static void assert_printed(const struct rules *of, const char *expected)
{
    struct text text = {0};

    rules_print(of, &text);
    text_add_char(&text, '\0');
    assert_string_equal(text.at, expected);
    text_fini(&text);
}

static void a_new_user_may_only_say_who_it_is(void **state)
{
    (void)state;
    assert_int_equal(ask(rules, "get k"), NO_COMMAND);
    assert_int_equal(ask(rules, "ping"), NO_COMMAND);
    assert_int_equal(ask(rules, "auth x"), PERMITTED);
    assert_int_equal(ask(rules, "hello 3"), PERMITTED);
    assert_false(rules_are_boundless(rules));
}

/* Each command of each category: what +@ gives -@ takes, and nothing else. */
static void categories_give_and_take_their_own(void **state)
{
    (void)state;
    for (unsigned c = 0; c < CATEGORY_COUNT; c++) {
        char words[64];
        struct rules *all = rules_new();

        snprintf(words, sizeof words, "-@all +@%s", category_names[c]);
        assert_true(take(rules, words));
        snprintf(words, sizeof words, "+@all -@%s", category_names[c]);
        assert_true(take(all, words));
        for (unsigned n = 0; n < commands_count(); n++) {
            const struct command *command = commands_at(n);
            struct args none = {0};
            bool its = command_categories(command) & 1u << c;
            unsigned place;

            if (command->row->flags & COMMAND_NO_AUTH) continue;
            assert_int_equal(rules_permit(rules, command, &none, &place) != NO_COMMAND, its);
            assert_int_equal(rules_permit(all, command, &none, &place) == NO_COMMAND, its);
        }
        rules_free(&all);
    }
}

static void keys_are_held_against_what_is_done_to_them(void **state)
{
    (void)state;
    assert_true(take(rules, "on +@all %R~r* %W~w* ~rw*"));
    assert_int_equal(ask(rules, "get r1"), PERMITTED);
    assert_int_equal(ask(rules, "get w1"), NO_KEY);
    assert_int_equal(ask(rules, "set w1 x"), PERMITTED);
    assert_int_equal(ask(rules, "set w1 x get"), NO_KEY);
    assert_int_equal(ask(rules, "set r1 x"), NO_KEY);
    assert_int_equal(ask(rules, "mset w1 x rw1 x"), PERMITTED);
    assert_int_equal(ask(rules, "mset w1 x r1 x"), NO_KEY);
    assert_int_equal(ask(rules, "sdiffstore w1 r1 rw1"), PERMITTED);
    assert_int_equal(ask(rules, "zunionstore r1 1 rw1"), NO_KEY);
    assert_int_equal(ask(rules, "zunionstore w1 2 r1 w2"), NO_KEY);
    assert_int_equal(ask(rules, "object encoding x"), NO_KEY);
    assert_true(take(rules, "resetkeys"));
    assert_int_equal(ask(rules, "get r1"), NO_KEY);
    assert_int_equal(ask(rules, "ping"), PERMITTED);
}

static void a_selector_is_held_to_as_a_whole(void **state)
{
    (void)state;
    assert_true(take(rules, "on (+get ~a) (+set ~b)"));
    assert_int_equal(ask(rules, "get a"), PERMITTED);
    assert_int_equal(ask(rules, "set b 1"), PERMITTED);
    assert_int_equal(ask(rules, "get b"), NO_KEY);
    assert_int_equal(ask(rules, "set a 1"), NO_KEY);
    assert_int_equal(ask(rules, "del a"), NO_COMMAND);
    assert_true(take(rules, "clearselectors"));
    assert_int_equal(ask(rules, "get a"), NO_COMMAND);
}

static void reading_all_takes_a_pattern_that_is_all(void **state)
{
    (void)state;
    assert_true(take(rules, "+get ~a*"));
    assert_false(rules_permit_reading_all(rules, commands_find_full(BYTES("get"))));
    assert_true(take(rules, "%R~*"));
    assert_true(rules_permit_reading_all(rules, commands_find_full(BYTES("get"))));
    assert_false(rules_permit_reading_all(rules, commands_find_full(BYTES("set"))));
}

static const char *const words[] = {
    "on", "off", "nopass", "resetpass", ">a", ">b", "<a", "+get", "-get", "+@read", "-@read", "+@all", "-@all", "+client",
    "-client|list", "+client|list", "-client", "+select|0", "+select|1", "-select", "+select", "~a*", "~*", "%R~b", "%W~b",
    "resetkeys", "&c", "&*", "resetchannels", "(+get ~a)", "(%R~x -@all +@hash &y)", "clearselectors", "reset", "+@dangerous",
    "-@dangerous", "+config|get", "-config", "sanitize-payload", "skip-sanitize-payload", "nosuch", "+nosuch", "!abc"};

/* Words in any order: refused ones change nothing, a copy is the same, and so is what is read from what is printed. */
static void what_is_printed_reads_back_as_the_same(void **state)
{
    (void)state;
    srandom(7);
    for (unsigned round = 0; round < 3000; round++) {
        struct rules *copy = rules_copy(rules), *read = rules_new();
        struct bytes word = bytes_of_text(words[(size_t)random() % (sizeof words / sizeof words[0])]);
        struct text why = {0}, text = {0};

        assert_non_null(copy);
        if (rules_take(copy, &word, 1, &why)) {
            rules_free(&rules);
            rules = copy;
        } else {
            assert_true(why.len > 0);
            rules_free(&copy);
        }
        rules_print(rules, &text);
        text_add_char(&text, '\0');
        assert_true(take(read, text.at));
        assert_printed(read, text.at);
        for (unsigned n = 0; n < commands_count(); n++) {
            struct args none = {0};
            unsigned place;

            assert_int_equal(rules_permit(rules, commands_at(n), &none, &place),
                             rules_permit(read, commands_at(n), &none, &place));
        }
        if (round % 97 == 0) assert_true(take(rules, "reset"));
        rules_free(&read);
        text_fini(&text);
        text_fini(&why);
    }
}

/* Whichever allocation fails, it is said, and nothing is lost or leaked. */
static void without_memory_nothing_is_half_done(void **state)
{
    static const char all[] = "on >x ~a ~b ~c ~d ~e &f +get +select|0 -config|get (+set ~z) (%R~q +@read)";
    unsigned failed = 0;

    (void)state;
    assert_true(take(rules, all));
    for (unsigned n = 1; n < 200; n++) {
        struct rules *copy;

        mem_fail_after(n);
        copy = rules_copy(rules);
        if (copy && !take(copy, all)) failed++;
        mem_fail_after(0);
        if (copy) rules_free(&copy);
    }
    assert_true(failed > 5);
}

static void passwords_are_known_by_their_hash(void **state)
{
    (void)state;
    assert_true(take(rules, "on >secret #d9298a10d1b0735837dc4bd85dac641b0f3cef27a47e5d53a54f2f3f5b2fcffa"));
    assert_true(rules_know_password(rules, BYTES("secret")));
    assert_true(rules_know_password(rules, BYTES("other")));
    assert_false(rules_know_password(rules, BYTES("Secret")));
    assert_false(rules_know_password(rules, BYTES("")));
    assert_true(take(rules, "<other !2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b"));
    assert_false(rules_know_password(rules, BYTES("secret")));
    assert_int_equal(rules->password_count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_new_user_may_only_say_who_it_is, setup, teardown),
        cmocka_unit_test_setup_teardown(categories_give_and_take_their_own, setup, teardown),
        cmocka_unit_test_setup_teardown(keys_are_held_against_what_is_done_to_them, setup, teardown),
        cmocka_unit_test_setup_teardown(a_selector_is_held_to_as_a_whole, setup, teardown),
        cmocka_unit_test_setup_teardown(reading_all_takes_a_pattern_that_is_all, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_printed_reads_back_as_the_same, setup, teardown),
        cmocka_unit_test_setup_teardown(without_memory_nothing_is_half_done, setup, teardown),
        cmocka_unit_test_setup_teardown(passwords_are_known_by_their_hash, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
