#include "coatcheck/config/registry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include "config/cloakroom.h"
#include "coatcheck/base/mem.h"
#include "coatcheck/base/random.h"

static struct text why;

static int tidy(void **state)
{
    (void)state;
    cloakroom_tidy();
    text_clear(&why);
    return 0;
}

static bool set(const char *name, const char *value)
{
    struct config_pair pair = {bytes_of_text(name), bytes_of_text(value)};

    text_clear(&why);
    return config_set(&pair, 1, &why);
}

static bool set_two(const char *name, const char *value, const char *other, const char *other_value)
{
    struct config_pair pairs[] = {{bytes_of_text(name), bytes_of_text(value)},
                                  {bytes_of_text(other), bytes_of_text(other_value)}};

    text_clear(&why);
    return config_set(pairs, 2, &why);
}

static void assert_refused(const char *name, const char *value, const char *reason)
{
    char wanted[400];

    assert_false(set(name, value));
    snprintf(wanted, sizeof wanted, "CONFIG SET failed (possibly related to argument '%s') - %s",
             name, reason);
    assert_string_equal(said(&why), wanted);
}

static const char *printed(const char *name)
{
    static struct text text;

    text_clear(&text);
    config_print(config_find(bytes_of_text(name)), &text);
    return said(&text);
}

static void rows_are_found_in_any_case_and_in_order(void **state)
{
    (void)state;
    assert_ptr_equal(config_find(BYTES("HoOks")), &cloak_option_set.rows[1]);
    assert_null(config_find(BYTES("hook")));
    assert_null(config_find(BYTES("")));
    assert_null(config_find(BYTES("hooks\0")));
    for (unsigned i = 0; i < cloak_option_set.count; i++) {
        assert_ptr_equal(config_row(i), &cloak_option_set.rows[i]);
    }
    assert_null(config_row(cloak_option_set.count));
}

static void defaults_are_printed_as_an_operator_writes_them(void **state)
{
    (void)state;
    assert_string_equal(printed("locked"), "no");
    assert_string_equal(printed("hooks"), "100");
    assert_string_equal(printed("pocket"), "1048576");
    assert_string_equal(printed("level"), "notice");
    assert_string_equal(printed("sign"), "");
    assert_string_equal(printed("doors"), "front -back");
}

static void values_of_every_kind_are_set(void **state)
{
    (void)state;
    assert_true(set("locked", "YES"));
    assert_int_equal(option_int(&cloak_options.locked), 1);
    assert_true(set("Hooks", "7"));
    assert_int_equal(option_int(&cloak_options.hooks), 7);
    assert_true(set("cold-ms", "-5"));
    assert_int_equal(option_int(&cloak_options.cold_ms), -5);
    assert_true(set("pocket", "2mb"));
    assert_int_equal(option_int(&cloak_options.pocket), 2097152);
    assert_true(set("level", "WARNING"));
    assert_int_equal(option_int(&cloak_options.level), LEVEL_WARNING);
    assert_true(set("sign", "two words"));
    assert_string_equal(option_text(&cloak_options.sign), "two words");
    assert_true(set("doors", "left right"));
    assert_string_equal(option_text(&cloak_options.doors), "left right");
    assert_string_equal(printed("locked"), "yes");
    assert_string_equal(printed("pocket"), "2097152");
    assert_string_equal(printed("level"), "warning");
}

/* Words for words what redis-server 7.0 answers for options of the same kind. */
static void refusals_speak_as_redis_does(void **state)
{
    (void)state;
    assert_refused("locked", "maybe", "argument must be 'yes' or 'no'");
    assert_refused("locked", "", "argument must be 'yes' or 'no'");
    assert_refused("hooks", "abc", "argument couldn't be parsed into an integer");
    assert_refused("hooks", "", "argument couldn't be parsed into an integer");
    assert_refused("hooks", "07", "argument couldn't be parsed into an integer");
    assert_refused("hooks", "1.5", "argument couldn't be parsed into an integer");
    assert_refused("hooks", "99999999999999999999", "argument couldn't be parsed into an integer");
    assert_refused("hooks", "0", "argument must be between 1 and 65535 inclusive");
    assert_refused("hooks", "70000", "argument must be between 1 and 65535 inclusive");
    assert_refused("cold-ms", "-6",
                   "argument must be between -5 and 9223372036854775807 inclusive");
    assert_refused("pocket", "1x", "argument must be a memory value");
    assert_refused("pocket", "-1", "argument must be a memory value");
    assert_refused("pocket", "1",
                   "argument must be between 1024 and 9223372036854775807 inclusive");
    assert_refused("pocket", "9999999999gb", "argument must be a memory value");
    assert_refused("level", "loud",
                   "argument(s) must be one of the following: debug, notice, warning");
    assert_refused("port", "1", "can't set immutable config");
    assert_refused("folder", "/tmp", "can't set protected config");
    assert_false(set("nope", "1"));
    assert_string_equal(said(&why),
                        "Unknown option or number of arguments for CONFIG SET - 'nope'");
    assert_int_equal(option_int(&cloak_options.hooks), 100);
}

