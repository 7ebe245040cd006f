/* The slow log as the engine fills it; that SLOWLOG answers like redis-server is told in
 * tests/talk. */
#include <pthread.h>
#include "commands/client.h"
#include "coatcheck/acl/user.h"
#include "coatcheck/engine/options.h"
#include "coatcheck/engine/slowlog.h"
#include "coatcheck/observe/latency.h"

static int setup(void **state)
{
    bool ready;

    if (client_setup(state) != 0) return -1;
    slowlog_setup();
    session_host = NULL; /* there are no other sessions yet that users could have */
    ready = users_setup(&(struct text){0});
    session_host = &host;
    return ready ? 0 : -1;
}

static void log_from(int64_t us)
{
    atomic_store(&engine_options.slowlog_log_slower_than, us);
    engine_option_hooks.slowlog_log_slower_than.changed();
}

static int begin(void **state)
{
    (void)state;
    slowlog_reset();
    atomic_store(&engine_options.slowlog_max_len, 128);
    log_from(0);
    return 0;
}

static void assert_word(const struct slow_entry *entry, unsigned i, const char *word)
{
    assert_true(i < entry->count);
    if (!bytes_equal(entry->words[i], bytes_of_text(word))) {
        fail_msg("word %u is '%.*s', not '%s'", i, (int)entry->words[i].len, entry->words[i].at,
                 word);
    }
}

static void the_newest_comes_first(void **state)
{
    const struct slow_entry *entries[4];

    (void)state;
    say("SET a 1");
    say("GET a");
    assert_int_equal(slowlog_len(), 2);
    assert_int_equal(slowlog_hold(entries, 4), 2);
    assert_word(entries[0], 0, "GET");
    assert_word(entries[1], 0, "SET");
    assert_int_equal(entries[0]->id, entries[1]->id + 1);
    assert_int_equal(entries[0]->count, 2);
    slowlog_release(entries, 2);
}

static void long_commands_are_cut_and_say_how_much(void **state)
{
    const struct slow_entry *entry;
    struct text line = {0};
    char cut[SLOWLOG_WORD_BYTES + 64];

    (void)state;
    text_addf(&line, "SET k ");
    for (int i = 0; i < 500; i++) text_add_char(&line, 'x');
    text_add_char(&line, '\0');
    say(line.at);
    slowlog_hold(&entry, 1);
    memset(cut, 'x', SLOWLOG_WORD_BYTES);
    strcpy(cut + SLOWLOG_WORD_BYTES, "... (372 more bytes)");
    assert_word(entry, 2, cut);
    slowlog_release(&entry, 1);

    text_clear(&line);
    text_addf(&line, "MGET");
    for (int i = 1; i < 40; i++) text_addf(&line, " k%d", i);
    text_add_char(&line, '\0');
    say(line.at);
    slowlog_hold(&entry, 1);
    assert_int_equal(entry->count, SLOWLOG_WORDS);
    assert_word(entry, 30, "k30");
    assert_word(entry, 31, "... (9 more arguments)");
    slowlog_release(&entry, 1);
    text_fini(&line);
}

static void exactly_so_much_is_not_cut(void **state)
{
    const struct slow_entry *entry;
    struct text line = {0};

    (void)state;
    text_addf(&line, "MGET");
    for (int i = 1; i < SLOWLOG_WORDS; i++) text_addf(&line, " k%d", i);
    text_add_char(&line, '\0');
    say(line.at);
    slowlog_hold(&entry, 1);
    assert_int_equal(entry->count, SLOWLOG_WORDS);
    assert_word(entry, SLOWLOG_WORDS - 1, "k31");
    slowlog_release(&entry, 1);
    text_fini(&line);
}

static void passwords_are_not_kept(void **state)
{
    const struct slow_entry *entry;

    (void)state;
    say("AUTH wrong-password");
    slowlog_hold(&entry, 1);
    assert_word(entry, 0, "AUTH");
    assert_word(entry, 1, "(redacted)");
    slowlog_release(&entry, 1);
}

static void what_was_quick_is_not_kept_and_nothing_with_minus_one(void **state)
{
    (void)state;
    log_from(60 * 1000000);
    say("GET a");
    log_from(-1);
    say("GET a");
    log_from(INT64_MAX);
    say("GET a");
    assert_int_equal(slowlog_len(), 0);
}

