#include "coatcheck/structs/glob.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "coatcheck/base/random.h"

/* What redis-server answers for each. */
static const struct {
    const char *pattern;
    const char *text;
    bool matches;
} known[] = {
    {"", "", true},
    {"", "a", false},
    {"a", "", false},
    {"*", "", false},
    {"**", "", false},
    {"*", "a", true},
    {"coat", "coat", true},
    {"coat", "coats", false},
    {"coat", "Coat", false},
    {"c?at", "coat", true},
    {"c?at", "cat", false},
    {"?", "\xff", true},
    {"coat:*", "coat:", true},
    {"coat:*", "coat:42", true},
    {"*:42", "coat:42", true},
    {"*:42", "coat:421", false},
    {"c*t*2", "coat:42", true},
    {"c**t", "coat", true},
    {"a*", "a", true},
    {"a***", "a", true},
    {"*a*b*c*", "xxaxxbxxcxx", true},
    {"*a*b*c*", "xxaxxcxxbxx", false},
    {"*ab", "aab", true},
    {"*aab", "aaab", true},
    {"[abc]", "b", true},
    {"[abc]", "d", false},
    {"[a-c]", "b", true},
    {"[c-a]", "b", true},
    {"[^a]", "b", true},
    {"[^a]", "a", false},
    {"[^a-c]x", "dx", true},
    {"[a^]", "^", true},
    /* a class that is never closed ends with the pattern */
    {"[a", "a", true},
    {"[", "[", false},
    {"[^", "x", true},
    {"x[ab", "xb", true},
    {"[a-", "-", true},
    {"[a-", "b", false},
    {"[\\", "\\", true},
    /* nothing stands between these brackets, so nothing is in the class, or everything */
    {"[]", "]", false},
    {"[^]", "x", true},
    {"[]a]", "a", false},
    /* the range swallows the bracket that should have closed the class */
    {"[a-]", "^", true},
    {"[a-]b]", "b", true},
    {"[\\]]", "]", true},
    {"[\\a]", "a", true},
    {"[\\-a]", "-", true},
    {"[a-\\]", "]", true},
    {"[a\\-c]", "b", false},
    /* bytes are signed in a range */
    {"[\x80-a]", "0", true},
    {"[a-\xff]", "z", false},
    {"[a-\xff]", "A", true},
    {"\\*", "*", true},
    {"\\*", "a", false},
    {"\\a", "a", true},
    {"a\\", "a\\", true},
    {"\\", "\\", true},
    {"\\\\", "\\", true},
    {"*\\?", "what?", true},
    {"]", "]", true},
    {"a-b", "a-b", true},
    {"^a", "^a", true},
};

static void patterns_match_what_they_match_in_redis(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        bool matches = glob_match(bytes_of_text(known[i].pattern), bytes_of_text(known[i].text));

        if (matches != known[i].matches) fail_msg("'%s' on '%s'", known[i].pattern, known[i].text);
    }
}

static void any_byte_may_be_in_pattern_and_text(void **state)
{
    (void)state;
    assert_true(glob_match(BYTES("a\0b"), BYTES("a\0b")));
    assert_true(glob_match(BYTES("a?b"), BYTES("a\0b")));
    assert_true(glob_match(BYTES("[\0]"), BYTES("\0")));
    assert_false(glob_match(BYTES("a\0b"), BYTES("a\0c")));
    assert_false(glob_match(BYTES("a"), BYTES("a\0")));
}

static void case_is_ignored_when_asked_but_not_for_quoted_bytes_in_a_class(void **state)
{
    (void)state;
    assert_true(glob_match_nocase(BYTES("CoAt*"), BYTES("cOaTs")));
    assert_true(glob_match_nocase(BYTES("\\A"), BYTES("a")));
    assert_true(glob_match_nocase(BYTES("[ABC]"), BYTES("b")));
    assert_true(glob_match_nocase(BYTES("[A-C]"), BYTES("b")));
    assert_true(glob_match_nocase(BYTES("[a-c]"), BYTES("B")));
    assert_false(glob_match_nocase(BYTES("[\\A]"), BYTES("a")));
    assert_false(glob_match_nocase(BYTES("[^A]"), BYTES("a")));
    /* the ends of a range are put in order before their case is dropped */
    assert_false(glob_match_nocase(BYTES("[Z-a]"), BYTES("b")));
}

