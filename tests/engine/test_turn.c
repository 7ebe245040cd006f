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
#include "coatcheck/commands/table.h"
#include "coatcheck/engine/gate.h"
#include "coatcheck/engine/stats.h"
#include "coatcheck/engine/turn.h"
#include "coatcheck/engine/watch.h"

static struct keyspace *keyspace;
static struct turn *turn;
static bool hold_everything; /* the test's gate: nobody passes */

static enum gate_answer test_gate(struct call *call)
{
    (void)call;
    return hold_everything ? GATE_WAIT : GATE_PASS;
}

static const struct gate gates[] = {{"auth", gate_auth}, {"test", test_gate}, {NULL, NULL}};

static void close_session(struct session *session)
{
    session_set(session, SESSION_CLOSING);
}

static void no_facts(struct session *session, struct session_facts *facts)
{
    (void)session;
    memset(facts, 0, sizeof *facts);
}

static const struct session_host host = {.close_after_reply = close_session, .facts = no_facts};

static int setup(void **state)
{
    (void)state;
    clock_setup();
    session_host = &host;
    commands_add(command_families, command_family_count);
    stats_setup(1);
    gates_set(gates);
    keyspace = keyspace_new(&(struct keyspace_rules){.databases = 16, .one_thread = true});
    turn = turn_new(keyspace);
    return keyspace && turn ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    turn_free(&turn);
    keyspace_free(&keyspace);
    return 0;
}

/* A client as the floors above keep one: its session, what it has sent and not seen used, what it was told. */
struct client {
    struct session session;
    struct outbox outbox;
    struct text input, answers;
};

static struct client *client_new(void)
{
    struct client *client = calloc(1, sizeof *client);

    session_init(&client->session);
    return client;
}

static void client_free(struct client *client)
{
    session_fini(&client->session, 0);
    outbox_clear(&client->outbox);
    text_fini(&client->input);
    text_fini(&client->answers);
    free(client);
}

static void say(struct client *client, const char *words)
{
    text_add(&client->input, bytes_of_text(words));
}

static struct client **present;
static struct feed feeds[64];
static unsigned fail_after; /* of the allocations of each turn one fails: this one; 0: none */

static void deliver(struct client *client, struct feed *feed)
{
    while (client->outbox.first) {
        struct outbox_chunk *chunk = client->outbox.first;

        text_add(&client->answers, bytes_of(chunk->at + chunk->sent, chunk->len - chunk->sent));
        outbox_sent(&client->outbox, chunk->len - chunk->sent);
    }
    text_add(&client->answers, feed->output);
    feed->output = (struct bytes){0};
}

static void send_early(void *context, unsigned i)
{
    (void)context;
    deliver(present[i], &feeds[i]);
}

/* One turn for these clients, through an area of `room` bytes. */
static void take_turn(struct client **clients, unsigned count, size_t room)
{
    char *area = malloc(room), *inputs[64];

    present = clients;
    for (unsigned i = 0; i < count; i++) {
        struct client *client = clients[i];

        inputs[i] = calloc(1, client->input.len + REQUEST_PADDING);
        if (client->input.len) memcpy(inputs[i], client->input.at, client->input.len);
        feeds[i] = (struct feed){.session = &client->session,
                                 .unread_most = 1 << 20,
                                 .input = bytes_of(inputs[i], client->input.len),
                                 .outbox = &client->outbox};
    }
    mem_fail_after(fail_after);
    turn_run(turn, feeds, count, area, room, send_early, NULL);
    mem_fail_after(0);
    for (unsigned i = 0; i < count; i++) {
        struct client *client = clients[i];

        deliver(client, &feeds[i]);
        if (feeds[i].used == 0) {
            free(inputs[i]);
            continue;
        }
        memmove(client->input.at, client->input.at + feeds[i].used, client->input.len - feeds[i].used);
        client->input.len -= feeds[i].used;
        free(inputs[i]);
    }
    free(area);
}

/* Turns until nobody has more to do: a slow machine ends a turn early. */
static void serve(struct client **clients, unsigned count, size_t room)
{
    bool again = true;

    while (again) {
        take_turn(clients, count, room);
        again = false;
        for (unsigned i = 0; i < count; i++) again |= feeds[i].again;
    }
}

