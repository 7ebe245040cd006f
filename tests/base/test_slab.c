#include "coatcheck/base/slab.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "coatcheck/base/mem.h"
#include "coatcheck/base/random.h"

/* What only slabs do, and not the blocks that stand in for them under AddressSanitizer. */
#ifdef SLAB_BLOCKS_APART
#define NEEDS_SLABS() skip()
#else
#define NEEDS_SLABS() ((void)0)
#endif

/* A block that says whose it is in every byte. */
static char *block_new(size_t size, unsigned stamp)
{
    char *block = slab_alloc(size);

    assert_non_null(block);
    assert_int_equal((uintptr_t)block % 8, 0);
    memset(block, (int)(stamp & 0xff), size);
    return block;
}

static void block_check(const char *block, size_t size, unsigned stamp)
{
    for (size_t i = 0; i < size; i++) {
        if (block[i] != (char)(stamp & 0xff)) fail_msg("a block of %zu was written to by another", size);
    }
}

static size_t used_bytes(void)
{
    struct slab_figures figures;

    slab_read_figures(&figures);
    return figures.used;
}

static size_t held_bytes(void)
{
    struct slab_figures figures;

    slab_read_figures(&figures);
    return figures.held;
}

static void a_block_is_hardly_larger_than_what_was_asked_for(void **state)
{
    size_t before = 0;

    (void)state;
    for (size_t size = 0; size <= SLAB_MOST; size++) {
        size_t block = slab_size(size), slack = block - size;

        assert_true(block >= size && block >= SLAB_LEAST && block >= before && block % 8 == 0);
        assert_int_equal(slab_size(block), block);
        if (size >= SLAB_LEAST && size <= 1024) assert_true(slack < 8);
        if (size > 1024) assert_true(slack <= size / 8 + 8);
        if (size > 1024 && size <= 2048) assert_true(slack <= 72);
        /* At least as many as promised fit in a slab. */
        assert_true(SLAB_BYTES / block * block <= SLAB_BYTES && SLAB_BYTES / block >= 8);
        before = block;
    }
}

struct held {
    char *block;
    size_t size;
    unsigned stamp;
};

static size_t draw_size(uint64_t *dice)
{
    switch (random_below(dice, 4)) {
    case 0:
        return random_below(dice, 64);
    case 1:
        return 80 + random_below(dice, 16);
    case 2:
        return random_below(dice, 1100);
    default:
        return random_below(dice, SLAB_MOST + 1);
    }
}

static void blocks_never_overlap_whatever_is_taken_and_freed(void **state)
{
    enum { COUNT = 3000 };
    static struct held held[COUNT];
    uint64_t dice = 7;
    size_t expected = 0, before = used_bytes();

    (void)state;
    memset(held, 0, sizeof held);
    for (unsigned step = 0; step < 60000; step++) {
        struct held *one = &held[random_below(&dice, COUNT)];

        if (one->block) {
            block_check(one->block, one->size, one->stamp);
            slab_free(one->block, one->size);
            expected -= slab_size(one->size);
            one->block = NULL;
        } else {
            *one = (struct held){.size = draw_size(&dice), .stamp = step};
            one->block = block_new(one->size, step);
            expected += slab_size(one->size);
        }
#ifndef SLAB_BLOCKS_APART
        if (step % 1000 == 0) assert_int_equal(used_bytes() - before, expected);
#endif
        if (step % 5000 == 0) slab_tidy(UINT64_MAX);
    }
    for (unsigned i = 0; i < COUNT; i++) {
        if (!held[i].block) continue;
        block_check(held[i].block, held[i].size, held[i].stamp);
        slab_free(held[i].block, held[i].size);
    }
    assert_int_equal(used_bytes(), before);
}

