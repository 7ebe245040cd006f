#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "coatcheck/base/clock.h"
#include "coatcheck/base/mem.h"
#include "coatcheck/keyspace/change.h"
#include "coatcheck/pubsub/delivery.h"
#include "coatcheck/pubsub/notice.h"
#include "coatcheck/pubsub/subscriber.h"

static struct session session;
static struct text heard;

static bool push_held(struct session *to, struct bytes bytes, void (*release)(void *holder), void *holder)
{
    assert_ptr_equal(to, &session);
    text_add(&heard, bytes);
    release(holder);
    return true;
}

static void set_class(struct session *of, enum session_class class)
{
    (void)of;
    (void)class;
}

static const struct session_host host = {.push_held = push_held, .set_class = set_class};

static int setup(void **state)
{
    (void)state;
    clock_setup();
    session_host = &host;
    metric_lane = 1;
    session_init(&session);
    notice_declare();
    notice_setup();
    return 0;
}

static void choose(const char *classes)
{
    struct text why = {0};

    assert_true(pubsub_option_hooks.notify_keyspace_events.check(bytes_of_text(classes), &why));
    atomic_store(&pubsub_options.notify_keyspace_events.at, classes);
    pubsub_option_hooks.notify_keyspace_events.changed();
}

static void each_event_is_found_in_the_list(void **state)
{
    (void)state;
    /* The first, the last, and some between: the list is searched by halves. */
    assert_int_equal(notice_class_of("append"), '$');
    assert_int_equal(notice_class_of("zunionstore"), 'z');
    assert_int_equal(notice_class_of("copy_to"), 'g');
    assert_int_equal(notice_class_of("del"), 'g');
    assert_int_equal(notice_class_of("evicted"), 'e');
    assert_int_equal(notice_class_of("expire"), 'g');
    assert_int_equal(notice_class_of("expired"), 'x');
    assert_int_equal(notice_class_of("hset"), 'h');
    assert_int_equal(notice_class_of("incrbyfloat"), '$');
    assert_int_equal(notice_class_of("keymiss"), 'm');
    assert_int_equal(notice_class_of("lpush"), 'l');
    assert_int_equal(notice_class_of("new"), 'n');
    assert_int_equal(notice_class_of("pfadd"), '$');
    assert_int_equal(notice_class_of("rename_to"), 'g');
    assert_int_equal(notice_class_of("spop"), 's');
    assert_int_equal(notice_class_of("sortstore"), 'l');
    assert_int_equal(notice_class_of("xgroup-create"), 't');
    assert_int_equal(notice_class_of("zincr"), 'z');
    assert_int_equal(notice_class_of("zremrangebyscore"), 'z');
    assert_int_equal(notice_class_of("something else"), 'g');
}

static void nobody_listens_unless_events_are_asked_for(void **state)
{
    (void)state;
    assert_false(change_anyone_listens);
    choose("KE"); /* no classes */
    assert_false(change_anyone_listens);
    choose("g$"); /* no channels */
    assert_false(change_anyone_listens);
    choose("Kg");
    assert_true(change_anyone_listens);
    assert_false(change_anyone_asks_more);
    choose("Km");
    assert_true(change_anyone_asks_more);
    choose("");
    assert_false(change_anyone_listens);
    assert_false(change_anyone_asks_more);
}

static void an_event_goes_to_both_channels(void **state)
{
    struct change change = {.db = 12, .key = BYTES("coat"), .event = "set"};

    (void)state;
    choose("KEA");
    assert_true(subscriber_begin(&session));
    assert_int_equal(subscriber_join(&session, CHANNEL_PATTERN, BYTES("*")), OK);
    change_publish(&change);
    change.event = NULL;
    change_publish(&change);
    change.event = "keymiss"; /* not of the classes chosen */
    change_publish(&change);
    assert_true(delivery_hand_out(60000000, HAND_OUT_JOIN));
    text_add_char(&heard, '\0');
    assert_string_equal(heard.at, "*4\r\n$8\r\npmessage\r\n$1\r\n*\r\n$20\r\n__keyspace@12__:coat\r\n$3\r\nset\r\n"
                                  "*4\r\n$8\r\npmessage\r\n$1\r\n*\r\n$19\r\n__keyevent@12__:set\r\n$4\r\ncoat\r\n");
    text_fini(&heard);
    choose("");
    subscriber_end(&session);
    session_fini(&session, 0);
    delivery_stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_event_is_found_in_the_list),
        cmocka_unit_test(nobody_listens_unless_events_are_asked_for),
        cmocka_unit_test(an_event_goes_to_both_channels),
    };

    return cmocka_run_group_tests(tests, setup, NULL);
}
