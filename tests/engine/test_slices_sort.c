/* SORT BY other keys and with STORE in slices: an answer is that of the moment when all was looked up, and what is stored is that
 * of the moment when it is put in its place. */
#include "slices.h"
#include "coatcheck/engine/slices.h"
#include "coatcheck/values/hash.h"
#include "coatcheck/values/list.h"
#include "coatcheck/values/set.h"
#include "coatcheck/values/zset.h"

/* Elements that take some slices: of as many draws are enough different ones. */
#define MANY 2400

static void hear(struct client *client)
{
    serve(&client, 1, 65536);
    text_clear(&client->answers);
}

static void fill_sources(struct client *client)
{
    struct text list = {0}, set = {0}, board = {0};
    uint64_t dice = 5;

    say(client, "FLUSHALL\r\n");
    for (unsigned i = 0; i < MANY; i++) {
        unsigned number = (unsigned)random_below(&dice, MANY), other = (unsigned)random_below(&dice, MANY);

        if (i % 400 == 0) {
            text_addf(&list, "\r\nRPUSH l");
            text_addf(&set, "\r\nSADD s");
            text_addf(&board, "\r\nZADD z");
        }
        text_addf(&list, " %u", number);
        text_addf(&set, " m%u", number);
        text_addf(&board, " %u m%u", other, number);
    }
    text_add(&client->input, text_bytes(&list));
    text_add(&client->input, text_bytes(&set));
    text_add(&client->input, text_bytes(&board));
    text_fini(&list);
    text_fini(&set);
    text_fini(&board);
    say(client, "\r\nRPUSH few 3 1 2\r\n");
    hear(client);
}

static void fill(struct client *client)
{
    uint64_t dice = 6;

    fill_sources(client);
    for (unsigned number = 0; number < MANY; number++) {
        unsigned other = (unsigned)random_below(&dice, MANY);

        if (number % 3 > 0) text_addf(&client->input, "MSET w_%u %u t_%u a-%u-text\r\n", number, other, number, other % 100);
        if (number % 3 < 2) text_addf(&client->input, "HSET h_%u f %u.5\r\n", number, other);
    }
    hear(client);
}

static const char *const answers[] = {
    "SORT l BY w_*\r\n", "SORT l BY w_* DESC LIMIT 5 100\r\n", "SORT l BY t_* ALPHA\r\n", "SORT l BY h_*->f GET #\r\n", "SORT_RO l BY h_*->f ALPHA DESC\r\n",
    "SORT s BY t_* ALPHA\r\n", "SORT z BY t_* ALPHA LIMIT 0 10\r\n", "SORT l BY none_* ALPHA\r\n", "SORT l BY t_*\r\n",
};
static const char *const stores[] = {"SORT l STORE d\r\n", "SORT s ALPHA DESC STORE d\r\n", "SORT z ALPHA LIMIT 100 2000 STORE d\r\n",
                                     "SORT l GET # GET # STORE d\r\n", "SORT l LIMIT 5000 1 STORE d\r\n", "SORT s STORE d\r\n"};

static void slices_answer_what_is_answered_at_once(void **state)
{
    struct client *client = client_new(), *other = client_new();

    (void)state;
    fill(client);
    for (unsigned i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        say(client, answers[i]);
        if (i + 1 < sizeof answers / sizeof answers[0]) {
            assert_true(serve_in_slices(client) > 0);
        } else {
            assert_int_equal(serve_in_slices(client), 0); /* no numbers */
        }
        say(other, "MULTI\r\n");
        say(other, answers[i]);
        say(other, "EXEC\r\n");
        go_on(other);
        assert_int_equal(other->answers.len, client->answers.len + 18);
        assert_memory_equal(other->answers.at + 18, client->answers.at, client->answers.len);
        text_clear(&client->answers);
        text_clear(&other->answers);
    }
    client_free(client);
    client_free(other);
}

/* By what the elements were when all was looked up: nobody is told of anything before. */
static void what_others_change_later_is_not_seen(void **state)
{
    struct client *client = client_new(), *other = client_new();
    struct text before = {0};

    (void)state;
    fill(client);
    for (unsigned i = 0; i + 1 < sizeof answers / sizeof answers[0]; i++) {
        say(client, answers[i]);
        go_on(client);
        text_add(&before, text_bytes(&client->answers));
        text_clear(&client->answers);
        begin(client, answers[i]);
        say(other, "RPUSH l 7\r\nDEL w_1 w_2 t_1 t_2 h_1 h_2\r\nSADD s more\r\nZREM z m5\r\n");
        text_addf(&other->input, "SET w_%u 1\r\nAPPEND t_%u zzz\r\nHSET h_%u f 2\r\n", i, i, i);
        hear(other);
        go_on(client);
        assert_int_equal(client->answers.len, before.len);
        assert_memory_equal(client->answers.at, before.at, before.len);
        text_clear(&client->answers);
        text_clear(&before);
    }
    text_fini(&before);
    client_free(client);
    client_free(other);
}

/* What the words leave at `d`, done at once. */
static void look_at_once(struct client *client, const char *words, struct text *found)
{
    say(client, "MULTI\r\n");
    say(client, words);
    say(client, "EXEC\r\n");
    hear(client);
    say(client, "LRANGE d 0 -1\r\n");
    go_on(client);
    text_clear(found);
    text_add(found, text_bytes(&client->answers));
    text_clear(&client->answers);
}

