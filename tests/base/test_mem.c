#include "coatcheck/base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "coatcheck/base/log.h"
#include "coatcheck/base/random.h"

static void blocks_hold_at_least_what_was_asked_for(void **state)
{
    (void)state;
    for (size_t size = 0; size < 300000; size = size * 3 / 2 + 1) {
        char *block = mem_alloc(size);

        assert_non_null(block);
        assert_true(mem_usable(block) >= size);
        assert_true(mem_good_size(size) >= size);
#ifdef COATCHECK_JEMALLOC
        assert_int_equal(mem_usable(block), mem_good_size(size));
#endif
        memset(block, 0xaa, size);
        mem_free_sized(block, size);
    }
    mem_free(NULL);
    mem_free_sized(NULL, 10);
}

static bool is_zeroed(const char *block, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (block[i]) return false;
    }
    return true;
}

static void zeroed_blocks_are_zeroed_even_when_used_before(void **state)
{
    (void)state;
    for (int i = 0; i < 100; i++) {
        char *block = mem_alloc(1000);

        memset(block, 0xff, 1000);
        mem_free(block);
        block = mem_alloc_zeroed(1000);
        assert_true(is_zeroed(block, 1000));
        memset(block, 0xff, 1000);
        mem_free(block);
        block = mem_alloc_aligned(64, 1000);
        assert_true(is_zeroed(block, 1000));
        mem_free(block);
    }
}

static void aligned_blocks_start_where_they_should(void **state)
{
    (void)state;
    for (size_t align = 1; align <= 65536; align *= 2) {
        void *block = mem_alloc_aligned(align, 100);

        assert_int_equal((uintptr_t)block % align, 0);
        mem_free(block);
    }
}

static void resizing_keeps_the_content(void **state)
{
    char *block = mem_resize(NULL, 5), *bigger;

    (void)state;
    memcpy(block, "coat", 5);
    for (size_t size = 6; size < 1000000; size *= 2) {
        block = mem_resize(block, size);
        assert_non_null(block);
        assert_string_equal(block, "coat");
    }
    mem_fail_after(1);
    bigger = mem_resize(block, 2000000);
    mem_fail_after(0);
    assert_null(bigger);
    assert_string_equal(block, "coat");
    mem_free(block);
}

static void the_nth_allocation_fails_on_demand(void **state)
{
    void *blocks[4];

    (void)state;
    mem_fail_after(3);
    blocks[0] = mem_alloc(10);
    blocks[1] = mem_alloc_zeroed(10);
    blocks[2] = mem_alloc_aligned(64, 10);
    blocks[3] = mem_alloc(10);
    assert_non_null(blocks[0]);
    assert_non_null(blocks[1]);
    assert_null(blocks[2]);
    assert_non_null(blocks[3]);
    for (int i = 0; i < 4; i++) mem_free(blocks[i]);
    mem_fail_after(2);
    mem_fail_after(0);
    for (int i = 0; i < 4; i++) {
        blocks[0] = mem_alloc(10);
        assert_non_null(blocks[0]);
        mem_free(blocks[0]);
    }
}

#ifndef COATCHECK_SANITIZED
/* Far more than any address space holds; a sanitizer would stop at the attempt. */
static void too_much_is_refused_and_not_fatal(void **state)
{
    (void)state;
    assert_null(mem_alloc(SIZE_MAX / 2 - 4096));
    assert_null(mem_alloc_zeroed(SIZE_MAX / 2 - 4096));
    assert_null(mem_alloc_aligned(64, SIZE_MAX / 2 - 4096));
}

static void figures_follow_what_is_held(void **state)
{
    struct mem_figures before, holding, after;
    enum { COUNT = 20000, SIZE = 1000 };
    static char *blocks[COUNT];

    (void)state;
    mem_read_figures(&before);
    for (int i = 0; i < COUNT; i++) memset(blocks[i] = mem_alloc(SIZE), 1, SIZE);
    mem_read_figures(&holding);
    for (int i = 0; i < COUNT; i++) mem_free(blocks[i]);
    mem_purge();
    mem_read_figures(&after);
    /* The thread's cache of freed blocks counts as allocated, and gives some of them. */
    assert_true(holding.allocated - before.allocated >= COUNT * SIZE * 9 / 10);
    assert_true(holding.allocated - before.allocated < COUNT * SIZE * 11 / 10);
    assert_true(holding.active >= holding.allocated || holding.active == 0);
    assert_true(holding.resident >= COUNT * SIZE);
    assert_true(after.allocated < before.allocated + 1000000);
    assert_true(after.resident + COUNT * SIZE / 2 < holding.resident);
}
#endif

static void the_kernel_knows_our_resident_set(void **state)
{
    size_t before = mem_resident(), size = 30 << 20;
    char *block = mem_alloc(size);

    (void)state;
    memset(block, 1, size);
    assert_true(before > 100000);
    assert_true(mem_resident() > before + size / 2);
    mem_free(block);
}

static void collect(void *context, const char *text)
{
    *(size_t *)context += strlen(text);
}

