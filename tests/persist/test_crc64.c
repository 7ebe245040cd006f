#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "coatcheck/base/random.h"
#include "coatcheck/persist/crc64.h"

static void the_known_sums_come_out(void **state)
{
    (void)state;
    assert_true(crc64(0, BYTES("")) == 0);
    assert_true(crc64(0, BYTES("123456789")) == UINT64_C(0xe9c6d914c4b8d9ca));
    assert_true(crc64(0, BYTES("This is a test of the emergency broadcast system.")) ==
                crc64(crc64(0, BYTES("This is a test of the ")), BYTES("emergency broadcast system.")));
}

/* Bit by bit, as the polynomial says. */
static uint64_t slowly(struct bytes bytes)
{
    uint64_t crc = 0;

    for (size_t i = 0; i < bytes.len; i++) {
        for (int bit = 0; bit < 8; bit++) {
            uint64_t top = crc >> 63, next = (uint64_t)((uint8_t)bytes.at[i] >> bit & 1);

            crc <<= 1;
            if (top != next) crc ^= UINT64_C(0xad93d23594c935a9);
        }
    }
    /* Which was done with the bits in the other direction. */
    for (int i = 0; i < 32; i++) {
        uint64_t low = crc >> i & 1, high = crc >> (63 - i) & 1;

        crc &= ~((uint64_t)1 << i | (uint64_t)1 << (63 - i));
        crc |= low << (63 - i) | high << i;
    }
    return crc;
}

static void any_length_at_any_place_in_any_pieces_is_the_same_sum(void **state)
{
    uint64_t seed = 1;
    char text[300];

    (void)state;
    for (size_t i = 0; i < sizeof text; i++) text[i] = (char)random_next(&seed);
    for (int i = 0; i < 2000; i++) {
        size_t from = random_next(&seed) % 20, len = random_next(&seed) % 250, cut = random_next(&seed) % (len + 1);
        struct bytes bytes = bytes_of(text + from, len);
        uint64_t wanted = slowly(bytes);

        assert_true(crc64(0, bytes) == wanted);
        assert_true(crc64(crc64(0, bytes_of(bytes.at, cut)), bytes_of(bytes.at + cut, len - cut)) == wanted);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_known_sums_come_out),
        cmocka_unit_test(any_length_at_any_place_in_any_pieces_is_the_same_sum),
    };

    crc64_setup();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
