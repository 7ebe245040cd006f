#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "coatcheck/base/clock.h"
#include "coatcheck/base/mem.h"
#include "coatcheck/base/random.h"
#include "coatcheck/commands/table.h"
#include "coatcheck/engine/blocking.h"
#include "coatcheck/engine/stats.h"
#include "coatcheck/keyspace/await.h"
#include "coatcheck/net/worker.h"

#ifdef COATCHECK_SANITIZED
#define SCALE 1
#else
#define SCALE 10
#endif

/* ---- a value to wait for: a heap of things that all look alike ---- */

struct heap {
    uint64_t left;
};

static bool heap_free_some(void **container, size_t steps)
{
    (void)steps;
    mem_free(*container);
    *container = NULL;
    return true;
}

static const struct value_kind heap_kind = {.name = "list", .free_some = heap_free_some};

static struct keyspace *keyspace;

static struct key key_named(const char *name, unsigned db)
{
    struct key key;

    key_init(&key, keyspace, db, bytes_of_text(name));
    return key;
}

/* Brings `count` things to a key, as a command would: inside its shard, with the handing out at the
 * end. */
static void bring_to(const struct key *key, uint64_t count)
{
    struct spot spot;
    bool served = false;

    shard_enter(key->shard);
    if (key_find(key, &spot)) {
        ((struct heap *)entry_container(spot.entry))->left += count;
    } else {
        void *container = mem_alloc(sizeof(struct heap));

        ((struct heap *)container)->left = count;
        assert_int_equal(key_put_container(key, &spot, VALUE_LIST, &container, NEVER), OK);
    }
    if (blocking_came) served = blocking_serve();
    shard_leave(key->shard);
    if (served) blocking_send();
}

static void bring(const char *name, uint64_t count)
{
    struct key key = key_named(name, 0);

    bring_to(&key, count);
}

/* What is at the key, which is empty afterwards. */
static uint64_t take_all(const char *name)
{
    struct key key = key_named(name, 0);
    struct spot spot;
    uint64_t left = 0;

    shard_enter(key.shard);
    if (key_find(&key, &spot)) {
        left = ((struct heap *)entry_container(spot.entry))->left;
        key_remove(&key, &spot, REMOVED_BY_CLIENT);
    }
    shard_leave(key.shard);
    return left;
}

/* Answers the key's name and takes `wanted` things. */
static void serve_heap(const void *wanted, const struct key *key, struct spot *spot,
                       struct reply *reply)
{
    struct heap *heap = entry_container(spot->entry);
    uint64_t count = *(const uint64_t *)wanted;

    reply_bulk(reply, key->name);
    if (reply->failed) return;
    heap->left -= count < heap->left ? count : heap->left;
    if (heap->left == 0) key_remove(key, spot, REMOVED_BY_CLIENT);
}

static const struct wait_kind for_heaps = {
    .type = VALUE_LIST, .serve = serve_heap, .give_up = reply_null_array};
static const struct wait_kind for_sets = {
    .type = VALUE_SET, .serve = serve_heap, .give_up = reply_null};

/* ---- clients ---- */

#define CLIENTS 512

static struct session clients[CLIENTS];
static unsigned resumed[CLIENTS];
static struct mail *mailbox; /* of all workers but this thread's, the last first */
static pthread_mutex_t mailbox_lock = PTHREAD_MUTEX_INITIALIZER;

static void resume(struct session *session)
{
    if (session >= clients && session < clients + CLIENTS) resumed[session - clients]++;
}

static void each(void (*see)(struct session *session, void *context), void *context)
{
    for (unsigned i = 0; i < CLIENTS; i++) see(&clients[i], context);
}

static void take_mail(unsigned worker, struct mail *mail)
{
    (void)worker;
    pthread_mutex_lock(&mailbox_lock);
    mail->next = mailbox;
    mailbox = mail;
    pthread_mutex_unlock(&mailbox_lock);
}

static struct worker *const a_worker = (struct worker *)&mailbox;

static unsigned open_all_mail(struct worker *worker)
{
    unsigned count = 0;

    while (mailbox) {
        struct mail *mail = mailbox;

        mailbox = mail->next;
        mail->open(worker, mail);
        count++;
    }
    return count;
}

static const struct session_host host = {.resume = resume, .each = each, .mail = take_mail};

static int setup(void **state)
{
    (void)state;
    clock_setup();
    value_kind_add(VALUE_LIST, &heap_kind);
    keyspace = keyspace_new(&(struct keyspace_rules){.databases = 4, .shards = 8});
    session_host = &host;
    commands_add(command_families, command_family_count);
    stats_setup(2);
    blocking_setup();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    keyspace_free(&keyspace);
    return 0;
}

static int begin(void **state)
{
    (void)state;
    for (unsigned i = 0; i < CLIENTS; i++) {
        memset(&clients[i], 0, sizeof clients[i]);
        clients[i].id = i + 1;
        clients[i].last = 1;
        resumed[i] = 0;
    }
    metric_lane = 0;
    return 0;
}

