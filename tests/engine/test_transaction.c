/* What conversations over a socket cannot show of transactions: memory that fails, what is left behind in the shards,
 * and that neighbours of a watched key are nobody's business. */
#include "../commands/client.h"

#include "coatcheck/engine/transaction.h"
#include "coatcheck/keyspace/touch.h"

#define START_MS 1700000000000

static bool is_touched(void)
{
    return session_flags(&session) & SESSION_TOUCHED;
}

/* Nothing is queued or watched, and nothing is left of it. */
static void assert_nothing_is_left(void)
{
    assert_null(session_transaction(&session));
    assert_int_equal(session_flags(&session) & (SESSION_MULTI | SESSION_SPOILED | SESSION_TOUCHED), 0);
    assert_int_equal(session_queue(&session).bytes, 0);
    assert_int_equal(session_queue(&session).commands, 0);
    assert_int_equal(touch_wanted, 0);
    for (unsigned i = 0; i < 2000; i++) {
        char name[16];

        snprintf(name, sizeof name, "%u", i);
        assert_null(*shard_touches(key_named(name).shard));
    }
}

static int begin(void **state)
{
    (void)state;
    transaction_setup();
    say("RESET");
    say("FLUSHALL");
    return 0;
}

static int end(void **state)
{
    (void)state;
    say("RESET");
    assert_nothing_is_left();
    return 0;
}

/* A name in the same shard as `other`. */
static void neighbour_of(const char *other, char name[16])
{
    struct shard *shard = key_named(other).shard;

    for (unsigned i = 0;; i++) {
        snprintf(name, 16, "n%u", i);
        if (key_named(name).shard == shard && strcmp(name, other) != 0) return;
    }
}

static void a_queue_without_memory_is_spoiled_and_changes_nothing(void **state)
{
    unsigned failed = 0;

    (void)state;
    say("SET coat brown");
    for (unsigned fail = 1; fail <= 6; fail++) {
        const char *reply;

        SAY("MULTI", "+OK\r\n");
        reply = say_with_failure("MSET coat green hat red", fail);
        assert_non_null(reply);
        if (reply[0] == '-') {
            failed++;
            SAY("EXEC", "-EXECABORT Transaction discarded because of previous errors.\r\n");
            SAY("MGET coat hat", "*2\r\n$5\r\nbrown\r\n$-1\r\n");
        } else {
            SAY("DISCARD", "+OK\r\n");
        }
        assert_nothing_is_left();
    }
    assert_true(failed > 0);
}

static void a_queue_grows_beyond_its_first_block(void **state)
{
    char line[64];

    (void)state;
    SAY("MULTI", "+OK\r\n");
    for (unsigned i = 0; i < 3000; i++) {
        snprintf(line, sizeof line, "MSET coat%u %u hat%u %u", i, i, i, 3000 - i);
        SAY(line, "+QUEUED\r\n");
    }
    assert_int_equal(session_queue(&session).commands, 3000);
    assert_true(session_queue(&session).bytes > 3000 * 50);
    say("EXEC");
    for (unsigned i = 0; i < 3000; i += 97) {
        char expected[64], digits[16];

        snprintf(line, sizeof line, "GET hat%u", i);
        snprintf(digits, sizeof digits, "%u", 3000 - i);
        snprintf(expected, sizeof expected, "$%zu\r\n%s\r\n", strlen(digits), digits);
        SAY(line, expected);
    }
    assert_nothing_is_left();
}

static void a_watch_without_memory_leaves_no_trace_after_unwatch(void **state)
{
    unsigned failed = 0;

    (void)state;
    for (unsigned fail = 1; fail <= 12; fail++) {
        const char *reply = say_with_failure("WATCH 1 2 3 4", fail);

        assert_non_null(reply);
        failed += reply[0] == '-';
        SAY("UNWATCH", "+OK\r\n");
        assert_nothing_is_left();
    }
    assert_true(failed > 0);
}

