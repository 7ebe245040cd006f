/* BITCOUNT and BITPOS in slices: what is changed meanwhile counts, and the answer is never that of two times. */
#include "slices.h"
#include "coatcheck/keyspace/keyspace.h"
#include "coatcheck/values/list.h"

/* The kernel's zero pages, but for a few bits: so many that no machine is through with them in a slice. */
#define LAST_BIT "191999999"
#define FILL "SETBIT z " LAST_BIT " 1\r\nSETBIT z 96000000 1\r\nSETBIT z 5 1\r\n"

static void fill(struct client *client)
{
    ask(client, "DEL z\r\n" FILL, ":0\r\n:0\r\n:0\r\n:0\r\n");
}

static void drop(struct client *client)
{
    ask(client, "DEL z\r\n", ":1\r\n");
}

static void slices_answer_what_is_answered_at_once(void **state)
{
    static const char *const all[] = {"BITCOUNT z\r\n", "BITCOUNT z 3 -2\r\n", "BITCOUNT z 6 -3 BIT\r\n", "BITPOS z 1 1\r\n",
                                      "BITPOS z 1 12000001 -1 BYTE\r\n", "BITPOS z 1 12000001 -2\r\n", "BITPOS z 0 7 -1 BIT\r\n",
                                      "BITPOS z 1 6 191999998 BIT\r\n", "BITPOS z 1 96000001 191999998 BIT\r\n"};
    struct client *client = client_new(), *other = client_new();
    unsigned sliced = 0;

    (void)state;
    fill(client);
    for (unsigned i = 0; i < sizeof all / sizeof all[0]; i++) {
        say(client, all[i]);
        sliced += serve_in_slices(client) > 0;
        say(other, "MULTI\r\n");
        say(other, all[i]);
        say(other, "EXEC\r\n");
        assert_int_equal(serve_in_slices(other), 0);
        assert_memory_equal(other->answers.at + 18, client->answers.at, client->answers.len);
        assert_int_equal(other->answers.len, client->answers.len + 18);
        text_clear(&client->answers);
        text_clear(&other->answers);
    }
    /* All but BITPOS z 0, which finds what it looks for at once. */
    assert_int_equal(sliced, sizeof all / sizeof all[0] - 1);
    drop(client);
    client_free(client);
    client_free(other);
}

static void a_search_that_finds_it_soon_has_no_slices(void **state)
{
    struct client *client = client_new();

    (void)state;
    fill(client);
    say(client, "BITPOS z 1\r\nBITPOS z 0\r\n");
    assert_int_equal(serve_in_slices(client), 0);
    assert_answers(client, ":5\r\n:0\r\n");
    drop(client);
    client_free(client);
}

/* In place, by another value, by another type's, by its end. */
static void what_changes_counts_as_it_is_at_the_end(void **state)
{
    static const struct {
        const char *change, *count, *place;
    } all[] = {
        {"SETBIT z 7 1\r\n", ":4\r\n", ":96000000\r\n"},
        {"SETBIT z 150000000 1\r\n", ":4\r\n", ":96000000\r\n"},
        {"SETBIT z 96000000 0\r\n", ":2\r\n", ":191999999\r\n"},
        {"SETBIT z 192000007 1\r\n", ":4\r\n", ":96000000\r\n"},
        {"SET z a\r\n", ":3\r\n", ":-1\r\n"},
        {"DEL z\r\n", ":0\r\n", ":-1\r\n"},
        {"PEXPIREAT z 1\r\n", ":0\r\n", ":-1\r\n"},
        {"RENAME z y\r\n", ":0\r\n", ":-1\r\n"},
        {"FLUSHALL\r\n", ":0\r\n", ":-1\r\n"},
        {"SWAPDB 0 1\r\n", ":0\r\n", ":-1\r\n"},
        {"DEL z\r\nRPUSH z x\r\n", "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n",
         "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"},
    };
    struct client *client = client_new(), *other = client_new();

    (void)state;
    list_setup();
    for (unsigned i = 0; i < 2 * sizeof all / sizeof all[0]; i++) {
        fill(client);
        begin(client, i % 2 ? "BITPOS z 1 1\r\n" : "BITCOUNT z\r\n");
        say(other, all[i / 2].change);
        serve(&other, 1, 65536);
        text_clear(&other->answers);
        assert_true(in_the_middle(client));
        go_on(client);
        assert_answers(client, i % 2 ? all[i / 2].place : all[i / 2].count);
        ask(other, "FLUSHALL\r\n", "+OK\r\n");
    }
    client_free(client);
    client_free(other);
}

static void it_comes_to_an_end_beside_who_never_stops(void **state)
{
    struct client *client = client_new(), *other = client_new();
    unsigned turns = 0;

    (void)state;
    fill(client);
    begin(client, "BITCOUNT z\r\n");
    for (; in_the_middle(client); turns++) {
        say(other, turns % 2 ? "SETBIT z 6 0\r\n" : "SETBIT z 6 1\r\n");
        serve(&other, 1, 65536);
        take_turn(&client, 1, 65536);
    }
    assert_int_equal(turns, 3);
    assert_answers(client, ":4\r\n");
    drop(client);
    client_free(client);
    client_free(other);
}

/* However many slices there were. */
static void it_is_one_look_at_the_key(void **state)
{
    struct client *client = client_new();
    int64_t hits = METRIC_SUM(keyspace, keyspace_hits);

    (void)state;
    fill(client);
    begin(client, "BITCOUNT z\r\n");
    assert_true(go_on(client) > 1);
    assert_answers(client, ":3\r\n");
    assert_int_equal(METRIC_SUM(keyspace, keyspace_hits), hits + 1);
    drop(client);
    client_free(client);
}

static void who_leaves_in_the_middle_leaves_nothing(void **state)
{
    struct client *client = client_new(), *other = client_new();

    (void)state;
    fill(other);
    begin(client, "BITCOUNT z\r\n");
    client_free(client); /* the address sanitizer would tell what it leaves */
    drop(other);
    client_free(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slices_answer_what_is_answered_at_once),
        cmocka_unit_test(a_search_that_finds_it_soon_has_no_slices),
        cmocka_unit_test(what_changes_counts_as_it_is_at_the_end),
        cmocka_unit_test(it_comes_to_an_end_beside_who_never_stops),
        cmocka_unit_test(it_is_one_look_at_the_key),
        cmocka_unit_test(who_leaves_in_the_middle_leaves_nothing),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
