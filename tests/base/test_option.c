#include "coatcheck/base/option.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static const struct option_word lights[] = {{"off", 0}, {"on", 1}, {"dimmed", 5}, {NULL, 0}};

#define LOBBY_OPTIONS(BOOL, INT, SIZE, WORD, TEXT)                                                 \
    BOOL(open, "open", 1, OPTION_LIVE, "let people in")                                            \
    INT(chairs, "chairs", 12, -1, 400, OPTION_AT_START, "chairs to sit on")                        \
    SIZE(carpet, "carpet", 65536, 1024, INT64_MAX, OPTION_LIVE, "bytes that the carpet covers")    \
    WORD(light, "light", 5, lights, OPTION_LIVE, "how bright it is")                               \
    TEXT(music, "music", "slow waltz", OPTION_LIVE | OPTION_LIST, "what is played")                \
    TEXT(key, "key", "", OPTION_LIVE | OPTION_SECRET, "what opens the door")
OPTION_STRUCT(lobby, LOBBY_OPTIONS);

#define OPTIONS_HERE lobby_options
#define OPTION_HOOKS_HERE lobby_option_hooks
OPTION_DEFINE(lobby, LOBBY_OPTIONS)

static void options_start_at_their_defaults(void **state)
{
    (void)state;
    assert_int_equal(option_int(&lobby_options.open), 1);
    assert_int_equal(option_int(&lobby_options.chairs), 12);
    assert_int_equal(option_int(&lobby_options.carpet), 65536);
    assert_int_equal(option_int(&lobby_options.light), 5);
    assert_string_equal(option_text(&lobby_options.music), "slow waltz");
    assert_string_equal(option_text(&lobby_options.key), "");
}

static void a_row_tells_all_about_its_option(void **state)
{
    const struct option_row *rows = lobby_option_set.rows;

    (void)state;
    assert_string_equal(lobby_option_set.room, "lobby");
    assert_int_equal(lobby_option_set.count, 6);
    assert_int_equal(rows[0].kind, OPTION_BOOL);
    assert_int_equal(rows[1].kind, OPTION_INT);
    assert_int_equal(rows[2].kind, OPTION_SIZE);
    assert_int_equal(rows[3].kind, OPTION_WORD);
    assert_int_equal(rows[4].kind, OPTION_TEXT);
    assert_string_equal(rows[1].name, "chairs");
    assert_string_equal(rows[1].sentence, "chairs to sit on");
    assert_int_equal(rows[1].initial, 12);
    assert_true(rows[1].min == -1 && rows[1].max == 400);
    assert_true(rows[1].flags & OPTION_AT_START);
    assert_ptr_equal(rows[1].value, &lobby_options.chairs);
    assert_ptr_equal(rows[1].hooks, &lobby_option_hooks.chairs);
    assert_true(rows[2].max == INT64_MAX);
    assert_ptr_equal(rows[3].words, lights);
    assert_string_equal(rows[4].initial_text, "slow waltz");
    assert_int_equal(rows[4].flags, OPTION_LIST);
    assert_ptr_equal(rows[5].value, &lobby_options.key);
    assert_int_equal(rows[5].flags, OPTION_SECRET);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_start_at_their_defaults),
        cmocka_unit_test(a_row_tells_all_about_its_option),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
