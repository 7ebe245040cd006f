#include "coatcheck/base/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <xxhash.h>
#include "coatcheck/base/random.h"

/* Known answers of SipHash-1-3 with an all-zero key, as another implementation gives them. */
static void seeded_hashes_are_siphash(void **state)
{
    static const struct {
        const char *key;
        uint64_t hash;
    } known[] = {{"a", 0x407448d2b89b1813},
                 {"coat", 0xa9e4145416753c55},
                 {"coat:42", 0x2f7398d5ed9a9e5d},
                 {"coat:421", 0x0d1298c6fd895a78},
                 {"coat:4217", 0xcacadbdb6c376fd4}};
    char rising[100];

    (void)state;
    for (unsigned i = 0; i < sizeof known / sizeof known[0]; i++) {
        assert_true(hash_bytes_seeded(bytes_of_text(known[i].key), 0) == known[i].hash);
    }
    for (int i = 0; i < 100; i++) rising[i] = (char)i;
    assert_true(hash_bytes_seeded(bytes_of(rising, 15), 0) == 0xf30eb725bb91c9ea);
    assert_true(hash_bytes_seeded(bytes_of(rising, 16), 0) == 0x8972188433a5c5b7);
    assert_true(hash_bytes_seeded(bytes_of(rising, 100), 0) == 0x1c6a66e1506e7908);
}

static void without_a_secret_hashes_are_those_of_xxh3(void **state)
{
    char key[1000];
    uint64_t seed = 5;

    (void)state;
    for (size_t i = 0; i < sizeof key; i++) key[i] = (char)random_next(&seed);
    for (size_t len = 0; len <= sizeof key; len += 7) {
        assert_true(hash_bytes(bytes_of(key, len)) == XXH3_64bits(key, len));
    }
}

static void a_key_may_lie_at_any_address(void **state)
{
    char room[300];
    uint64_t seed = 6;

    (void)state;
    for (size_t len = 0; len < 260; len += 13) {
        char key[260];
        uint64_t plain, seeded;

        for (size_t i = 0; i < len; i++) key[i] = (char)random_next(&seed);
        plain = hash_bytes(bytes_of(key, len));
        seeded = hash_bytes_seeded(bytes_of(key, len), 9);
        for (size_t shift = 0; shift < 9; shift++) {
            memcpy(room + shift, key, len);
            assert_true(hash_bytes(bytes_of(room + shift, len)) == plain);
            assert_true(hash_bytes_seeded(bytes_of(room + shift, len), 9) == seeded);
        }
    }
}

static int by_value(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

    return (left > right) - (left < right);
}

/* 100,000 different keys of 64-bit hashes collide once in four thousand million runs. */
static void different_keys_hash_differently(void **state)
{
    static uint64_t hashes[2][100000];

    (void)state;
    for (unsigned i = 0; i < 100000; i++) {
        char key[16];
        struct bytes name = bytes_of(key, (size_t)sprintf(key, "coat:%u", i));

        hashes[0][i] = hash_bytes(name);
        hashes[1][i] = hash_bytes_seeded(name, 1);
    }
    for (unsigned which = 0; which < 2; which++) {
        qsort(hashes[which], 100000, sizeof hashes[which][0], by_value);
        for (unsigned i = 1; i < 100000; i++) assert_true(hashes[which][i - 1] != hashes[which][i]);
    }
}

/* Both the high bits, which choose the group, and the low ones are spread evenly: chi-square over
 * 256 bins of 100,000 keys stays within five deviations of its mean of 255. */
static void every_byte_of_a_hash_is_spread_evenly(void **state)
{
    (void)state;
    for (unsigned shift = 0; shift < 64; shift += 8) {
        double bins[256] = {0}, chi = 0, each = 100000.0 / 256;

        for (unsigned i = 0; i < 100000; i++) {
            char key[16];
            struct bytes name = bytes_of(key, (size_t)sprintf(key, "k%u", i));

            bins[hash_bytes(name) >> shift & 255]++;
        }
        for (unsigned bin = 0; bin < 256; bin++)
            chi += (bins[bin] - each) * (bins[bin] - each) / each;
        assert_true(chi > 142 && chi < 368);
    }
}

/* Last, because the secret stays. */
static void a_secret_changes_every_hash(void **state)
{
    uint64_t plain = hash_bytes(BYTES("coat")), seeded = hash_bytes_seeded(BYTES("coat"), 1), first;

    (void)state;
    hash_setup();
    first = hash_bytes(BYTES("coat"));
    assert_true(first != plain);
    assert_true(hash_bytes_seeded(BYTES("coat"), 1) != seeded);
    assert_true(hash_bytes(BYTES("coat")) == first);
    assert_true(hash_bytes_seeded(BYTES("coat"), 1) != hash_bytes_seeded(BYTES("coat"), 2));
    hash_setup();
    assert_true(hash_bytes(BYTES("coat")) != first);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(seeded_hashes_are_siphash),
        cmocka_unit_test(without_a_secret_hashes_are_those_of_xxh3),
        cmocka_unit_test(a_key_may_lie_at_any_address),
        cmocka_unit_test(different_keys_hash_differently),
        cmocka_unit_test(every_byte_of_a_hash_is_spread_evenly),
        cmocka_unit_test(a_secret_changes_every_hash),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
