#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include "coatcheck/base/clock.h"
#include "coatcheck/base/mem.h"
#include "coatcheck/net/worker.h"
#include "coatcheck/pubsub/delivery.h"
#include "coatcheck/pubsub/subscriber.h"

/* Time to hand out all there is, on the slowest machine. */
#define PLENTY_US 60000000

/* Two workers, each with two sessions, all on this thread: metric_lane says who is at work. A worker has an inbox
 * of its own thread only, so it is always worker 1 that hears, and worker 2 whose mail is looked at. */
static struct session sessions[2];
static struct text heard[2];
static struct mail *posted[8];
static unsigned posts, posted_to[8], held, sent;
static bool refuses;

static int index_of(const struct session *session)
{
    return session == &sessions[0] ? 0 : 1;
}

static bool push_held(struct session *session, struct bytes bytes, void (*release)(void *holder), void *holder)
{
    if (refuses) return false;
    text_add(&heard[index_of(session)], bytes);
    held++;
    release(holder);
    return true;
}

static bool send_held(struct session *session, struct bytes bytes, void (*release)(void *holder), void *holder)
{
    sent++;
    return push_held(session, bytes, release, holder);
}

static void close_session(struct session *session)
{
    session_set(session, SESSION_CLOSING);
}

static void set_class(struct session *session, enum session_class class)
{
    (void)session;
    (void)class;
}

static void mail(unsigned worker, struct mail *letter)
{
    posted_to[posts] = worker;
    posted[posts++] = letter;
}

static const struct session_host host = {
    .push_held = push_held, .send_held = send_held, .close = close_session, .set_class = set_class, .mail = mail};

static int setup(void **state)
{
    (void)state;
    clock_setup();
    session_host = &host;
    metric_lane = 1;
    for (int i = 0; i < 2; i++) {
        sessions[i] = (struct session){0};
        session_init(&sessions[i]);
        text_clear(&heard[i]);
    }
    posts = held = sent = 0;
    refuses = false;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        subscriber_end(&sessions[i]);
        session_fini(&sessions[i], 0);
        text_fini(&heard[i]);
    }
    delivery_stop();
    assert_int_equal(METRIC_SUM(pubsub, pubsub_clients), 0);
    assert_int_equal(METRIC_SUM(pubsub, pubsub_subscriptions), 0);
    assert_int_equal(METRIC_SUM(pubsub, messages_waiting), 0);
    return 0;
}

static void join(int session, enum channel_kind kind, const char *name)
{
    struct reply reply;
    char window[4096];
    struct outbox outbox = {0};
    struct call call = {.session = &sessions[session], .reply = &reply};

    reply_open(&reply, window, sizeof window, &outbox, (uint8_t)session_resp(&sessions[session]));
    assert_true(subscriber_begin(&sessions[session]));
    delivery_catch_up(&call);
    text_add(&heard[session], reply_in_window(&reply));
    assert_int_equal(subscriber_join(&sessions[session], kind, bytes_of_text(name)), OK);
}

static void publish(const char *channel, const char *payload, int64_t receivers)
{
    assert_int_equal(delivery_publish(CHANNEL_PLAIN, bytes_of_text(channel), bytes_of_text(payload)), receivers);
}

static void assert_heard(int session, const char *wanted)
{
    text_add_char(&heard[session], '\0');
    assert_string_equal(heard[session].at, wanted);
    text_clear(&heard[session]);
}

#define X(payload) "*3\r\n$7\r\nmessage\r\n$1\r\nx\r\n$1\r\n" payload "\r\n"

static void nothing_comes_before_the_turn_is_over(void **state)
{
    (void)state;
    join(0, CHANNEL_PLAIN, "x");
    publish("x", "1", 1);
    assert_heard(0, "");
    assert_true(delivery_hand_out(PLENTY_US, HAND_OUT_JOIN));
    assert_heard(0, X("1"));
    assert_int_equal(posts, 0);
}