static void assert_answers(struct client *client, const char *expected)
{
    if (!bytes_equal(text_bytes(&client->answers), bytes_of_text(expected))) {
        fail_msg("expected %s, got %.*s", expected, (int)client->answers.len, client->answers.at);
    }
    text_clear(&client->answers);
}

static void a_pipeline_is_answered_in_its_order(void **state)
{
    struct client *a = client_new();

    (void)state;
    say(a, "SET k 1\r\nINCR k\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\nDEL k\r\nGET k\r\n");
    serve(&a, 1, 65536);
    assert_answers(a, "+OK\r\n:2\r\n$1\r\n2\r\n:1\r\n$-1\r\n");
    assert_int_equal(a->input.len, 0);
    client_free(a);
}

static void half_a_request_waits_for_its_end(void **state)
{
    static const char whole[] = "*3\r\n$3\r\nSET\r\n$4\r\nhalf\r\n$5\r\nvalue\r\nGET half\r\n";
    struct client *a = client_new();

    (void)state;
    for (size_t i = 0; i + 1 < sizeof whole; i++) {
        text_add(&a->input, bytes_of(whole + i, 1));
        serve(&a, 1, 65536);
    }
    assert_answers(a, "+OK\r\n$5\r\nvalue\r\n");
    assert_null(a->session.half);
    client_free(a);
}

static void many_clients_get_each_their_own_answers(void **state)
{
    struct client *clients[40];

    (void)state;
    for (unsigned i = 0; i < 40; i++) clients[i] = client_new();
    for (int round = 0; round < 3; round++) {
        for (unsigned i = 0; i < 40; i++) {
            char line[256];

            for (unsigned j = 0; j < i; j++) {
                snprintf(line, sizeof line, "SET many:%u %u\r\nGET many:%u\r\n", i, j, i);
                say(clients[i], line);
            }
        }
        for (bool more = true; more;) {
            more = false;
            take_turn(clients, 40, 40000);
            for (unsigned i = 0; i < 40; i++) more |= clients[i]->input.len > 0;
        }
        for (unsigned i = 0; i < 40; i++) {
            struct text expected = {0};

            for (unsigned j = 0; j < i; j++) text_addf(&expected, "+OK\r\n$%u\r\n%u\r\n", j < 10 ? 1 : 2, j);
            assert_int_equal(expected.len, clients[i]->answers.len);
            if (expected.len) assert_memory_equal(expected.at, clients[i]->answers.at, expected.len);
            text_clear(&clients[i]->answers);
            text_fini(&expected);
        }
    }
    for (unsigned i = 0; i < 40; i++) client_free(clients[i]);
}

static void a_broken_stream_is_answered_after_what_came_before(void **state)
{
    struct client *a = client_new();

    (void)state;
    say(a, "PING\r\n*1\r\n$x\r\nPING\r\n");
    serve(&a, 1, 65536);
    assert_answers(a, "+PONG\r\n-ERR Protocol error: invalid bulk length\r\n");
    assert_true(feeds[0].close);
    client_free(a);
}

static void after_quit_nothing_is_executed(void **state)
{
    struct client *a = client_new();

    (void)state;
    say(a, "SET quit 1\r\nQUIT\r\nSET quit 2\r\n");
    serve(&a, 1, 65536);
    assert_answers(a, "+OK\r\n+OK\r\n");
    assert_true(feeds[0].close);
    client_free(a);
    a = client_new();
    say(a, "GET quit\r\n");
    serve(&a, 1, 65536);
    assert_answers(a, "$1\r\n1\r\n");
    client_free(a);
}

/* A client that has to wait keeps its place: what it asked later runs later, and all of it runs. */
static void who_waits_goes_on_where_it_stopped(void **state)
{
    struct client *a = client_new();

    (void)state;
    say(a, "SET wait 1\r\nINCR wait\r\n*2\r\n$4\r\nINCR\r\n$4\r\nwait\r\n*2\r\n$3\r\nGET\r\n$4\r\nwa");
    hold_everything = true;
    gate_raise(GATE_PAUSE);
    serve(&a, 1, 65536);
    assert_answers(a, "");
    serve(&a, 1, 65536);
    assert_answers(a, "");
    hold_everything = false;
    gate_lower(GATE_PAUSE);
    say(a, "it\r\n");
    serve(&a, 1, 65536);
    assert_answers(a, "+OK\r\n:2\r\n:3\r\n$1\r\n3\r\n");
    client_free(a);
}