static void the_block_freed_last_is_handed_out_first(void **state)
{
    char *first, *second;

    (void)state;
    NEEDS_SLABS();
    first = block_new(88, 1);
    second = block_new(88, 2);
    slab_free(first, 88);
    slab_free(second, 88);
    assert_ptr_equal(slab_alloc(83), second);
    assert_ptr_equal(slab_alloc(88), first);
    slab_free(first, 88);
    slab_free(second, 88);
}

static void a_refused_allocation_changes_nothing(void **state)
{
    size_t before = used_bytes();
    char *block;

    (void)state;
    mem_fail_after(1);
    assert_null(slab_alloc(100));
    assert_int_equal(used_bytes(), before);
    block = block_new(100, 1);
    mem_fail_after(0);
    slab_free(block, 100);
    assert_int_equal(used_bytes(), before);
}

/* --- giving back --- */

#define MANY 200000

static char *many[MANY];

static void fill_many(size_t size)
{
    for (unsigned i = 0; i < MANY; i++) many[i] = block_new(size, i);
}

/* As a key space does in its rounds. */
static unsigned move_what_is_sparse(size_t size)
{
    unsigned moved = 0;

    for (unsigned i = 0; i < MANY; i++) {
        char *block;

        if (!many[i] || !slab_is_sparse(many[i])) continue;
        block = slab_alloc(size);
        assert_non_null(block);
        memcpy(block, many[i], size);
        slab_free(many[i], size);
        many[i] = block;
        moved++;
    }
    return moved;
}

static void free_all(size_t size)
{
    for (unsigned i = 0; i < MANY; i++) {
        if (!many[i]) continue;
        block_check(many[i], size, i);
        slab_free(many[i], size);
        many[i] = NULL;
    }
}

static void moves_empty_what_random_deletes_have_left(size_t size, unsigned percent_left)
{
    uint64_t dice = 3;
    unsigned moved = 0, left = 0;

    slab_purge();
    assert_int_equal(held_bytes(), 0);
    fill_many(size);
    for (unsigned i = 0; i < MANY; i++) {
        if (random_below(&dice, 100) < percent_left) {
            left++;
            continue;
        }
        slab_free(many[i], size);
        many[i] = NULL;
    }
    for (unsigned rounds = 0; rounds < 10; rounds++) {
        slab_tidy(UINT64_MAX);
        if (!slab_wants_moves()) break;
        moved += move_what_is_sparse(size);
    }
    assert_false(slab_wants_moves());
    assert_true((double)held_bytes() <= 1.15 * (double)used_bytes() + 2 * SLAB_BYTES);
    /* None is moved much more than once. */
    assert_true(moved <= left + left / 4);
    free_all(size);
    slab_purge();
    assert_int_equal(held_bytes(), 0);
}

static void after_random_deletes_little_more_is_held_than_used(void **state)
{
    (void)state;
    NEEDS_SLABS();
    for (unsigned percent = 1; percent < 100; percent += 14) {
        moves_empty_what_random_deletes_have_left(88, percent);
    }
    moves_empty_what_random_deletes_have_left(1056, 10);
}

static void full_slabs_want_no_moves(void **state)
{
    (void)state;
    NEEDS_SLABS();
    slab_purge();
    fill_many(120);
    slab_tidy(UINT64_MAX);
    assert_false(slab_wants_moves());
    assert_int_equal(move_what_is_sparse(120), 0);
    slab_pretend_sparse(true);
    assert_true(slab_wants_moves());
    assert_int_equal(move_what_is_sparse(120), MANY);
    slab_pretend_sparse(false);
    free_all(120);
}

static void the_kernel_gets_back_what_nobody_uses(void **state)
{
    size_t before, full;

    (void)state;
    NEEDS_SLABS();
    slab_purge();
    before = mem_resident();
    fill_many(320);
    full = mem_resident();
    assert_true(full >= before + (size_t)MANY * 320);
    free_all(320);
    slab_purge();
    assert_true(mem_resident() <= before + (size_t)MANY * 320 / 20);
}

/* --- threads --- */

