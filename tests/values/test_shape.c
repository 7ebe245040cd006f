/* Shapes: what becomes one, what does not, and that none is lost or kept for long. */
#include "../../src/values/hash_internal.h"
#include "../../src/values/shape_internal.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>
#include "coatcheck/base/clock.h"
#include "coatcheck/base/random.h"
#include "coatcheck/base/slab.h"
#include "coatcheck/values/kind.h"

#ifdef COATCHECK_SANITIZED
#define SCALE 10
#else
#define SCALE 1
#endif

static int forget(void **state)
{
    (void)state;
    hash_kind_setup();
    clock_set_ms(1800000000000);
    shape_forget();
    return 0;
}

static void put(struct hash *hash, const char *prefix, unsigned number)
{
    char name[32];
    bool added;

    must(hash_put(hash, bytes_of(name, (size_t)snprintf(name, sizeof name, "%s%u", prefix, number)), BYTES("some value"), NEVER,
                  &added) == OK);
}

/* Fields prefix0 … */
static struct hash *hash_of(const char *prefix, unsigned fields)
{
    struct hash *hash = hash_new();

    must(hash != NULL);
    for (unsigned i = 0; i < fields; i++) put(hash, prefix, i);
    return hash;
}

static struct shape_figures figures(void)
{
    struct shape_figures now;

    shape_check();
    shape_read_figures(&now);
    return now;
}

static void names_that_come_again_are_kept_once(void **state)
{
    struct hash *hashes[200];
    size_t used = 0;

    (void)state;
    for (unsigned i = 0; i < 200; i++) {
        hashes[i] = hash_of("a rather long name ", 20);
        hash_check(hashes[i]);
        if (i >= 21) assert_true(hash_is_shaped(hashes[i]));
    }
    assert_int_equal(figures().held, 1);
    for (unsigned i = 100; i < 200; i++) {
        assert_int_equal(hash_shape(hashes[i]), hash_shape(hashes[99]));
        used += value_kind_of(VALUE_HASH)->used_bytes(hashes[i]);
    }
    assert_true(used < (size_t)100 * 20 * 16);
    for (unsigned i = 0; i < 200; i++) hash_free(&hashes[i]);
    assert_int_equal(figures().held, 0);
    shape_forget();
    assert_int_equal(figures().count, 0);
    assert_int_equal(figures().bytes, 0);
}

/* Blocks in slabs are moved together by those who know of them, and nobody but shapes knows of these. */
static void names_that_nobody_has_keep_no_slab(void **state)
{
    int64_t used = slab_own_used();

    (void)state;
    for (unsigned i = 0; i < 20; i++) {
        struct hash *hash = hash_of("name ", 10);

        if (i > 12) assert_true(hash_is_shaped(hash));
        hash_free(&hash);
    }
    assert_int_equal(figures().count, 1);
    assert_int_equal(slab_own_used(), used);
}

static void names_that_come_once_cost_nothing(void **state)
{
    char prefix[32];

    (void)state;
    for (unsigned i = 0; i < 20000 / SCALE; i++) {
        struct hash *hash;

        snprintf(prefix, sizeof prefix, "hash %u field ", i);
        hash = hash_of(prefix, 5);
        assert_false(hash_is_shaped(hash));
        hash_free(&hash);
    }
    assert_int_equal(figures().count, 0);
    /* Nor where a first name is the same: what such a hash would take anyhow. */
    for (unsigned i = 0; i < 2000 / SCALE; i++) {
        struct hash *hash = hash_new(), *plain = hash_new();

        put(hash, "id", 0);
        put(plain, "i", i);
        for (unsigned at = 0; at < 5; at++) {
            snprintf(prefix, sizeof prefix, "friend %04u of ", i);
            put(hash, prefix, at);
            put(plain, prefix, at);
        }
        assert_false(hash_is_shaped(hash) || hash_is_shaped(plain));
        assert_true(value_kind_of(VALUE_HASH)->used_bytes(hash) <= value_kind_of(VALUE_HASH)->used_bytes(plain) + 8);
        hash_free(&hash);
        hash_free(&plain);
    }
    assert_true(figures().count <= 3);
}

