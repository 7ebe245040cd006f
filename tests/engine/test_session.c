#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "coatcheck/base/clock.h"
#include "coatcheck/base/mem.h"
#include "coatcheck/engine/session.h"

static void ask_for_passwords(bool yes)
{
    session_newcomers(yes ? 0 : SESSION_AUTHENTICATED);
}

static void ids_count_up_and_never_come_again(void **state)
{
    struct session first = {0}, second = {0};
    uint64_t id;

    (void)state;
    session_init(&first);
    id = first.id;
    session_fini(&first, 0);
    session_init(&second);
    assert_int_equal(second.id, id + 1);
    session_fini(&second, 0);
}

static void who_came_without_a_password_stays_trusted_when_one_is_asked_for(void **state)
{
    struct session before = {0}, after = {0};

    (void)state;
    session_init(&before);
    ask_for_passwords(true);
    session_init(&after);
    assert_true(session_is_trusted(&before));
    assert_false(session_is_trusted(&after));
    session_reset(&before);
    assert_false(session_is_trusted(&before));
    ask_for_passwords(false);
    assert_true(session_is_trusted(&after));
    ask_for_passwords(true);
    assert_false(session_is_trusted(&after));
    ask_for_passwords(false);
    session_fini(&before, 0);
    session_fini(&after, 0);
}

static void reset_brings_back_what_a_new_one_has_but_its_library(void **state)
{
    struct session session = {0};

    (void)state;
    session_init(&session);
    session_set(&session, SESSION_RESP3);
    session.db = 7;
    session_set(&session,
                SESSION_REPLY_OFF | SESSION_REPLY_SKIP_NEXT | SESSION_NO_EVICT | SESSION_NO_TOUCH);
    assert_true(session_set_text(&session, SESSION_NAME, BYTES("me")));
    assert_true(session_set_text(&session, SESSION_LIBRARY_NAME, BYTES("lib")));
    session_reset(&session);
    assert_int_equal(session_resp(&session), 2);
    assert_int_equal(session_db(&session), 0);
    assert_int_equal(session_flags(&session), SESSION_AUTHENTICATED);
    assert_int_equal(session_own_text(&session, SESSION_NAME).len, 0);
    assert_true(bytes_equal(session_own_text(&session, SESSION_LIBRARY_NAME), BYTES("lib")));
    session_fini(&session, 0);
}

static void a_text_that_finds_no_memory_leaves_the_old_one(void **state)
{
    struct session session = {0};
    struct text shown = {0};

    (void)state;
    session_init(&session);
    for (unsigned n = 1; n <= 2; n++) {
        mem_fail_after(n);
        assert_false(session_set_text(&session, SESSION_NAME, BYTES("first")));
        mem_fail_after(0);
    }
    assert_true(session_set_text(&session, SESSION_NAME, BYTES("first")));
    mem_fail_after(1);
    assert_false(session_set_text(&session, SESSION_NAME, BYTES("second")));
    mem_fail_after(0);
    session_add_text(&session, SESSION_NAME, &shown);
    assert_true(bytes_equal(text_bytes(&shown), BYTES("first")));
    assert_true(session_set_text(&session, SESSION_NAME, BYTES("")));
    assert_int_equal(session_own_text(&session, SESSION_NAME).len, 0);
    text_fini(&shown);
    session_fini(&session, 0);
}

static void its_seconds_do_not_follow_the_wall_clock(void **state)
{
    uint32_t before = session_now_s();

    (void)state;
    clock_set_ms(1000);
    assert_in_range(session_now_s(), before, before + 1);
    clock_set_ms(INT64_MAX / 2);
    assert_in_range(session_now_s(), before, before + 1);
    clock_release();
}

static void setting_flags_tells_which_were_set(void **state)
{
    struct session session = {0};

    (void)state;
    session_init(&session);
    assert_false(session_set(&session, SESSION_KILLED | SESSION_CLOSING) & SESSION_KILLED);
    assert_true(session_set(&session, SESSION_KILLED | SESSION_CLOSING) & SESSION_KILLED);
    session_unset(&session, SESSION_CLOSING);
    assert_int_equal(session_flags(&session), SESSION_AUTHENTICATED | SESSION_KILLED);
    session_fini(&session, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_count_up_and_never_come_again),
        cmocka_unit_test(who_came_without_a_password_stays_trusted_when_one_is_asked_for),
        cmocka_unit_test(reset_brings_back_what_a_new_one_has_but_its_library),
        cmocka_unit_test(a_text_that_finds_no_memory_leaves_the_old_one),
        cmocka_unit_test(its_seconds_do_not_follow_the_wall_clock),
        cmocka_unit_test(setting_flags_tells_which_were_set),
    };

    clock_setup();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