static void *free_many(void *context)
{
    size_t size = *(size_t *)context;

    for (unsigned i = 0; i < MANY; i++) {
        block_check(many[i], size, i);
        slab_free(many[i], size);
        many[i] = NULL;
    }
    return NULL;
}

static void what_others_free_can_be_taken_again(void **state)
{
    size_t size = 40, before = used_bytes(), most = 0;

    (void)state;
    slab_purge();
    for (unsigned round = 0; round < 5; round++) {
        pthread_t thread;

        fill_many(size);
        if (round == 0) most = held_bytes();
        assert_true(held_bytes() <= most + SLAB_BYTES);
        assert_int_equal(pthread_create(&thread, NULL, free_many, &size), 0);
        pthread_join(thread, NULL);
        /* Counted at once, though their owner has not seen them yet. */
        assert_int_equal(used_bytes(), before);
    }
    slab_purge();
    assert_int_equal(held_bytes(), 0);
}

static void *fill_and_leave(void *context)
{
    (void)context;
    fill_many(56);
    return NULL;
}

static void the_blocks_of_a_thread_outlive_it(void **state)
{
    size_t before = used_bytes();
    pthread_t thread;

    (void)state;
    NEEDS_SLABS();
    slab_purge();
    assert_int_equal(pthread_create(&thread, NULL, fill_and_leave, NULL), 0);
    pthread_join(thread, NULL);
    assert_int_equal(used_bytes() - before, (size_t)MANY * 56);
    free_all(56);
    assert_int_equal(used_bytes(), before);
    slab_purge(); /* its slabs are looked after by those that remain */
    assert_int_equal(held_bytes(), 0);
}

static void *take_a_few(void *context)
{
    char *blocks[20];

    (void)context;
    for (unsigned i = 0; i < 20; i++) blocks[i] = block_new(16 + 8 * i, i);
    for (unsigned i = 0; i < 20; i++) {
        block_check(blocks[i], 16 + 8 * i, i);
        slab_free(blocks[i], 16 + 8 * i);
    }
    return NULL;
}

static void threads_may_come_and_go_without_end(void **state)
{
    size_t after_one = 0;

    (void)state;
    for (unsigned i = 0; i < 2000; i++) {
        pthread_t thread;

        assert_int_equal(pthread_create(&thread, NULL, take_a_few, NULL), 0);
        pthread_join(thread, NULL);
        if (i == 0) after_one = held_bytes();
    }
    assert_int_equal(held_bytes(), after_one);
}

#define FEW 30

static char *few[FEW];

/* A thread has slabs, and a place for what it keeps, from its first block on. */
static void begin_with_a_block(void)
{
    slab_free(slab_alloc(72), 72);
}

static void *free_few_and_take_as_many(void *context)
{
    (void)context;
    begin_with_a_block();
    for (unsigned i = 0; i < FEW; i++) slab_free(few[i], 72);
    for (unsigned i = FEW; i-- > 0;) {
        if (slab_alloc(72) != few[i]) return "it took another block";
    }
    return NULL;
}

static void who_frees_anothers_blocks_takes_them_again(void **state)
{
    size_t before = used_bytes();
    void *complaint;
    pthread_t thread;

    (void)state;
    NEEDS_SLABS();
    for (unsigned i = 0; i < FEW; i++) few[i] = block_new(72, i);
    assert_int_equal(pthread_create(&thread, NULL, free_few_and_take_as_many, NULL), 0);
    pthread_join(thread, &complaint);
    assert_null(complaint);
    assert_int_equal(used_bytes(), before + (size_t)FEW * 72);
    for (unsigned i = 0; i < FEW; i++) slab_free(few[i], 72);
    assert_int_equal(used_bytes(), before);
}

static _Atomic bool may_end;
static _Atomic bool has_tidied;

