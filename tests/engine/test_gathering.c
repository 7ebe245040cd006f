/* KEYS when there is little room for its answer. What others take of it is another gathering that grows. */
#include "clients.h"
#include "coatcheck/engine/gathering.h"
#include "coatcheck/engine/memory.h"
#include "coatcheck/engine/options.h"

#define KEYS 20000
#define NONE (-64 * 1024) /* memory is above its limit */
#define MUCH (64 << 20)

static const char refusal[] = "-OOM command not allowed when used memory > 'maxmemory'.\r\n";

static struct gathering others;
static unsigned resumed;

static void resume(struct session *session)
{
    (void)session;
    resumed++;
}

static unsigned one_worker(void)
{
    return 1;
}

static bool post(unsigned worker, void (*run)(struct bytes text), struct bytes text)
{
    (void)worker;
    run(text);
    return true;
}

static const struct session_host own_host = {
    .close_after_reply = close_session, .facts = no_facts, .resume = resume, .workers = one_worker, .post = post};

static int fill(void **state)
{
    struct client *a;

    setup(state);
    session_host = &own_host;
    memory_setup(keyspace, 1);
    a = client_new();
    for (int i = 0; i < KEYS; i++) {
        text_addf(&a->input, "SET key:%d v\r\n", i);
        if (i % 1000 == 999) {
            serve(&a, 1, 65536);
            text_clear(&a->answers);
        }
    }
    client_free(a);
    return 0;
}

/* So much is free below the limit, and others gather so many parts of the limit. */
static void begin(int64_t room, int64_t parts, int64_t of)
{
    struct client *a = client_new();
    struct call at_once = {.session = &a->session, .may_not_block = true};

    gathering_init(&others);
    /* While there is no limit: it must not become the one that may have more. */
    gathering_grow(&others, &at_once, ((int64_t)held_all() + room) * parts / of);
    client_free(a);
    atomic_store(&engine_options.maxmemory, (int64_t)held_all() + room);
    atomic_store(&engine_options.maxmemory_policy, EVICT_NONE);
    engine_option_hooks.maxmemory.changed();
    resumed = 0;
}

static int end(void **state)
{
    (void)state;
    gathering_fini(&others);
    atomic_store(&engine_options.maxmemory, 0);
    engine_option_hooks.maxmemory.changed();
    return 0;
}

/* The answer begins with how many keys there are, and ends with the last of them. */
static void assert_has_all(struct client *client)
{
    char count[32];

    snprintf(count, sizeof count, "*%d\r\n", KEYS);
    assert_true(client->answers.len > KEYS * strlen("$5\r\nkey:1\r\n"));
    assert_memory_equal(client->answers.at, count, strlen(count));
    text_clear(&client->answers);
}

static void assert_rests(struct client *client)
{
    assert_int_equal(client->answers.len, 0);
    assert_false(feeds[0].again);
    assert_true(feeds[0].wants == SIZE_MAX);
    assert_true(session_flags(&client->session) & SESSION_POSTPONED);
}

static void an_answer_may_be_as_large_as_what_stays_free(void **state)
{
    struct client *a = client_new();

    (void)state;
    begin(MUCH, 2, 5); /* far more than replies may have at a limit that is reached */
    say(a, "KEYS *\r\n");
    serve(&a, 1, 65536);
    assert_has_all(a);
    client_free(a);
}

static void one_may_have_more_than_there_is_beside_others_that_have_a_fifth(void **state)
{
    struct client *a = client_new();

    (void)state;
    begin(NONE, 1, 5);
    say(a, "KEYS *\r\n");
    serve(&a, 1, 65536);
    assert_has_all(a);
    client_free(a);
}

static void who_finds_no_room_rests_until_others_give_theirs_back(void **state)
{
    struct client *a = client_new();
    int64_t waits = METRIC_SUM(memory, gathering_waits), now_us;

    (void)state;
    begin(NONE, 1, 1);
    say(a, "KEYS *\r\n");
    serve(&a, 1, 65536);
    assert_rests(a);
    assert_true(session_queue(&a->session).gathered > 0);
    now_us = clock_steady_us();
    assert_true(gathering_look_after(now_us) > 0); /* the worker may sleep */
    assert_true(gathering_look_after(now_us + 500000) > 0);
    assert_int_equal(resumed, 0);

    gathering_fini(&others);
    assert_true(gathering_look_after(now_us + 600000) == INT64_MAX);
    assert_int_equal(resumed, 1);
    assert_false(session_flags(&a->session) & SESSION_POSTPONED);
    serve(&a, 1, 65536);
    assert_has_all(a);
    assert_int_equal(METRIC_SUM(memory, gathering_waits), waits + 1);
    client_free(a);
}

