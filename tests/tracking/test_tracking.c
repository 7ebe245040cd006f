/* What conversations over a socket cannot show of client-side caching: memory that fails, at any place. The client is told,
 * of the key or of all of them, or its connection ends: never nothing. */
#include "coatcheck/base/metric.h"
#include "coatcheck/keyspace/touch.h"
#include "coatcheck/tracking/changes.h"
#include "coatcheck/tracking/remembered.h"
#include "coatcheck/tracking/tracker.h"
#include "coatcheck/tracking/tracking.h"
#include "../commands/client.h"

#define ONE_KEY ">2\r\n$10\r\ninvalidate\r\n*1\r\n$4\r\ncoat\r\n"
#define ALL_KEYS ">2\r\n$10\r\ninvalidate\r\n_\r\n"

static struct text pushed;
static bool closed;

static bool push(struct session *to, struct bytes bytes)
{
    assert_ptr_equal(to, &session);
    if (mem_fails_now()) return false;
    text_add(&pushed, bytes);
    return true;
}

static void close_at_once(struct session *to)
{
    assert_ptr_equal(to, &session);
    closed = true;
}

static unsigned one_worker(void)
{
    return 1;
}

static const struct session_host test_host = {.close_after_reply = close_session,
                                              .close = close_at_once,
                                              .facts = no_facts,
                                              .weigh = no_facts,
                                              .push = push,
                                              .workers = one_worker};

static int setup(void **state)
{
    if (client_setup(state) != 0) return -1;
    session_host = &test_host;
    session_hooks.forget = tracking_forget;
    metric_lane = 1;
    tracking_setup(keyspace);
    return 0;
}

static int teardown(void **state)
{
    text_fini(&pushed);
    session_fini(&session, 0);
    session_init(&session);
    tracking_stop();
    return client_teardown(state);
}

static void forget_pushes(void)
{
    text_clear(&pushed);
    closed = false;
}

static bool is_pushed(const char *what)
{
    return pushed.len == strlen(what) && memcmp(pushed.at, what, pushed.len) == 0;
}

static void hand_out(void)
{
    tracking_send_off();
    assert_true(tracking_hand_out(1000000));
}

static int begin(void **state)
{
    (void)state;
    say("RESET");
    session_set(&session, SESSION_RESP3);
    SAY("CLIENT TRACKING ON", "+OK\r\n");
    say("FLUSHALL");
    SAY("SET coat brown", "+OK\r\n");
    hand_out();
    forget_pushes();
    return 0;
}

/* Another client has changed it. */
static void change(const char *name)
{
    struct key key = key_named(name);

    key_touched(&key);
}

static void what_cannot_be_remembered_is_invalidated_at_once(void **state)
{
    unsigned told = 0;

    (void)state;
    for (unsigned fail = 1; fail <= 6; fail++) {
        const char *reply;

        change("coat");
        hand_out();
        forget_pushes();
        reply = say_with_failure("GET coat", fail);
        if (!reply) continue; /* closed */
        if (!strcmp(reply, "$5\r\nbrown\r\n")) {
            change("coat");
            hand_out();
            assert_true(is_pushed(ONE_KEY));
        } else {
            assert_true(!strcmp(reply, "$5\r\nbrown\r\n" ONE_KEY) || !strcmp(reply, "$5\r\nbrown\r\n" ALL_KEYS));
            told++;
        }
    }
    assert_true(told > 0);
}

static void a_change_that_cannot_be_told_is_told_as_one_of_everything(void **state)
{
    unsigned everything = 0;

    (void)state;
    for (unsigned fail = 1; fail <= 8; fail++) {
        forget_pushes();
        SAY("GET coat", "$5\r\nbrown\r\n");
        mem_fail_after(fail);
        change("coat");
        tracking_send_off();
        tracking_hand_out(1000000);
        mem_fail_after(0);
        hand_out();
        everything += is_pushed(ALL_KEYS);
        assert_true(closed || is_pushed(ALL_KEYS) || is_pushed(ONE_KEY));
    }
    assert_true(everything > 0);
}

static void without_any_memory_nothing_goes_unsaid(void **state)
{
    (void)state;
    for (unsigned fail = 1; fail <= 8; fail++) {
        forget_pushes();
        SAY("GET coat", "$5\r\nbrown\r\n");
        mem_fail_from(fail);
        change("coat");
        tracking_send_off();
        tracking_hand_out(1000000);
        mem_fail_after(0);
        hand_out();
        assert_true(closed || is_pushed(ALL_KEYS) || is_pushed(ONE_KEY));
    }
}

static void its_own_change_is_told_behind_the_reply_or_as_one_of_everything(void **state)
{
    (void)state;
    for (unsigned fail = 1; fail <= 8; fail++) {
        const char *reply;

        SAY("SET coat brown", "+OK\r\n");
        SAY("GET coat", "$5\r\nbrown\r\n");
        reply = say_with_failure("APPEND coat x", fail);
        if (!reply || *reply == '-') {
            say("DEL coat");
            continue;
        }
        assert_true(!strcmp(reply, ":6\r\n" ONE_KEY) || !strcmp(reply, ":6\r\n" ALL_KEYS));
    }
}

