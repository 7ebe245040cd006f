/* ZUNION, SUNION and their like in slices: what is changed meanwhile counts, and the result is never that of two times. */
#include "slices.h"
#include "coatcheck/engine/slices.h"
#include "coatcheck/keyspace/keyspace.h"
#include "coatcheck/values/list.h"
#include "coatcheck/values/set.h"
#include "coatcheck/values/zset.h"

/* Members that take several slices , or nearly so, on any machine. */
#define MANY 3000

static void hear(struct client *client)
{
    serve(&client, 1, 65536);
    text_clear(&client->answers);
}

/* Every second one has the score of another. */
static void fill_board(struct client *client, const char *key, unsigned first, unsigned count)
{
    for (unsigned i = first; i < first + count; i++) {
        if ((i - first) % 500 == 0) text_addf(&client->input, "%sZADD %s", i == first ? "" : "\r\n", key);
        text_addf(&client->input, " %u member:%u", i % 3 * 1000 + i / 2, i);
    }
    say(client, "\r\n");
    hear(client);
}

static void fill_set(struct client *client, const char *key, unsigned first, unsigned count)
{
    for (unsigned i = first; i < first + count; i++) {
        if ((i - first) % 500 == 0) text_addf(&client->input, "%sSADD %s", i == first ? "" : "\r\n", key);
        text_addf(&client->input, " member:%u", i);
    }
    say(client, "\r\n");
    hear(client);
}

/* Large ones and small ones, of numbers alone, and none. */
static void fill(struct client *client)
{
    say(client, "FLUSHALL\r\n");
    hear(client);
    fill_board(client, "z1", 0, MANY);
    fill_board(client, "z2", MANY / 2, MANY);
    fill_set(client, "s1", MANY / 3, MANY);
    fill_set(client, "s2", MANY / 2, MANY);
    say(client, "ZADD few 7 member:2001 8 member:2002 9 else\r\nSADD some member:2001 member:2003 else\r\nSADD numbers 1 2 3\r\n");
    hear(client);
}

/* What the words leave at `d`, done at once. */
static struct text at_once(struct client *client, const char *words, const char *look)
{
    struct text bytes = {0};
    const char *at;

    say(client, "DEL d\r\n");
    hear(client);
    say(client, "MULTI\r\n");
    say(client, words);
    say(client, look);
    say(client, "EXEC\r\n");
    go_on(client);
    /* Behind the head of EXEC's answer and what the words themselves are answered. */
    at = strchr(strchr(client->answers.at, '*') + 1, '*');
    text_add(&bytes, bytes_of(at, (size_t)(client->answers.at + client->answers.len - at)));
    text_clear(&client->answers);
    return bytes;
}

static void assert_is(struct client *client, struct text *bytes, const char *look)
{
    say(client, look);
    go_on(client);
    assert_int_equal(client->answers.len, bytes->len);
    assert_memory_equal(client->answers.at, bytes->at, bytes->len);
    text_clear(&client->answers);
    text_fini(bytes);
}

#define LOOK_AT_BOARD "ZRANGE d 0 -1 WITHSCORES\r\n"
#define LOOK_AT_SET "SORT d ALPHA LIMIT 0 100000000\r\n"

static const char *const boards[] = {
    "ZUNIONSTORE d 4 z1 z2 few s1 WEIGHTS 1 -2 3 .5\r\n", "ZUNIONSTORE d 1 z1 WEIGHTS -1\r\n", "ZINTERSTORE d 2 z1 z2 AGGREGATE MAX\r\n",
    "ZINTERSTORE d 3 s1 z2 z1\r\n", "ZDIFFSTORE d 4 z1 few some numbers\r\n", "ZUNIONSTORE d 3 s1 s2 none AGGREGATE MIN\r\n",
    "ZDIFFSTORE d 2 z1 s1\r\n", "ZUNIONSTORE d 3 z1 numbers z1\r\n", "ZDIFFSTORE d 2 z1 z1\r\n",
    "ZRANGESTORE d z1 0 -1\r\n", "ZRANGESTORE d z1 50 4000 REV\r\n", "ZRANGESTORE d z1 +inf (100 BYSCORE REV LIMIT 20 2000\r\n"};