static void the_allocator_tells_about_itself(void **state)
{
    size_t said = 0;

    (void)state;
    mem_report(collect, &said);
    assert_true(said > 100);
#ifdef COATCHECK_JEMALLOC
    assert_memory_equal(mem_name(), "jemalloc-5.", 11);
#else
    assert_string_equal(mem_name(), "libc");
#endif
}

static void setup_leaves_a_working_allocator(void **state)
{
    void *block;

    (void)state;
    mem_setup();
    block = mem_alloc(100);
    assert_non_null(block);
    mem_free(block);
}

static void what_is_needed_is_there_or_the_program_ends(void **state)
{
    char *text = mem_need_text("coat");
    int status;
    pid_t child;

    (void)state;
    assert_string_equal(text, "coat");
    mem_free(text);
    child = fork();
    if (child == 0) {
        log_set_level(LOG_LEVEL_NOTHING);
        mem_fail_after(1);
        mem_need(10);
        _exit(77);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 1);
}

static void a_block_that_is_moved_keeps_its_bytes(void **state)
{
    uint64_t moved = mem_compacted;
    size_t size;
    char *block;

    (void)state;
    mem_pretend_gaps(true);
    for (size = 1; size <= 20000; size = size * 3 / 2 + 1) {
        size_t usable;

        block = mem_alloc(size);
        usable = mem_usable(block);
        memset(block, (int)size & 0xff, size);
        block = mem_compact(block);
        assert_int_equal(mem_usable(block), usable);
        for (size_t i = 0; i < size; i++) assert_int_equal((unsigned char)block[i], size & 0xff);
        if (usable <= MEM_COMPACT_MOST) moved += usable;
        assert_int_equal(mem_compacted, moved);
        mem_free_sized(block, size);
    }
    block = mem_alloc(100);
    mem_fail_after(1);
    assert_ptr_equal(mem_compact(block), block);
    mem_fail_after(0);
    mem_pretend_gaps(false);
    mem_free(block);
}

#ifdef COATCHECK_JEMALLOC
/* Half of them go, and those that stay are moved together: hardly a gap is left. */
static void moving_closes_the_gaps(void **state)
{
    enum { COUNT = 100000 };
    static char *blocks[COUNT];
    struct mem_figures before, after;
    uint64_t dice = 5;
    size_t gaps;

    (void)state;
    mem_setup();
    for (int i = 0; i < COUNT; i++) blocks[i] = mem_alloc(16 + random_below(&dice, 1200));
    for (int i = 0; i < COUNT; i++) {
        *(int *)(void *)blocks[i] = i;
        if (random_below(&dice, 2)) {
            mem_free(blocks[i]);
            blocks[i] = NULL;
        }
    }
    mem_read_figures(&before);
    gaps = mem_gaps();
    assert_true(gaps > COUNT * 200 && gaps <= before.active);
    for (int i = 0; i < COUNT; i++) {
        if (blocks[i]) blocks[i] = mem_compact(blocks[i]);
    }
    mem_read_figures(&after);
    assert_true(mem_gaps() < gaps / 10);
    assert_true(after.active < before.active - gaps * 3 / 4);
    assert_true(after.allocated < before.allocated + 100000);
    for (int i = 0; i < COUNT; i++) {
        if (blocks[i]) assert_int_equal(*(int *)(void *)blocks[i], i);
        mem_free(blocks[i]);
    }
}
#endif

/* Blocks of all sizes side by side: each keeps its own pattern. */
static void random_blocks_never_overlap(void **state)
{
    struct {
        unsigned char *at;
        size_t size;
        unsigned char fill;
    } held[200] = {0};
    uint64_t seed = 3;

    (void)state;
    for (int i = 0; i < 20000; i++) {
        unsigned which = (unsigned)random_below(&seed, 200);
        size_t size = random_below(&seed, UINT64_C(1) << random_below(&seed, 13));

        for (size_t j = 0; j < held[which].size; j++) {
            assert_int_equal(held[which].at[j], held[which].fill);
        }
        mem_free_sized(held[which].at, held[which].size);
        held[which].at = mem_alloc(size);
        held[which].size = size;
        held[which].fill = (unsigned char)i;
        memset(held[which].at, held[which].fill, size);
    }
    for (int i = 0; i < 200; i++) mem_free(held[i].at);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_hold_at_least_what_was_asked_for),
        cmocka_unit_test(zeroed_blocks_are_zeroed_even_when_used_before),
        cmocka_unit_test(aligned_blocks_start_where_they_should),
        cmocka_unit_test(resizing_keeps_the_content),
        cmocka_unit_test(the_nth_allocation_fails_on_demand),
#ifndef COATCHECK_SANITIZED
        cmocka_unit_test(too_much_is_refused_and_not_fatal),
        cmocka_unit_test(figures_follow_what_is_held),
#endif
        cmocka_unit_test(the_kernel_knows_our_resident_set),
        cmocka_unit_test(the_allocator_tells_about_itself),
        cmocka_unit_test(what_is_needed_is_there_or_the_program_ends),
        cmocka_unit_test(random_blocks_never_overlap),
        cmocka_unit_test(a_block_that_is_moved_keeps_its_bytes),
#ifdef COATCHECK_JEMALLOC
        cmocka_unit_test(moving_closes_the_gaps),
#endif
        cmocka_unit_test(setup_leaves_a_working_allocator),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
