#include "coatcheck/base/outbox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include "coatcheck/base/mem.h"
#include "coatcheck/base/random.h"

static char source[64 * 1024];

static unsigned released;

static void note_release(void *holder)
{
    (void)holder;
    released++;
}

/* All unsent bytes in order. */
static size_t read_out(const struct outbox *outbox, char *into)
{
    size_t len = 0;

    for (const struct outbox_chunk *chunk = outbox->first; chunk; chunk = chunk->next) {
        memcpy(into + len, chunk->at + chunk->sent, chunk->len - chunk->sent);
        len += chunk->len - chunk->sent;
        if (!chunk->next) assert_ptr_equal(chunk, outbox->last);
    }
    assert_int_equal(len, outbox->bytes);
    return len;
}

static int fill_source(void **state)
{
    uint64_t seed = 7;

    (void)state;
    for (size_t i = 0; i < sizeof source; i++) source[i] = (char)random_next(&seed);
    return 0;
}

static void what_is_cut_off_leaves_what_was_there_and_what_is_kept(void **state)
{
    static char come[2 * sizeof source];
    uint64_t seed = 1;

    (void)state;
    for (int i = 0; i < 2000; i++) {
        size_t before = random_next(&seed) % 20000, added = random_next(&seed) % 30000, keep;
        struct outbox outbox = {0};
        struct outbox_mark mark;

        keep = added > 0 ? random_next(&seed) % (added + 1) : 0;
        assert_true(outbox_add(&outbox, bytes_of(source, before)));
        mark = outbox_mark(&outbox);
        assert_true(outbox_add(&outbox, bytes_of(source + before, added)));
        released = 0;
        if (i % 2) assert_true(outbox_add_held(&outbox, bytes_of(source, 100), note_release, NULL));
        outbox_cut(&outbox, &mark, keep);
        assert_int_equal(released, i % 2);
        assert_int_equal(read_out(&outbox, come), before + keep);
        assert_memory_equal(come, source, before + keep);
        /* And goes on as if nothing had been. */
        assert_true(outbox_add(&outbox, bytes_of(source + before + keep, 5000)));
        assert_int_equal(read_out(&outbox, come), before + keep + 5000);
        assert_memory_equal(come, source, before + keep + 5000);
        outbox_clear(&outbox);
    }
}

static void without_memory_nothing_is_added(void **state)
{
    static char come[sizeof source];
    struct outbox outbox = {0};

    (void)state;
    assert_true(outbox_add(&outbox, bytes_of(source, 100)));
    mem_fail_after(2);
    assert_false(outbox_add(&outbox, bytes_of(source, 40000)));
    mem_fail_after(0);
    assert_int_equal(read_out(&outbox, come), 100);
    assert_memory_equal(come, source, 100);
    outbox_clear(&outbox);
}

static void what_was_sent_is_freed_in_pieces(void **state)
{
    static char come[sizeof source];
    struct outbox outbox = {0};
    uint64_t seed = 3;
    size_t sent = 0;

    (void)state;
    assert_true(outbox_add(&outbox, bytes_of(source, 60000)));
    while (sent < 60000) {
        size_t part = random_next(&seed) % 9000;

        if (part > 60000 - sent) part = 60000 - sent;
        outbox_sent(&outbox, part);
        sent += part;
        assert_int_equal(read_out(&outbox, come), 60000 - sent);
        assert_memory_equal(come, source + sent, 60000 - sent);
    }
    assert_null(outbox.first);
    outbox_clear(&outbox);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_cut_off_leaves_what_was_there_and_what_is_kept),
        cmocka_unit_test(without_memory_nothing_is_added),
        cmocka_unit_test(what_was_sent_is_freed_in_pieces),
    };

    return cmocka_run_group_tests(tests, fill_source, NULL);
}
