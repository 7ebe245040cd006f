#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "coatcheck/base/mem.h"
#include "coatcheck/base/random.h"
#include "coatcheck/values/blob.h"

static void a_new_blob_is_empty_and_has_the_room_that_was_asked_for(void **state)
{
    size_t rooms[] = {0, 1, 100, 65536, 1000003};

    (void)state;
    for (size_t i = 0; i < sizeof rooms / sizeof rooms[0]; i++) {
        struct blob *blob = blob_new(rooms[i]);

        assert_non_null(blob);
        assert_int_equal(blob->len, 0);
        assert_true(blob->room >= rooms[i]);
        memset(blob->at, 'x', blob->room);
        blob_release(&blob);
        assert_null(blob);
    }
}

static void a_size_beyond_reason_is_no_memory_and_no_overflow(void **state)
{
    struct blob *blob;

    (void)state;
    assert_null(blob_new(SIZE_MAX));
    assert_null(blob_new(SIZE_MAX - sizeof(struct blob)));
    blob = blob_new(10);
    blob->len = 10;
    assert_null(blob_make_own(&blob, SIZE_MAX));
    assert_int_equal(blob->len, 10);
    blob_release(&blob);
}

static void the_last_reference_frees(void **state)
{
    struct blob *blob = blob_new(100), *other = blob;

    (void)state;
    blob_hold(blob);
    blob_release(&blob);
    assert_null(blob);
    other->len = 100;
    memset(other->at, 'x', 100); /* still there: the address sanitizer watches */
    blob_release(&other);
    blob_release(&other); /* NULL is allowed */
}

static void one_holder_grows_in_place_with_slack(void **state)
{
    struct blob *blob = blob_new(65536);
    unsigned moves = 0;

    (void)state;
    for (size_t len = 0; len < 4000000; len += 100) {
        struct blob *was = blob;

        assert_non_null(blob_make_own(&blob, len + 100));
        moves += blob != was || blob->room < len + 100;
        for (size_t i = len; i < len + 100; i++) blob->at[i] = (char)i;
        blob->len = len + 100;
    }
    for (size_t i = 0; i < blob->len; i++) assert_int_equal(blob->at[i], (char)i);
    /* Forty thousand appends; each quarter of growth may move once. */
    assert_true(moves < 40);
    blob_release(&blob);
}

static void a_shared_blob_is_copied_before_it_changes(void **state)
{
    struct blob *blob = blob_new(100), *reply = blob;

    (void)state;
    memcpy(blob->at, "hello", 5);
    blob->len = 5;
    blob_hold(reply);
    assert_non_null(blob_make_own(&blob, 200));
    assert_true(blob != reply);
    assert_true(blob->room >= 200);
    memcpy(blob->at, "HELLO", 5);
    assert_memory_equal(blob_bytes(reply).at, "hello", 5);
    blob_release(&reply);
    blob_release(&blob);
}

static void no_memory_leaves_the_blob_as_it_was(void **state)
{
    struct blob *blob = blob_new(100), *was = blob;

    (void)state;
    blob->len = 3;
    memcpy(blob->at, "abc", 3);
    mem_fail_after(1);
    assert_null(blob_new(10));
    mem_fail_after(1);
    assert_null(blob_make_own(&blob, 1000000));
    assert_ptr_equal(blob, was);
    blob_hold(was);
    mem_fail_after(1);
    assert_null(blob_make_own(&blob, 10));
    mem_fail_after(0);
    assert_ptr_equal(blob, was);
    assert_memory_equal(blob->at, "abc", 3);
    blob_release(&was);
    blob_release(&blob);
}

static void a_giant_is_laid_aside_and_buried_in_pieces(void **state)
{
    struct blob *blob = blob_new((size_t)32 << 20);
    size_t before;
    unsigned pieces = 0;

    (void)state;
    assert_true(blob_bury_some());
    memset(blob->at, 'x', (size_t)32 << 20);
    before = mem_resident();
    blob_release(&blob);
    assert_null(blob);
    while (!blob_bury_some()) pieces++;
    assert_true(pieces >= 63 && pieces <= 81);
#ifndef COATCHECK_SANITIZED
    assert_true(mem_resident() + ((size_t)28 << 20) < before);
#else
    (void)before;
#endif
    assert_true(blob_bury_some());
}

#define HOLDERS 4
#define ROUNDS 20000