static void assert_stored(struct client *client, const struct text *found)
{
    say(client, "LRANGE d 0 -1\r\n");
    go_on(client);
    assert_int_equal(client->answers.len, found->len);
    assert_memory_equal(client->answers.at, found->at, found->len);
    text_clear(&client->answers);
}

static void slices_store_what_is_stored_at_once(void **state)
{
    struct client *client = client_new();
    struct text found = {0};

    (void)state;
    fill(client);
    for (unsigned i = 0; i < sizeof stores / sizeof stores[0]; i++) {
        look_at_once(client, stores[i], &found);
        /* The last one has no numbers to go by. */
        say(client, i + 1 < sizeof stores / sizeof stores[0] ? "SET d old\r\n" : "PING\r\n");
        hear(client);
        begin(client, stores[i]);
        go_on(client);
        assert_int_equal(session_queue(&client->session).gathered, 0);
        text_clear(&client->answers);
        assert_stored(client, &found);
    }
    text_fini(&found);
    client_free(client);
}

/* Each change of each source, or where all takes long of one of them. */
#ifdef COATCHECK_SANITIZED
#define FIRST_OF(i) ((i) % 3)
#define STEP 3
#else
#define FIRST_OF(i) 0
#define STEP 1
#endif

static const char *const changes[] = {
    "RPUSH l 12\r\nSADD s newcomer\r\nZADD z 1 newcomer\r\n", "LSET l 700 77\r\nSREM s m7\r\nZREM z m7\r\n", "LPOP l\r\nSPOP s\r\nZPOPMAX z\r\n",
    "LREM l 1 7\r\nSMOVE s other m8\r\nZINCRBY z 1 m8\r\n", "LTRIM l 1 -2\r\n", "LINSERT l BEFORE 7 8\r\n", "RPOPLPUSH l l\r\n", "DEL l s z\r\n", "RENAME l x\r\nRENAME s y\r\nRENAME z l\r\n",
    "PEXPIREAT l 1\r\nPEXPIREAT s 1\r\n", "FLUSHALL\r\n", "COPY few l REPLACE\r\n", "LTRIM l 0 1\r\n", "SET unrelated 1\r\nRPUSH d 1\r\n",
};

static void a_source_that_changes_counts_as_it_is_at_the_end(void **state)
{
    struct client *client = client_new(), *other = client_new();
    struct text found = {0};

    (void)state;
    for (unsigned i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        for (unsigned k = FIRST_OF(i); k < 3; k += STEP) {
            fill_sources(client);
            begin(client, stores[k]);
            say(other, changes[i]);
            hear(other);
            assert_true(in_the_middle(client));
            go_on(client);
            text_clear(&client->answers);
            say(other, "DEL kept\r\nRENAME d kept\r\n");
            hear(other);
            look_at_once(other, stores[k], &found);
            say(other, "DEL d\r\nRENAME kept d\r\n");
            hear(other);
            assert_stored(other, &found);
        }
    }
    text_fini(&found);
    client_free(client);
    client_free(other);
}

/* Until the very end, which a busy machine may come to in any number of slices. */
static void it_comes_to_an_end_beside_who_never_stops(void **state)
{
    struct client *client = client_new(), *other = client_new();

    (void)state;
    fill(client);
    begin(client, "SORT l STORE d\r\n");
    while (in_the_middle(client)) {
        ask(other, "RPUSH l 1\r\nRPOP l\r\n", ":2401\r\n$1\r\n1\r\n");
        take_turn(&client, 1, 65536);
    }
    assert_answers(client, ":2400\r\n");
    client_free(client);
    client_free(other);
}

static void who_leaves_in_the_middle_changes_nothing(void **state)
{
    static const char *const all[] = {"SORT l STORE d\r\n", "SORT l BY w_*\r\n", "SORT l BY t_* ALPHA\r\n"};
    struct client *other = client_new();

    (void)state;
    fill(other);
    ask(other, "SET d old\r\n", "+OK\r\n");
    /* The address sanitizer would tell what they leave. */
    for (unsigned i = 0; i < 9; i++) {
        struct client *client = client_new();

        begin(client, all[i % 3]);
        for (unsigned k = 0; k < i / 3 && in_the_middle(client); k++) take_turn(&client, 1, 65536);
        if (!in_the_middle(client)) ask(other, "SET d old\r\n", "+OK\r\n");
        client_free(client);
        ask(other, "GET d\r\n", "$3\r\nold\r\n");
    }
    client_free(other);
}

static void without_memory_the_target_stays(void **state)
{
    static const char *const all[] = {"SORT l STORE d\r\n", "SORT s ALPHA STORE d\r\n", "SORT l BY t_* ALPHA\r\n"};
    struct client *client = client_new();

    (void)state;
    fill(client);
    for (unsigned i = 0; i < sizeof all / sizeof all[0]; i++) {
        unsigned refused = 0;

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
    hash_kind_setup();
    return setup(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slices_answer_what_is_answered_at_once),
        cmocka_unit_test(what_others_change_later_is_not_seen),
        cmocka_unit_test(slices_store_what_is_stored_at_once),
        cmocka_unit_test(a_source_that_changes_counts_as_it_is_at_the_end),
        cmocka_unit_test(it_comes_to_an_end_beside_who_never_stops),
        cmocka_unit_test(who_leaves_in_the_middle_changes_nothing),
        cmocka_unit_test(without_memory_the_target_stays),
    };

    return cmocka_run_group_tests(tests, setup_kinds, teardown);
}