/* Redis reads maxmemory "" and maxmemory kb as none at all. */
static void a_size_without_digits_is_none(void **state)
{
    static const char *const none[] = {"", "b", "k", "kb", "GB", "0mb"};

    (void)state;
    for (unsigned i = 0; i < sizeof none / sizeof none[0]; i++) {
        assert_true(set("attic", "5"));
        assert_true(set("attic", none[i]));
        assert_int_equal(option_int(&cloak_options.attic), 0);
    }
    assert_refused("attic", "x", "argument must be a memory value");
    assert_refused("attic", "kbb", "argument must be a memory value");
}

static void a_text_takes_any_byte_but_zero(void **state)
{
    struct config_pair pair = {BYTES("sign"), BYTES("a\0b")};

    (void)state;
    assert_false(config_set(&pair, 1, &why));
    assert_true(set("sign", "\xff\x01 \"'"));
    assert_string_equal(option_text(&cloak_options.sign), "\xff\x01 \"'");
    assert_true(set("sign", ""));
    assert_string_equal(option_text(&cloak_options.sign), "");
}

static void several_are_set_all_or_none(void **state)
{
    (void)state;
    assert_true(set_two("hooks", "5", "sign", "five"));
    assert_int_equal(option_int(&cloak_options.hooks), 5);
    assert_string_equal(option_text(&cloak_options.sign), "five");

    assert_false(set_two("hooks", "6", "locked", "x"));
    assert_string_equal(said(&why), "CONFIG SET failed (possibly related to argument 'locked') - "
                                    "argument must be 'yes' or 'no'");
    assert_false(set_two("hooks", "6", "nope", "x"));
    assert_false(set_two("hooks", "6", "port", "1"));
    assert_int_equal(option_int(&cloak_options.hooks), 5);
}

static void the_first_wrong_name_goes_before_any_wrong_value(void **state)
{
    (void)state;
    assert_false(set_two("hooks", "x", "nope", "1"));
    assert_string_equal(said(&why),
                        "Unknown option or number of arguments for CONFIG SET - 'nope'");
    assert_false(set_two("port", "1", "nope", "1"));
    assert_string_equal(said(&why), "CONFIG SET failed (possibly related to argument 'port') - "
                                    "can't set immutable config");
    /* a wrong value is named as the row is written, a wrong name as the client wrote it */
    assert_false(set("HOOKS", "x"));
    assert_string_equal(said(&why), "CONFIG SET failed (possibly related to argument 'hooks') - "
                                    "argument couldn't be parsed into an integer");
    assert_false(set("PORT", "1"));
    assert_string_equal(said(&why), "CONFIG SET failed (possibly related to argument 'PORT') - "
                                    "can't set immutable config");
}

static void an_option_given_twice_is_refused(void **state)
{
    (void)state;
    assert_false(set_two("HOOKS", "1", "hooks", "2"));
    assert_string_equal(
        said(&why),
        "CONFIG SET failed (possibly related to argument 'hooks') - duplicate parameter");
    assert_false(set_two("hooks", "1", "HOOKS", "1"));
    assert_string_equal(
        said(&why),
        "CONFIG SET failed (possibly related to argument 'HOOKS') - duplicate parameter");
    assert_int_equal(option_int(&cloak_options.hooks), 100);
}

static void protected_options_are_for_who_may(void **state)
{
    struct config_pair pair = {BYTES("folder"), BYTES("/tmp")};

    (void)state;
    assert_true(config_set_protected(&pair, 1, &why));
    assert_string_equal(option_text(&cloak_options.folder), "/tmp");
}

static unsigned told;

static void count_telling(void)
{
    told++;
}

