#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <pthread.h>
#include <unistd.h>
#include <cmocka.h>
#include "coatcheck/base/clock.h"
#include "coatcheck/engine/gate.h"
#include "coatcheck/engine/pause.h"
#include "coatcheck/keyspace/keyspace.h"

/* ---- one worker with three sessions, and a host that counts ---- */

static struct session sessions[3];
static unsigned resumed[3];
static _Atomic unsigned posted;

static void each_own(void (*see)(struct session *session, void *context), void *context)
{
    for (unsigned i = 0; i < 3; i++) see(&sessions[i], context);
}

static void resume(struct session *session)
{
    resumed[session - sessions]++;
}

static unsigned workers(void)
{
    return 1;
}

static bool post(unsigned worker, void (*run)(struct bytes text), struct bytes text)
{
    (void)worker;
    (void)run;
    (void)text;
    posted++;
    return true;
}

static const struct session_host host = {
    .each_own = each_own, .resume = resume, .workers = workers, .post = post};

static const struct command_row writes = {.name = "w", .flags = COMMAND_WRITE};
static const struct command_row publishes = {.name = "p", .flags = COMMAND_MAY_REPLICATE};
static const struct command_row reads = {.name = "r", .flags = COMMAND_READ};
static const struct command_row admin = {.name = "a", .flags = COMMAND_ADMIN};

static enum gate_answer ask(unsigned session, const struct command_row *row)
{
    struct command command = {.row = row};
    struct call call = {.session = &sessions[session], .command = &command};

    return gate_pause(&call);
}

static int setup(void **state)
{
    (void)state;
    session_host = &host;
    for (unsigned i = 0; i < 3; i++) {
        sessions[i] = (struct session){0};
        resumed[i] = 0;
    }
    pause_end();
    pause_look_after();
    posted = 0;
    return 0;
}

static void what_writes_waits_and_what_reads_does_not(void **state)
{
    (void)state;
    assert_int_equal(ask(0, &writes), GATE_PASS);
    pause_begin(PAUSE_WRITES, 100000);
    assert_int_equal(ask(0, &writes), GATE_WAIT);
    assert_int_equal(ask(1, &publishes), GATE_WAIT);
    assert_int_equal(ask(2, &reads), GATE_PASS);
    assert_int_equal(ask(2, &admin), GATE_PASS);
    assert_true(session_flags(&sessions[0]) & SESSION_POSTPONED);
    assert_false(session_flags(&sessions[2]) & SESSION_POSTPONED);
    pause_begin(PAUSE_ALL, 0);
    assert_int_equal(ask(2, &reads), GATE_WAIT);
    assert_int_equal(ask(2, &admin), GATE_WAIT);
}

static void it_never_becomes_shorter_or_milder(void **state)
{
    (void)state;
    pause_begin(PAUSE_ALL, 1000);
    pause_begin(PAUSE_WRITES, 0);
    assert_int_equal(pause_now(), PAUSE_ALL);
    usleep(30000);
    assert_int_equal(pause_now(), PAUSE_ALL);
    usleep(1000000);
    assert_int_equal(pause_now(), PAUSE_NOTHING);
    pause_begin(PAUSE_WRITES, 100000);
    assert_int_equal(pause_now(), PAUSE_WRITES);
}

static void a_time_beyond_the_clock_is_for_ever(void **state)
{
    (void)state;
    pause_begin(PAUSE_WRITES, INT64_MAX);
    assert_int_equal(pause_now(), PAUSE_WRITES);
    pause_begin(PAUSE_WRITES, INT64_MAX / 1000);
    assert_int_equal(pause_now(), PAUSE_WRITES);
}

static void those_that_wait_are_resumed_once_and_the_others_not(void **state)
{
    (void)state;
    pause_begin(PAUSE_WRITES, 100000);
    ask(0, &writes);
    ask(2, &writes);
    assert_true(pause_look_after() > 0);
    assert_int_equal(resumed[0], 0);
    pause_end();
    assert_int_equal(posted, 1);
    assert_int_equal(pause_look_after(), INT64_MAX);
    assert_int_equal(resumed[0], 1);
    assert_int_equal(resumed[1], 0);
    assert_int_equal(resumed[2], 1);
    assert_int_equal(pause_look_after(), INT64_MAX);
    assert_int_equal(resumed[0], 1);
    pause_end();
    assert_int_equal(posted, 1);
}