static void a_client_with_much_unread_produces_no_more(void **state)
{
    struct client *a = client_new();
    struct text value = {0};
    unsigned turns = 0;

    (void)state;
    for (int i = 0; i < 60000; i++) text_add_char(&value, 'v');
    say(a, "SET big ");
    text_add(&a->input, text_bytes(&value));
    say(a, "\r\n");
    for (int i = 0; i < 200; i++) say(a, "GET big\r\n");
    while (a->input.len > 0) {
        take_turn(&a, 1, 65536);
        /* Each turn is bounded, whatever was asked. */
        assert_true(a->answers.len < 4 * 1024 * 1024);
        assert_true(++turns < 300); /* a slow machine runs one command a turn */
        text_clear(&a->answers);
    }
    assert_true(turns > 1);
    text_fini(&value);
    client_free(a);
}

static void more_words_than_a_turn_has_room_for_are_read_as_well(void **state)
{
    struct client *a = client_new();
    struct text command = {0};

    (void)state;
    text_addf(&command, "*600\r\n$6\r\nEXISTS\r\n");
    for (int i = 0; i < 599; i++) text_addf(&command, "$1\r\nx\r\n");
    text_add(&a->input, text_bytes(&command));
    serve(&a, 1, 65536);
    assert_answers(a, ":0\r\n");
    text_fini(&command);
    client_free(a);
}

/* One client's slow commands cost the others one of them, not a batch of thirty-two. */
static void a_turn_ends_in_the_middle_of_a_batch_of_slow_commands(void **state)
{
    struct client *clients[2] = {client_new(), client_new()};
    struct text value = {0};

    (void)state;
    for (int i = 0; i < 10000; i++) text_add_char(&value, (char)('a' + i % 7));
    for (int key = 0; key < 2; key++) {
        say(clients[0], key ? "SET slow:b " : "SET slow:a ");
        text_add(&clients[0]->input, text_bytes(&value));
        say(clients[0], "\r\n");
    }
    serve(clients, 1, 65536);
    assert_answers(clients[0], "+OK\r\n+OK\r\n");
    for (int i = 0; i < 20; i++) say(clients[0], "LCS slow:a slow:b LEN\r\n");
    say(clients[1], "PING\r\n");
    take_turn(clients, 2, 65536);
    assert_answers(clients[0], ":10000\r\n");
    assert_true(feeds[0].again && feeds[1].again);
    assert_int_equal(feeds[1].used, 0);
    for (int i = 1; i < 20; i++) {
        take_turn(clients, 1, 65536);
        assert_answers(clients[0], ":10000\r\n");
    }
    serve(clients, 2, 65536);
    assert_answers(clients[0], "");
    assert_answers(clients[1], "+PONG\r\n");
    text_fini(&value);
    client_free(clients[0]);
    client_free(clients[1]);
}

static void empty_lines_are_not_kept(void **state)
{
    struct client *a = client_new();

    (void)state;
    for (int i = 0; i < 1000; i++) say(a, i % 2 ? "\r\n" : "*0\r\n");
    serve(&a, 1, 65536);
    assert_int_equal(a->input.len, 0);
    say(a, "\r\n*-1\r\nPIN");
    serve(&a, 1, 65536);
    assert_int_equal(a->input.len, 3);
    say(a, "G\r\n");
    serve(&a, 1, 65536);
    assert_answers(a, "+PONG\r\n");
    client_free(a);
}

/* What 40 times four commands ask and are answered. */
static struct text questions(struct text *answers)
{
    struct text asked = {0}, value = {0};

    for (int i = 0; i < 3000; i++) text_add_char(&value, (char)('a' + i % 26));
    for (int i = 0; i < 40; i++) {
        text_addf(&asked, "*3\r\n$3\r\nSET\r\n$6\r\noom:%02d\r\n$3000\r\n", i);
        text_add(&asked, text_bytes(&value));
        text_addf(&asked, "\r\nECHO 'its %02d'\r\nSTRLEN oom:%02d\r\nGET oom:%02d\r\n", i, i, i);
        text_addf(&answers[4 * i], "+OK\r\n");
        text_addf(&answers[4 * i + 1], "$6\r\nits %02d\r\n", i);
        text_addf(&answers[4 * i + 2], ":3000\r\n");
        text_addf(&answers[4 * i + 3], "$3000\r\n");
        text_add(&answers[4 * i + 3], text_bytes(&value));
        text_addf(&answers[4 * i + 3], "\r\n");
    }
    text_fini(&value);
    return asked;
}

