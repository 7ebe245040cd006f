/* Bytes in great numbers move piece by piece, and who moves them shares the turn's time with others that do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>
#include "../../src/net/bulk_internal.h"
#include "coatcheck/base/clock.h"
#include "coatcheck/base/held.h"
#include "coatcheck/base/log.h"
#include "coatcheck/net/conn.h"
#include "coatcheck/net/worker.h"

enum { MUCH = 4 << 20 };

/* The door answers nothing else than these: "T" takes MUCH bytes into its own memory and says "ok"; "G" gives as many;
 * "L" waits for the end of its line, and says "ok" in the turn after it. */
static char *taken;
static bool owes;

static void nothing(struct worker *worker)
{
    (void)worker;
}

static void no_conn(struct conn *conn)
{
    (void)conn;
}

static int64_t no_chores(struct worker *worker)
{
    (void)worker;
    return 20000;
}

static void take(struct delivery *delivery)
{
    size_t had = delivery->input.len - 1;

    memcpy(taken, delivery->input.at + 1, had);
    delivery->direct = taken + had;
    delivery->direct_len = MUCH - had;
    delivery->direct_had = had;
    held_expect((int64_t)delivery->direct_len);
    delivery->used = delivery->input.len;
}

static void give(struct delivery *delivery)
{
    char *bytes = malloc(MUCH);

    for (size_t i = 0; i < MUCH; i++) bytes[i] = (char)(i % 251);
    outbox_add(delivery->outbox, bytes_of(bytes, MUCH));
    free(bytes);
    delivery->used = delivery->input.len;
}

static void answer(struct delivery *delivery)
{
    struct bytes input = delivery->input;

    if (delivery->filled || owes) {
        delivery->output = BYTES("ok\n");
        owes = false;
    } else if (input.len > 0 && input.at[0] == 'T') {
        take(delivery);
    } else if (input.len > 0 && input.at[0] == 'G') {
        give(delivery);
    } else if (input.len > 0 && input.at[input.len - 1] == '\n') {
        owes = delivery->again = true;
        delivery->used = input.len;
    }
}

static void on_turn(struct worker *worker, struct delivery *deliveries, unsigned count, char *area, size_t area_room)
{
    (void)worker;
    (void)area;
    (void)area_room;
    for (unsigned i = 0; i < count; i++) answer(&deliveries[i]);
}

static const struct worker_door door = {
    .conn_room = 8,
    .started = nothing,
    .stopped = nothing,
    .opened = no_conn,
    .shaken = no_conn,
    .closed = no_conn,
    .turn = on_turn,
    .housekeep = no_chores,
};

static struct worker *worker;

static int begin(int64_t turn_us)
{
    clock_setup();
    log_set_level(LOG_LEVEL_NOTHING);
    bulk_turn_us = turn_us;
    taken = malloc(MUCH);
    owes = false;
    worker = worker_new(0, &door);
    return worker && worker_start(worker) == OK ? 0 : -1;
}

/* Nobody has time for more than a piece. */
static int setup(void **state)
{
    (void)state;
    return begin(0);
}

static int setup_with_time(void **state)
{
    (void)state;
    return begin(1000000);
}

static int teardown(void **state)
{
    (void)state;
    worker_stop(worker, 500);
    worker_join(worker);
    worker_free(&worker);
    free(taken);
    return 0;
}

static void open_pair(int ends[2])
{
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    assert_int_equal(fcntl(ends[1], F_SETFL, O_NONBLOCK), 0);
}

static void adopt(int fd)
{
    METRIC_ADD(net, connected_clients, 1);
    worker_adopt(worker, fd, CONN_OF_UNIX);
}

static int join(void)
{
    int ends[2];

    open_pair(ends);
    adopt(ends[1]);
    return ends[0];
}

static void say(int fd, const char *words, size_t len)
{
    assert_int_equal(send(fd, words, len, MSG_NOSIGNAL), (ssize_t)len);
}

static void hear(int fd, char *into, size_t len)
{
    for (size_t got = 0; got < len;) {
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        ssize_t n;

        assert_int_equal(poll(&wait, 1, 30000), 1);
        n = recv(fd, into + got, len - got, 0);
        assert_true(n > 0);
        got += (size_t)n;
    }
}

static void hear_ok(int fd)
{
    char word[3];

    hear(fd, word, sizeof word);
    assert_memory_equal(word, "ok\n", 3);
}

