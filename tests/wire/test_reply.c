#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include "coatcheck/base/mem.h"
#include "coatcheck/base/random.h"
#include "coatcheck/base/text.h"
#include "coatcheck/wire/reply.h"

static void collect(struct text *into, const struct reply *reply)
{
    for (const struct outbox_chunk *chunk = reply->queue->first; chunk; chunk = chunk->next) {
        text_add(into, bytes_of(chunk->at + chunk->sent, chunk->len - chunk->sent));
    }
    text_add(into, reply_in_window(reply));
}

/* What `write` answers, through a window of `room` bytes. */
static struct text answer_of(void (*write)(struct reply *reply), uint8_t resp, size_t room)
{
    struct outbox queue = {0};
    struct reply reply;
    struct text text = {0};
    char *window = malloc(room);

    reply_open(&reply, window, room, &queue, resp);
    write(&reply);
    assert_false(reply.failed);
    collect(&text, &reply);
    outbox_clear(&queue);
    free(window);
    return text;
}

static void assert_answer(void (*write)(struct reply *reply), uint8_t resp, const char *expected)
{
    static const size_t rooms[] = {64, 100, 4096};

    for (int i = 0; i < 3; i++) {
        struct text text = answer_of(write, resp, rooms[i]);

        assert_int_equal(text.len, strlen(expected));
        assert_memory_equal(text.at, expected, text.len);
        text_fini(&text);
    }
}

static void write_scalars(struct reply *reply)
{
    reply_ok(reply);
    reply_int(reply, 7);
    reply_int(reply, INT64_MIN);
    reply_bulk(reply, BYTES("a\r\nb"));
    reply_null(reply);
    reply_null_array(reply);
    reply_bool(reply, true);
    reply_double(reply, 3.5);
    reply_double(reply, -1.0 / 0.0);
    reply_big_number(reply, "12345678901234567890");
    reply_verbatim(reply, "txt", BYTES("hi"));
}

static void scalars_speak_resp2(void **state)
{
    (void)state;
    assert_answer(write_scalars, 2,
                  "+OK\r\n:7\r\n:-9223372036854775808\r\n$4\r\na\r\nb\r\n$-1\r\n*-1\r\n:1\r\n$3\r\n3.5\r\n"
                  "$4\r\n-inf\r\n$20\r\n12345678901234567890\r\n$2\r\nhi\r\n");
}

static void scalars_speak_resp3(void **state)
{
    (void)state;
    assert_answer(write_scalars, 3,
                  "+OK\r\n:7\r\n:-9223372036854775808\r\n$4\r\na\r\nb\r\n_\r\n_\r\n#t\r\n,3.5\r\n,-inf\r\n"
                  "(12345678901234567890\r\n=6\r\ntxt:hi\r\n");
}

static void write_containers(struct reply *reply)
{
    reply_array(reply, 12);
    reply_map(reply, 2);
    reply_set(reply, 3);
    reply_push(reply, 1);
}

static void containers_speak_both(void **state)
{
    (void)state;
    assert_answer(write_containers, 2, "*12\r\n*4\r\n*3\r\n*1\r\n");
    assert_answer(write_containers, 3, "*12\r\n%2\r\n~3\r\n>1\r\n");
}

static void write_error_with_breaks(struct reply *reply)
{
    reply_errorf(reply, "WORD some %s text", "\r\n");
}

static void an_error_is_one_line_and_is_counted(void **state)
{
    struct outbox queue = {0};
    struct reply reply;
    char window[256];

    (void)state;
    assert_answer(write_error_with_breaks, 2, "-WORD some    text\r\n");
    reply_open(&reply, window, sizeof window, &queue, 2);
    reply_error(&reply, ERR_WRONGTYPE);
    assert_int_equal(reply.errors, 1);
    assert_true(bytes_equal(reply.error_code, BYTES("WRONGTYPE")));
    write_error_with_breaks(&reply);
    assert_int_equal(reply.errors, 2);
    assert_true(bytes_equal(reply.error_code, BYTES("WORD")));
}

static unsigned released;

static void release(void *holder)
{
    (void)holder;
    released++;
}

static void a_held_value_stands_in_its_place_and_is_released_once(void **state)
{
    static char big[100000];
    struct outbox queue = {0};
    struct reply reply;
    struct text text = {0};
    char window[64];

    (void)state;
    memset(big, 'x', sizeof big);
    released = 0;
    reply_open(&reply, window, sizeof window, &queue, 2);
    reply_ok(&reply);
    reply_bulk_held(&reply, bytes_of(big, sizeof big), release, big);
    reply_ok(&reply);
    collect(&text, &reply);
    assert_int_equal(text.len, 5 + 9 + 100000 + 2 + 5);
    assert_memory_equal(text.at, "+OK\r\n$100000\r\nxxx", 17);
    assert_memory_equal(text.at + text.len - 7, "\r\n+OK\r\n", 7);
    assert_int_equal(released, 0);
    outbox_sent(&queue, 5 + 9 + 99999);
    assert_int_equal(released, 0);
    outbox_sent(&queue, 1);
    assert_int_equal(released, 1);
    outbox_clear(&queue);
    assert_int_equal(released, 1);
    text_fini(&text);
}

