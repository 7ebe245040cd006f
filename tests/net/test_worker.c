/* A worker, its connections and the listener, over real sockets, with a door that answers lines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>
#include "coatcheck/base/clock.h"
#include "coatcheck/base/log.h"
#include "coatcheck/base/mem.h"
#include "coatcheck/net/conn.h"
#include "coatcheck/net/worker.h"

static _Atomic int opened, closed, housekept;
static _Atomic int64_t most_in_a_turn;

struct room {
    int lines;
    bool owes; /* an answer that needs no more input */
};

/* "slow" ends a turn; how many of them the worker has done, in all and when it last did an "echo". */
static _Atomic int slow_ones, slow_before_echo;

/* "tell" asks for so many pieces between this turn and the next, and counts those that were let go. */
enum { PIECES = 300, PIECE_BYTES = 8000 };
static struct conn *told;
static _Atomic int pieces_released;

static void nothing(struct worker *worker)
{
    (void)worker;
}

static void on_opened(struct conn *conn)
{
    (void)conn;
    opened++;
}

static void on_shaken(struct conn *conn)
{
    (void)conn;
}

static void on_closed(struct conn *conn)
{
    (void)conn;
    closed++;
}

/* "echo X" is answered by X; "big N" by N bytes; "bye" by closing after a word; "later" in the turn after it;
 * half a line waits. */
static void answer(struct delivery *delivery, char **area, const char *area_end, bool *over)
{
    struct conn *conn = delivery->conn;
    struct room *room = conn_room(conn);
    const char *start = delivery->input.at, *end = start + delivery->input.len, *line_end;
    char *out = *area;

    if (room->owes) {
        memcpy(out, "later\n", 6);
        out += 6;
        room->owes = false;
    }
    while (!*over && start < end && (line_end = memchr(start, '\n', (size_t)(end - start)))) {
        size_t len = (size_t)(line_end - start);

        room->lines++;
        if (len > 4 && memcmp(start, "big ", 4) == 0) {
            size_t size = strtoul(start + 4, NULL, 10);
            char *bytes = malloc(size);

            memset(bytes, 'b', size);
            outbox_add(delivery->outbox, bytes_of(*area, (size_t)(out - *area)));
            out = *area;
            outbox_add(delivery->outbox, bytes_of(bytes, size));
            free(bytes);
        } else if (len == 3 && memcmp(start, "bye", 3) == 0) {
            memcpy(out, "bye\n", 4);
            out += 4;
            conn_close_after_reply(conn);
            start = end;
            break;
        } else if (len >= 5 && memcmp(start, "echo ", 5) == 0) {
            assert_true(out + len - 4 <= area_end);
            memcpy(out, start + 5, len - 4);
            out += len - 4;
            slow_before_echo = slow_ones;
        } else if (len == 5 && memcmp(start, "later", 5) == 0) {
            room->owes = delivery->again = true;
        } else if (len == 4 && memcmp(start, "tell", 4) == 0) {
            told = conn;
        } else if (len == 4 && memcmp(start, "slow", 4) == 0) {
            usleep(200);
            slow_ones++;
            *over = true;
        }
        start = line_end + 1;
    }
    if (*over && start < end) delivery->again = true;
    delivery->used = (size_t)(start - delivery->input.at);
    delivery->output = bytes_of(*area, (size_t)(out - *area));
    *area = out;
}

static void on_turn(struct worker *worker, struct delivery *deliveries, unsigned count, char *area,
                    size_t area_room)
{
    char *at = area;
    bool over = false;

    (void)worker;
    if ((int64_t)count > most_in_a_turn) most_in_a_turn = count;
    for (unsigned i = 0; i < count; i++) answer(&deliveries[i], &at, area + area_room, &over);
}

static void release_piece(void *piece)
{
    free(piece);
    pieces_released++;
}

/* Two of three are sent at once, if the socket takes them. */
static void tell(struct conn *conn)
{
    for (int i = 0; i < PIECES; i++) {
        char *piece = malloc(PIECE_BYTES);
        struct bytes bytes = bytes_of(piece, PIECE_BYTES);

        memset(piece, 'a' + i % 26, PIECE_BYTES);
        if (i % 3 == 1) {
            assert_true(conn_push_held(conn, bytes, release_piece, piece));
        } else {
            assert_true(conn_send_held(conn, bytes, release_piece, piece));
        }
    }
}

static int64_t on_housekeep(struct worker *worker)
{
    (void)worker;
    if (told) tell(told);
    told = NULL;
    housekept++;
    return 20000;
}

