#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "coatcheck/base/mem.h"
#include "coatcheck/base/random.h"
#include "coatcheck/structs/memberindex.h"

#ifdef COATCHECK_SANITIZED
#define SCALE 10
#else
#define SCALE 1
#endif
#define MOST 40000

/* The model: what was added, in no order. */
static struct {
    uint32_t hash, leaf;
} items[MOST];
static unsigned count;

static bool has(const struct memberindex *index, uint32_t hash, uint32_t leaf)
{
    struct memberprobe probe;

    memberindex_begin(index, hash, &probe);
    while (memberindex_next(&probe)) {
        if (probe.leaf == leaf) return true;
    }
    return false;
}

static enum status add(struct memberindex *index, uint32_t hash, uint32_t leaf)
{
    if (memberindex_reserve(index, hash) != OK) return NO_MEMORY;
    memberindex_add(index, hash, leaf);
    items[count].hash = hash;
    items[count++].leaf = leaf;
    return OK;
}

static void remove_at(struct memberindex *index, unsigned at)
{
    memberindex_remove(index, items[at].hash, items[at].leaf);
    items[at] = items[--count];
}

static void assert_has_all(const struct memberindex *index)
{
    memberindex_check(index);
    assert_int_equal(index->count, count);
    for (unsigned i = 0; i < count; i++) assert_true(has(index, items[i].hash, items[i].leaf));
}

static uint32_t draw_hash(uint64_t *dice)
{
    return memberindex_hash(random_next(dice));
}

/* Grows to `most`, shrinks to nothing, twice. */
static void run(uint32_t (*hash)(uint64_t *dice), unsigned most)
{
    struct memberindex index;
    uint64_t dice = 3;

    count = 0;
    assert_int_equal(memberindex_init(&index), OK);
    for (unsigned round = 0; round < 4; round++) {
        for (unsigned step = 0; round % 2 == 0 ? count < most : count > 0; step++) {
            bool grows = random_below(&dice, 10) < (round % 2 ? 2 : 8);

            if (grows && count < most) {
                assert_int_equal(add(&index, hash(&dice), (uint32_t)random_below(&dice, 1 << 24)),
                                 OK);
            } else if (count > 0) {
                remove_at(&index, (unsigned)random_below(&dice, count));
            }
            if (count > 0 && step % 3 == 0) {
                unsigned at = (unsigned)random_below(&dice, count);
                uint32_t leaf = (uint32_t)random_below(&dice, 1 << 24);

                memberindex_move(&index, items[at].hash, items[at].leaf, leaf);
                items[at].leaf = leaf;
            }
            if (step % (count < 100 ? 1 : 1 + most / 4) == 0) assert_has_all(&index);
        }
        assert_has_all(&index);
    }
    assert_true(index.used_bytes < 200);
    memberindex_fini(&index);
    assert_int_equal(index.used_bytes, 0);
}

static void it_finds_all_while_it_grows_and_shrinks(void **state)
{
    (void)state;
    run(draw_hash, 10);
    run(draw_hash, 700);
    run(draw_hash, MOST / SCALE);
}

static uint32_t draw_hash_of_few(uint64_t *dice)
{
    return (uint32_t)random_below(dice, 40) * 0x6000000u + 1;
}

static uint32_t draw_hash_that_begins_alike(uint64_t *dice)
{
    return 0xabcdef00u + (uint32_t)random_below(dice, 256);
}

static void hashes_that_fall_together_are_kept_apart_by_their_leaves(void **state)
{
    (void)state;
    run(draw_hash_of_few, 2000);
    run(draw_hash_that_begins_alike, 1500);
}

static void a_member_costs_nine_bytes(void **state)
{
    struct memberindex index;
    uint64_t dice = 3;
    double worst = 0, sum = 0;
    unsigned samples = 0;

    (void)state;
    count = 0;
    assert_int_equal(memberindex_init(&index), OK);
    while (count < MOST) {
        double each;

        assert_int_equal(add(&index, draw_hash(&dice), 1), OK);
        each = (double)index.used_bytes / count;
        if (count < MOST / 4) continue;
        if (each > worst) worst = each;
        sum += each;
        samples++;
    }
    assert_true(sum / samples < 9.4);
    assert_true(worst < 11);
    memberindex_fini(&index);
}

static unsigned char seen[MOST];
static uint32_t last_hash;

static void see(void *context, uint32_t hash, uint32_t leaf)
{
    (void)context;
    last_hash = hash;
    seen[leaf]++;
}