static const char *const sets[] = {"SUNIONSTORE d s1 s2 some numbers\r\n", "SINTERSTORE d s1 s2\r\n", "SDIFFSTORE d s1 s2 some\r\n",
                                   "SDIFFSTORE d s1 some numbers none\r\n", "SINTERSTORE d s1 s1\r\n", "SUNIONSTORE d s1\r\n"};

static void slices_leave_what_is_left_at_once(void **state)
{
    unsigned all = sizeof boards / sizeof boards[0] + sizeof sets / sizeof sets[0];
    struct client *client = client_new();

    (void)state;
    fill(client);
    for (unsigned i = 0; i < all; i++) {
        bool is_board = i < sizeof boards / sizeof boards[0];
        const char *words = is_board ? boards[i] : sets[i - sizeof boards / sizeof boards[0]];
        const char *look = is_board ? LOOK_AT_BOARD : LOOK_AT_SET;
        struct text bytes = at_once(client, words, look);

        say(client, "DEL d\r\n");
        hear(client);
        begin(client, words);
        go_on(client);
        assert_int_equal(session_queue(&client->session).gathered, 0);
        text_clear(&client->answers);
        assert_is(client, &bytes, look);
    }
    client_free(client);
}

/* Of sets in the order of a walk, which is the same both times. */
static void slices_answer_what_is_answered_at_once(void **state)
{
    static const char *const all[] = {
        "ZUNION 3 z1 z2 few WITHSCORES\r\n", "ZINTER 2 z1 z2\r\n", "ZINTER 2 z1 s1 WITHSCORES\r\n", "ZDIFF 3 z1 few some WITHSCORES\r\n",
        "ZINTERCARD 2 z1 z2\r\n", "ZINTERCARD 2 z1 z2 LIMIT 1000\r\n", "SUNION s1 s2 numbers\r\n", "SINTER s1 s2\r\n", "SDIFF s1 s2\r\n",
        "SDIFF s1 s2 some none numbers s2\r\n", "SINTERCARD 2 s1 s2\r\n", "SINTERCARD 2 s1 s2 LIMIT 1000\r\n",
        "HELLO 3\r\nZUNION 3 z1 z2 few WITHSCORES\r\nSUNION s1 s2\r\nHELLO 2\r\n"};
    struct client *client = client_new(), *other = client_new();

    (void)state;
    fill(client);
    for (unsigned i = 0; i + 1 < sizeof all / sizeof all[0]; i++) assert_sliced(client, other, all[i]);
    say(client, "HELLO 3\r\n");
    say(other, "HELLO 3\r\n");
    hear(client);
    hear(other);
    assert_sliced(client, other, all[0]);
    assert_sliced(client, other, "SUNION s1 s2\r\n");
    client_free(client);
    client_free(other);
}

/* In place, by another value, by another type's, by its end, of large ones and of small ones; the first ones change nothing. */
static const char *const changes[] = {
    "ZADD z1 0 member:0\r\n", "SADD s1 member:2001\r\n", "SREM some nobody\r\n", "ZADD z1 77 member:5\r\n", "ZADD z2 5 newcomer\r\n",
    "ZREM z1 member:2100\r\n", "ZPOPMIN z2 3\r\n", "ZREMRANGEBYRANK z1 100 200\r\n", "ZINCRBY z2 4 member:2200\r\n", "ZADD few 1 member:7\r\n",
    "ZINCRBY few 2 else\r\n", "SADD s1 newcomer\r\n", "SREM s2 member:2201\r\n", "SMOVE s1 s2 member:1250\r\n", "SPOP s2 100\r\n",
    "SADD some member:2005\r\n", "SMOVE some other else\r\n", "DEL z1\r\n", "DEL s2 some\r\n", "PEXPIREAT z2 1\r\nPEXPIREAT s1 1\r\n",
    "RENAME z1 elsewhere\r\nRENAME s1 there\r\n", "RENAME z2 z1\r\nRENAME s2 s1\r\n", "COPY few z1 REPLACE\r\nCOPY some s1 REPLACE\r\n",
    "SADD none 1 member:1\r\n", "SADD numbers 4 word\r\n", "FLUSHALL\r\n", "SWAPDB 0 1\r\n", "ZUNIONSTORE z1 1 few\r\nSUNIONSTORE s1 some\r\n",
    "UNLINK few\r\nZADD few 7 member:2001 8 member:2002 9 else\r\n", "DEL d\r\nSADD d member:1\r\n",
};

