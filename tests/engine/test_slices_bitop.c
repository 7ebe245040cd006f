/* BITOP in slices: what is changed meanwhile counts, and the result is never that of two times. */
#include "slices.h"
#include "coatcheck/engine/slices.h"
#include "coatcheck/values/list.h"

#define LONG (3 * 1024 * 1024)

/* What the words leave at `d`, done at once. */
static struct text at_once(struct client *client, const char *words)
{
    struct text bytes = {0};

    say(client, "MULTI\r\n");
    say(client, words);
    say(client, "EXEC\r\nGET d\r\n");
    go_on(client);
    text_add(&bytes, bytes_of(strchr(client->answers.at, '$'), (size_t)(client->answers.at + client->answers.len - strchr(client->answers.at, '$'))));
    text_clear(&client->answers);
    ask(client, "DEL d\r\n", ":1\r\n");
    return bytes;
}

static void assert_is(struct client *client, struct text *bytes)
{
    say(client, "GET d\r\n");
    go_on(client);
    assert_int_equal(client->answers.len, bytes->len);
    assert_memory_equal(client->answers.at, bytes->at, bytes->len);
    text_clear(&client->answers);
    text_fini(bytes);
}

static void fill(struct client *client)
{
    say_value(client, "a", LONG, 1);
    say_value(client, "b", LONG - 77777, 2);
    say_value(client, "c", 100, 3);
    ask(client, "SET n 123456\r\n", "+OK\r\n");
}

static void slices_leave_what_is_left_at_once(void **state)
{
    static const char *const all[] = {"BITOP AND d a b n none c\r\n", "BITOP OR d a b c\r\n", "BITOP XOR d b c a n\r\n", "BITOP NOT d a\r\n"};
    struct client *client = client_new();

    (void)state;
    fill(client);
    for (unsigned i = 0; i < 4; i++) {
        struct text bytes = at_once(client, all[i]);

        begin(client, all[i]);
        /* What will be a value is not held against the client. */
        assert_in_range(session_queue(&client->session).gathered, 1, 4096);
        go_on(client);
        assert_answers(client, ":3145728\r\n");
        assert_is(client, &bytes);
    }
    client_free(client);
}

/* In place, by another value, by another type's, by its end: of long sources and of short ones. */
static void a_source_that_changes_counts_as_it_is_at_the_end(void **state)
{
    static const char *const changes[] = {"SETBIT a 24000000 1\r\n", "SETRANGE b 3 changed\r\n", "APPEND a more\r\n", "SET c other\r\n", "INCR n\r\n",
                                          "DEL c\r\n", "COPY b a REPLACE\r\n", "PEXPIREAT c 1\r\n", "SET none now\r\n", "RENAME b a\r\n"};
    struct client *client = client_new(), *other = client_new();

    (void)state;
    for (unsigned i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        struct text bytes;

        fill(client);
        begin(client, "BITOP XOR d a b c n none\r\n");
        say(other, changes[i]);
        serve(&other, 1, 65536);
        text_clear(&other->answers);
        assert_true(in_the_middle(client));
        go_on(client);
        assert_true(client->answers.len > 0 && client->answers.at[0] == ':');
        text_clear(&client->answers);
        say(other, "RENAME d kept\r\n");
        serve(&other, 1, 65536);
        text_clear(&other->answers);
        bytes = at_once(other, "BITOP XOR d a b c n none\r\n");
        ask(other, "RENAME kept d\r\n", "+OK\r\n");
        assert_is(other, &bytes);
        ask(other, "DEL none a b\r\n", i == 8 ? ":3\r\n" : i == 9 ? ":1\r\n" : ":2\r\n");
    }
    client_free(client);
    client_free(other);
}

static void a_source_that_becomes_a_list_is_of_the_wrong_type(void **state)
{
    struct client *client = client_new(), *other = client_new();

    (void)state;
    list_setup();
    fill(client);
    ask(client, "SET d old\r\n", "+OK\r\n");
    begin(client, "BITOP OR d a c\r\n");
    ask(other, "DEL c\r\nRPUSH c x\r\n", ":1\r\n:1\r\n");
    go_on(client);
    assert_answers(client, "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n");
    ask(client, "GET d\r\nDEL c\r\n", "$3\r\nold\r\n:1\r\n");
    client_free(client);
    client_free(other);
}

/* The target may be what it likes meanwhile, and a source at the same time. */
static void what_happens_to_the_target_does_not_matter(void **state)
{
    struct client *client = client_new(), *other = client_new();

    (void)state;
    fill(client);
    begin(client, "BITOP NOT a a\r\n");
    ask(other, "SET d x\r\n", "+OK\r\n");
    go_on(client);
    assert_answers(client, ":3145728\r\n");
    begin(client, "BITOP NOT d a\r\n");
    ask(other, "APPEND d x\r\n", ":2\r\n");
    go_on(client);
    assert_answers(client, ":3145728\r\n");
    say_value(other, "e", LONG, 1);
    ask(client, "BITOP XOR d d e\r\nBITCOUNT d\r\n", ":3145728\r\n:0\r\n");
    client_free(client);
    client_free(other);
}