/* Nobody stands in any line, and no alarm is set. */
static int end(void **state)
{
    (void)state;
    for (unsigned i = 0; i < CLIENTS; i++) blocking_leave(&clients[i]);
    open_all_mail(a_worker);
    blocking_look_after(0);
    for (unsigned i = 0; i < 200; i++) {
        char name[16];

        snprintf(name, sizeof name, "%u", i);
        if (*shard_waits(key_named(name, 0).shard) != NULL) return -1;
    }
    return METRIC_SUM(blocking, clients_in_timeout_table) == 0 ? 0 : -1;
}

static char window[1024];
static struct outbox overflow;
static struct reply reply;

static const char *said(void)
{
    struct bytes bytes = reply_in_window(&reply);
    static char text[1024];

    memcpy(text, bytes.at, bytes.len);
    text[bytes.len] = '\0';
    return text;
}

static const char *answer_to(struct session *session)
{
    reply_open(&reply, window, sizeof window, &overflow, (uint8_t)session_resp(session));
    assert_non_null(session->waiter);
    assert_true(blocking_has_ended(session));
    blocking_answer(session, &reply);
    return said();
}

/* The client waits for the keys of `names`, split by blanks; database 0. */
static void wait_as(struct session *session, const struct wait_kind *kind, const char *names,
                    uint64_t wanted, int64_t deadline_us, unsigned fail)
{
    struct key keys[8];
    struct call call = {.session = session, .reply = &reply, .keyspace = keyspace, .keys = keys};
    char copy[256], *rest = NULL;

    reply_open(&reply, window, sizeof window, &overflow, (uint8_t)session_resp(session));
    strcpy(copy, names);
    for (char *name = strtok_r(copy, " ", &rest); name; name = strtok_r(NULL, " ", &rest)) {
        /* Kept in `copy`: the waiter makes its own. */
        key_init(&keys[call.key_count++], keyspace, 0, bytes_of_text(name));
    }
    shards_enter(keys, call.key_count);
    mem_fail_after(fail);
    call_block(&call, kind, call.key_count, &wanted, sizeof wanted, deadline_us);
    mem_fail_after(0);
    shards_leave(keys, call.key_count);
}

static void waits(unsigned client, const char *names)
{
    wait_as(&clients[client], &for_heaps, names, 1, 0, 0);
    assert_true(session_is_waiting(&clients[client]));
    assert_string_equal(said(), "");
}

/* ---- what is promised ---- */

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

/* ---- time ---- */

static void waits_end_in_the_order_of_their_deadlines(void **state)
{
    int64_t deadlines[CLIENTS] = {0}, now = 0;
    uint64_t seed = 7;

    (void)state;
    for (unsigned step = 0; step < 3000 * SCALE; step++) {
        unsigned i = (unsigned)random_below(&seed, CLIENTS);
        int64_t soonest = INT64_MAX, told;

        if (!clients[i].waiter) {
            deadlines[i] = now + 1 + (int64_t)random_below(&seed, 50);
            wait_as(&clients[i], &for_heaps, i % 2 ? "a b" : "c", 1, deadlines[i], 0);
        } else if (random_below(&seed, 3) == 0) {
            blocking_leave(&clients[i]);
            clients[i].wait = 0;
            session_unset(&clients[i], SESSION_BLOCKED);
        }
        now += (int64_t)random_below(&seed, 3);
        told = blocking_look_after(now);
        for (unsigned c = 0; c < CLIENTS; c++) {
            if (!clients[c].waiter) continue;
            assert_int_equal(blocking_has_ended(&clients[c]), deadlines[c] <= now);
            if (deadlines[c] <= now) {
                assert_string_equal(answer_to(&clients[c]), "*-1\r\n");
            } else if (deadlines[c] - now < soonest) {
                soonest = deadlines[c] - now;
            }
        }
        assert_int_equal(told, soonest);
    }
}

static bool reads_timeout(const char *word, int64_t *deadline_us)
{
    struct bytes args[] = {BYTES("BPOP"), bytes_of_text(word)};
    struct call call = {.reply = &reply, .args = {.n = 2, .of = args}};

    reply_open(&reply, window, sizeof window, &overflow, 2);
    return call_read_timeout(&call, 1, deadline_us);
}

static void a_timeout_is_a_number_of_seconds(void **state)
{
    static const char *const for_ever[] = {"0", "0.0", "-0", "-0.0001", "0e5"};
    static const char *const negative[] = {"-1",   "-0.002", "inf",
                                           "-inf", "1e300",  "9223372036854775807"};
    static const char *const none[] = {"", " 1", "1 ", "x", "nan", "1e5000", "0.1s"};
    int64_t deadline, now = clock_steady_us();

    (void)state;
    for (unsigned i = 0; i < sizeof for_ever / sizeof *for_ever; i++) {
        assert_true(reads_timeout(for_ever[i], &deadline));
        assert_int_equal(deadline, 0);
    }
    for (unsigned i = 0; i < sizeof negative / sizeof *negative; i++) {
        assert_false(reads_timeout(negative[i], &deadline));
        assert_string_equal(said(), "-ERR timeout is negative\r\n");
    }
    for (unsigned i = 0; i < sizeof none / sizeof *none; i++) {
        assert_false(reads_timeout(none[i], &deadline));
        assert_string_equal(said(), "-ERR timeout is not a float or out of range\r\n");
    }
    assert_true(reads_timeout("1.5", &deadline));
    assert_in_range(deadline - now, 1500000, 2500000);
    assert_true(reads_timeout("0.0000001", &deadline));
    assert_true(deadline >= now + 1000);
    assert_true(reads_timeout("9223372036854775", &deadline));
    assert_int_equal(deadline, INT64_MAX);
}

