#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>
#include "coatcheck/base/clock.h"
#include "coatcheck/base/mem.h"
#include "coatcheck/commands/table.h"
#include "coatcheck/engine/gate.h"
#include "coatcheck/engine/monitor.h"
#include "coatcheck/engine/secret.h"

static struct session watcher, other;
static struct text pushed;
static unsigned pushes, closes;
static bool over_unix, has_others;
static enum session_class classed;

static void facts(struct session *session, struct session_facts *facts)
{
    (void)session;
    memset(facts, 0, sizeof *facts);
    facts->unix_socket = over_unix;
    snprintf(facts->peer, sizeof facts->peer, "%s", over_unix ? "/run/coat:0" : "10.0.0.1:77");
}

static bool push(struct session *session, struct bytes bytes)
{
    assert_ptr_equal(session, &watcher);
    text_add(&pushed, bytes);
    pushes++;
    return true;
}

static void close_at_once(struct session *session)
{
    assert_ptr_equal(session, &watcher);
    session_set(session, SESSION_CLOSING);
    closes++;
}

static void set_class(struct session *session, enum session_class class)
{
    (void)session;
    classed = class;
}

static unsigned workers(void)
{
    return has_others ? 2 : 1;
}

/* There is no memory for it. */
static bool post(unsigned worker, void (*run)(struct bytes text), struct bytes text)
{
    (void)worker;
    (void)run;
    (void)text;
    if (!has_others) fail_msg("the only worker has mail for itself");
    return false;
}

static const struct session_host host = {
    .facts = facts, .push = push, .close = close_at_once, .set_class = set_class, .workers = workers, .post = post};

static void show_of(struct session *session, const char *const *words)
{
    struct bytes args[16];
    struct call call = {.session = session, .args.of = args};

    for (; words[call.args.n]; call.args.n++) args[call.args.n] = bytes_of_text(words[call.args.n]);
    call.command = commands_find_full(args[0]);
    assert_non_null(call.command);
    if (call.command->subs) call.command = commands_find_sub(call.command, args[1]);
    monitor_show(&call);
}
#define SHOW(session, ...) show_of(session, (const char *const[]){__VA_ARGS__, NULL})

/* What a monitor got, from behind the times. */
static void assert_shown(const char *expected)
{
    char *at;

    text_add_char(&pushed, '\0');
    at = pushed.at;
    for (const char *line = expected; *line;) {
        size_t len = strcspn(line, "\n");
        double when;
        int skip;

        assert_int_equal(sscanf(at, "+%lf %n", &when, &skip), 1);
        assert_in_range((uint64_t)when, (uint64_t)(clock_wall_us() / 1000000) - 1,
                        (uint64_t)(clock_wall_us() / 1000000));
        at += skip;
        assert_memory_equal(at, line, len);
        at += len;
        assert_memory_equal(at, "\r\n", 2);
        at += 2;
        line += len + (line[len] == '\n');
    }
    assert_int_equal(*at, '\0');
    text_clear(&pushed);
}

static int setup(void **state)
{
    (void)state;
    session_host = &host;
    watcher = other = (struct session){0};
    session_init(&watcher);
    session_init(&other);
    pushes = closes = 0;
    over_unix = false;
    text_clear(&pushed);
    return monitor_begin(&watcher) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    session_fini(&watcher, 0);
    session_fini(&other, 0);
    return 0;
}

static void a_line_has_the_time_the_database_the_address_and_the_words_quoted(void **state)
{
    (void)state;
    other.db = 3;
    SHOW(&other, "SET", "k", "two words");
    SHOW(&other, "Get", "\"\\\r\n\x01");
    monitor_flush();
    assert_shown("[3 10.0.0.1:77] \"SET\" \"k\" \"two words\"\n[3 10.0.0.1:77] \"Get\" "
                 "\"\\\"\\\\\\r\\n\\x01\"");
    assert_int_equal(pushes, 1);
}

static void a_unix_socket_is_named_by_its_path(void **state)
{
    (void)state;
    over_unix = true;
    SHOW(&other, "PING");
    monitor_flush();
    assert_shown("[0 unix:/run/coat] \"PING\"");
}

static void passwords_are_not_shown(void **state)
{
    (void)state;
    SHOW(&other, "auth", "secret");
    SHOW(&other, "AUTH", "default", "secret");
    SHOW(&other, "hello", "3", "AUTH", "default", "secret", "SETNAME", "n");
    SHOW(&other, "HELLO", "3", "setname", "auth");
    SHOW(&other, "CONFIG", "SET", "timeout", "5", "RequirePass", "secret");
    SHOW(&other, "CONFIG", "GET", "requirepass");
    SHOW(&other, "GET", "auth");
    monitor_flush();
    assert_null(memmem(pushed.at, pushed.len, "secret", 6));
    assert_shown(
        "[0 10.0.0.1:77] \"auth\" \"(redacted)\"\n"
        "[0 10.0.0.1:77] \"AUTH\" \"(redacted)\" \"(redacted)\"\n"
        "[0 10.0.0.1:77] \"hello\" \"3\" \"AUTH\" \"(redacted)\" \"(redacted)\" \"SETNAME\" \"n\"\n"
        "[0 10.0.0.1:77] \"HELLO\" \"3\" \"setname\" \"auth\"\n"
        "[0 10.0.0.1:77] \"CONFIG\" \"SET\" \"timeout\" \"5\" \"RequirePass\" \"(redacted)\"\n"
        "[0 10.0.0.1:77] \"CONFIG\" \"GET\" \"requirepass\"\n"
        "[0 10.0.0.1:77] \"GET\" \"auth\"");
}

