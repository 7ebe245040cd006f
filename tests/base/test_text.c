#include "coatcheck/base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include "coatcheck/base/mem.h"
#include "coatcheck/base/random.h"

static void assert_text(const struct text *text, struct bytes wanted)
{
    assert_false(text_failed(text));
    assert_int_equal(text->len, wanted.len);
    if (wanted.len > 0) assert_memory_equal(text->at, wanted.at, wanted.len);
}

static void pieces_stand_one_after_the_other(void **state)
{
    struct text text = {0};

    (void)state;
    text_add(&text, BYTES("a\0b"));
    text_add_char(&text, '/');
    text_add_int(&text, -42);
    text_addf(&text, "/%s/%03d", "x", 7);
    text_add(&text, BYTES(""));
    assert_text(&text, BYTES("a\0b/-42/x/007"));
    text_clear(&text);
    assert_text(&text, BYTES(""));
    text_add(&text, BYTES("again"));
    assert_text(&text, BYTES("again"));
    text_fini(&text);
    assert_null(text.at);
}

static void a_format_may_be_longer_than_any_guess(void **state)
{
    static const size_t lens[] = {254, 255, 256, 257, 100000};
    char *long_word = malloc(100001);

    (void)state;
    for (unsigned i = 0; i < sizeof lens / sizeof lens[0]; i++) {
        struct text text = {0};

        memset(long_word, 'a' + (int)i, lens[i]);
        long_word[lens[i]] = 0;
        text_addf(&text, "%s", long_word);
        text_add_char(&text, '!');
        assert_int_equal(text.len, lens[i] + 1);
        assert_memory_equal(text.at, long_word, lens[i]);
        assert_int_equal(text.at[lens[i]], '!');
        text_fini(&text);
    }
    free(long_word);
}

static void quoting_shows_every_byte_in_ascii(void **state)
{
    struct text text = {0};

    (void)state;
    text_add_quoted(&text, BYTES("a\"b\\c\n\r\t\a\b\x01\x7f\xff 'd'"));
    assert_text(&text, BYTES("\"a\\\"b\\\\c\\n\\r\\t\\a\\b\\x01\\x7f\\xff 'd'\""));
    text_clear(&text);
    text_add_quoted(&text, BYTES(""));
    assert_text(&text, BYTES("\"\""));
    text_fini(&text);
}

static void extended_room_belongs_to_the_text(void **state)
{
    struct text text = {0};
    char *at;

    (void)state;
    assert_non_null(text_extend(&text, 0));
    assert_int_equal(text.len, 0);
    text_add(&text, BYTES("head "));
    at = text_extend(&text, 1000);
    assert_non_null(at);
    memset(at, 'x', 1000);
    assert_int_equal(text.len, 1005);
    assert_memory_equal(text.at, "head xxx", 8);
    text_fini(&text);
}

static void a_failed_allocation_is_remembered(void **state)
{
    struct text text = {0};

    (void)state;
    text_add(&text, BYTES("kept"));
    mem_fail_after(1);
    assert_null(text_extend(&text, 1000));
    mem_fail_after(0);
    assert_true(text_failed(&text));
    text_add(&text, BYTES(" not this"));
    text_addf(&text, "%d", 1);
    assert_true(text_failed(&text));
    assert_int_equal(text.len, 4);
    text_clear(&text);
    text_add(&text, BYTES("new"));
    assert_text(&text, BYTES("new"));
    assert_null(text_extend(&text, SIZE_MAX - 2));
    assert_true(text_failed(&text));
    text_fini(&text);
}

static void random_pieces_add_up_to_the_same_bytes(void **state)
{
    uint64_t seed = 7;
    char *model = malloc(1 << 20);
    size_t len = 0;
    struct text text = {0};

    (void)state;
    for (int i = 0; i < 2000; i++) {
        char piece[300];
        size_t size = random_below(&seed, sizeof piece);

        for (size_t j = 0; j < size; j++) piece[j] = (char)random_next(&seed);
        text_add(&text, bytes_of(piece, size));
        memcpy(model + len, piece, size);
        len += size;
        if (i % 100 == 0) assert_text(&text, bytes_of(model, len));
    }
    assert_text(&text, bytes_of(model, len));
    text_fini(&text);
    free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_stand_one_after_the_other),
        cmocka_unit_test(a_format_may_be_longer_than_any_guess),
        cmocka_unit_test(quoting_shows_every_byte_in_ascii),
        cmocka_unit_test(extended_room_belongs_to_the_text),
        cmocka_unit_test(a_failed_allocation_is_remembered),
        cmocka_unit_test(random_pieces_add_up_to_the_same_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