static void change_in_the_middle(const char *words, const char *look, const char *change)
{
    struct client *client = client_new(), *other = client_new();
    struct text bytes;

    fill(client);
    begin(client, words);
    take_turn(&client, 1, 65536);
    if (in_the_middle(client)) {
        say(other, change);
        /* None of these is done in slices itself, with as few members. */
        while (other->input.len > 0) take_turn(&other, 1, 65536);
        text_clear(&other->answers);
    }
    go_on(client);
    assert_true(client->answers.len > 0 && client->answers.at[0] == ':');
    text_clear(&client->answers);
    say(other, "DEL kept\r\nRENAME d kept\r\n");
    hear(other);
    bytes = at_once(other, words, look);
    say(other, "DEL d\r\nRENAME kept d\r\n");
    hear(other);
    assert_is(other, &bytes, look);
    client_free(client);
    client_free(other);
}

static const struct {
    const char *words, *look;
} changed[] = {
    {"ZUNIONSTORE d 5 z1 z2 few s1 none\r\n", LOOK_AT_BOARD}, {"SUNIONSTORE d s1 s2 some none numbers\r\n", LOOK_AT_SET},
    {"ZRANGESTORE d z1 (2 +inf BYSCORE\r\n", LOOK_AT_BOARD},  {"ZINTERSTORE d 2 z1 z2\r\n", LOOK_AT_BOARD},
    {"ZDIFFSTORE d 3 z1 s2 few\r\n", LOOK_AT_BOARD},          {"SDIFFSTORE d s1 s2 some\r\n", LOOK_AT_SET},
};

/* All of them, or where that takes long one for each change. */
#ifdef COATCHECK_SANITIZED
#define STEP (sizeof changed / sizeof changed[0])
#else
#define STEP 1
#endif

static void a_source_that_changes_counts_as_it_is_at_the_end(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        for (size_t k = i % STEP; k < sizeof changed / sizeof changed[0]; k += STEP) {
            change_in_the_middle(changed[k].words, changed[k].look, changes[i]);
        }
    }
}

static void a_source_that_becomes_a_list_is_of_the_wrong_type(void **state)
{
    static const char *const all[] = {"ZUNIONSTORE d 2 z1 few\r\n", "SUNION s1 some none\r\n", "ZINTERCARD 2 z1 z2\r\n", "ZRANGESTORE d z1 0 -1\r\n"};
    static const char *const becomes[] = {"few", "none", "z2", "z1"};
    struct client *client = client_new(), *other = client_new();

    (void)state;
    for (unsigned i = 0; i < sizeof all / sizeof all[0]; i++) {
        fill(client);
        ask(client, "SET d old\r\n", "+OK\r\n");
        begin(client, all[i]);
        text_addf(&other->input, "DEL %s\r\nRPUSH %s x\r\n", becomes[i], becomes[i]);
        hear(other);
        go_on(client);
        assert_answers(client, "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n");
        ask(client, "GET d\r\n", "$3\r\nold\r\n");
    }
    client_free(client);
    client_free(other);
}