static void a_nested_array_gets_its_length_at_the_end(void **state)
{
    (void)state;
    for (unsigned elements = 0; elements < 3000; elements += 599) {
        struct outbox queue = {0};
        struct reply reply;
        struct reply_nested nested;
        struct text text = {0};
        char window[256], head[32];

        reply_open(&reply, window, sizeof window, &queue, 2);
        reply_ok(&reply);
        reply_nest(&reply, &nested);
        for (unsigned i = 0; i < elements; i++) reply_bulk(&nested.reply, BYTES("elem"));
        reply_unnest(&reply, &nested, reply_array, elements);
        reply_int(&reply, 5);
        collect(&text, &reply);
        snprintf(head, sizeof head, "+OK\r\n*%u\r\n", elements);
        assert_memory_equal(text.at, head, strlen(head));
        assert_int_equal(text.len, strlen(head) + elements * 10 + 4);
        assert_memory_equal(text.at + text.len - 4, ":5\r\n", 4);
        outbox_clear(&queue);
        text_fini(&text);
    }
}

/* Whatever was written after a mark goes away again, and nothing before it. */
static void what_is_taken_back_leaves_no_trace(void **state)
{
    uint64_t dice = 7;

    (void)state;
    for (int round = 0; round < 2000; round++) {
        struct outbox queue = {0};
        struct reply reply;
        struct text before = {0}, after = {0};
        static char big[40000];
        char window[512];
        struct reply_mark mark;

        reply_open(&reply, window, sizeof window, &queue, 2);
        for (uint64_t i = random_below(&dice, 8); i > 0; i--) {
            reply_bulk(&reply, bytes_of(big, random_below(&dice, 3) ? random_below(&dice, 300)
                                                                    : random_below(&dice, sizeof big)));
        }
        collect(&before, &reply);
        mark = reply_mark(&reply);
        for (uint64_t i = random_below(&dice, 8); i > 0; i--) {
            if (random_below(&dice, 6) == 0) {
                reply_bulk_held(&reply, bytes_of(big, 1000), release, big);
            } else {
                reply_bulk(&reply, bytes_of(big, random_below(&dice, 3) ? random_below(&dice, 300)
                                                                        : random_below(&dice, sizeof big)));
            }
        }
        reply_take_back(&reply, mark);
        collect(&after, &reply);
        assert_int_equal(before.len, after.len);
        if (before.len) assert_memory_equal(before.at, after.at, before.len);
        assert_int_equal(queue.bytes + reply_in_window(&reply).len, before.len);
        outbox_clear(&queue);
        text_fini(&before);
        text_fini(&after);
    }
}

static void release_nothing(void *holder)
{
    (void)holder;
}

static void without_memory_a_reply_says_that_it_failed(void **state)
{
    static char big[100000];
    struct outbox queue = {0};
    struct reply reply;
    char window[128];

    (void)state;
    reply_open(&reply, window, sizeof window, &queue, 2);
    mem_fail_after(1);
    reply_bulk(&reply, bytes_of(big, sizeof big));
    mem_fail_after(0);
    assert_true(reply.failed);
    outbox_clear(&queue);
}

/* Whoever reads must never take the end of one reply for another: what came before the gap, and nothing after. */
static void after_a_failure_nothing_more_is_written(void **state)
{
    static char big[5000];
    void *holder;

    (void)state;
    holder = big;
    for (unsigned n = 1; n < 12; n++) {
        struct outbox queue = {0};
        struct reply reply;
        struct reply_mark mark;
        struct text whole = {0}, told = {0};
        char window[128];

        reply_open(&reply, window, sizeof window, &queue, 2);
        for (int pass = 0; pass < 2; pass++) {
            struct reply_nested nested;

            if (pass == 1) mem_fail_after(n);
            for (int i = 0; i < 40; i++) {
                reply_int(&reply, 1000 + i);
                reply_bulk(&reply, bytes_of(big, (size_t)i * 100));
                mark = reply_mark(&reply);
                reply_ok(&reply);
                reply_bulk(&reply, bytes_of(big, 3000));
                reply_take_back(&reply, mark);
                reply_bulk_held(&reply, bytes_of(big, 700), release_nothing, &holder);
                reply_nest(&reply, &nested);
                for (int j = 0; j < 30; j++) reply_bulk(&nested.reply, bytes_of(big, 300));
                reply_unnest(&reply, &nested, reply_array, 30);
            }
            mem_fail_after(0);
            collect(pass == 0 ? &whole : &told, &reply);
            assert_int_equal(reply.failed, pass);
            outbox_clear(&queue);
            reply_open(&reply, window, sizeof window, &queue, 2);
        }
        assert_true(told.len < whole.len);
        if (told.len) assert_memory_equal(told.at, whole.at, told.len);
        text_fini(&whole);
        text_fini(&told);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scalars_speak_resp2),
        cmocka_unit_test(scalars_speak_resp3),
        cmocka_unit_test(containers_speak_both),
        cmocka_unit_test(an_error_is_one_line_and_is_counted),
        cmocka_unit_test(a_held_value_stands_in_its_place_and_is_released_once),
        cmocka_unit_test(a_nested_array_gets_its_length_at_the_end),
        cmocka_unit_test(what_is_taken_back_leaves_no_trace),
        cmocka_unit_test(without_memory_a_reply_says_that_it_failed),
        cmocka_unit_test(after_a_failure_nothing_more_is_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
