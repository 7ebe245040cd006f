#include "waiting.h"

static void who_came_first_is_served_first(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++) waits(i, "a");
    bring("a", 3);
    for (unsigned i = 0; i < 3; i++) assert_false(session_is_waiting(&clients[i]));
    assert_true(session_is_waiting(&clients[3]));
    assert_int_equal(resumed[0], 0);
    blocking_look_after(0);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(resumed[i], 1);
        assert_string_equal(answer_to(&clients[i]), "$1\r\na\r\n");
        assert_false(session_flags(&clients[i]) & SESSION_BLOCKED);
    }
    assert_int_equal(resumed[3], 0);
    assert_int_equal(take_all("a"), 0);
}

static void one_who_waits_for_several_keys_is_served_once(void **state)
{
    (void)state;
    waits(0, "a b a c b");
    waits(1, "b");
    bring("b", 1);
    bring("a", 1);
    bring("c", 1);
    blocking_look_after(0);
    assert_int_equal(resumed[0], 1);
    assert_int_equal(resumed[1], 0);
    assert_string_equal(answer_to(&clients[0]), "$1\r\nb\r\n");
    assert_int_equal(take_all("a"), 1);
    assert_int_equal(take_all("c"), 1);
    waits(0, "a");
    bring("b", 2);
    blocking_look_after(0);
    assert_string_equal(answer_to(&clients[1]), "$1\r\nb\r\n");
    assert_int_equal(take_all("b"), 1);
}

static void another_type_is_let_be(void **state)
{
    (void)state;
    wait_as(&clients[0], &for_sets, "a", 1, 0, 0);
    waits(1, "a");
    bring("a", 2);
    blocking_look_after(0);
    assert_int_equal(resumed[0], 0);
    assert_string_equal(answer_to(&clients[1]), "$1\r\na\r\n");
    assert_int_equal(take_all("a"), 1);
}

static void the_key_of_another_database_is_another_key(void **state)
{
    struct key key = key_named("a", 2);
    struct spot spot;

    (void)state;
    waits(0, "a");
    bring_to(&key, 1);
    assert_true(session_is_waiting(&clients[0]));
    keyspace_enter_all(keyspace);
    assert_int_equal(keyspace_swap_entered(keyspace, 0, 2), OK);
    assert_non_null(blocking_came);
    assert_true(blocking_serve());
    keyspace_leave_all(keyspace);
    blocking_send();
    blocking_look_after(0);
    assert_string_equal(answer_to(&clients[0]), "$1\r\na\r\n");
    shard_enter(key.shard);
    assert_null(key_find(&key, &spot));
    shard_leave(key.shard);
}

static void a_waiter_of_another_worker_is_told_by_mail(void **state)
{
    (void)state;
    metric_lane = 2;
    waits(0, "a b");
    metric_lane = 0;
    bring("a", 1);
    assert_non_null(mailbox);
    assert_false(session_is_waiting(&clients[0]));
    bring("b", 1);
    metric_lane = 2;
    assert_int_equal(open_all_mail(a_worker), 1);
    assert_int_equal(resumed[0], 1);
    assert_string_equal(answer_to(&clients[0]), "$1\r\na\r\n");
    assert_int_equal(take_all("b"), 1);
}

static void a_client_that_goes_while_its_mail_is_on_the_way_is_not_touched(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        metric_lane = 2;
        waits(0, "a b c");
        metric_lane = 0;
        bring("a", 1);
        metric_lane = 2;
        blocking_leave(&clients[0]);
        memset(&clients[0], 0xee, sizeof clients[0]);
        metric_lane = 0;
        bring("b", 1);
        assert_int_equal(take_all("b"), 1);
        /* Opened by its worker, or dropped with a worker that has ended. */
        assert_int_equal(open_all_mail(i == 0 ? a_worker : NULL), 1);
        assert_int_equal(resumed[0], 0);
        begin(NULL);
    }
}

static void one_that_is_killed_is_passed_over(void **state)
{
    (void)state;
    waits(0, "a");
    waits(1, "a");
    session_set(&clients[0], SESSION_KILLED | SESSION_CLOSING);
    bring("a", 1);
    blocking_look_after(0);
    assert_int_equal(resumed[0], 0);
    assert_string_equal(answer_to(&clients[1]), "$1\r\na\r\n");
}

