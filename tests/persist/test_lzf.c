#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "coatcheck/base/random.h"
#include "coatcheck/base/text.h"
#include "coatcheck/persist/lzf.h"
#include "persist/dripping.h"

static void gather(void *context, struct bytes piece)
{
    text_add(context, piece);
}

static struct bytes pack(struct text *into, struct bytes text, size_t most)
{
    size_t packed;

    text_clear(into);
    packed = lzf_pack(text, most, gather, into);
    assert_int_equal(lzf_pack(text, most, NULL, NULL), packed);
    if (packed > 0) assert_int_equal(into->len, packed);
    assert_true(packed <= most);
    return bytes_of(into->at, packed);
}

static bool unpack(struct bytes packed, char *into, size_t len, size_t step)
{
    struct dripping dripping = dripping_of(packed, step);
    bool good = lzf_unpack(&dripping.source, packed.len, into, len);

    assert_int_equal(dripping.source.status, good ? OK : MALFORMED);
    if (good) assert_int_equal(source_left(&dripping.source), 0);
    free(dripping.buffer);
    return good;
}

static void a_known_text_is_packed_as_drawn(void **state)
{
    struct text text = {0};
    struct bytes packed = pack(&text, BYTES("abcabcabcabc"), 100);
    char into[12];

    (void)state;
    assert_int_equal(packed.len, 7);
    assert_memory_equal(packed.at, "\x02" "abc" "\xe0\x00\x02", 7);
    assert_true(unpack(packed, into, 12, 3));
    assert_memory_equal(into, "abcabcabcabc", 12);
    text_fini(&text);
}

/* Text with repeats near and far, long and short, or without any. */
static void fill(char *at, size_t len, uint64_t *seed)
{
    unsigned letters = 1u << random_next(seed) % 9;
    size_t i = 0;

    while (i < len) {
        size_t run = 1 + random_next(seed) % 400, back = random_next(seed) % 9000;
        bool again = back > 0 && back <= i && random_next(seed) % 2;

        for (; run > 0 && i < len; run--, i++) at[i] = again ? at[i - back] : (char)(random_next(seed) % letters);
    }
}

static void what_was_packed_comes_back(void **state)
{
    static char before[100000], after[100000];
    struct text text = {0};
    uint64_t seed = 2;

    (void)state;
    for (int i = 0; i < 600; i++) {
        size_t len = random_next(&seed) % (i % 20 ? 3000 : sizeof before);
        struct bytes packed;

        fill(before, len, &seed);
        packed = pack(&text, bytes_of(before, len), len + len / 32 + 1);
        assert_true(packed.len > 0 || len == 0);
        assert_true(len <= lzf_most(packed.len));
        assert_true(unpack(packed, after, len, 1 + random_next(&seed) % 100));
        assert_memory_equal(before, after, len);
    }
    text_fini(&text);
}

static void it_says_so_as_soon_as_it_would_be_longer_than_wanted(void **state)
{
    static char text[20000];
    struct text into = {0};
    uint64_t seed = 3;

    (void)state;
    for (size_t i = 0; i < sizeof text; i++) text[i] = (char)random_next(&seed);
    for (size_t len = 1; len < 200; len++) assert_int_equal(pack(&into, bytes_of(text, len), len).len, 0);
    assert_int_equal(pack(&into, bytes_of(text, sizeof text), sizeof text - 4).len, 0);
    assert_true(into.len <= sizeof text - 4);
    for (int i = 0; i < 300; i++) {
        size_t len = 100 + random_next(&seed) % 5000, exact;

        fill(text, len, &seed);
        exact = lzf_pack(bytes_of(text, len), SIZE_MAX / 2, NULL, NULL);
        assert_int_equal(pack(&into, bytes_of(text, len), exact).len, exact);
        assert_int_equal(pack(&into, bytes_of(text, len), exact - 1).len, 0);
        assert_true(into.len <= exact - 1);
    }
    text_fini(&into);
}

static void what_makes_no_sense_is_refused(void **state)
{
    char into[300];

    (void)state;
    assert_false(unpack(BYTES("\x05" "abc"), into, 6, 9));          /* ends in the middle */
    assert_false(unpack(BYTES("\x02" "abc"), into, 4, 9));          /* makes less */
    assert_false(unpack(BYTES("\x02" "abc"), into, 2, 9));          /* makes more */
    assert_false(unpack(BYTES("\x00" "a\x20\x01"), into, 4, 9));    /* begins before the text */
    assert_false(unpack(BYTES("\x00" "a\x20"), into, 4, 9));        /* ends before the distance */
    assert_false(unpack(BYTES("\x00" "a\xe0"), into, 10, 9));       /* and before the length */
    assert_false(unpack(BYTES("\x00" "a\xe0\x10\x00"), into, 10, 9));
    assert_false(unpack(BYTES("\x20\x00"), into, 3, 9));
    assert_true(unpack(BYTES("\x00" "a\x20\x00"), into, 4, 1));
    assert_memory_equal(into, "aaaa", 4);
}

static void damage_is_refused_or_makes_something_of_that_length(void **state)
{
    static char text[2000], into[2000];
    struct text packed = {0};
    uint64_t seed = 4;

    (void)state;
    for (int i = 0; i < 3000; i++) {
        size_t len = 1 + random_next(&seed) % sizeof text;

        fill(text, len, &seed);
        pack(&packed, bytes_of(text, len), SIZE_MAX / 2);
        for (uint64_t n = random_next(&seed) % 3 + 1; n > 0; n--)
            packed.at[random_next(&seed) % packed.len] = (char)random_next(&seed);
        unpack(text_bytes(&packed), into, len, 1 + random_next(&seed) % 100);
    }
    text_fini(&packed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_known_text_is_packed_as_drawn),
        cmocka_unit_test(what_was_packed_comes_back),
        cmocka_unit_test(it_says_so_as_soon_as_it_would_be_longer_than_wanted),
        cmocka_unit_test(what_makes_no_sense_is_refused),
        cmocka_unit_test(damage_is_refused_or_makes_something_of_that_length),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