/* Each answer is the right one or a refusal; only where the client is closed may they break off. Returns how
 * many were refused. */
static unsigned check_answers(struct client *client, const struct text *answers, unsigned count, bool closed)
{
    const char *at = client->answers.at, *end = at + client->answers.len;
    unsigned refused = 0;

    for (unsigned i = 0; i < count; i++) {
        struct bytes right = text_bytes(&answers[i]);
        size_t left = (size_t)(end - at);

        if (left >= right.len && memcmp(at, right.at, right.len) == 0) {
            at += right.len;
        } else if (left < right.len && (left == 0 || memcmp(at, right.at, left) == 0)) {
            assert_true(closed);
            return refused;
        } else if (i % 4 == 2 && left >= 9 && memcmp(at, ":0\r\n$-1\r\n", 9) == 0) {
            at += 9; /* of a SET that was refused */
            i++;
        } else {
            assert_true(left > 5 && (memcmp(at, "-OOM ", 5) == 0 || memcmp(at, "-ERR ", 5) == 0));
            at = (char *)memchr(at, '\n', left) + 1;
            refused++;
        }
    }
    assert_ptr_equal(at, end);
    return refused;
}

static void without_memory_a_client_is_refused_or_closed_and_never_told_wrong(void **state)
{
    struct text answers[160] = {{0}}, asked = questions(answers);
    unsigned refused = 0, closed = 0;

    (void)state;
    for (unsigned n = 1; n < 150; n++) {
        struct client *a = client_new();
        size_t cut = n * 977 % asked.len;

        say(a, "DEL");
        for (int i = 0; i < 40; i++) text_addf(&a->input, " oom:%02d", i);
        say(a, "\r\n");
        while (a->input.len > 0) take_turn(&a, 1, 20000);
        text_clear(&a->answers);

        text_add(&a->input, bytes_of(asked.at, cut));
        fail_after = n;
        take_turn(&a, 1, 20000);
        text_add(&a->input, bytes_of(asked.at + cut, asked.len - cut));
        while (a->input.len > 0 && !feeds[0].close) take_turn(&a, 1, 20000);
        fail_after = 0;
        refused += check_answers(a, answers, 160, feeds[0].close);
        closed += feeds[0].close;
        client_free(a);
    }
    assert_true(refused > 0 && closed > 0);
    for (int i = 0; i < 160; i++) text_fini(&answers[i]);
    text_fini(&asked);
}

/* ---- commands that work in slices ---- */

#define MANY_KEYS 100000

static void fill(void)
{
    struct client *a = client_new();

    for (int i = 0; i < MANY_KEYS; i++) {
        text_addf(&a->input, "SET slice:%d v\r\n", i);
        if (i % 1000 == 999) {
            while (a->input.len > 0) take_turn(&a, 1, 65536);
            text_clear(&a->answers);
        }
    }
    client_free(a);
}

static unsigned count_lines(const struct client *client, const char *start)
{
    size_t len = strlen(start);
    unsigned count = 0;

    for (const char *at = client->answers.at, *end = at + client->answers.len; at < end;) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));

        count += (size_t)(end - at) >= len && memcmp(at, start, len) == 0;
        at = newline ? newline + 1 : end;
    }
    return count;
}

static int64_t slowest_us;
static unsigned slow_ones;

static void note_slow(struct call *call, int64_t took_ns)
{
    if (strcmp(call->command->row->name, "keys") != 0) return;
    slowest_us = took_ns / 1000;
    slow_ones++;
}