/* A second reading of the same rules, written for plainness: tries every way for every star. */
struct reading {
    const char *pattern, *pattern_end;
    const char *text, *text_end;
};

static bool class_holds(const char **pattern, const char *end, char c)
{
    const char *p = *pattern + 1;
    bool inverted = p < end && *p == '^', held = false;

    if (inverted) p++;
    while (p < end && *p != ']') {
        if (*p == '\\' && p + 1 < end) {
            held |= p[1] == c;
            p += 2;
        } else if (end - p >= 3 && p[1] == '-') {
            signed char low = (signed char)p[0], high = (signed char)p[2];

            if (low > high) {
                signed char swapped = low;

                low = high;
                high = swapped;
            }
            held |= (signed char)c >= low && (signed char)c <= high;
            p += 3;
        } else {
            held |= *p == c;
            p++;
        }
    }
    *pattern = p < end ? p + 1 : end;
    return held != inverted;
}

static bool model_match(struct reading at)
{
    if (at.pattern == at.pattern_end) return at.text == at.text_end;
    if (*at.pattern == '*') {
        at.pattern++;
        for (; at.text <= at.text_end; at.text++) {
            if (model_match(at)) return true;
        }
        return false;
    }
    if (at.text == at.text_end) return false;
    switch (*at.pattern) {
    case '?':
        at.pattern++;
        break;
    case '[':
        if (!class_holds(&at.pattern, at.pattern_end, *at.text)) return false;
        break;
    case '\\':
        if (at.pattern + 1 < at.pattern_end) at.pattern++;
        /* fall through */
    default:
        if (*at.pattern++ != *at.text) return false;
        break;
    }
    at.text++;
    return model_match(at);
}

static void random_patterns_match_as_a_plain_recursive_reading_does(void **state)
{
    static const char in_pattern[] = "aab**?[]^\\-c", in_text[] = "aaab-]c";
    uint64_t seed = 11;
    unsigned matched = 0;

    (void)state;
    for (int i = 0; i < 400000; i++) {
        char pattern[10], text[8];
        size_t pattern_len = random_below(&seed, sizeof pattern + 1);
        size_t text_len = 1 + random_below(&seed, sizeof text);
        bool ours, model;

        for (size_t j = 0; j < pattern_len; j++) {
            pattern[j] = in_pattern[random_below(&seed, sizeof in_pattern - 1)];
        }
        for (size_t j = 0; j < text_len; j++) {
            text[j] = in_text[random_below(&seed, sizeof in_text - 1)];
        }
        ours = glob_match(bytes_of(pattern, pattern_len), bytes_of(text, text_len));
        model =
            model_match((struct reading){pattern, pattern + pattern_len, text, text + text_len});
        if (ours != model) {
            fail_msg("'%.*s' on '%.*s'", (int)pattern_len, pattern, (int)text_len, text);
        }
        matched += ours;
    }
    assert_in_range(matched, 10000, 380000);
}

/* CVE-2022-36021: each star used to multiply the ways to try. Any exponential reading would not
 * end. */
static void many_stars_cost_no_more_than_pattern_times_text(void **state)
{
    char pattern[2001], text[5000];
    clock_t from = clock();

    (void)state;
    for (size_t i = 0; i < 2000; i += 2) memcpy(pattern + i, "a*", 2);
    pattern[2000] = 'b';
    memset(text, 'a', sizeof text);
    assert_false(glob_match(bytes_of(pattern, sizeof pattern), bytes_of(text, sizeof text)));
    assert_false(glob_match_nocase(bytes_of(pattern, sizeof pattern), bytes_of(text, sizeof text)));
    memset(pattern + 1, 'a', 1999);
    pattern[0] = '*';
    assert_false(glob_match(bytes_of(pattern, sizeof pattern), bytes_of(text, sizeof text)));
    assert_true((double)(clock() - from) / CLOCKS_PER_SEC < 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patterns_match_what_they_match_in_redis),
        cmocka_unit_test(any_byte_may_be_in_pattern_and_text),
        cmocka_unit_test(case_is_ignored_when_asked_but_not_for_quoted_bytes_in_a_class),
        cmocka_unit_test(random_patterns_match_as_a_plain_recursive_reading_does),
        cmocka_unit_test(many_stars_cost_no_more_than_pattern_times_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