static void a_worker_asks_to_be_called_when_the_time_is_over(void **state)
{
    int64_t wait;

    (void)state;
    assert_int_equal(pause_look_after(), INT64_MAX);
    pause_begin(PAUSE_WRITES, 400);
    assert_int_equal(pause_look_after(), INT64_MAX);
    ask(0, &writes);
    wait = pause_look_after();
    assert_in_range(wait, 1, 401000);
    usleep((useconds_t)wait + 1000);
    assert_int_equal(pause_look_after(), INT64_MAX);
    assert_int_equal(resumed[0], 1);
}

static void a_new_pause_right_after_the_last_does_not_swallow_the_wake(void **state)
{
    (void)state;
    pause_begin(PAUSE_WRITES, 100000);
    ask(0, &writes);
    pause_end();
    pause_begin(PAUSE_ALL, 100000);
    pause_look_after();
    assert_int_equal(resumed[0], 1);
    assert_int_equal(ask(0, &writes), GATE_WAIT);
    pause_end();
    pause_look_after();
    assert_int_equal(resumed[0], 2);
}

static void *end_and_begin(void *context)
{
    (void)context;
    for (unsigned i = 0; i < 20000; i++) {
        pause_begin(i % 2 ? PAUSE_ALL : PAUSE_WRITES, i % 3 == 0 ? 0 : 100000);
        pause_end();
    }
    return NULL;
}

static void nobody_waits_on_after_pauses_from_several_threads(void **state)
{
    pthread_t threads[2];

    (void)state;
    for (unsigned i = 0; i < 2; i++) pthread_create(&threads[i], NULL, end_and_begin, NULL);
    for (unsigned i = 0; i < 20000; i++) {
        if (ask(0, &writes) == GATE_WAIT) pause_look_after();
    }
    for (unsigned i = 0; i < 2; i++) pthread_join(threads[i], NULL);
    pause_end();
    pause_look_after();
    assert_int_equal(pause_now(), PAUSE_NOTHING);
    assert_false(session_flags(&sessions[0]) & SESSION_POSTPONED);
    assert_false(atomic_load(&gate_reasons) & GATE_PAUSE);
}

static void keys_stay_while_it_lasts(void **state)
{
    struct keyspace *keyspace = keyspace_new(&(struct keyspace_rules){.databases = 1});
    struct key key;
    struct spot spot;

    (void)state;
    clock_set_ms(1000000);
    key_init(&key, keyspace, 0, BYTES("coat"));
    shard_enter(key.shard);
    key_find(&key, &spot);
    key_put_string(&key, &spot, BYTES("v"), 1000010);
    shard_leave(key.shard);
    pause_begin(PAUSE_WRITES, 100000);
    clock_set_ms(1060000);
    shard_enter(key.shard);
    assert_null(key_read(&key));
    shard_leave(key.shard);
    while (keyspace_housekeep(keyspace, 0, 1, 1000) == HOUSE_BEHIND) continue;
    assert_int_equal(keyspace_count(keyspace, 0), 1);
    pause_end();
    while (keyspace_housekeep(keyspace, 0, 1, 1000) == HOUSE_BEHIND) continue;
    assert_int_equal(keyspace_count(keyspace, 0), 0);
    clock_release();
    keyspace_free(&keyspace);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(what_writes_waits_and_what_reads_does_not, setup),
        cmocka_unit_test_setup(it_never_becomes_shorter_or_milder, setup),
        cmocka_unit_test_setup(a_time_beyond_the_clock_is_for_ever, setup),
        cmocka_unit_test_setup(those_that_wait_are_resumed_once_and_the_others_not, setup),
        cmocka_unit_test_setup(a_worker_asks_to_be_called_when_the_time_is_over, setup),
        cmocka_unit_test_setup(a_new_pause_right_after_the_last_does_not_swallow_the_wake, setup),
        cmocka_unit_test_setup(nobody_waits_on_after_pauses_from_several_threads, setup),
        cmocka_unit_test_setup(keys_stay_while_it_lasts, setup),
    };

    clock_setup();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