/* Each holds its result: of more than fit together some wait. */
static void many_wait_for_each_other(void **state)
{
    enum { MANY = 8 };
    struct client *all[MANY];
    unsigned waiting = 0;

    (void)state;
    slices_patience_us = (int64_t)1 << 60; /* however busy the machine is */
    for (unsigned i = 0; i < MANY; i++) all[i] = client_new();
    fill(all[0]);
    for (unsigned i = 0; i < MANY; i++) {
        struct client *client = all[i];

        text_addf(&client->input, "BITOP NOT d%u a\r\n", i);
        take_turn(&client, 1, 65536);
        waiting += (session_flags(&client->session) & SESSION_IN_LINE) != 0;
        assert_true(in_the_middle(client) || session_flags(&client->session) & SESSION_POSTPONED);
    }
    assert_int_equal(waiting, MANY - (CALL_TASKS_MOST + LONG - 1) / LONG);
    for (unsigned i = 0; i < MANY; i++) {
        slices_look_after();
        assert_false(session_flags(&all[i]->session) & SESSION_POSTPONED);
        go_on(all[i]);
        assert_answers(all[i], ":3145728\r\n");
    }
    ask(all[0], "BITOP XOR d0 d0 d7\r\nBITCOUNT d0\r\n", ":3145728\r\n:0\r\n");
    ask(all[0], "DEL d0 d1 d2 d3 d4 d5 d6 d7\r\n", ":8\r\n");
    for (unsigned i = 0; i < MANY; i++) client_free(all[i]);
}

/* Somebody changes a source again and again. */
static void it_comes_to_an_end_beside_who_never_stops(void **state)
{
    struct client *client = client_new(), *other = client_new();
    unsigned turns = 0;

    (void)state;
    fill(client);
    begin(client, "BITOP AND d a b\r\n");
    for (; in_the_middle(client); turns++) {
        say(other, turns % 2 ? "SETBIT a 7 0\r\n" : "SETBIT a 7 1\r\n");
        serve(&other, 1, 65536);
        take_turn(&client, 1, 65536);
    }
    assert_int_equal(turns, 3);
    assert_answers(client, ":3145728\r\n");
    client_free(client);
    client_free(other);
}

static void who_leaves_in_the_middle_changes_nothing(void **state)
{
    struct client *client = client_new(), *other = client_new();

    (void)state;
    fill(other);
    ask(other, "SET d old\r\n", "+OK\r\n");
    begin(client, "BITOP OR d a b\r\n");
    client_free(client); /* the address sanitizer would tell what it leaves */
    ask(other, "GET d\r\n", "$3\r\nold\r\n");
    client_free(other);
}

/* What one has to wait for begins anew: nothing is held meanwhile, and a pause holds for what is half done. */
static void who_is_held_up_in_the_middle_begins_anew(void **state)
{
    struct client *client = client_new(), *other = client_new();

    (void)state;
    fill(client);
    ask(client, "SET d old\r\n", "+OK\r\n");
    begin(client, "BITOP OR d a b\r\n");
    hold_everything = true;
    gate_raise(GATE_PAUSE);
    take_turn(&client, 1, 65536);
    assert_false(in_the_middle(client));
    assert_int_equal(session_queue(&client->session).gathered, 0);
    hold_everything = false;
    gate_lower(GATE_PAUSE);
    ask(other, "GET d\r\n", "$3\r\nold\r\n");
    assert_true(go_on(client) > 1);
    assert_answers(client, ":3145728\r\n");
    client_free(client);
    client_free(other);
}

static void without_memory_the_target_stays(void **state)
{
    struct client *client = client_new();
    unsigned refused = 0;

    (void)state;
    fill(client);
    ask(client, "SET d old\r\n", "+OK\r\n");
    for (unsigned n = 1; n < 12; n++) {
        say(client, "BITOP OR d a c\r\n");
        fail_after = n;
        while (client->input.len > 0 && !(session_flags(&client->session) & SESSION_CLOSING)) take_turn(&client, 1, 65536);
        fail_after = 0;
        if (client->answers.at[0] != '-') break;
        refused++;
        text_clear(&client->answers);
        ask(client, "GET d\r\n", "$3\r\nold\r\n");
    }
    assert_true(refused >= 3);
    client_free(client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slices_leave_what_is_left_at_once),
        cmocka_unit_test(a_source_that_changes_counts_as_it_is_at_the_end),
        cmocka_unit_test(a_source_that_becomes_a_list_is_of_the_wrong_type),
        cmocka_unit_test(what_happens_to_the_target_does_not_matter),
        cmocka_unit_test(many_wait_for_each_other),
        cmocka_unit_test(it_comes_to_an_end_beside_who_never_stops),
        cmocka_unit_test(who_leaves_in_the_middle_changes_nothing),
        cmocka_unit_test(who_is_held_up_in_the_middle_begins_anew),
        cmocka_unit_test(without_memory_the_target_stays),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