static void the_oldest_make_room(void **state)
{
    const struct slow_entry *entries[3];

    (void)state;
    atomic_store(&engine_options.slowlog_max_len, 3);
    for (int i = 0; i < 50; i++) {
        char line[32];

        snprintf(line, sizeof line, "GET k%d", i);
        say(line);
        assert_int_equal(slowlog_len(), i < 3 ? i + 1 : 3);
    }
    assert_int_equal(slowlog_hold(entries, 3), 3);
    assert_word(entries[0], 1, "k49");
    assert_word(entries[2], 1, "k47");
    slowlog_release(entries, 3);
    atomic_store(&engine_options.slowlog_max_len, 0);
    say("GET a");
    assert_int_equal(slowlog_len(), 0);
}

static void who_holds_entries_may_look_after_a_reset(void **state)
{
    const struct slow_entry *entries[2];

    (void)state;
    say("SET a 1");
    say("GET a");
    slowlog_hold(entries, 2);
    slowlog_reset();
    assert_int_equal(slowlog_len(), 0);
    assert_word(entries[0], 0, "GET");
    assert_word(entries[1], 0, "SET");
    slowlog_release(entries, 2);
}

static void without_memory_the_command_runs_and_is_not_kept(void **state)
{
    (void)state;
    /* Its histograms allocate too, when a time is new to them. */
    atomic_store(&engine_options.latency_tracking, 0);
    assert_string_equal(say_with_failure("PING", 1), "+PONG\r\n");
    atomic_store(&engine_options.latency_tracking, 1);
    assert_int_equal(slowlog_len(), 0);
    SAY("PING", "+PONG\r\n");
    assert_int_equal(slowlog_len(), 1);
}

static void latency_sees_what_the_slow_log_does_not_want(void **state)
{
    struct latency_series series;

    (void)state;
    log_from(-1);
    atomic_store(&engine_options.latency_monitor_threshold, 5);
    engine_option_hooks.latency_monitor_threshold.changed();
    atomic_store(&engine_options.enable_debug_command, DEBUG_COMMAND_YES);
    say("DEBUG SLEEP 0.02");
    atomic_store(&engine_options.latency_monitor_threshold, 0);
    engine_option_hooks.latency_monitor_threshold.changed();
    assert_true(latency_read(BYTES("command"), &series));
    assert_true(series.worst_ms >= 20);
    assert_int_equal(slowlog_len(), 0);
    say("DEBUG SLEEP 0.02");
    assert_true(latency_read(BYTES("command"), &series));
    assert_int_equal(series.count, 1);
}

/* ---- many readers beside the one who adds ---- */

static _Atomic bool readers_end;

static void *read_and_reset(void *unused)
{
    const struct slow_entry *entries[16];

    for (unsigned round = 0; !atomic_load(&readers_end); round++) {
        size_t count = slowlog_hold(entries, 16);

        for (size_t i = 0; i < count; i++) {
            must(entries[i]->count >= 1 && entries[i]->words[0].len > 0);
            must(i == 0 || entries[i]->id < entries[i - 1]->id);
        }
        slowlog_release(entries, count);
        if (round % 64 == 0) slowlog_reset();
    }
    return unused;
}

static void readers_and_resets_disturb_nobody(void **state)
{
    pthread_t readers[3];

    (void)state;
    atomic_store(&engine_options.slowlog_max_len, 20);
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&readers[i], NULL, read_and_reset, NULL), 0);
    for (int i = 0; i < 20000; i++) say("GET a");
    atomic_store(&readers_end, true);
    for (int i = 0; i < 3; i++) pthread_join(readers[i], NULL);
    assert_true(slowlog_len() <= 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_newest_comes_first, begin),
        cmocka_unit_test_setup(long_commands_are_cut_and_say_how_much, begin),
        cmocka_unit_test_setup(exactly_so_much_is_not_cut, begin),
        cmocka_unit_test_setup(passwords_are_not_kept, begin),
        cmocka_unit_test_setup(what_was_quick_is_not_kept_and_nothing_with_minus_one, begin),
        cmocka_unit_test_setup(the_oldest_make_room, begin),
        cmocka_unit_test_setup(who_holds_entries_may_look_after_a_reset, begin),
        cmocka_unit_test_setup(without_memory_the_command_runs_and_is_not_kept, begin),
        cmocka_unit_test_setup(latency_sees_what_the_slow_log_does_not_want, begin),
        cmocka_unit_test_setup(readers_and_resets_disturb_nobody, begin),
    };
    int failed = cmocka_run_group_tests(tests, setup, client_teardown);

    slowlog_reset();
    return failed;
}