static void *free_few_and_tidy(void *context)
{
    (void)context;
    begin_with_a_block();
    for (unsigned i = 0; i < FEW; i++) slab_free(few[i], 72);
    slab_tidy(UINT64_MAX);
    atomic_store(&has_tidied, true);
    while (!atomic_load(&may_end)) sched_yield();
    return NULL;
}

static void what_is_kept_goes_back_to_its_owner_in_time(void **state)
{
    pthread_t thread;

    (void)state;
    NEEDS_SLABS();
    slab_purge();
    for (unsigned i = 0; i < FEW; i++) few[i] = block_new(72, i);
    assert_int_equal(held_bytes(), SLAB_BYTES);
    assert_int_equal(pthread_create(&thread, NULL, free_few_and_tidy, NULL), 0);
    while (!atomic_load(&has_tidied)) sched_yield();
    /* The other thread is still there, and has kept nothing. */
    slab_purge();
    assert_int_equal(held_bytes(), 0);
    atomic_store(&may_end, true);
    pthread_join(thread, NULL);
}

#define DESKS 64
#define CLERKS 4
#define ERRANDS 100000

/* Blocks lie on desks; each clerk takes what lies there, looks at it, and leaves another. */
static _Atomic(struct held *) desks[DESKS];

static void *clerk(void *context)
{
    uint64_t dice = (uint64_t)(uintptr_t)context;

    for (unsigned i = 0; i < ERRANDS; i++) {
        size_t size = sizeof(struct held) + draw_size(&dice) % 600;
        struct held *one = slab_alloc(size), *other;
        size_t rest = size - sizeof *one;

        if (!one) return "no memory";
        memset(one + 1, (int)(i & 0xff), rest);
        *one = (struct held){.size = size, .stamp = i};
        other = atomic_exchange(&desks[random_below(&dice, DESKS)], one);
        if (!other) continue;
        for (size_t at = 0; at < other->size - sizeof *other; at++) {
            if (((char *)(other + 1))[at] != (char)(other->stamp & 0xff)) return "written to by another";
        }
        slab_free(other, other->size);
        if (i % 4096 == 0) slab_tidy(UINT64_MAX);
    }
    return NULL;
}

static void blocks_stay_whole_on_their_way_between_threads(void **state)
{
    size_t before = used_bytes();
    pthread_t clerks[CLERKS];

    (void)state;
    for (unsigned i = 0; i < CLERKS; i++) {
        assert_int_equal(pthread_create(&clerks[i], NULL, clerk, (void *)(uintptr_t)(i + 1)), 0);
    }
    for (unsigned i = 0; i < CLERKS; i++) {
        void *complaint;

        pthread_join(clerks[i], &complaint);
        assert_null(complaint);
    }
    for (unsigned i = 0; i < DESKS; i++) {
        struct held *one = atomic_exchange(&desks[i], NULL);

        if (one) slab_free(one, one->size);
    }
    assert_int_equal(used_bytes(), before);
    slab_purge();
#ifndef SLAB_BLOCKS_APART
    assert_int_equal(held_bytes(), 0);
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_block_is_hardly_larger_than_what_was_asked_for),
        cmocka_unit_test(blocks_never_overlap_whatever_is_taken_and_freed),
        cmocka_unit_test(the_block_freed_last_is_handed_out_first),
        cmocka_unit_test(a_refused_allocation_changes_nothing),
        cmocka_unit_test(after_random_deletes_little_more_is_held_than_used),
        cmocka_unit_test(full_slabs_want_no_moves),
        cmocka_unit_test(the_kernel_gets_back_what_nobody_uses),
        cmocka_unit_test(what_others_free_can_be_taken_again),
        cmocka_unit_test(the_blocks_of_a_thread_outlive_it),
        cmocka_unit_test(threads_may_come_and_go_without_end),
        cmocka_unit_test(who_frees_anothers_blocks_takes_them_again),
        cmocka_unit_test(what_is_kept_goes_back_to_its_owner_in_time),
        cmocka_unit_test(blocks_stay_whole_on_their_way_between_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
