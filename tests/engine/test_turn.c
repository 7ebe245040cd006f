#include "clients.h"
#include "coatcheck/values/list.h"

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

/* A list that LREM goes through at once, for much longer than a turn. */
static void fill_list(struct client *client, unsigned elements)
{
    list_setup();
    for (unsigned i = 0; i < elements; i++) text_addf(&client->input, "%s%u", i % 500 > 0 ? " " : i > 0 ? "\r\nRPUSH slow " : "RPUSH slow ", i);
    say(client, "\r\n");
    serve(&client, 1, 65536);
    text_clear(&client->answers);
}

/* One client's slow commands cost the others one of them, not a batch of thirty-two. */
static void a_turn_ends_in_the_middle_of_a_batch_of_slow_commands(void **state)
{
    struct client *clients[2] = {client_new(), client_new()};

    (void)state;
    fill_list(clients[0], 200000);
    for (int i = 0; i < 20; i++) say(clients[0], "LREM slow 0 nothing\r\n");
    say(clients[1], "PING\r\n");
    take_turn(clients, 2, 65536);
    assert_answers(clients[0], ":0\r\n");
    assert_true(feeds[0].again && feeds[1].again);
    assert_int_equal(feeds[1].used, 0);
    for (int i = 1; i < 20; i++) {
        take_turn(clients, 1, 65536);
        assert_answers(clients[0], ":0\r\n");
    }
    serve(clients, 2, 65536);
    assert_answers(clients[0], "");
    assert_answers(clients[1], "+PONG\r\n");
    say(clients[0], "DEL slow\r\n");
    serve(clients, 1, 65536);
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
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