static void who_has_waited_long_enough_is_refused_and_counted(void **state)
{
    struct client *a = client_new();
    int64_t refusals = METRIC_SUM(memory, oom_refusals);

    (void)state;
    begin(NONE, 1, 1);
    say(a, "KEYS *\r\nPING\r\n");
    serve(&a, 1, 65536);
    assert_rests(a);
    assert_true(gathering_look_after(clock_steady_us() + 5000000) == INT64_MAX);
    assert_int_equal(resumed, 1);
    serve(&a, 1, 65536);
    assert_memory_equal(a->answers.at, refusal, strlen(refusal));
    assert_int_equal(a->answers.len, strlen(refusal) + strlen("+PONG\r\n"));
    assert_int_equal(METRIC_SUM(memory, oom_refusals), refusals + 1);
    /* What it had gathered is given back: the next one finds as much as this one did. */
    text_clear(&a->answers);
    gathering_fini(&others);
    say(a, "KEYS *\r\n");
    serve(&a, 1, 65536);
    assert_has_all(a);
    client_free(a);
}

static void several_are_answered_one_after_the_other(void **state)
{
    struct client *all[4];
    int64_t now_us = clock_steady_us();
    unsigned answered = 0;

    (void)state;
    begin(NONE, 1, 7);
    for (int i = 0; i < 4; i++) {
        all[i] = client_new();
        say(all[i], "KEYS *\r\n");
    }
    /* Time passes only for those who wait, however long the others take on this machine. */
    for (int looks = 0; looks < 50 && answered < 4; looks++) {
        answered = 0;
        for (int i = 0; i < 4; i++) {
            if (!(session_flags(&all[i]->session) & SESSION_POSTPONED)) serve(&all[i], 1, 65536);
            answered += all[i]->input.len == 0;
        }
        now_us += 10000;
        gathering_look_after(now_us);
    }
    for (int i = 0; i < 4; i++) {
        assert_has_all(all[i]);
        client_free(all[i]);
    }
}

static void who_waits_may_be_resumed_by_others_and_may_leave(void **state)
{
    struct client *a = client_new(), *b = client_new(), *c = client_new();

    (void)state;
    begin(NONE, 1, 1);
    for (int i = 0; i < 3; i++) {
        struct client *one = i == 0 ? a : i == 1 ? b : c;

        say(one, "KEYS *\r\n");
        serve(&one, 1, 65536);
        assert_rests(one);
    }
    serve(&b, 1, 65536); /* to the end of the line */
    assert_rests(b);
    client_free(c);
    client_free(a);
    assert_true(gathering_look_after(clock_steady_us() + 5000000) == INT64_MAX);
    assert_int_equal(resumed, 1);
    client_free(b);
}

static void a_transaction_does_not_wait(void **state)
{
    struct client *a = client_new();

    (void)state;
    begin(NONE, 1, 1);
    say(a, "MULTI\r\nKEYS *\r\nEXEC\r\n");
    serve(&a, 1, 65536);
    assert_answers(a, "+OK\r\n+QUEUED\r\n*1\r\n-OOM command not allowed when used memory > 'maxmemory'.\r\n");
    client_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(an_answer_may_be_as_large_as_what_stays_free, end),
        cmocka_unit_test_teardown(one_may_have_more_than_there_is_beside_others_that_have_a_fifth, end),
        cmocka_unit_test_teardown(who_finds_no_room_rests_until_others_give_theirs_back, end),
        cmocka_unit_test_teardown(who_has_waited_long_enough_is_refused_and_counted, end),
        cmocka_unit_test_teardown(several_are_answered_one_after_the_other, end),
        cmocka_unit_test_teardown(who_waits_may_be_resumed_by_others_and_may_leave, end),
        cmocka_unit_test_teardown(a_transaction_does_not_wait, end),
    };

    return cmocka_run_group_tests(tests, fill, teardown);
}