static void *hold_and_release(void *context)
{
    struct blob *blob = context;

    for (unsigned i = 0; i < ROUNDS; i++) {
        struct blob *mine = blob;

        blob_hold(mine);
        if (mine->at[0] != 'x') return mine;
        blob_release(&mine);
    }
    blob_release(&blob);
    return NULL;
}

static void threads_may_hold_and_release_at_once(void **state)
{
    struct blob *blob = blob_new(100);
    pthread_t threads[HOLDERS];

    (void)state;
    blob->at[0] = 'x';
    blob->len = 1;
    for (unsigned i = 0; i < HOLDERS; i++) {
        blob_hold(blob);
        assert_int_equal(pthread_create(&threads[i], NULL, hold_and_release, blob), 0);
    }
    for (unsigned i = 0; i < HOLDERS; i++) {
        void *wrong = NULL;

        pthread_join(threads[i], &wrong);
        assert_null(wrong);
    }
    assert_int_equal(atomic_load(&blob->references), 1);
    blob_release(&blob);
}

static void *bury_until_empty(void *context)
{
    (void)context;
    for (unsigned i = 0; i < 1000; i++) blob_bury_some();
    return NULL;
}

static void several_threads_may_bury(void **state)
{
    pthread_t threads[HOLDERS];

    (void)state;
    for (unsigned i = 0; i < 10; i++) {
        struct blob *blob = blob_new((size_t)9 << 20);

        assert_non_null(blob);
        blob_release(&blob);
    }
    for (unsigned i = 0; i < HOLDERS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, bury_until_empty, NULL), 0);
    }
    for (unsigned i = 0; i < HOLDERS; i++) pthread_join(threads[i], NULL);
    while (!blob_bury_some()) {}
    assert_true(blob_bury_some());
}

/* Longer and shorter, alone and shared, with and without a jump: beside a model of all of its bytes. */
static void what_a_length_brings_is_zero(void **state)
{
    static char model[4 << 20];
    uint64_t dice = 9;
    struct blob *blob = blob_new(65536), *other = NULL;
    size_t len = 0, steps[] = {100, 70000, 2 << 20};

    (void)state;
    memset(blob->at, 'x', blob->room); /* what was left there by others */
    for (unsigned i = 0; i < 400; i++) {
        size_t step = (size_t)random_below(&dice, steps[random_below(&dice, 3)]), to = len + step;

        if (random_below(&dice, 10) == 0 || to > sizeof model) to = (size_t)random_below(&dice, len + 1) / (1 + i % 2 * 40);
        if (random_below(&dice, 5) == 0) {
            blob_release(&other);
            other = blob;
            blob_hold(other);
        }
        assert_non_null(blob_set_length(&blob, to));
        assert_int_equal(blob->len, to);
        assert_true(blob->clean >= to && blob->clean <= blob->room);
        if (to > len) memset(model + len, 0, to - len);
        len = to;
        assert_memory_equal(blob->at, model, len);
        if (len == 0 || (other && other == blob)) continue;
        for (unsigned k = 0; k < 5; k++) {
            size_t at = (size_t)random_below(&dice, len);

            blob->at[at] = model[at] = (char)random_below(&dice, 256);
        }
    }
    blob_release(&blob);
    blob_release(&other);
}

static void a_length_beyond_reason_changes_nothing(void **state)
{
    struct blob *blob = blob_new_zeroed(10);

    (void)state;
    assert_non_null(blob_set_length(&blob, 7));
    assert_null(blob_set_length(&blob, SIZE_MAX));
    assert_int_equal(blob->len, 7);
    mem_fail_after(1);
    assert_null(blob_set_length(&blob, 3 << 20));
    mem_fail_after(0);
    assert_int_equal(blob->len, 7);
    blob_release(&blob);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_blob_is_empty_and_has_the_room_that_was_asked_for),
        cmocka_unit_test(a_size_beyond_reason_is_no_memory_and_no_overflow),
        cmocka_unit_test(the_last_reference_frees),
        cmocka_unit_test(one_holder_grows_in_place_with_slack),
        cmocka_unit_test(a_shared_blob_is_copied_before_it_changes),
        cmocka_unit_test(no_memory_leaves_the_blob_as_it_was),
        cmocka_unit_test(a_giant_is_laid_aside_and_buried_in_pieces),
        cmocka_unit_test(threads_may_hold_and_release_at_once),
        cmocka_unit_test(several_threads_may_bury),
        cmocka_unit_test(what_a_length_brings_is_zero),
        cmocka_unit_test(a_length_beyond_reason_changes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