static void a_scan_sees_each_once_and_in_the_order_of_homes(void **state)
{
    static const unsigned sizes[] = {0, 1, 8, 100, 1000, MOST / SCALE};
    uint64_t dice = 5;

    (void)state;
    for (unsigned i = 0; i < 6; i++) {
        struct memberindex index;
        uint64_t cursor = 0;

        count = 0;
        memset(seen, 0, sizeof seen);
        assert_int_equal(memberindex_init(&index), OK);
        while (count < sizes[i]) add(&index, draw_hash(&dice), count);
        do {
            uint64_t next = memberindex_scan(&index, (uint32_t)cursor, see, NULL);

            assert_true(next == 0 || next > cursor);
            cursor = next;
        } while (cursor);
        for (unsigned n = 0; n < count; n++) assert_int_equal(seen[n], 1);
        memberindex_fini(&index);
    }
}

static void a_scan_misses_none_that_stays(void **state)
{
    enum { STAY = 300 };
    uint64_t dice = 6;

    (void)state;
    for (unsigned round = 0; round < 40 / SCALE; round++) {
        struct memberindex index;
        uint64_t cursor = 0;
        unsigned most = round % 2 ? 20 : 2000;

        count = 0;
        memset(seen, 0, sizeof seen);
        assert_int_equal(memberindex_init(&index), OK);
        while (count < STAY) add(&index, draw_hash(&dice), count);
        while (round % 2 && count < 10000) add(&index, draw_hash(&dice), MOST - 1);
        do {
            cursor = memberindex_scan(&index, (uint32_t)cursor, see, NULL);
            for (unsigned i = 0; i < 30; i++) {
                if (round % 2 == 0 && count < STAY + most) {
                    add(&index, draw_hash(&dice), MOST - 1);
                } else if (count > STAY) {
                    remove_at(&index, STAY + (unsigned)random_below(&dice, count - STAY));
                }
            }
        } while (cursor);
        for (unsigned n = 0; n < STAY; n++) assert_true(seen[n] >= 1);
        memberindex_fini(&index);
    }
}

static void no_memory_loses_nothing(void **state)
{
    struct memberindex index;
    uint64_t dice = 8;
    unsigned refused = 0, steps = 6000 / SCALE;

    (void)state;
    count = 0;
    assert_int_equal(memberindex_init(&index), OK);
    for (unsigned step = 0; step < steps; step++) {
        mem_fail_after((unsigned)random_below(&dice, 4));
        if (step < steps / 2 || count == 0) {
            refused += add(&index, draw_hash(&dice), step) != OK;
        } else {
            remove_at(&index, (unsigned)random_below(&dice, count));
        }
        mem_fail_after(0);
        if (step % 50 == 0) assert_has_all(&index);
    }
    assert_has_all(&index);
    memberindex_fini(&index);

    /* All fail: what is free is used up, then the answer is no. */
    count = refused = 0;
    assert_int_equal(memberindex_init(&index), OK);
    for (unsigned step = 0; step < 20; step++) {
        mem_fail_after(1);
        refused += add(&index, draw_hash(&dice), step) != OK;
        mem_fail_after(0);
    }
    assert_int_equal(count, 9);
    assert_int_equal(refused, 11);
    assert_has_all(&index);
    memberindex_fini(&index);
}

static void a_copy_is_the_same_and_of_its_own(void **state)
{
    struct memberindex index, copy;
    uint64_t dice = 9;
    unsigned n = 1;

    (void)state;
    count = 0;
    assert_int_equal(memberindex_init(&index), OK);
    while (count < 5000) add(&index, draw_hash(&dice), count);
    for (;; n++) {
        enum status status;

        mem_fail_after(n);
        status = memberindex_copy(&copy, &index);
        mem_fail_after(0);
        if (status == OK) break;
    }
    assert_true(n > 3);
    memberindex_fini(&index);
    assert_has_all(&copy);
    while (count < 10000) add(&copy, draw_hash(&dice), count);
    assert_has_all(&copy);
    memberindex_fini(&copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_finds_all_while_it_grows_and_shrinks),
        cmocka_unit_test(hashes_that_fall_together_are_kept_apart_by_their_leaves),
        cmocka_unit_test(a_member_costs_nine_bytes),
        cmocka_unit_test(a_scan_sees_each_once_and_in_the_order_of_homes),
        cmocka_unit_test(a_scan_misses_none_that_stays),
        cmocka_unit_test(no_memory_loses_nothing),
        cmocka_unit_test(a_copy_is_the_same_and_of_its_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
