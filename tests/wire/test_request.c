#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include "coatcheck/base/mem.h"
#include "coatcheck/base/random.h"
#include "coatcheck/base/text.h"
#include "coatcheck/wire/request.h"

static const struct request_limits known = {.max_bulk = 512 << 20, .authenticated = true};
static const struct request_limits unknown = {.max_bulk = 512 << 20};

/* Reads one request of a text that ends with padding, as the worker's area does. */
struct one {
    struct request request;
    struct bytes words[16];
    char *input;
    enum request_state state;
};

static void read_one(struct one *one, struct bytes text, const struct request_limits *limits)
{
    one->input = calloc(1, text.len + REQUEST_PADDING);
    assert_non_null(one->input);
    memcpy(one->input, text.at, text.len);
    request_begin(&one->request, one->words, 16);
    one->state = request_read(&one->request, bytes_of(one->input, text.len), limits);
}

static void done(struct one *one)
{
    request_fini(&one->request);
    free(one->input);
}

static void assert_words(const struct one *one, unsigned n, const char *const *words)
{
    assert_int_equal(one->state, REQUEST_READY);
    assert_int_equal(one->request.n, n);
    for (unsigned i = 0; i < n; i++) {
        assert_int_equal(one->request.args[i].len, strlen(words[i]));
        assert_memory_equal(one->request.args[i].at, words[i], strlen(words[i]));
    }
}

static void an_array_of_bulks_is_cut_into_words(void **state)
{
    struct one one;

    (void)state;
    read_one(&one, BYTES("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$0\r\n\r\nrest"), &known);
    assert_words(&one, 3, (const char *[]){"SET", "k", ""});
    assert_int_equal(one.request.at, 26);
    assert_false(one.request.is_inline);
    done(&one);
}

static void a_plain_line_is_cut_at_blanks_and_quotes(void **state)
{
    struct one one;

    (void)state;
    read_one(&one, BYTES("  set  \"a b\\x41\\n\" 'it\\'s'\t5\r\n"), &known);
    assert_words(&one, 4, (const char *[]){"set", "a bA\n", "it's", "5"});
    assert_true(one.request.is_inline);
    done(&one);
}

static void quotes_that_do_not_balance_break_the_stream(void **state)
{
    static const char *const lines[] = {"set \"a b\n", "set 'a\n", "set \"a\"b\n", "set 'a'b\n"};

    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        struct one one;

        read_one(&one, bytes_of_text(lines[i]), &known);
        assert_int_equal(one.state, REQUEST_BROKEN);
        assert_string_equal(one.request.error, "Protocol error: unbalanced quotes in request");
        done(&one);
    }
}

static void empty_lines_and_empty_arrays_are_skipped(void **state)
{
    struct one one;

    (void)state;
    read_one(&one, BYTES("\r\n\n*0\r\n*-1\r\n \r\n\n\r\nPING\r\n"), &known);
    assert_words(&one, 1, (const char *[]){"PING"});
    assert_true(one.request.is_inline);
    done(&one);
    read_one(&one, BYTES("\r\n\n \r\n*1\r\n$4\r\nPING\r\n"), &known);
    assert_words(&one, 1, (const char *[]){"PING"});
    assert_false(one.request.is_inline);
    done(&one);
    read_one(&one, BYTES("\r\n\r"), &known);
    assert_int_equal(one.state, REQUEST_MORE);
    assert_int_equal(one.request.at, 2);
    done(&one);
}

static void telnets_options_are_passed_over(void **state)
{
    struct one one;

    (void)state;
    read_one(&one, BYTES("\xff\xfb\x1f\xff\xfd\x03\xff\xfa\x1f\x01\x50\xff\xf0PING\r\n"), &known);
    assert_words(&one, 1, (const char *[]){"PING"});
    done(&one);
}