static void fields_that_some_hashes_lack_make_a_shape_each(void **state)
{
    struct hash *hashes[64] = {NULL};
    bool added;

    (void)state;
    for (unsigned round = 0; round < 40; round++) {
        for (unsigned i = 0; i < 4; i++) {
            hash_free(&hashes[i]);
            hashes[i] = hash_of("common ", 3);
            if (i & 1) put(hashes[i], "maybe ", 1);
            if (i & 2) put(hashes[i], "maybe ", 2);
            hash_put(hashes[i], BYTES("last"), BYTES("1"), NEVER, &added);
            hash_check(hashes[i]);
        }
    }
    for (unsigned i = 0; i < 4; i++) {
        assert_true(hash_is_shaped(hashes[i]));
        for (unsigned other = 0; other < i; other++) assert_int_not_equal(hash_shape(hashes[i]), hash_shape(hashes[other]));
    }
    assert_int_equal(figures().held, 4);
    for (unsigned i = 0; i < 4; i++) hash_free(&hashes[i]);
}

/* However many there are, they stay in their bounds, and what nobody has gives way. */
static void shapes_are_bounded(void **state)
{
    char prefix[32];

    (void)state;
    for (unsigned i = 0; i < 4 * SHAPES_MAX; i++) {
        struct hash *hash = NULL;
        unsigned fields = i % 3 ? 2 : 30;

        snprintf(prefix, sizeof prefix, "the %u. kind of hash: ", i);
        for (unsigned round = 0; round <= fields; round++) {
            hash_free(&hash);
            hash = hash_of(prefix, fields);
        }
        assert_true(hash_is_shaped(hash));
        hash_free(&hash);
        if (i % 100 == 0) (void)figures();
    }
    assert_true(figures().count > SHAPES_MAX / 2 && figures().count < SHAPES_MAX);
    assert_int_equal(figures().held, 0);
}

/* Where all places are taken hashes do without. */
static void when_all_are_held_there_are_no_more(void **state)
{
    static struct hash *held[2 * SHAPES_MAX];
    unsigned shaped = 0;
    char prefix[32];

    (void)state;
    for (unsigned i = 0; i < 2 * SHAPES_MAX; i++) {
        snprintf(prefix, sizeof prefix, "%u: ", i);
        for (unsigned round = 0; round < 2; round++) {
            hash_free(&held[i]);
            held[i] = hash_of(prefix, 1);
        }
        shaped += hash_is_shaped(held[i]);
    }
    assert_int_equal(shaped, SHAPES_MAX - 1);
    assert_int_equal(figures().held, SHAPES_MAX - 1);
    for (unsigned i = 0; i < 2 * SHAPES_MAX; i++) hash_free(&held[i]);
    assert_int_equal(figures().held, 0);
}

/* Threads with hashes of their own, of kinds that they share: what each sees of its own stays right. */
static void *make_hashes(void *context)
{
    uint64_t dice = *(const uint64_t *)context;
    struct hash *hashes[16] = {NULL};
    char prefix[32];

    clock_set_ms(1800000000000);
    for (unsigned i = 0; i < 20000 / SCALE; i++) {
        unsigned at = (unsigned)random_below(&dice, 16), kind = (unsigned)random_below(&dice, 40);
        unsigned fields = 1 + (unsigned)random_below(&dice, 12), seen = 0;
        struct hash_walk walk;

        if (random_below(&dice, 4)) kind = (unsigned)random_below(&dice, 4);
        snprintf(prefix, sizeof prefix, "kind %u field ", kind);
        hash_free(&hashes[at]);
        hashes[at] = hash_of(prefix, fields);
        for (hash_walk_begin(&walk, hashes[at]); hash_walk_next(&walk); seen++) {
            char name[64];

            must(bytes_equal(walk.field.name, bytes_of(name, (size_t)snprintf(name, sizeof name, "%s%u", prefix, seen))));
        }
        must(seen == fields);
    }
    for (unsigned i = 0; i < 16; i++) hash_free(&hashes[i]);
    clock_release();
    return NULL;
}

static void threads_share_them(void **state)
{
    enum { THREADS = 4 };
    uint64_t dice[THREADS];
    pthread_t threads[THREADS];

    (void)state;
    for (unsigned i = 0; i < THREADS; i++) {
        dice[i] = 100 + i;
        assert_int_equal(pthread_create(&threads[i], NULL, make_hashes, &dice[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(figures().held, 0);
}

int main(void)
{
#define SHAPE_TEST(test) cmocka_unit_test_setup(test, forget)
    const struct CMUnitTest tests[] = {
        SHAPE_TEST(names_that_come_again_are_kept_once),
        SHAPE_TEST(names_that_nobody_has_keep_no_slab),
        SHAPE_TEST(names_that_come_once_cost_nothing),
        SHAPE_TEST(fields_that_some_hashes_lack_make_a_shape_each),
        SHAPE_TEST(shapes_are_bounded),
        SHAPE_TEST(when_all_are_held_there_are_no_more),
        SHAPE_TEST(threads_share_them),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