static void messages_of_one_channel_go_out_as_one_piece(void **state)
{
    (void)state;
    join(0, CHANNEL_PLAIN, "x");
    join(1, CHANNEL_PLAIN, "x");
    session_set(&sessions[1], SESSION_RESP3);
    publish("x", "1", 2);
    publish("x", "2", 2);
    publish("y", "n", 0);
    publish("x", "3", 2);
    assert_true(delivery_hand_out(PLENTY_US, HAND_OUT_JOIN));
    assert_int_equal(held, 2);
    assert_heard(0, X("1") X("2") X("3"));
    assert_heard(1, ">3\r\n$7\r\nmessage\r\n$1\r\nx\r\n$1\r\n1\r\n>3\r\n$7\r\nmessage\r\n$1\r\nx\r\n$1\r\n2\r\n"
                    ">3\r\n$7\r\nmessage\r\n$1\r\nx\r\n$1\r\n3\r\n");
}

static void only_what_nothing_follows_is_sent_at_once(void **state)
{
    (void)state;
    join(0, CHANNEL_PLAIN, "x");
    join(0, CHANNEL_PLAIN, "y");
    publish("y", "1", 1);
    publish("x", "2", 1);
    publish("x", "3", 1);
    assert_true(delivery_hand_out(PLENTY_US, HAND_OUT_SEND));
    assert_int_equal(held, 2);
    assert_int_equal(sent, 1);
    join(1, CHANNEL_PATTERN, "x*");
    publish("x", "4", 2);
    assert_true(delivery_hand_out(PLENTY_US, HAND_OUT_SEND));
    assert_int_equal(sent, 1);
}

static void with_a_pattern_each_message_comes_both_ways_before_the_next(void **state)
{
    (void)state;
    join(0, CHANNEL_PLAIN, "x");
    join(0, CHANNEL_PATTERN, "?");
    publish("x", "1", 2);
    publish("x", "2", 2);
    assert_true(delivery_hand_out(PLENTY_US, HAND_OUT_JOIN));
    assert_heard(0, X("1") "*4\r\n$8\r\npmessage\r\n$1\r\n?\r\n$1\r\nx\r\n$1\r\n1\r\n" X(
                        "2") "*4\r\n$8\r\npmessage\r\n$1\r\n?\r\n$1\r\nx\r\n$1\r\n2\r\n");
}

static void who_comes_later_does_not_hear_what_waits(void **state)
{
    (void)state;
    join(0, CHANNEL_PLAIN, "x");
    publish("x", "1", 1);
    join(1, CHANNEL_PLAIN, "x");
    publish("x", "2", 2);
    assert_true(delivery_hand_out(PLENTY_US, HAND_OUT_JOIN));
    assert_heard(0, X("1") X("2"));
    assert_heard(1, X("2"));
}

static void who_changes_what_he_listens_to_hears_first_what_waits_for_him(void **state)
{
    (void)state;
    join(0, CHANNEL_PLAIN, "x");
    join(1, CHANNEL_PLAIN, "x");
    publish("x", "1", 2);
    join(0, CHANNEL_PLAIN, "y");
    assert_heard(0, X("1"));
    publish("x", "2", 2);
    assert_true(delivery_hand_out(PLENTY_US, HAND_OUT_JOIN));
    assert_heard(0, X("2"));
    assert_heard(1, X("1") X("2"));
}

static void each_worker_with_listeners_gets_one_mail(void **state)
{
    (void)state;
    join(0, CHANNEL_PLAIN, "x");
    metric_lane = 2;
    publish("x", "1", 1);
    publish("x", "2", 1);
    assert_int_equal(posts, 0);
    delivery_send_off();
    assert_int_equal(posts, 1);
    assert_int_equal(posted_to[0], 0);
    delivery_send_off();
    assert_int_equal(posts, 1);
    metric_lane = 1;
    posted[0]->open((struct worker *)1, posted[0]);
    assert_heard(0, X("1") X("2"));
}

static void mail_that_nobody_opens_is_freed(void **state)
{
    (void)state;
    join(0, CHANNEL_PLAIN, "x");
    metric_lane = 2;
    publish("x", "1", 1);
    delivery_send_off();
    metric_lane = 1;
    posted[0]->open(NULL, posted[0]);
    assert_heard(0, "");
}