static void one_that_wants_no_replies_gets_no_lines(void **state)
{
    (void)state;
    session_set(&watcher, SESSION_REPLY_OFF);
    SHOW(&other, "PING");
    monitor_flush();
    session_unset(&watcher, SESSION_REPLY_OFF);
    session_set(&watcher, SESSION_CLOSING);
    SHOW(&other, "PING");
    monitor_flush();
    assert_int_equal(pushes, 0);
}

static void a_monitor_that_a_line_is_missing_for_is_closed(void **state)
{
    (void)state;
    mem_fail_after(1);
    SHOW(&other, "PING");
    mem_fail_after(0);
    monitor_flush();
    assert_int_equal(pushes, 0);
    assert_int_equal(closes, 1);
    SHOW(&other, "ECHO", "x");
    monitor_flush();
    assert_int_equal(pushes, 0);
    assert_int_equal(closes, 1);
    session_unset(&watcher, SESSION_CLOSING);
    SHOW(&other, "ECHO", "y");
    monitor_flush();
    assert_shown("[0 10.0.0.1:77] \"ECHO\" \"y\"");
}

static void who_begins_afterwards_has_missed_nothing(void **state)
{
    (void)state;
    monitor_end(&watcher);
    has_others = true;
    metric_lane = 1;
    for (unsigned ends = 0; ends < 2; ends++) {
        assert_true(monitor_begin(&watcher));
        metric_lane = 2;
        SHOW(&other, "ECHO", "x");
        monitor_send_off();
        metric_lane = 1;
        if (ends == 1) {
            monitor_end(&watcher);
            assert_true(monitor_begin(&watcher));
        }
        monitor_flush();
        assert_int_equal(closes, 1);
        session_unset(&watcher, SESSION_CLOSING);
        monitor_end(&watcher);
    }
    metric_lane = 0;
    has_others = false;
    assert_true(monitor_begin(&watcher));
}

static void lines_go_to_other_workers_first_and_wait_for_the_own_monitors(void **state)
{
    (void)state;
    SHOW(&other, "ECHO", "x");
    monitor_send_off();
    SHOW(&other, "ECHO", "y");
    monitor_send_off();
    assert_int_equal(pushes, 0);
    monitor_flush();
    assert_int_equal(pushes, 1);
    assert_shown("[0 10.0.0.1:77] \"ECHO\" \"x\"\n[0 10.0.0.1:77] \"ECHO\" \"y\"");
}

static void commands_are_looked_at_only_while_there_is_a_monitor(void **state)
{
    struct session second = {0};

    (void)state;
    assert_true(atomic_load(&gate_reasons) & GATE_MONITORS);
    assert_int_equal(classed, SESSION_SUBSCRIBER);
    session_init(&second);
    assert_true(monitor_begin(&second));
    monitor_end(&watcher);
    assert_true(atomic_load(&gate_reasons) & GATE_MONITORS);
    session_fini(&second, 0);
    assert_false(atomic_load(&gate_reasons) & GATE_MONITORS);
    assert_int_equal(classed, SESSION_NORMAL);
    session_reset(&watcher);
    assert_false(session_flags(&watcher) & SESSION_MONITOR);
    assert_true(monitor_begin(&watcher));
    session_reset(&watcher);
    assert_false(atomic_load(&gate_reasons) & GATE_MONITORS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            a_line_has_the_time_the_database_the_address_and_the_words_quoted, setup, teardown),
        cmocka_unit_test_setup_teardown(a_unix_socket_is_named_by_its_path, setup, teardown),
        cmocka_unit_test_setup_teardown(passwords_are_not_shown, setup, teardown),
        cmocka_unit_test_setup_teardown(one_that_wants_no_replies_gets_no_lines, setup, teardown),
        cmocka_unit_test_setup_teardown(
            a_monitor_that_a_line_is_missing_for_is_closed, setup, teardown),
        cmocka_unit_test_setup_teardown(
            lines_go_to_other_workers_first_and_wait_for_the_own_monitors, setup, teardown),
        cmocka_unit_test_setup_teardown(who_begins_afterwards_has_missed_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(commands_are_looked_at_only_while_there_is_a_monitor, setup,
                                        teardown),
    };
    extern void server_declare(void);
    int failed;

    clock_setup();
    server_declare();
    commands_add(command_families, command_family_count);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    text_fini(&pushed);
    return failed;
}