static void keys_with_a_prefix_are_told_whatever_fails(void **state)
{
    (void)state;
    for (unsigned fail = 1; fail <= 8; fail++) {
        const char *reply;

        SAY("CLIENT TRACKING OFF", "+OK\r\n");
        reply = say_with_failure("CLIENT TRACKING ON BCAST PREFIX co PREFIX hat", fail);
        if (!reply || *reply == '-') SAY("CLIENT TRACKING ON BCAST PREFIX co PREFIX hat", "+OK\r\n");
        assert_int_equal(tracker_of(&session)->prefix_count, 2);
        forget_pushes();
        mem_fail_after(fail);
        change("coat");
        change("glove");
        tracking_send_off();
        tracking_hand_out(1000000);
        mem_fail_after(0);
        hand_out();
        assert_true(closed || is_pushed(ALL_KEYS) || is_pushed(ONE_KEY));
    }
}

static void change_by(const char *name, tracker_item who)
{
    changes_add(bytes_of(name, strlen(name)), who);
}

static void a_client_without_its_own_changes_hears_of_keys_that_others_have_changed_too(void **state)
{
    tracker_item own;

    (void)state;
    SAY("CLIENT TRACKING OFF", "+OK\r\n");
    SAY("CLIENT TRACKING ON BCAST NOLOOP", "+OK\r\n");
    hand_out();
    own = tracker_of(&session)->item;
    change_by("coat", own);
    change_by("coat", own);
    hand_out();
    assert_int_equal(pushed.len, 0);
    change_by("coat", 0);
    change_by("coat", own);
    hand_out();
    assert_true(is_pushed(ONE_KEY));
    forget_pushes();
    change_by("coat", own);
    change_by("coat", 0);
    change_by("coat", own);
    change_by("hat", own);
    hand_out();
    assert_true(is_pushed(ONE_KEY));
}

static void nobody_hears_of_an_item_whose_tracker_is_gone(void **state)
{
    tracker_item old;

    (void)state;
    SAY("GET coat", "$5\r\nbrown\r\n");
    old = tracker_of(&session)->item;
    tracking_forget(&session, true);
    assert_null(tracker_find(old));
    SAY("CLIENT TRACKING ON", "+OK\r\n");
    assert_int_not_equal(tracker_of(&session)->item, old);
    change("coat");
    hand_out();
    assert_int_equal(pushed.len, 0);
    assert_int_equal(remembered_count(), 0);
}

static void a_key_that_never_changes_does_not_collect_those_who_are_gone(void **state)
{
    int64_t most = 0, before = METRIC_SUM(tracking, tracking_evicted);

    (void)state;
    for (unsigned i = 0; i < 1000; i++) {
        int64_t items;

        SAY("GET coat", "$5\r\nbrown\r\n");
        items = METRIC_SUM(tracking, tracking_total_items);
        if (items > most) most = items;
        tracking_forget(&session, true);
        SAY("CLIENT TRACKING ON", "+OK\r\n");
    }
    assert_in_range(most, 2, 100);
    assert_in_range(METRIC_SUM(tracking, tracking_evicted) - before, 10, 20);
    hand_out();
    forget_pushes();
    SAY("GET coat", "$5\r\nbrown\r\n");
    change("coat");
    hand_out();
    assert_true(is_pushed(ONE_KEY));
}

static void with_nobody_left_the_table_runs_empty(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 300; i++) {
        char line[32];

        snprintf(line, sizeof line, "GET key:%u", i);
        say(line);
    }
    assert_int_equal(remembered_count(), 300);
    assert_int_equal(touch_wanted, 1);
    SAY("CLIENT TRACKING OFF", "+OK\r\n");
    assert_int_equal(touch_wanted, 0);
    while (tracking_look_after() != INT64_MAX) continue;
    assert_int_equal(remembered_count(), 0);
    hand_out();
    assert_int_equal(pushed.len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(what_cannot_be_remembered_is_invalidated_at_once, begin),
        cmocka_unit_test_setup(a_change_that_cannot_be_told_is_told_as_one_of_everything, begin),
        cmocka_unit_test_setup(without_any_memory_nothing_goes_unsaid, begin),
        cmocka_unit_test_setup(its_own_change_is_told_behind_the_reply_or_as_one_of_everything, begin),
        cmocka_unit_test_setup(keys_with_a_prefix_are_told_whatever_fails, begin),
        cmocka_unit_test_setup(a_client_without_its_own_changes_hears_of_keys_that_others_have_changed_too, begin),
        cmocka_unit_test_setup(nobody_hears_of_an_item_whose_tracker_is_gone, begin),
        cmocka_unit_test_setup(a_key_that_never_changes_does_not_collect_those_who_are_gone, begin),
        cmocka_unit_test_setup(with_nobody_left_the_table_runs_empty, begin),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