static void a_large_message_is_not_copied(void **state)
{
    char *large = malloc(100001);

    (void)state;
    memset(large, 'l', 100000);
    large[100000] = '\0';
    join(0, CHANNEL_PLAIN, "x");
    join(1, CHANNEL_PLAIN, "x");
    publish("x", large, 2);
    assert_true(delivery_hand_out(PLENTY_US, HAND_OUT_JOIN));
    assert_int_equal(held, 4);
    assert_int_equal(heard[0].len, 17 + 7 + 9 + 100000 + 2);
    assert_int_equal(heard[1].len, heard[0].len);
    free(large);
}

static void who_cannot_be_given_a_message_is_closed(void **state)
{
    (void)state;
    join(0, CHANNEL_PLAIN, "x");
    refuses = true;
    publish("x", "1", 1);
    assert_true(delivery_hand_out(PLENTY_US, HAND_OUT_JOIN));
    assert_true(session_flags(&sessions[0]) & SESSION_CLOSING);
}

static void without_memory_nobody_gets_it(void **state)
{
    unsigned failures = 0;

    (void)state;
    join(0, CHANNEL_PLAIN, "x");
    for (unsigned i = 0; i < 100; i++) {
        mem_fail_after(1);
        if (delivery_publish(CHANNEL_PLAIN, BYTES("x"), BYTES("1")) == 1) {
            fail_msg("a message was published without memory");
        } else {
            failures++;
        }
        mem_fail_after(0);
    }
    assert_int_equal(failures, 100);
    assert_true(delivery_hand_out(PLENTY_US, HAND_OUT_JOIN));
    assert_heard(0, "");
}

static void publishers_wait_while_too_much_waits(void **state)
{
    static char payload[1024 * 1024 + 1];
    struct reply reply;
    char window[1024];
    struct outbox outbox = {0};
    struct command_row row = {.name = "publish", .flags = COMMAND_PUBSUB | COMMAND_FAST};
    struct command command = {.row = &row};
    struct call call = {.session = &sessions[1], .reply = &reply, .command = &command};

    (void)state;
    reply_open(&reply, window, sizeof window, &outbox, 2);
    memset(payload, 'p', sizeof payload - 1);
    join(0, CHANNEL_PLAIN, "x");
    for (int i = 0; i < 7; i++) publish("x", payload, 1);
    assert_int_equal(gate_delivery(&call), GATE_PASS);
    for (int i = 0; i < 3; i++) publish("x", payload, 1);
    assert_int_equal(gate_delivery(&call), GATE_WAIT);
    assert_true(delivery_is_behind());
    assert_true(delivery_look_after() < 1000000);
    delivery_forget(&sessions[1]);
    assert_true(delivery_hand_out(1000000, HAND_OUT_JOIN));
    assert_false(delivery_is_behind());
    assert_int_equal(gate_delivery(&call), GATE_PASS);
    assert_int_equal(gate_reasons & GATE_BACKLOG, 0);
    assert_int_equal(delivery_look_after(), INT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_comes_before_the_turn_is_over, setup, teardown),
        cmocka_unit_test_setup_teardown(messages_of_one_channel_go_out_as_one_piece, setup, teardown),
        cmocka_unit_test_setup_teardown(only_what_nothing_follows_is_sent_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(with_a_pattern_each_message_comes_both_ways_before_the_next, setup, teardown),
        cmocka_unit_test_setup_teardown(who_comes_later_does_not_hear_what_waits, setup, teardown),
        cmocka_unit_test_setup_teardown(who_changes_what_he_listens_to_hears_first_what_waits_for_him, setup, teardown),
        cmocka_unit_test_setup_teardown(each_worker_with_listeners_gets_one_mail, setup, teardown),
        cmocka_unit_test_setup_teardown(mail_that_nobody_opens_is_freed, setup, teardown),
        cmocka_unit_test_setup_teardown(a_large_message_is_not_copied, setup, teardown),
        cmocka_unit_test_setup_teardown(who_cannot_be_given_a_message_is_closed, setup, teardown),
        cmocka_unit_test_setup_teardown(without_memory_nobody_gets_it, setup, teardown),
        cmocka_unit_test_setup_teardown(publishers_wait_while_too_much_waits, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