static char *pattern(char first, size_t len)
{
    char *bytes = malloc(len + 1);

    bytes[0] = first;
    for (size_t i = 0; i < len; i++) bytes[i + 1] = (char)('a' + i % 23);
    return bytes;
}

static void one_that_moves_much_alone_has_the_time_of_a_turn(void **state)
{
    struct bulk bulk = {0};

    (void)state;
    clock_setup();
    bulk_turn_us = 1000000;
    bulk_turn(&bulk);
    assert_int_equal(bulk.share_ticks, clock_us_to_ticks(1000000));
    assert_true(bulk_goes_on(bulk_begin(&bulk)));
    bulk_turn(&bulk);
    assert_int_equal(bulk.share_ticks, clock_us_to_ticks(1000000));
}

static void those_of_one_turn_share_the_time_of_the_next(void **state)
{
    struct bulk bulk = {0};

    (void)state;
    clock_setup();
    bulk_turn_us = 300;
    bulk_turn(&bulk);
    for (int i = 0; i < 3; i++) bulk_begin(&bulk);
    assert_int_equal(bulk.share_ticks, clock_us_to_ticks(300));
    bulk_turn(&bulk);
    assert_int_equal(bulk.share_ticks, clock_us_to_ticks(300) / 3);
    bulk_turn(&bulk);
    assert_int_equal(bulk.share_ticks, clock_us_to_ticks(300));
}

static void when_its_time_is_over_a_value_comes_by_a_piece_a_turn(void **state)
{
    int a = join();
    char *bytes = pattern('T', MUCH);
    uint64_t before = worker_beats(worker);

    (void)state;
    say(a, bytes, MUCH + 1);
    hear_ok(a);
    assert_true(worker_beats(worker) - before >= MUCH / BULK_PIECE_READ - 4);
    assert_memory_equal(taken, bytes + 1, MUCH);
    free(bytes);
    close(a);
}

static void when_its_time_is_over_a_reply_goes_by_a_piece_a_turn(void **state)
{
    int a = join();
    char *bytes = malloc(MUCH);
    uint64_t before = worker_beats(worker);

    (void)state;
    say(a, "G", 1);
    hear(a, bytes, MUCH);
    assert_true(worker_beats(worker) - before >= MUCH / BULK_PIECE_SENT - 2);
    for (size_t i = 0; i < MUCH; i++) {
        if (bytes[i] != (char)(i % 251)) fail_msg("byte %zu is wrong", i);
    }
    free(bytes);
    close(a);
}

static void when_its_time_is_over_a_request_comes_by_a_piece_a_turn(void **state)
{
    int a = join();
    char *bytes = pattern('L', MUCH);
    uint64_t before = worker_beats(worker);

    (void)state;
    bytes[MUCH] = '\n';
    say(a, bytes, MUCH + 1);
    hear_ok(a);
    assert_true(worker_beats(worker) - before >= MUCH / BULK_PIECE_READ - 4);
    free(bytes);
    close(a);
}

/* Also when the last byte is a piece's, so that the next look finds the end. All of it is there before the worker
 * hears of the connection. */
static void the_end_behind_many_bytes_loses_no_answer(void **state)
{
    (void)state;
    for (size_t len = 3 * BULK_PIECE_READ - 3; len < 3 * BULK_PIECE_READ + 3; len++) {
        char *bytes = pattern('L', len), more;
        int ends[2], room = 1 << 20;

        open_pair(ends);
        setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
        bytes[len] = '\n';
        assert_int_equal(send(ends[0], bytes, len + 1, MSG_DONTWAIT), (ssize_t)len + 1);
        assert_int_equal(shutdown(ends[0], SHUT_WR), 0);
        adopt(ends[1]);
        hear_ok(ends[0]);
        assert_int_equal(recv(ends[0], &more, 1, 0), 0);
        free(bytes);
        close(ends[0]);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_that_moves_much_alone_has_the_time_of_a_turn),
        cmocka_unit_test(those_of_one_turn_share_the_time_of_the_next),
        TEST(when_its_time_is_over_a_value_comes_by_a_piece_a_turn),
        TEST(when_its_time_is_over_a_reply_goes_by_a_piece_a_turn),
        TEST(when_its_time_is_over_a_request_comes_by_a_piece_a_turn),
        cmocka_unit_test_setup_teardown(the_end_behind_many_bytes_loses_no_answer, setup_with_time, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
