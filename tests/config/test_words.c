#include "../../src/config/words_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include "coatcheck/base/mem.h"
#include "coatcheck/base/random.h"

/* `wanted` holds the words split by '|'. */
static void assert_words(const char *line, const char *wanted)
{
    struct text seen = {0};
    struct words words;

    assert_int_equal(words_split(&words, bytes_of_text(line)), OK);
    for (unsigned i = 0; i < words.count; i++) {
        if (i > 0) text_add_char(&seen, '|');
        text_add(&seen, words.at[i]);
    }
    text_add_char(&seen, 0);
    assert_string_equal(seen.at, wanted);
    text_fini(&seen);
    words_fini(&words);
}

static void words_are_split_at_blanks(void **state)
{
    (void)state;
    assert_words("", "");
    assert_words(" \t ", "");
    assert_words("port 6379", "port|6379");
    assert_words("  bind\t127.0.0.1   ::1 \r", "bind|127.0.0.1|::1");
    assert_words("a\vb\fc", "a|b|c");
}

static void quotes_hold_blanks_and_nothing(void **state)
{
    (void)state;
    assert_words("logfile \"\"", "logfile|");
    assert_words("logfile ''", "logfile|");
    assert_words("logfile \"my log\" 'your log'", "logfile|my log|your log");
    assert_words("a'b c'", "ab c");
    assert_words("a\"b c\" d", "ab c|d");
    assert_words("\"it's\" 'say \"x\"'", "it's|say \"x\"");
}

static void double_quotes_know_escapes_and_single_ones_only_their_own(void **state)
{
    (void)state;
    assert_words("\"\\n\\r\\t\\a\\b\\\\\\\"\\q\"", "\n\r\t\a\b\\\"q");
    assert_words("\"\\x41\\x4a\\x4A\\xg0\\x4\"", "AJJxg0x4");
    assert_words("'\\n\\'\\\\ '", "\\n'\\\\ ");
    assert_words("a\\nb", "a\\nb");
}

static void zero_bytes_can_be_written(void **state)
{
    struct words words;

    (void)state;
    assert_int_equal(words_split(&words, BYTES("x \"a\\x00b\"")), OK);
    assert_int_equal(words.count, 2);
    assert_true(bytes_equal(words.at[1], BYTES("a\0b")));
    words_fini(&words);
}

static void what_is_not_closed_or_sticks_is_malformed(void **state)
{
    static const char *const lines[] = {"\"a",        "'a",    "a \"",    "a '",   "\"a\"b", "'a'b",
                                        "\"a\"\"b\"", "\"a\\", "\"a\\\"", "'a\\'", "\"a\\x4"};
    struct words words;

    (void)state;
    for (unsigned i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        assert_int_equal(words_split(&words, bytes_of_text(lines[i])), MALFORMED);
    }
}

static void too_many_words_are_refused(void **state)
{
    char line[WORDS_MAX * 2 + 2];
    struct words words;

    (void)state;
    for (size_t i = 0; i < sizeof line; i++) line[i] = i % 2 ? ' ' : 'x';
    assert_int_equal(words_split(&words, bytes_of(line, WORDS_MAX * 2)), OK);
    assert_int_equal(words.count, WORDS_MAX);
    words_fini(&words);
    assert_int_equal(words_split(&words, bytes_of(line, sizeof line)), TOO_BIG);
    mem_fail_after(1);
    assert_int_equal(words_split(&words, BYTES("a b")), NO_MEMORY);
    mem_fail_after(0);
}

static void words_join_with_single_blanks(void **state)
{
    struct text joined = {0};
    struct words words;

    (void)state;
    assert_int_equal(words_split(&words, BYTES("rename-command   CONFIG \"\"")), OK);
    words_join(&words, 1, &joined);
    assert_true(bytes_equal(text_bytes(&joined), BYTES("CONFIG ")));
    text_clear(&joined);
    words_join(&words, 3, &joined);
    assert_int_equal(joined.len, 0);
    text_fini(&joined);
    words_fini(&words);
}

/* Whatever is quoted by text_add_quoted() is read as it was. */
static void quoted_words_read_back(void **state)
{
    uint64_t seed = 4;

    (void)state;
    for (int round = 0; round < 20000; round++) {
        struct text line = {0};
        struct words words;
        char raw[3][40];
        size_t len[3];

        for (int i = 0; i < 3; i++) {
            len[i] = random_below(&seed, sizeof raw[i]);
            for (size_t j = 0; j < len[i]; j++) {
                raw[i][j] = random_below(&seed, 3) ? "\"'\\ x\n"[random_below(&seed, 6)]
                                                   : (char)random_next(&seed);
            }
            text_add_quoted(&line, bytes_of(raw[i], len[i]));
            text_add_char(&line, ' ');
        }
        assert_int_equal(words_split(&words, text_bytes(&line)), OK);
        assert_int_equal(words.count, 3);
        for (int i = 0; i < 3; i++) assert_true(bytes_equal(words.at[i], bytes_of(raw[i], len[i])));
        words_fini(&words);
        text_fini(&line);
    }
}

/* Nothing that stands in a file may harm; the sanitizers look on. */
static void random_lines_do_no_harm(void **state)
{
    uint64_t seed = 5;
    unsigned split = 0;

    (void)state;
    for (int round = 0; round < 100000; round++) {
        size_t len = random_below(&seed, 30), out = 0;
        char *line = malloc(len ? len : 1); /* to the byte, so that a step beyond is seen */
        struct words words;

        for (size_t i = 0; i < len; i++) line[i] = "\"'\\x4 a\n#"[random_below(&seed, 9)];
        if (words_split(&words, bytes_of(line, len)) == OK) {
            for (unsigned i = 0; i < words.count; i++) out += words.at[i].len;
            assert_true(out <= len);
            split++;
            words_fini(&words);
        }
        free(line);
    }
    assert_true(split > 10000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_split_at_blanks),
        cmocka_unit_test(quotes_hold_blanks_and_nothing),
        cmocka_unit_test(double_quotes_know_escapes_and_single_ones_only_their_own),
        cmocka_unit_test(zero_bytes_can_be_written),
        cmocka_unit_test(what_is_not_closed_or_sticks_is_malformed),
        cmocka_unit_test(too_many_words_are_refused),
        cmocka_unit_test(words_join_with_single_blanks),
        cmocka_unit_test(quoted_words_read_back),
        cmocka_unit_test(random_lines_do_no_harm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