/* The target may be a source, and what it likes meanwhile. */
static void what_happens_to_the_target_does_not_matter(void **state)
{
    struct client *client = client_new(), *other = client_new();

    (void)state;
    fill(client);
    begin(client, "ZUNIONSTORE z1 2 z1 z2\r\n");
    ask(other, "SET d x\r\n", "+OK\r\n");
    go_on(client);
    assert_answers(client, ":4500\r\n");
    begin(client, "ZINTERSTORE d 2 z1 z2\r\n");
    ask(other, "APPEND d x\r\n", ":2\r\n");
    go_on(client);
    assert_answers(client, ":3000\r\n");
    begin(client, "SDIFFSTORE s1 s1 s2\r\n");
    go_on(client);
    assert_answers(client, ":500\r\n");
    client_free(client);
    client_free(other);
}

/* Somebody changes a source again and again. */
static void it_comes_to_an_end_beside_who_never_stops(void **state)
{
    static const char *const all[] = {"ZUNIONSTORE d 2 z1 few\r\n", "SUNIONSTORE d s1 some\r\n", "ZUNION 2 z1 s1\r\n", "SDIFF s1 s2\r\n", "ZRANGESTORE d z1 0 -1\r\n"};
    struct client *client = client_new(), *other = client_new();

    (void)state;
    for (unsigned i = 0; i < sizeof all / sizeof all[0]; i++) {
        unsigned turns = 0;

        fill(client);
        begin(client, all[i]);
        for (; in_the_middle(client); turns++) {
            say(other, turns % 2 ? "ZINCRBY z1 1 member:3\r\nSADD s1 one\r\n" : "ZINCRBY z1 1 member:3\r\nSREM s1 one member:1251\r\n");
            hear(other);
            take_turn(&client, 1, 65536);
        }
        assert_int_equal(turns, 3);
        go_on(client);
        text_clear(&client->answers);
    }
    client_free(client);
    client_free(other);
}

/* However many slices there were. */
static void it_is_one_look_at_each_key(void **state)
{
    struct client *client = client_new();
    int64_t hits, misses;

    (void)state;
    fill(client);
    hits = METRIC_SUM(keyspace, keyspace_hits);
    misses = METRIC_SUM(keyspace, keyspace_misses);
    begin(client, "ZUNIONSTORE d 4 z1 z2 few none\r\n");
    assert_true(go_on(client) > 0);
    begin(client, "SUNIONSTORE d s1 s2 none\r\n");
    assert_true(go_on(client) > 0);
    begin(client, "ZRANGESTORE d z1 0 -1\r\n");
    assert_true(go_on(client) > 0);
    assert_int_equal(METRIC_SUM(keyspace, keyspace_hits), hits + 6);
    assert_int_equal(METRIC_SUM(keyspace, keyspace_misses), misses + 2);
    client_free(client);
}

static void few_members_are_combined_at_once(void **state)
{
    struct client *client = client_new();

    (void)state;
    fill(client);
    say(client, "ZINTER 2 z1 few\r\nZUNION 2 few some\r\nZDIFF 2 few z1\r\nSINTER s1 some\r\nSUNION some numbers\r\nSDIFF some s1\r\nZINTERSTORE d 3 z1 some z2\r\n"
                "SINTERCARD 2 some s1\r\nZRANGESTORE d z1 0 900\r\n");
    assert_int_equal(serve_in_slices(client), 0);
    client_free(client);
}

/* What will be a value is not held against the client; an answer is. */
static void what_is_held_is_known(void **state)
{
    struct client *client = client_new();
    size_t most = 0;

    (void)state;
    fill(client);
    begin(client, "SUNIONSTORE d s1 s2\r\n");
    while (in_the_middle(client)) {
        assert_in_range(session_queue(&client->session).gathered, 1, 4096);
        take_turn(&client, 1, 65536);
    }
    begin(client, "SUNION s1 s2\r\n");
    while (in_the_middle(client)) {
        if (session_queue(&client->session).gathered > most) most = session_queue(&client->session).gathered;
        take_turn(&client, 1, 65536);
    }
    assert_true(most > MANY * 10);
    assert_int_equal(session_queue(&client->session).gathered, 0);
    client_free(client);
}