static bool refuse_thirteen(struct bytes value, struct text *into)
{
    if (!bytes_equal(value, BYTES("13"))) return true;
    text_addf(into, "Nobody wants that hook.");
    return false;
}

static void hooks_check_first_and_are_told_once_of_what_changed(void **state)
{
    (void)state;
    told = 0;
    cloak_option_hooks.hooks =
        (struct option_hooks){.check = refuse_thirteen, .changed = count_telling};
    cloak_option_hooks.sign = (struct option_hooks){.changed = count_telling};
    assert_refused("hooks", "13", "Nobody wants that hook.");
    assert_int_equal(option_int(&cloak_options.hooks), 100);
    assert_int_equal(told, 0);
    assert_false(set_two("sign", "x", "hooks", "13"));
    assert_int_equal(told, 0);
    assert_string_equal(option_text(&cloak_options.sign), "");
    assert_true(set("hooks", "14"));
    assert_int_equal(told, 1);
    assert_true(set("hooks", "14")); /* nothing new */
    assert_int_equal(told, 1);
    assert_true(set_two("hooks", "15", "sign", "y")); /* one hook for both */
    assert_int_equal(told, 2);
    assert_true(set_two("hooks", "15", "sign", "z"));
    assert_int_equal(told, 3);
}

/* A certificate and its key fit each other or do not: hooks and sign must be as many. */
static bool apply_if_they_fit(struct text *into)
{
    told++;
    if ((int64_t)strlen(option_text(&cloak_options.sign)) == option_int(&cloak_options.hooks)) return true;
    text_addf(into, "They do not fit.");
    return false;
}

static void what_makes_no_sense_together_is_taken_back(void **state)
{
    (void)state;
    told = 0;
    cloak_option_hooks.hooks = (struct option_hooks){.apply = apply_if_they_fit};
    cloak_option_hooks.sign = (struct option_hooks){.apply = apply_if_they_fit, .changed = count_telling};
    assert_refused("hooks", "3", "They do not fit.");
    assert_int_equal(option_int(&cloak_options.hooks), 100);
    assert_true(set_two("hooks", "3", "sign", "abc"));
    assert_int_equal(told, 3); /* asked once for both, and the other hook told */
    assert_false(set_two("sign", "abcd", "hooks", "5"));
    assert_string_equal(option_text(&cloak_options.sign), "abc");
    assert_int_equal(option_int(&cloak_options.hooks), 3);
    assert_int_equal(told, 4);
    assert_true(set("sign", "abc")); /* the same again is made to work again, and nobody is told of it */
    assert_int_equal(told, 5);
    text_clear(&why);
    assert_true(config_apply(BYTES("hooks"), &why));
    assert_int_equal(told, 6);
}

static void set_again(void)
{
    told++;
    if (told < 3) {
        struct config_pair pair = {BYTES("hooks"), told == 1 ? BYTES("21") : BYTES("22")};

        assert_true(config_set(&pair, 1, &why));
    }
}

static void a_hook_that_is_told_may_set_options_itself(void **state)
{
    (void)state;
    told = 0;
    cloak_option_hooks.hooks.changed = set_again;
    assert_true(set("hooks", "20"));
    assert_int_equal(option_int(&cloak_options.hooks), 22);
    assert_int_equal(told, 3);
}

static void print_limits(struct text *into)
{
    text_addf(into, "a 0 0 b 1 1");
}

static void a_hook_may_answer_for_its_text(void **state)
{
    (void)state;
    cloak_option_hooks.limits.print = print_limits;
    assert_string_equal(printed("limits"), "a 0 0 b 1 1");
}

/* The options of Redis that are not here: what happens anyhow may be asked for, all else is
 * explained. */
static void foreign_options_are_never_a_false_ok(void **state)
{
    (void)state;
    assert_true(set("appendonly", "no"));
    assert_true(set("SAVE", ""));
    assert_true(set_two("save", "", "hooks", "3"));
    assert_int_equal(option_int(&cloak_options.hooks), 3);
    assert_refused("appendonly", "yes",
                   "data is kept in memory only, and would be lost when the server stops");
    assert_refused("save", "900 1",
                   "data is kept in memory only, and would be lost when the server stops");
    assert_refused("stream-node-max-bytes", "5",
                   "how values are packed when small is not up to an option");
}

