/* Every verb beside one that goes bit by bit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include "coatcheck/base/random.h"
#include "coatcheck/structs/bits.h"

#define STEPS 4000
#define MOST 700

static uint64_t seed = 11;

/* As many bytes as are told, in a block of just that size, so that a sanitizer sees whoever looks further. Mostly
 * noise; sometimes all alike but for one bit, where searches go far. */
static struct bytes draw_bytes(size_t len)
{
    char *at = malloc(len ? len : 1);
    uint64_t kind = random_below(&seed, 3);

    assert_non_null(at);
    for (size_t i = 0; i < len; i++) {
        at[i] = (char)(kind == 0 ? random_next(&seed) : kind == 1 ? 0 : 0xff);
    }
    if (kind > 0 && len > 0) at[random_below(&seed, len)] ^= (char)(1 << random_below(&seed, 8));
    return bytes_of(at, len);
}

static size_t draw_len(void)
{
    return random_below(&seed, random_below(&seed, 4) == 0 ? MOST : 40);
}

static bool slow_get(struct bytes bytes, uint64_t place)
{
    if (place >= bytes.len * 8) return false;
    return (unsigned char)bytes.at[place / 8] & 0x80 >> place % 8;
}

static void a_bit_is_got_and_set_where_it_stands(void **state)
{
    (void)state;
    for (unsigned step = 0; step < STEPS; step++) {
        struct bytes bytes = draw_bytes(1 + draw_len());
        uint64_t place = random_below(&seed, bytes.len * 8);
        bool bit = random_below(&seed, 2);
        char *was = malloc(bytes.len);

        memcpy(was, bytes.at, bytes.len);
        bits_set((char *)bytes.at, place, bit);
        assert_int_equal(bits_get(bytes.at, place), bit);
        for (uint64_t i = 0; i < bytes.len * 8; i++) {
            assert_int_equal(bits_get(bytes.at, i), i == place ? bit : slow_get(bytes_of(was, bytes.len), i));
        }
        free(was);
        free((char *)bytes.at);
    }
}

static void counting_and_searching_agree_with_going_bit_by_bit(void **state)
{
    (void)state;
    for (unsigned step = 0; step < STEPS; step++) {
        struct bytes bytes = draw_bytes(draw_len());
        uint64_t bits = bytes.len * 8, first = random_below(&seed, bits + 1), end = random_below(&seed, bits + 1);
        uint64_t all = 0, within = 0, found[2] = {end, end};

        for (uint64_t i = 0; i < bits; i++) {
            bool bit = slow_get(bytes, i);

            all += bit;
            if (i < first || i >= end) continue;
            within += bit;
            if (found[bit] == end) found[bit] = i;
        }
        assert_int_equal(bits_count(bytes), all);
        assert_int_equal(bits_count_range(bytes.at, first, end), within);
        assert_int_equal(bits_find(bytes.at, first, end, false), found[false]);
        assert_int_equal(bits_find(bytes.at, first, end, true), found[true]);
        free((char *)bytes.at);
    }
}

static void many_set_bits_do_not_overflow_the_counts(void **state)
{
    static char full[100000];

    (void)state;
    memset(full, 0xff, sizeof full);
    for (size_t from = 0; from < 33; from++) {
        assert_int_equal(bits_count(bytes_of(full + from, sizeof full - from)), (sizeof full - from) * 8);
        assert_int_equal(bits_find(full, from, sizeof full * 8, false), sizeof full * 8);
    }
}

static void a_number_of_any_width_is_read_and_written(void **state)
{
    (void)state;
    for (unsigned step = 0; step < STEPS; step++) {
        struct bytes bytes = draw_bytes(9 + draw_len());
        unsigned width = 1 + (unsigned)random_below(&seed, 64);
        uint64_t first = random_below(&seed, bytes.len * 8 - width + 1), number = random_next(&seed);
        char *was = malloc(bytes.len);

        memcpy(was, bytes.at, bytes.len);
        bits_write((char *)bytes.at, first, width, number);
        if (width < 64) number &= (UINT64_C(1) << width) - 1;
        assert_true(bits_read(bytes, first, width) == number);
        for (uint64_t i = 0; i < bytes.len * 8; i++) {
            bool bit = slow_get(bytes_of(was, bytes.len), i);

            if (i >= first && i - first < width) bit = number >> (width - 1 - (i - first)) & 1;
            assert_int_equal(slow_get(bytes, i), bit);
        }
        free(was);
        free((char *)bytes.at);
    }
}

static void what_is_read_beyond_the_end_is_zero(void **state)
{
    (void)state;
    for (unsigned step = 0; step < STEPS; step++) {
        struct bytes bytes = draw_bytes(random_below(&seed, 12));
        unsigned width = 1 + (unsigned)random_below(&seed, 64);
        uint64_t first = random_below(&seed, 200), expected = 0;

        if (step % 50 == 0) first = UINT64_C(1) << 40;
        for (unsigned i = 0; i < width; i++) expected = expected << 1 | slow_get(bytes, first + i);
        assert_true(bits_read(bytes, first, width) == expected);
        free((char *)bytes.at);
    }
}

static bool slow_combine(enum bits_operation operation, const struct bytes *sources, unsigned count, uint64_t place)
{
    bool bit = slow_get(sources[0], place);

    if (operation == BITS_NOT) return !bit;
    for (unsigned i = 1; i < count; i++) {
        bool other = slow_get(sources[i], place);

        if (operation == BITS_AND) bit &= other;
        if (operation == BITS_OR) bit |= other;
        if (operation == BITS_XOR) bit ^= other;
    }
    return bit;
}

static void sources_of_different_lengths_are_combined(void **state)
{
    (void)state;
    for (unsigned step = 0; step < STEPS; step++) {
        enum bits_operation operation = (enum bits_operation)(step % 4);
        unsigned count = operation == BITS_NOT ? 1 : 1 + (unsigned)random_below(&seed, 5);
        struct bytes sources[5], into;
        size_t len = random_below(&seed, 10);

        for (unsigned i = 0; i < count; i++) {
            /* Now and then longer than what is combined in one go. */
            sources[i] = draw_bytes(step % 100 < 4 ? 8000 + random_below(&seed, 9000) : draw_len());
            if (sources[i].len > len) len = sources[i].len;
        }
        into = draw_bytes(len);
        bits_combine(operation, sources, count, (char *)into.at, len);
        for (uint64_t i = 0; i < len * 8; i++) {
            assert_int_equal(slow_get(into, i), slow_combine(operation, sources, count, i));
        }
        for (unsigned i = 0; i < count; i++) free((char *)sources[i].at);
        free((char *)into.at);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bit_is_got_and_set_where_it_stands),
        cmocka_unit_test(counting_and_searching_agree_with_going_bit_by_bit),
        cmocka_unit_test(many_set_bits_do_not_overflow_the_counts),
        cmocka_unit_test(a_number_of_any_width_is_read_and_written),
        cmocka_unit_test(what_is_read_beyond_the_end_is_zero),
        cmocka_unit_test(sources_of_different_lengths_are_combined),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