/* Between two slices others are answered, its own client's next command is not; and it counts as one, with all its time. */
static void others_are_answered_between_two_slices(void **state)
{
    struct client *a = client_new(), *b = client_new(), *both[2] = {a, b};
    unsigned turns = 0;
    size_t most = 0;

    (void)state;
    fill();
    watch_hooks.slow = note_slow;
    atomic_store(&watch_slow_ticks, 0);
    say(a, "KEYS slice:*\r\nPING\r\n");
    for (; a->answers.len == 0; turns++) {
        size_t gathered;

        say(b, "PING\r\n");
        take_turn(both, 2, 65536);
        gathered = session_queue(&a->session).gathered;
        assert_true(gathered >= most || a->answers.len > 0);
        if (gathered > most) most = gathered;
    }
    while (a->input.len > 0) take_turn(&a, 1, 65536);
    watch_hooks.slow = NULL;
    atomic_store(&watch_slow_ticks, UINT64_MAX);
    while (b->input.len > 0) take_turn(&b, 1, 65536);
    assert_true(turns > 2 && most > 0);
    assert_int_equal(session_queue(&a->session).gathered, 0);
    assert_int_equal(count_lines(a, "slice:"), MANY_KEYS);
    assert_int_equal(count_lines(a, "+PONG"), 1);
    assert_memory_equal(a->answers.at + a->answers.len - 7, "+PONG\r\n", 7);
    assert_int_equal(count_lines(b, "+PONG"), turns);
    assert_int_equal(slow_ones, 1);
    /* Each slice but the last one takes 200 us at the least; clocks differ. */
    assert_true(slowest_us >= (int64_t)(turns - 1) * 150);
    client_free(a);
    client_free(b);
}

/* Two hundred thousand stars take longer for a few names than a slice may; whatever is left of a batch comes in the next. */
static void a_long_pattern_ends_a_slice_among_the_names_of_a_batch(void **state)
{
    struct client *a = client_new();
    struct text stars = {0};
    unsigned turns = 0;

    (void)state;
    for (int i = 0; i < 200000; i++) text_add_char(&stars, '*');
    text_addf(&a->input, "*8\r\n$4\r\nSCAN\r\n$1\r\n0\r\n$5\r\nMATCH\r\n$200000\r\n%.*s\r\n", (int)stars.len, stars.at);
    say(a, "$5\r\nCOUNT\r\n$3\r\n400\r\n$4\r\nTYPE\r\n$6\r\nstring\r\n");
    while (a->answers.len == 0) {
        take_turn(&a, 1, 65536);
        turns++;
    }
    /* 400 are less than a batch. A few were left by other tests. */
    assert_true(turns > 2);
    assert_true(count_lines(a, "slice:") > 300);
    text_fini(&stars);
    client_free(a);
}

static void a_client_may_end_between_two_slices(void **state)
{
    struct client *a = client_new();

    (void)state;
    say(a, "KEYS slice:*\r\n");
    take_turn(&a, 1, 65536);
    assert_true(feeds[0].again && feeds[0].later);
    client_free(a); /* what it gathered goes with it: the address sanitizer would tell */
}

static void a_muted_command_works_in_slices_as_well(void **state)
{
    struct client *a = client_new();

    (void)state;
    say(a, "CLIENT REPLY SKIP\r\nKEYS slice:*\r\nPING\r\n");
    serve(&a, 1, 65536);
    assert_answers(a, "+PONG\r\n");
    client_free(a);
}

static void a_transaction_is_not_interrupted(void **state)
{
    struct client *a = client_new();

    (void)state;
    say(a, "MULTI\r\nKEYS slice:*\r\nEXEC\r\n");
    while (a->input.len > 0) {
        take_turn(&a, 1, 65536);
        assert_false(feeds[0].later);
    }
    assert_int_equal(count_lines(a, "slice:"), MANY_KEYS);
    client_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pipeline_is_answered_in_its_order),
        cmocka_unit_test(half_a_request_waits_for_its_end),
        cmocka_unit_test(many_clients_get_each_their_own_answers),
        cmocka_unit_test(a_broken_stream_is_answered_after_what_came_before),
        cmocka_unit_test(after_quit_nothing_is_executed),
        cmocka_unit_test(who_waits_goes_on_where_it_stopped),
        cmocka_unit_test(a_client_with_much_unread_produces_no_more),
        cmocka_unit_test(more_words_than_a_turn_has_room_for_are_read_as_well),
        cmocka_unit_test(a_turn_ends_in_the_middle_of_a_batch_of_slow_commands),
        cmocka_unit_test(empty_lines_are_not_kept),
        cmocka_unit_test(without_memory_a_client_is_refused_or_closed_and_never_told_wrong),
        cmocka_unit_test(others_are_answered_between_two_slices),
        cmocka_unit_test(a_long_pattern_ends_a_slice_among_the_names_of_a_batch),
        cmocka_unit_test(a_client_may_end_between_two_slices),
        cmocka_unit_test(a_muted_command_works_in_slices_as_well),
        cmocka_unit_test(a_transaction_is_not_interrupted),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