static const struct worker_door door = {
    .conn_room = sizeof(struct room),
    .started = nothing,
    .stopped = nothing,
    .opened = on_opened,
    .shaken = on_shaken,
    .closed = on_closed,
    .turn = on_turn,
    .housekeep = on_housekeep,
};

static struct worker *worker;

static int setup(void **state)
{
    (void)state;
    clock_setup();
    log_set_level(LOG_LEVEL_NOTHING);
    opened = closed = 0;
    worker = worker_new(0, &door);
    return worker && worker_start(worker) == OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    worker_stop(worker, 500);
    worker_join(worker);
    worker_free(&worker);
    return opened == closed ? 0 : -1;
}

/* The same over TCP. */
static int join_tcp(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int door_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), ours, theirs;

    assert_int_equal(bind(door_fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(door_fd, 1), 0);
    assert_int_equal(getsockname(door_fd, (struct sockaddr *)&address, &len), 0);
    ours = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(ours, (struct sockaddr *)&address, sizeof address), 0);
    theirs = accept4(door_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    assert_true(theirs >= 0);
    close(door_fd);
    METRIC_ADD(net, connected_clients, 1);
    worker_adopt(worker, theirs, CONN_OF_TCP);
    return ours;
}

/* Our end of a connection whose other end the worker has. */
static int join(void)
{
    int ends[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    assert_int_equal(fcntl(ends[1], F_SETFL, O_NONBLOCK), 0);
    METRIC_ADD(net, connected_clients, 1);
    worker_adopt(worker, ends[1], CONN_OF_UNIX);
    return ends[0];
}

static void say(int fd, const char *words)
{
    size_t len = strlen(words);

    assert_int_equal(send(fd, words, len, MSG_NOSIGNAL), (ssize_t)len);
}

static void hear(int fd, const char *expected)
{
    size_t len = strlen(expected), got = 0;
    char *buffer = calloc(1, len + 1);

    while (got < len) {
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        ssize_t n;

        assert_int_equal(poll(&wait, 1, 5000), 1);
        n = recv(fd, buffer + got, len - got, 0);
        assert_true(n > 0);
        got += (size_t)n;
    }
    assert_string_equal(buffer, expected);
    free(buffer);
}

static void assert_closed(int fd)
{
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    char c;

    assert_int_equal(poll(&wait, 1, 5000), 1);
    assert_true(recv(fd, &c, 1, 0) <= 0);
    close(fd);
}

static void what_is_asked_is_answered(void **state)
{
    int a = join(), b = join();

    (void)state;
    say(a, "echo one\necho two\n");
    say(b, "echo three\n");
    hear(a, "one\ntwo\n");
    hear(b, "three\n");
    close(a);
    close(b);
}

static void half_a_line_waits(void **state)
{
    int a = join();

    (void)state;
    for (const char *p = "echo slowly\n"; *p; p++) {
        char one[2] = {*p, '\0'};

        say(a, one);
        usleep(1000);
    }
    hear(a, "slowly\n");
    close(a);
}

static void a_long_line_arrives_whole(void **state)
{
    enum { LEN = 3 * 1000 * 1000 };
    int a = join();
    char *line = malloc(LEN + 8);

    (void)state;
    /* The last line of a pipeline is so long that it does not fit the reply area: it is not echoed. */
    memcpy(line, "blah ", 5);
    memset(line + 5, 'x', LEN);
    memcpy(line + 5 + LEN, "\n", 2);
    say(a, line);
    say(a, "echo after\n");
    hear(a, "after\n");
    free(line);
    close(a);
}

#ifndef COATCHECK_SANITIZED
static size_t allocated(void)
{
    struct mem_figures figures;

    mem_read_figures(&figures);
    return figures.allocated;
}

/* A hundred clients that once sent much and then the beginning of a line. */
static void the_rest_of_much_input_takes_little_memory(void **state)
{
    enum { CLIENTS = 100, LONG = 200000 };
    int fds[CLIENTS];
    char *line = malloc(LONG + 1);
    size_t before = allocated();

    (void)state;
    memset(line, 'x', LONG);
    line[LONG] = '\0';
    for (int i = 0; i < CLIENTS; i++) {
        fds[i] = join();
        say(fds[i], line);
        say(fds[i], "\necho all\necho ha");
        hear(fds[i], "all\n");
    }
    assert_true(allocated() < before + CLIENTS * 10000);
    for (int i = 0; i < CLIENTS; i++) {
        say(fds[i], "lf\n");
        hear(fds[i], "half\n");
        close(fds[i]);
    }
    free(line);
}
#endif

static void bye_is_delivered_before_the_end(void **state)
{
    int a = join();

    (void)state;
    say(a, "echo x\nbye\necho never\n");
    hear(a, "x\nbye\n");
    assert_closed(a);
}

static void hear_count(int fd, size_t count)
{
    static char chunk[1 << 16];

    while (count > 0) {
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        ssize_t n;

        assert_int_equal(poll(&wait, 1, 5000), 1);
        n = recv(fd, chunk, count < sizeof chunk ? count : sizeof chunk, 0);
        assert_true(n > 0);
        count -= (size_t)n;
    }
}

/* What the worker has said arrives, though it never reads what we have sent after "bye", and though we say
 * more while it is on its way. */
static void what_was_said_before_the_end_arrives_whole(void **state)
{
    int a = join_tcp();
    char *more = malloc(1 << 20);

    (void)state;
    memset(more, 'm', 1 << 20);
    say(a, "big 2000000\nbye\n");
    for (int i = 0; i < 5; i++) {
        /* As much as goes: how much that is depends on buffers. */
        send(a, more, 1 << 20, MSG_NOSIGNAL | MSG_DONTWAIT);
        usleep(20000);
    }
    hear_count(a, 2000000);
    hear(a, "bye\n");
    assert_closed(a);
    free(more);
}

static void what_is_sent_between_turns_comes_whole_and_in_order(void **state)
{
    int a = join(), b = join();
    char *piece = calloc(1, PIECE_BYTES + 1);

    (void)state;
    pieces_released = 0;
    say(a, "tell\n");
    usleep(20000);
    say(b, "echo b\n");
    hear(b, "b\n");
    assert_true(pieces_released < PIECES);
    for (int i = 0; i < PIECES; i++) {
        memset(piece, 'a' + i % 26, PIECE_BYTES);
        hear(a, piece);
    }
    say(a, "echo a\n");
    hear(a, "a\n");
    assert_int_equal(pieces_released, PIECES);
    free(piece);
    close(a);
    close(b);
}

static void what_is_sent_to_one_that_has_gone_is_let_go(void **state)
{
    int a = join(), limit = 500;

    (void)state;
    pieces_released = 0;
    say(a, "tell\n");
    close(a);
    while (pieces_released < PIECES && limit-- > 0) usleep(10000);
    assert_int_equal(pieces_released, PIECES);
}

/* Nor does it wait for ever for one that neither reads nor closes. */
static void a_stop_ends_within_its_grace(void **state)
{
    int deaf = join_tcp(), busy = join(), gone = join_tcp();
    int before = slow_ones;
    char *lines = malloc(5000 * 5 + 1);
    int64_t began;

    (void)state;
    for (int i = 0; i < 5000; i++) memcpy(lines + 5 * i, "slow\n", 6);
    say(deaf, "big 20000000\n");
    say(gone, "big 2000000\nbye\nmore\n");
    say(busy, lines);
    usleep(50000);
    began = clock_steady_us();
    worker_stop(worker, 300);
    worker_join(worker);
    /* Without an end to its grace it would not come back at all; how soon it runs is the machine's business. */
    assert_true(clock_steady_us() - began < 10000000);
    assert_true(slow_ones - before < 5000);
    assert_int_equal(opened, closed);
    worker_free(&worker);
    close(deaf);
    close(busy);
    close(gone);
    free(lines);
    worker = worker_new(0, &door);
    assert_int_equal(worker_start(worker), OK);
}

static void replies_under_way_are_delivered_by_a_stop(void **state)
{
    int a = join_tcp(), b = join_tcp();

    (void)state;
    say(a, "big 3000000\necho a\n");
    say(b, "big 2000000\necho b\n");
    hear_count(a, 1);
    hear_count(b, 1);
    say(a, "echo too late\n");
    worker_stop(worker, 5000);
    usleep(50000);
    say(b, "echo too late\n");
    hear_count(a, 2999999);
    hear_count(b, 1999999);
    hear(a, "a\n");
    hear(b, "b\n");
    worker_join(worker);
    worker_free(&worker);
    close(a);
    close(b);
    worker = worker_new(0, &door);
    assert_int_equal(worker_start(worker), OK);
}

static void the_peers_end_after_its_last_line_loses_no_answer(void **state)
{
    int a = join();

    (void)state;
    say(a, "echo last\n");
    shutdown(a, SHUT_WR);
    hear(a, "last\n");
    assert_closed(a);
}

/* Replies that nobody reads do not stop others, and reading from that client stops. */
static void who_does_not_read_is_not_read_from(void **state)
{
    int a = join(), b = join();
    int64_t pauses = METRIC_SUM(net, unread_pauses);
    char *chunk = malloc(1 << 20);
    size_t got = 0;

    (void)state;
    say(a, "big 3000000\n");
    say(b, "echo other\n");
    hear(b, "other\n");
    for (int i = 0; i < 100 && METRIC_SUM(net, unread_pauses) == pauses; i++) usleep(10000);
    assert_true(METRIC_SUM(net, unread_pauses) > pauses);
    say(a, "echo then\n");
    while (got < 3000000) {
        ssize_t n = recv(a, chunk, got + (1 << 20) < 3000000 ? 1 << 20 : 3000000 - got, 0);

        assert_true(n > 0);
        got += (size_t)n;
    }
    hear(a, "then\n");
    free(chunk);
    close(a);
    close(b);
}

static void over_the_output_limit_a_client_is_closed(void **state)
{
    int a = join();
    char *chunk = malloc(1 << 20);
    int64_t before = METRIC_SUM(net, client_output_buffer_limit_disconnections);
    ssize_t n;

    (void)state;
    atomic_store(&net_options.client_output_buffer_limit.at, "normal 2mb 0 0");
    conn_read_output_limits();
    say(a, "big 9000000\n");
    /* Who reads while it is told never leaves so much unread. */
    for (int i = 0; i < 500 && METRIC_SUM(net, client_output_buffer_limit_disconnections) == before; i++) usleep(10000);
    while ((n = recv(a, chunk, 1 << 20, 0)) > 0) continue;
    assert_int_equal(METRIC_SUM(net, client_output_buffer_limit_disconnections), before + 1);
    atomic_store(&net_options.client_output_buffer_limit.at, "normal 0 0 0");
    conn_read_output_limits();
    free(chunk);
    close(a);
}

/* Also when all input is used: the door has kept what is to be done. */
static void what_is_to_be_done_later_is_done_without_more_input(void **state)
{
    int a = join();

    (void)state;
    say(a, "later\n");
    hear(a, "later\n");
    say(a, "later\necho x\nlater\n");
    hear(a, "x\nlater\n");
    say(a, "big 3000000\nlater\n");
    usleep(100000);
    for (size_t got = 0; got < 3000000;) {
        static char chunk[1 << 16];
        ssize_t n = recv(a, chunk, 3000000 - got < sizeof chunk ? 3000000 - got : sizeof chunk, 0);

        assert_true(n > 0);
        got += (size_t)n;
    }
    hear(a, "later\n");
    close(a);
}

/* Turn after turn some client with much to ask uses up the time of a turn: the others come in between. */
static void nobody_is_passed_over_twice(void **state)
{
    enum { GREEDY = 3, LINES = 1000 };
    int greedy[GREEDY], b = join(), before;
    char lines[LINES * 5 + 1];

    (void)state;
    for (int i = 0; i < LINES; i++) memcpy(lines + 5 * i, "slow\n", 6);
    for (int i = 0; i < GREEDY; i++) greedy[i] = join();
    for (int i = 0; i < GREEDY; i++) say(greedy[i], lines);
    while (slow_ones < GREEDY) usleep(100);
    before = slow_ones;
    say(b, "echo me\n");
    hear(b, "me\n");
    assert_true(slow_before_echo - before < LINES);
    for (int i = 0; i < GREEDY; i++) close(greedy[i]);
    close(b);
}

/* It reads nothing, so that nothing happens that would make us look. */
static void over_the_soft_limit_for_too_long_a_client_is_closed(void **state)
{
    int a = join(), b = join();
    int64_t before = METRIC_SUM(net, client_output_buffer_limit_disconnections);

    (void)state;
    atomic_store(&net_options.client_output_buffer_limit.at, "normal 0 1mb 1");
    conn_read_output_limits();
    say(a, "big 9000000\n");
    say(b, "big 1000000\n");
    usleep(900000);
    assert_int_equal(METRIC_SUM(net, client_output_buffer_limit_disconnections), before);
    for (int i = 0; i < 500 && METRIC_SUM(net, client_output_buffer_limit_disconnections) == before; i++) usleep(10000);
    assert_int_equal(METRIC_SUM(net, client_output_buffer_limit_disconnections), before + 1);
    atomic_store(&net_options.client_output_buffer_limit.at, "normal 0 0 0");
    conn_read_output_limits();
    hear_count(b, 1000000);
    close(a);
    close(b);
}

/* Nothing more is sent to it then, and it reads nothing. */
static void over_a_limit_that_comes_later_a_client_is_closed(void **state)
{
    int a = join(), b = join();
    int64_t before = METRIC_SUM(net, client_output_buffer_limit_disconnections), pauses = METRIC_SUM(net, unread_pauses);

    (void)state;
    say(a, "big 9000000\n");
    say(b, "echo b\n");
    hear(b, "b\n");
    for (int i = 0; i < 500 && METRIC_SUM(net, unread_pauses) == pauses; i++) usleep(10000);
    atomic_store(&net_options.client_output_buffer_limit.at, "normal 0 1mb 3600");
    conn_read_output_limits();
    usleep(300000);
    assert_int_equal(METRIC_SUM(net, client_output_buffer_limit_disconnections), before);
    atomic_store(&net_options.client_output_buffer_limit.at, "normal 0 1mb 1");
    conn_read_output_limits();
    for (int i = 0; i < 500 && METRIC_SUM(net, client_output_buffer_limit_disconnections) == before; i++) usleep(10000);
    assert_int_equal(METRIC_SUM(net, client_output_buffer_limit_disconnections), before + 1);
    atomic_store(&net_options.client_output_buffer_limit.at, "normal 0 0 0");
    conn_read_output_limits();
    say(b, "echo b\n");
    hear(b, "b\n");
    close(a);
    close(b);
}

struct letter {
    struct mail mail;
    _Atomic int *count;
};

static void open_letter(struct worker *home, struct mail *mail)
{
    struct letter *letter = (struct letter *)mail;

    assert_ptr_equal(home, worker);
    (*letter->count)++;
    mem_free(letter);
}

static void mail_is_opened_by_the_worker(void **state)
{
    _Atomic int count = 0;

    (void)state;
    for (int i = 0; i < 1000; i++) {
        struct letter *letter = mem_alloc(sizeof *letter);

        *letter = (struct letter){.mail.open = open_letter, .count = &count};
        worker_post(worker, &letter->mail);
    }
    for (int i = 0; i < 500 && count < 1000; i++) usleep(10000);
    assert_int_equal(count, 1000);
}

static void chores_come_round_while_nobody_asks(void **state)
{
    int before = housekept;

    (void)state;
    usleep(300000);
    assert_true(housekept > before + 3);
    assert_true(housekept < before + 60);
}

static void a_thousand_come_and_go(void **state)
{
    enum { MANY = 200 };
    int fds[MANY];

    (void)state;
    for (int round = 0; round < 5; round++) {
        for (int i = 0; i < MANY; i++) fds[i] = join();
        for (int i = 0; i < MANY; i++) say(fds[i], "echo hello\n");
        for (int i = 0; i < MANY; i++) {
            if (i % 3) hear(fds[i], "hello\n");
            close(fds[i]);
        }
    }
    for (int i = 0; i < 500 && worker_load(worker) > 0; i++) usleep(10000);
    assert_int_equal(worker_load(worker), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_asked_is_answered),
        TEST(half_a_line_waits),
        TEST(a_long_line_arrives_whole),
#ifndef COATCHECK_SANITIZED
        TEST(the_rest_of_much_input_takes_little_memory),
#endif
        TEST(bye_is_delivered_before_the_end),
        TEST(what_was_said_before_the_end_arrives_whole),
        TEST(what_is_sent_between_turns_comes_whole_and_in_order),
        TEST(what_is_sent_to_one_that_has_gone_is_let_go),
        TEST(a_stop_ends_within_its_grace),
        TEST(replies_under_way_are_delivered_by_a_stop),
        TEST(the_peers_end_after_its_last_line_loses_no_answer),
        TEST(who_does_not_read_is_not_read_from),
        TEST(over_the_output_limit_a_client_is_closed),
        TEST(over_the_soft_limit_for_too_long_a_client_is_closed),
        TEST(over_a_limit_that_comes_later_a_client_is_closed),
        TEST(what_is_to_be_done_later_is_done_without_more_input),
        TEST(nobody_is_passed_over_twice),
        TEST(mail_is_opened_by_the_worker),
        TEST(chores_come_round_while_nobody_asks),
        TEST(a_thousand_come_and_go),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