static void who_leaves_in_the_middle_changes_nothing(void **state)
{
    static const char *const all[] = {"ZUNIONSTORE d 4 z1 z2 few s1\r\n", "SUNION s1 s2 some\r\n", "ZINTER 2 z1 z2\r\n", "SDIFFSTORE d s1 s2\r\n"};
    struct client *other = client_new();

    (void)state;
    fill(other);
    ask(other, "SET d old\r\n", "+OK\r\n");
    /* The address sanitizer would tell what they leave. */
    for (unsigned i = 0, left = 1; left > 0; i++) {
        struct client *client = client_new();

        begin(client, all[i % 4]);
        for (unsigned k = 0; k < i && in_the_middle(client); k++) take_turn(&client, 1, 65536);
        left = in_the_middle(client) ? 4 : left - 1;
        client_free(client);
        if (left < 4) ask(other, "SET d old\r\n", "+OK\r\n");
        ask(other, "GET d\r\n", "$3\r\nold\r\n");
    }
    client_free(other);
}

/* What one has to wait for begins anew: nothing is held meanwhile. */
static void who_is_held_up_in_the_middle_begins_anew(void **state)
{
    struct client *client = client_new(), *other = client_new();

    (void)state;
    fill(client);
    ask(client, "SET d old\r\n", "+OK\r\n");
    begin(client, "ZUNIONSTORE d 2 z1 few\r\n");
    hold_everything = true;
    gate_raise(GATE_PAUSE);
    take_turn(&client, 1, 65536);
    assert_false(in_the_middle(client));
    assert_int_equal(session_queue(&client->session).gathered, 0);
    hold_everything = false;
    gate_lower(GATE_PAUSE);
    ask(other, "GET d\r\n", "$3\r\nold\r\n");
    assert_true(go_on(client) > 0);
    assert_answers(client, ":3001\r\n");
    client_free(client);
    client_free(other);
}

static void without_memory_the_target_stays(void **state)
{
    static const char *const all[] = {"ZUNIONSTORE d 4 z1 few s1 numbers\r\n", "SUNIONSTORE d s1 some numbers\r\n", "SDIFFSTORE d s1 some numbers\r\n",
                                      "ZRANGESTORE d z1 0 -1\r\n"};
    struct client *client = client_new();

    (void)state;
    for (unsigned i = 0; i < sizeof all / sizeof all[0]; i++) {
        unsigned refused = 0;

        fill(client);
        ask(client, "SET d old\r\n", "+OK\r\n");
        for (unsigned n = 1; n < 10; n++) {
            say(client, all[i]);
            fail_after = n;
            while (client->input.len > 0 && !(session_flags(&client->session) & SESSION_CLOSING)) take_turn(&client, 1, 65536);
            fail_after = 0;
            if (client->answers.at[0] != '-') break;
            refused++;
            text_clear(&client->answers);
            ask(client, "GET d\r\n", "$3\r\nold\r\n");
        }
        assert_true(refused >= 3);
        text_clear(&client->answers);
    }
    client_free(client);
}

static int setup_kinds(void **state)
{
    list_setup();
    set_kind_setup();
    zset_setup();
    return setup(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slices_leave_what_is_left_at_once),
        cmocka_unit_test(slices_answer_what_is_answered_at_once),
        cmocka_unit_test(a_source_that_changes_counts_as_it_is_at_the_end),
        cmocka_unit_test(a_source_that_becomes_a_list_is_of_the_wrong_type),
        cmocka_unit_test(what_happens_to_the_target_does_not_matter),
        cmocka_unit_test(it_comes_to_an_end_beside_who_never_stops),
        cmocka_unit_test(it_is_one_look_at_each_key),
        cmocka_unit_test(few_members_are_combined_at_once),
        cmocka_unit_test(what_is_held_is_known),
        cmocka_unit_test(who_leaves_in_the_middle_changes_nothing),
        cmocka_unit_test(who_is_held_up_in_the_middle_begins_anew),
        cmocka_unit_test(without_memory_the_target_stays),
    };

    return cmocka_run_group_tests(tests, setup_kinds, teardown);
}