static void every_wrong_header_has_its_error(void **state)
{
    static const struct {
        const char *input, *error;
    } rows[] = {
        {"*x\r\n", "Protocol error: invalid multibulk length"},
        {"*1048577\r\n", "Protocol error: invalid multibulk length"},
        {"*99999999999999999999\r\n", "Protocol error: invalid multibulk length"},
        {"*01\r\n", "Protocol error: invalid multibulk length"},
        {"*1\r\n$x\r\n", "Protocol error: invalid bulk length"},
        {"*1\r\n$-1\r\n", "Protocol error: invalid bulk length"},
        {"*1\r\n$536870913\r\n", "Protocol error: invalid bulk length"},
        {"*1\r\n!3\r\n", "Protocol error: expected '$', got '!'"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct one one;

        read_one(&one, bytes_of_text(rows[i].input), &known);
        assert_int_equal(one.state, REQUEST_BROKEN);
        assert_string_equal(one.request.error, rows[i].error);
        done(&one);
    }
}

static void who_has_not_authenticated_gets_little(void **state)
{
    struct one one;

    (void)state;
    read_one(&one, BYTES("*11\r\n"), &unknown);
    assert_int_equal(one.state, REQUEST_BROKEN);
    assert_string_equal(one.request.error, "Protocol error: unauthenticated multibulk length");
    done(&one);
    read_one(&one, BYTES("*1\r\n$16385\r\n"), &unknown);
    assert_int_equal(one.state, REQUEST_BROKEN);
    assert_string_equal(one.request.error, "Protocol error: unauthenticated bulk length");
    done(&one);
}

static void a_line_without_end_is_refused_at_64_kb(void **state)
{
    static const char first[] = {'x', '*', '*'};
    static const char *const errors[] = {"Protocol error: too big inline request",
                                         "Protocol error: too big mbulk count string",
                                         "Protocol error: too big bulk count string"};

    (void)state;
    for (int i = 0; i < 3; i++) {
        struct text input = {0};
        struct one one;

        if (i == 2) text_add(&input, BYTES("*1\r\n$"));
        else text_add_char(&input, first[i]);
        for (int j = 0; j < REQUEST_INLINE_MAX + 2; j++) text_add_char(&input, '1');
        read_one(&one, text_bytes(&input), &known);
        assert_int_equal(one.state, REQUEST_BROKEN);
        assert_string_equal(one.request.error, errors[i]);
        done(&one);
        text_fini(&input);
    }
}

static void a_count_alone_allocates_nothing(void **state)
{
    struct one one;

    (void)state;
    mem_fail_after(1);
    read_one(&one, BYTES("*1000000\r\n$500000000\r\n"), &known);
    mem_fail_after(0);
    assert_int_equal(one.state, REQUEST_MORE);
    assert_int_equal(request_wants(&one.request), 10 + 12 + 500000000 + 2);
    done(&one);
}

/* Random pipelines, delivered in random pieces from memory that moves, come out as they went in. */
static void any_cut_gives_the_same_words(void **state)
{
    uint64_t dice = 42;

    (void)state;
    for (int round = 0; round < 300; round++) {
        struct text input = {0};
        struct request request;
        struct bytes slots[4];
        unsigned wanted[40], requests = 1 + (unsigned)random_below(&dice, 40), seen = 0;
        size_t start = 0, have = 0;

        for (unsigned r = 0; r < requests; r++) {
            wanted[r] = 1 + (unsigned)random_below(&dice, 20);
            text_addf(&input, "*%u\r\n", wanted[r]);
            for (unsigned w = 0; w < wanted[r]; w++) {
                unsigned len = (unsigned)random_below(&dice, 3) ? (unsigned)random_below(&dice, 12)
                                                                : (unsigned)random_below(&dice, 3000);
                text_addf(&input, "$%u\r\n", len);
                for (unsigned i = 0; i < len; i++) text_add_char(&input, (char)('a' + w));
                text_add(&input, BYTES("\r\n"));
            }
        }
        request_begin(&request, slots, 4);
        while (seen < requests) {
            char *piece = calloc(1, have - start + REQUEST_PADDING);

            memcpy(piece, input.at + start, have - start);
            enum request_state got = request_read(&request, bytes_of(piece, have - start), &known);
            if (got == REQUEST_READY) {
                assert_int_equal(request.n, wanted[seen]);
                for (unsigned w = 0; w < request.n; w++) {
                    for (size_t i = 0; i < request.args[w].len; i++) {
                        assert_int_equal(request.args[w].at[i], 'a' + (int)w);
                    }
                }
                start += request.at;
                seen++;
                request_fini(&request);
                request_begin(&request, slots, 4);
            } else {
                assert_int_equal(got, REQUEST_MORE);
                assert_true(request_keep(&request));
                assert_true(have < input.len);
                have += 1 + random_below(&dice, 600);
                if (have > input.len) have = input.len;
            }
            free(piece);
        }
        assert_int_equal(start, input.len);
        request_fini(&request);
        text_fini(&input);
    }
}

#define WORD_LARGE "a-large-word"

/* Reads `words` with word `aside` read elsewhere, and those behind it in pieces of `step` bytes, each time at another place
 * in memory. The `failing`-th allocation of putting both together fails; 0: none does. */
static void read_with_a_word_aside(const char *const *words, unsigned n, unsigned aside, size_t step, unsigned failing)
{
    struct text input = {0};
    struct request_words before = {0};
    struct bytes *room = mem_alloc(sizeof *room);
    struct request request;
    struct bytes slots[2];
    char *area = NULL, *copies = NULL;
    size_t at_word = 0, behind;

    text_addf(&input, "*%u\r\n", n);
    for (unsigned i = 0; i < n; i++) {
        text_addf(&input, "$%zu\r\n", strlen(words[i]));
        if (i == aside) at_word = input.len;
        text_addf(&input, "%s\r\n", words[i]);
    }
    behind = at_word + strlen(words[aside]) + 2;

    request_begin(&request, slots, 2);
    area = calloc(1, at_word + REQUEST_PADDING);
    memcpy(area, input.at, at_word);
    assert_int_equal(request_read(&request, bytes_of(area, at_word), &known), REQUEST_MORE);
    assert_int_equal(request.words_to_come, n - aside);
    assert_true(request_keep(&request));
    assert_true(request_detach(&request));
    free(area);
    request_put(&request, BYTES(WORD_LARGE));
    if (aside + 1 == n) {
        mem_free(room);
    } else {
        size_t have = behind;

        request_part(&request, &before, room, 1);
        do {
            have = have + step < input.len ? have + step : input.len;
            area = calloc(1, have - behind + REQUEST_PADDING);
            memcpy(area, input.at + behind, have - behind);
            if (request_read(&request, bytes_of(area, have - behind), &known) == REQUEST_READY) break;
            free(area);
        } while (have < input.len);
        assert_int_equal(request.at, input.len - behind);
        if (failing > 0) {
            mem_fail_after(failing);
            assert_false(request_join(&request, &before, &copies));
            mem_fail_after(0);
        }
        assert_true(request_join(&request, &before, &copies));
        free(area);
    }
    assert_true(request_is_whole(&request));
    assert_int_equal(request.n, n);
    for (unsigned i = 0; i < n; i++) {
        const char *wanted = i == aside ? WORD_LARGE : words[i];

        assert_int_equal(request.args[i].len, strlen(wanted));
        assert_memory_equal(request.args[i].at, wanted, strlen(wanted));
    }
    mem_free(copies);
    request_fini(&request);
    text_fini(&input);
}

static void any_word_may_be_read_elsewhere(void **state)
{
    static const char *const words[] = {"SET", "", "a-word-to-be-read-elsewhere", "EX", "100", "KEEPTTL", "", "XX"};

    (void)state;
    for (unsigned n = 1; n <= sizeof words / sizeof words[0]; n++) {
        for (unsigned aside = 0; aside < n; aside++) {
            for (size_t step = 1; step < 60; step += 7) read_with_a_word_aside(words, n, aside, step, 0);
        }
    }
    read_with_a_word_aside(words, 8, 2, 5, 1);
    read_with_a_word_aside(words, 8, 2, 5, 2);
}

/* Short lengths are read in another way than long ones. */
static void a_word_of_any_length_is_whole_or_to_come(void **state)
{
    (void)state;
    for (size_t len = 0; len <= 120; len++) {
        struct text input = {0};
        struct one one;

        text_addf(&input, "*2\r\n$%zu\r\n", len);
        for (size_t i = 0; i < len; i++) text_add_char(&input, (char)('0' + i % 10));
        text_add(&input, BYTES("\r\n$1\r\nx\r\n"));
        for (size_t have = 0; have <= input.len; have++) {
            read_one(&one, bytes_of(input.at, have), &known);
            assert_int_equal(one.state, have < input.len ? REQUEST_MORE : REQUEST_READY);
            done(&one);
        }
        read_one(&one, text_bytes(&input), &known);
        assert_int_equal(one.request.n, 2);
        assert_int_equal(one.request.args[0].len, len);
        for (size_t i = 0; i < len; i++) assert_int_equal(one.request.args[0].at[i], '0' + (int)(i % 10));
        assert_int_equal(one.request.args[1].len, 1);
        assert_int_equal(one.request.at, input.len);
        done(&one);
        text_fini(&input);
    }
}

static void no_memory_is_said_and_loses_nothing(void **state)
{
    struct text input = {0};
    struct one one;

    (void)state;
    text_add(&input, BYTES("*40\r\n"));
    for (int i = 0; i < 40; i++) text_add(&input, BYTES("$1\r\nx\r\n"));
    read_one(&one, text_bytes(&input), &known);
    assert_int_equal(one.state, REQUEST_READY);
    done(&one);
    mem_fail_after(1);
    read_one(&one, text_bytes(&input), &known);
    mem_fail_after(0);
    assert_int_equal(one.state, REQUEST_NO_MEMORY);
    done(&one);
    text_fini(&input);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_array_of_bulks_is_cut_into_words),
        cmocka_unit_test(a_plain_line_is_cut_at_blanks_and_quotes),
        cmocka_unit_test(quotes_that_do_not_balance_break_the_stream),
        cmocka_unit_test(empty_lines_and_empty_arrays_are_skipped),
        cmocka_unit_test(telnets_options_are_passed_over),
        cmocka_unit_test(every_wrong_header_has_its_error),
        cmocka_unit_test(who_has_not_authenticated_gets_little),
        cmocka_unit_test(a_line_without_end_is_refused_at_64_kb),
        cmocka_unit_test(a_count_alone_allocates_nothing),
        cmocka_unit_test(any_cut_gives_the_same_words),
        cmocka_unit_test(a_word_of_any_length_is_whole_or_to_come),
        cmocka_unit_test(any_word_may_be_read_elsewhere),
        cmocka_unit_test(no_memory_is_said_and_loses_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