static void one_that_leaves_is_in_no_line_any_more(void **state)
{
    (void)state;
    waits(0, "a b");
    waits(1, "b a");
    blocking_leave(&clients[0]);
    bring("a", 1);
    blocking_look_after(0);
    assert_int_equal(resumed[0], 0);
    assert_string_equal(answer_to(&clients[1]), "$1\r\na\r\n");
    waits(1, "a");
    bring("a", 1);
    blocking_look_after(0);
    blocking_leave(&clients[1]); /* answered and not told yet */
}

static void an_unblocked_one_is_told_so_once(void **state)
{
    (void)state;
    waits(0, "a");
    waits(1, "a");
    assert_false(blocking_unblock(3, false));
    assert_true(blocking_unblock(1, false));
    assert_false(blocking_unblock(1, true));
    assert_true(blocking_unblock(2, true));
    blocking_look_after(0);
    assert_string_equal(answer_to(&clients[0]), "*-1\r\n");
    assert_string_equal(answer_to(&clients[1]),
                        "-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n");
    assert_false(blocking_unblock(1, false));
    bring("a", 1);
    assert_int_equal(take_all("a"), 1);
}

static void a_muted_client_is_served_and_not_told(void **state)
{
    (void)state;
    session_set(&clients[0], SESSION_REPLY_SKIP);
    waits(0, "a");
    session_unset(&clients[0], SESSION_REPLY_SKIP);
    bring("a", 1);
    blocking_look_after(0);
    assert_string_equal(answer_to(&clients[0]), "");
    assert_int_equal(take_all("a"), 0);
}

static void in_a_transaction_the_time_is_over_at_once(void **state)
{
    struct key key = key_named("a", 0);
    struct call call = {.session = &clients[0],
                        .reply = &reply,
                        .keys = &key,
                        .key_count = 1,
                        .may_not_block = true};

    (void)state;
    reply_open(&reply, window, sizeof window, &overflow, 3);
    call_block(&call, &for_heaps, 1, "", 1, 0);
    assert_string_equal(said(), "_\r\n");
    assert_null(clients[0].waiter);
    assert_false(session_flags(&clients[0]) & SESSION_BLOCKED);
}

static void without_memory_nobody_waits_and_nothing_is_lost(void **state)
{
    unsigned fail;

    (void)state;
    for (fail = 1; fail < 20; fail++) {
        wait_as(&clients[0], &for_heaps, "a b c d e", 1, 1, fail);
        if (session_is_waiting(&clients[0])) break;
        assert_int_equal(strncmp(said(), "-OOM ", 5), 0);
        assert_null(clients[0].waiter);
        bring("c", 1);
        assert_int_equal(take_all("c"), 1);
        assert_int_equal(METRIC_SUM(blocking, clients_in_timeout_table), 0);
    }
    /* The waiter, a line and a table for each key at the most, the alarm; growth that fails is done
     * without. */
    assert_in_range(fail, 4, 12);
    blocking_leave(&clients[0]);
}

static void without_memory_for_the_answer_nothing_is_taken(void **state)
{
    struct key key = key_named("a", 0);
    void *container = mem_alloc(sizeof(struct heap));
    struct spot spot;

    (void)state;
    waits(0, "a");
    waits(1, "a");
    ((struct heap *)container)->left = 2;
    shard_enter(key.shard);
    key_find(&key, &spot);
    key_put_container(&key, &spot, VALUE_LIST, &container, NEVER);
    mem_fail_after(1);
    assert_true(blocking_serve());
    mem_fail_after(0);
    shard_leave(key.shard);
    blocking_send();
    blocking_look_after(0);
    assert_int_equal(strncmp(answer_to(&clients[0]), "-OOM ", 5), 0);
    assert_string_equal(answer_to(&clients[1]), "$1\r\na\r\n");
    assert_int_equal(take_all("a"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(who_came_first_is_served_first),
        TEST(one_who_waits_for_several_keys_is_served_once),
        TEST(another_type_is_let_be),
        TEST(the_key_of_another_database_is_another_key),
        TEST(a_waiter_of_another_worker_is_told_by_mail),
        TEST(a_client_that_goes_while_its_mail_is_on_the_way_is_not_touched),
        TEST(one_that_is_killed_is_passed_over),
        TEST(one_that_leaves_is_in_no_line_any_more),
        TEST(an_unblocked_one_is_told_so_once),
        TEST(a_muted_client_is_served_and_not_told),
        TEST(in_a_transaction_the_time_is_over_at_once),
        TEST(without_memory_nobody_waits_and_nothing_is_lost),
        TEST(without_memory_for_the_answer_nothing_is_taken),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