static void a_text_stays_readable_after_it_was_replaced(void **state)
{
    const char *first, *again;

    (void)state;
    assert_true(set("sign", "first"));
    first = option_text(&cloak_options.sign);
    for (int i = 0; i < 1000; i++) {
        char value[20];

        sprintf(value, "sign %d", i % 10);
        assert_true(set("sign", value));
    }
    assert_string_equal(first, "first");
    assert_true(set("sign", "first"));
    again = option_text(&cloak_options.sign);
    assert_ptr_equal(first, again); /* to and fro takes no memory */
}

static void without_memory_nothing_changes(void **state)
{
    (void)state;
    for (unsigned nth = 1; nth <= 2; nth++) {
        mem_fail_after(nth);
        assert_false(set_two("hooks", "77", "sign", nth == 1 ? "never one" : "never two"));
        mem_fail_after(0);
        assert_int_equal(option_int(&cloak_options.hooks), 100);
        assert_string_equal(option_text(&cloak_options.sign), "");
    }
}

static void *set_both(void *context)
{
    const char *value = context;
    struct text unused = {0};
    struct config_pair pairs[] = {{BYTES("hooks"), bytes_of_text(value)},
                                  {BYTES("sign"), bytes_of_text(value)}};

    for (int i = 0; i < 2000; i++) {
        if (!config_set(pairs, 2, &unused)) return (void *)1;
    }
    text_fini(&unused);
    return NULL;
}

/* Whoever comes last has set both. */
static void writers_take_turns(void **state)
{
    static char values[4][8] = {"11", "22", "33", "44"};
    pthread_t threads[4];

    (void)state;
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, set_both, values[i]), 0);
    for (int i = 0; i < 2000; i++) assert_true(strlen(option_text(&cloak_options.sign)) <= 2);
    for (int i = 0; i < 4; i++) {
        void *failed;

        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    assert_string_equal(printed("hooks"), option_text(&cloak_options.sign));
}

/* What is printed sets the same value again. */
static void random_values_survive_printing(void **state)
{
    static const char *const units[] = {"", "b", "k", "kb", "m", "mb"};
    uint64_t seed = 8;

    (void)state;
    for (int i = 0; i < 5000; i++) {
        char value[64];
        int64_t before;

        snprintf(value, sizeof value, "%llu%s",
                 (unsigned long long)(1024 + random_below(&seed, 1000000)),
                 units[random_below(&seed, 6)]);
        assert_true(set("pocket", value));
        before = option_int(&cloak_options.pocket);
        strcpy(value, printed("pocket"));
        assert_true(set("pocket", "1024"));
        assert_true(set("pocket", value));
        assert_int_equal(option_int(&cloak_options.pocket), before);
    }
}

static int add_options(void **state)
{
    (void)state;
    config_add(&cloak_option_set);
    return 0;
}

static int free_words(void **state)
{
    (void)state;
    text_fini(&why);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(rows_are_found_in_any_case_and_in_order, tidy),
        cmocka_unit_test_setup(defaults_are_printed_as_an_operator_writes_them, tidy),
        cmocka_unit_test_setup(values_of_every_kind_are_set, tidy),
        cmocka_unit_test_setup(refusals_speak_as_redis_does, tidy),
        cmocka_unit_test_setup(a_size_without_digits_is_none, tidy),
        cmocka_unit_test_setup(a_text_takes_any_byte_but_zero, tidy),
        cmocka_unit_test_setup(several_are_set_all_or_none, tidy),
        cmocka_unit_test_setup(the_first_wrong_name_goes_before_any_wrong_value, tidy),
        cmocka_unit_test_setup(an_option_given_twice_is_refused, tidy),
        cmocka_unit_test_setup(protected_options_are_for_who_may, tidy),
        cmocka_unit_test_setup(hooks_check_first_and_are_told_once_of_what_changed, tidy),
        cmocka_unit_test_setup(what_makes_no_sense_together_is_taken_back, tidy),
        cmocka_unit_test_setup(a_hook_that_is_told_may_set_options_itself, tidy),
        cmocka_unit_test_setup(a_hook_may_answer_for_its_text, tidy),
        cmocka_unit_test_setup(foreign_options_are_never_a_false_ok, tidy),
        cmocka_unit_test_setup(a_text_stays_readable_after_it_was_replaced, tidy),
        cmocka_unit_test_setup(without_memory_nothing_changes, tidy),
        cmocka_unit_test_setup(writers_take_turns, tidy),
        cmocka_unit_test_setup(random_values_survive_printing, tidy),
    };

    return cmocka_run_group_tests(tests, add_options, free_words);
}