static void thousands_of_watched_keys_are_found_and_forgotten(void **state)
{
    char line[64];

    (void)state;
    for (unsigned i = 0; i < 5000; i++) {
        snprintf(line, sizeof line, "WATCH %u %u", i, i);
        SAY(line, "+OK\r\n");
    }
    assert_int_equal(touch_wanted, 5000);
    say("SET 5001 x");
    assert_false(is_touched());
    say("SET 4321 x");
    assert_true(is_touched());
    SAY("MULTI", "+OK\r\n");
    SAY("EXEC", "*-1\r\n");
    assert_nothing_is_left();
}

static void only_the_key_itself_counts(void **state)
{
    char neighbour[16], line[64];

    (void)state;
    neighbour_of("coat", neighbour);
    SAY("WATCH coat", "+OK\r\n");
    snprintf(line, sizeof line, "SET %s x", neighbour);
    say(line);
    snprintf(line, sizeof line, "DEL %s", neighbour);
    say(line);
    say("SELECT 1");
    say("SET coat x");
    say("SELECT 0");
    assert_false(is_touched());
    SAY("WATCH coat", "+OK\r\n");
    say("SET coat x");
    assert_true(is_touched());
}

static void what_the_sweep_drops_is_touched(void **state)
{
    (void)state;
    clock_set_ms(START_MS);
    say("SET coat brown PX 100");
    SAY("WATCH coat", "+OK\r\n");
    clock_set_ms(START_MS + 5000);
    while (keyspace_housekeep(keyspace, 0, 1, 1000000) == HOUSE_BEHIND) {}
    assert_int_equal(keyspace_count(keyspace, 0), 0);
    assert_true(is_touched());
    clock_release();
}

static void what_is_evicted_is_touched(void **state)
{
    struct key key;
    struct spot spot;

    (void)state;
    say("SET coat brown");
    SAY("WATCH coat", "+OK\r\n");
    key = key_named("coat");
    shard_enter(key.shard);
    assert_non_null(key_find(&key, &spot));
    key_remove(&key, &spot, REMOVED_EVICTED);
    shard_leave(key.shard);
    assert_true(is_touched());
}

static void what_has_expired_by_exec_counts_though_nobody_dropped_it(void **state)
{
    (void)state;
    clock_set_ms(START_MS);
    say("SET coat brown PX 100");
    SAY("WATCH coat", "+OK\r\n");
    clock_set_ms(START_MS + 200);
    SAY("MULTI", "+OK\r\n");
    SAY("EXEC", "*-1\r\n");
    /* Past its deadline already: absent, and absent it stays. */
    SAY("WATCH coat", "+OK\r\n");
    SAY("GET coat", "$-1\r\n");
    SAY("MULTI", "+OK\r\n");
    SAY("EXEC", "*0\r\n");
    clock_release();
}

static void a_session_that_ends_takes_its_watches_along(void **state)
{
    (void)state;
    SAY("WATCH 1 2 3", "+OK\r\n");
    SAY("MULTI", "+OK\r\n");
    SAY("SET 1 x", "+QUEUED\r\n");
    session_fini(&session, 0);
    assert_null(session_transaction(&session));
    assert_int_equal(touch_wanted, 0);
    memset(&session, 0, sizeof session);
    session_init(&session);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_queue_without_memory_is_spoiled_and_changes_nothing, begin, end),
        cmocka_unit_test_setup_teardown(a_queue_grows_beyond_its_first_block, begin, end),
        cmocka_unit_test_setup_teardown(a_watch_without_memory_leaves_no_trace_after_unwatch, begin, end),
        cmocka_unit_test_setup_teardown(thousands_of_watched_keys_are_found_and_forgotten, begin, end),
        cmocka_unit_test_setup_teardown(only_the_key_itself_counts, begin, end),
        cmocka_unit_test_setup_teardown(what_the_sweep_drops_is_touched, begin, end),
        cmocka_unit_test_setup_teardown(what_is_evicted_is_touched, begin, end),
        cmocka_unit_test_setup_teardown(what_has_expired_by_exec_counts_though_nobody_dropped_it, begin, end),
        cmocka_unit_test_setup_teardown(a_session_that_ends_takes_its_watches_along, begin, end),
    };

    return cmocka_run_group_tests(tests, client_setup, client_teardown);
}