/* ---- many keys, many threads ---- */

static void lines_are_found_among_many_and_gone_with_their_last(void **state)
{
    unsigned count = 500 * SCALE;
    struct session *crowd = calloc(count, sizeof *crowd);
    char name[24];

    (void)state;
    for (unsigned i = 0; i < count; i++) {
        snprintf(name, sizeof name, "many:%u", i);
        wait_as(&crowd[i], &for_heaps, name, 1, i % 2 ? INT64_MAX : 0, 0);
    }
    for (unsigned i = 0; i < count; i += 3) {
        snprintf(name, sizeof name, "many:%u", i);
        bring(name, 1);
        assert_false(session_is_waiting(&crowd[i]));
    }
    blocking_look_after(0);
    for (unsigned i = 0; i < count; i++) {
        assert_int_equal(session_is_waiting(&crowd[i]), i % 3 != 0);
        blocking_leave(&crowd[i]);
    }
    free(crowd);
}

/* In each round many clients wait for keys in different shards, and a thread for each key brings it
 * as many things as there are clients, one by one. */
#define RACERS 3
#define ROUNDS (50 * SCALE)
static char race_keys[RACERS][8];
static pthread_barrier_t barrier;

static void choose_race_keys(char names[3 * 8])
{
    unsigned chosen = 0;

    names[0] = '\0';
    for (unsigned i = 0; chosen < RACERS; i++) {
        bool is_new = true;

        snprintf(race_keys[chosen], sizeof race_keys[chosen], "r%u", i % 1000);
        for (unsigned c = 0; c < chosen; c++) {
            is_new &= key_named(race_keys[c], 0).shard != key_named(race_keys[chosen], 0).shard;
        }
        if (!is_new) continue;
        strcat(names, race_keys[chosen++]);
        if (chosen < RACERS) strcat(names, " ");
    }
}

static void *race(void *context)
{
    const char *name = context;

    metric_lane = 1;
    for (unsigned round = 0; round < ROUNDS; round++) {
        pthread_barrier_wait(&barrier);
        for (unsigned i = 0; i < CLIENTS; i++) bring(name, 1);
        pthread_barrier_wait(&barrier);
    }
    return NULL;
}

/* Meanwhile one is unblocked, some go away. How many things these can have taken with them? */
static unsigned make_trouble(unsigned round, bool *unblocked)
{
    unsigned gone = 0;

    *unblocked = blocking_unblock(CLIENTS - round % 8, false);
    for (unsigned i = 3; i < CLIENTS && round % 2; i += 7, gone++) {
        blocking_leave(&clients[i]);
        clients[i].wait = 0;
        session_unset(&clients[i], SESSION_BLOCKED);
    }
    return gone;
}

static void of_several_who_bring_something_at_once_one_wins(void **state)
{
    pthread_t threads[RACERS];
    char names[RACERS * 8];

    (void)state;
    choose_race_keys(names);
    pthread_barrier_init(&barrier, NULL, RACERS + 1);
    for (unsigned i = 0; i < RACERS; i++) pthread_create(&threads[i], NULL, race, race_keys[i]);
    for (unsigned round = 0; round < ROUNDS; round++) {
        unsigned gone, told = 0;
        uint64_t left = 0;
        bool unblocked;

        metric_lane = 2;
        for (unsigned i = 0; i < CLIENTS; i++) waits(i, names);
        pthread_barrier_wait(&barrier);
        gone = make_trouble(round, &unblocked);
        pthread_barrier_wait(&barrier);
        open_all_mail(a_worker);
        blocking_look_after(0);
        for (unsigned i = 0; i < CLIENTS; i++) {
            if (clients[i].waiter) told += answer_to(&clients[i])[0] == '$';
        }
        for (unsigned i = 0; i < RACERS; i++) left += take_all(race_keys[i]);
        if (gone == 0) assert_int_equal(told, CLIENTS - unblocked);
        assert_in_range(RACERS * CLIENTS - left - told, 0, gone);
    }
    for (unsigned i = 0; i < RACERS; i++) pthread_join(threads[i], NULL);
    pthread_barrier_destroy(&barrier);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, begin, end)

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
        TEST(waits_end_in_the_order_of_their_deadlines),
        TEST(a_timeout_is_a_number_of_seconds),
        TEST(lines_are_found_among_many_and_gone_with_their_last),
        TEST(of_several_who_bring_something_at_once_one_wins),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
