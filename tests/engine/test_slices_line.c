/* Those who wait until others that work in slices are done. */
#include <unistd.h>
#include "slices.h"
#include "coatcheck/engine/slices.h"

/* However busy the machine is, nobody is to lose its turn but where that is tried. */
#define FOREVER_US ((int64_t)1 << 60)

enum { MANY = 8 };
static struct client *all[MANY];

/* All say the same; returns what they hold. */
static size_t begin_all(const char *words)
{
    size_t held = 0;

    slices_patience_us = FOREVER_US;
    for (unsigned i = 0; i < MANY; i++) {
        all[i] = client_new();
        say(all[i], words);
        take_turn(&all[i], 1, 65536);
        held += session_queue(&all[i]->session).gathered;
    }
    return held;
}

static void leave(unsigned i)
{
    client_free(all[i]);
    all[i] = NULL;
}

/* As the loop does it: chores, then a turn for who is not postponed. Those who wait begin in the order of the line. */
static void serve_the_line(void)
{
    unsigned last = 0, left;

    do {
        left = 0;
        slices_look_after();
        for (unsigned i = 0; i < MANY; i++) {
            bool waited = all[i] && has(all[i], SESSION_IN_LINE);

            if (!all[i] || all[i]->input.len == 0) continue;
            left++;
            if (has(all[i], SESSION_POSTPONED)) continue;
            take_turn(&all[i], 1, 65536);
            if (waited) {
                assert_true(i > last);
                last = i;
            }
        }
    } while (left > 0);
}

static void serve_in_turn(struct client *client)
{
    slices_look_after();
    assert_false(has(client, SESSION_POSTPONED));
    serve_in_slices(client);
}

/* All go on together: so not all of them may begin. */
static void many_at_once_wait_until_others_are_done(void **state)
{
    struct client *small = client_new(), *late = client_new();

    (void)state;
    fill_texts(small);
    assert_in_range(begin_all("LCS text0 text1\r\n"), CALL_TASKS_MOST, CALL_TASKS_MOST + 12000000);
    assert_true(has(all[0], SESSION_SLICED) && has(all[MANY - 1], SESSION_POSTPONED));
    assert_int_equal(session_queue(&all[MANY - 1]->session).gathered, 0);
    say(small, "SET ab ab\r\nLCS ab text0 LEN\r\nLCS none text0 LEN\r\nLCS list text0\r\n");
    serve_in_slices(small); /* what is done at once does not wait for what is not */
    assert_int_equal(small->input.len, 0);

    /* The first, one in the middle of the line, and the last hang up. */
    leave(0);
    leave(MANY / 2);
    leave(MANY - 1);
    slices_look_after();
    say(late, "LCS text1 text0\r\n");
    take_turn(&late, 1, 65536);
    assert_true(has(late, SESSION_POSTPONED)); /* though there is room: it goes to who has waited */
    serve_the_line();
    for (unsigned i = 2; i < MANY - 1; i++) {
        if (!all[i]) continue;
        assert_int_equal(all[i]->answers.len, all[1]->answers.len);
        assert_memory_equal(all[i]->answers.at, all[1]->answers.at, all[1]->answers.len);
    }
    slices_look_after();
    assert_false(has(late, SESSION_POSTPONED));
    assert_true(serve_in_slices(late) > 0);
    for (unsigned i = 1; i < MANY; i++) {
        if (all[i]) leave(i);
    }
    client_free(late);
    client_free(small);
}

/* A pause that ends resumes all who are postponed: they keep their places, and none runs before its turn. */
static void who_is_resumed_for_another_reason_waits_again(void **state)
{
    (void)state;
    begin_all("LCS text0 text1\r\n");
    for (unsigned i = MANY / 2; i < MANY; i++) {
        assert_true(has(all[i], SESSION_POSTPONED));
        session_unset(&all[i]->session, SESSION_POSTPONED);
    }
    for (unsigned i = MANY / 2; i < MANY; i++) {
        take_turn(&all[i], 1, 65536);
        assert_true(has(all[i], SESSION_POSTPONED) && has(all[i], SESSION_IN_LINE));
        assert_true(all[i]->input.len > 0);
    }
    serve_the_line();
    for (unsigned i = 0; i < MANY; i++) {
        assert_true(all[i]->answers.len > LETTERS / 2);
        leave(i);
    }
}

/* Who is resumed and does not come, as it leaves too much unread, holds nobody up. */
static void who_does_not_come_loses_its_turn(void **state)
{
    unsigned first = 0;

    (void)state;
    begin_all("LCS text0 text1\r\n");
    slices_patience_us = 1000;
    while (!has(all[first], SESSION_IN_LINE)) serve_in_slices(all[first++]);
    slices_look_after();
    assert_false(has(all[first], SESSION_POSTPONED));
    for (unsigned tries = 0; has(all[first + 1], SESSION_POSTPONED); tries++) {
        assert_true(tries < 1000);
        usleep(1000);
        slices_look_after();
    }
    slices_patience_us = FOREVER_US;
    assert_false(has(all[first], SESSION_IN_LINE));
    take_turn(&all[first], 1, 65536);
    assert_true(has(all[first], SESSION_IN_LINE) && has(all[first], SESSION_POSTPONED)); /* behind the others */
    for (unsigned i = first + 1; i < MANY; i++) {
        assert_true(has(all[i], SESSION_IN_LINE));
        serve_in_turn(all[i]);
    }
    serve_in_turn(all[first]);
    for (unsigned i = 0; i < MANY; i++) {
        assert_true(all[i]->answers.len > LETTERS / 2);
        leave(i);
    }
}

/* The command that has waited finds another value than it waited for. */
static void who_has_waited_for_what_is_gone_is_answered(void **state)
{
    struct client *a = client_new();

    (void)state;
    begin_all("LCS text0 text1\r\n");
    say(a, "DEL text1\r\n");
    serve(&a, 1, 65536);
    serve_the_line();
    assert_answers(all[MANY - 1], "$0\r\n\r\n");
    assert_true(all[0]->answers.len > LETTERS / 2);
    for (unsigned i = 0; i < MANY; i++) leave(i);
    client_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_at_once_wait_until_others_are_done),
        cmocka_unit_test(who_is_resumed_for_another_reason_waits_again),
        cmocka_unit_test(who_does_not_come_loses_its_turn),
        cmocka_unit_test(who_has_waited_for_what_is_gone_is_answered),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
