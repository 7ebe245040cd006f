/* What a command does at the limit, counted: however fast or slow the machine is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include "coatcheck/base/mem.h"
#include "coatcheck/base/random.h"
#include "coatcheck/base/text.h"
#include "coatcheck/commands/table.h"
#include "coatcheck/engine/gate.h"
#include "coatcheck/engine/memory.h"
#include "coatcheck/engine/options.h"
#include "coatcheck/engine/stats.h"
#include "coatcheck/engine/turn.h"
#include "coatcheck/values/set.h"
#include "../../src/engine/memory_internal.h"

/* Above what the program itself holds. */
#define ROOM (6 << 20)

/* A hold looks at its last group to the end: seven slots. */
#define STEPS_MOST (EVICT_STEPS + 8)

static struct keyspace *keyspace;
static struct turn *turn;
static struct session session;
static struct outbox outbox;

static const struct gate gates[] = {{"memory", gate_memory}, {NULL, NULL}};

static void close_session(struct session *one)
{
    session_set(one, SESSION_CLOSING);
}

static void no_facts(struct session *one, struct session_facts *facts)
{
    (void)one;
    memset(facts, 0, sizeof *facts);
}

static unsigned one_worker(void)
{
    return 1;
}

static bool post(unsigned worker, void (*run)(struct bytes text), struct bytes text)
{
    (void)worker;
    run(text);
    return true;
}

static const struct session_host host = {
    .close_after_reply = close_session, .facts = no_facts, .workers = one_worker, .post = post};

static void limit_to(int64_t bytes, enum evict_policy policy)
{
    atomic_store(&engine_options.maxmemory, bytes);
    atomic_store(&engine_options.maxmemory_policy, policy);
    engine_option_hooks.maxmemory.changed();
}

static int setup(void **state)
{
    (void)state;
    clock_setup();
    clock_update();
    session_host = &host;
    commands_add(command_families, command_family_count);
    stats_setup(1);
    set_kind_setup();
    gates_set(gates);
    return 0;
}

static int begin(void **state)
{
    (void)state;
    keyspace = keyspace_new(&(struct keyspace_rules){.databases = 1, .shards = 256});
    turn = turn_new(keyspace);
    session_init(&session);
    memory_setup(keyspace, 1);
    return 0;
}

static int end(void **state)
{
    (void)state;
    limit_to(0, EVICT_NONE);
    session_fini(&session, 0);
    turn_free(&turn);
    keyspace_free(&keyspace);
    return 0;
}

static void send(void *context, unsigned feed)
{
    (void)context;
    (void)feed;
}

/* One request, as clients send it. */
static void ask(const char *request)
{
    static char area[65536], input[4096];
    struct feed feed = {.session = &session, .unread_most = 1 << 20, .outbox = &outbox};

    feed.input = bytes_of(input, (size_t)snprintf(input, sizeof input - REQUEST_PADDING, "%s", request));
    turn_run(turn, &feed, 1, area, sizeof area, send, NULL);
    assert_int_equal(feed.used, feed.input.len);
    assert_true(feed.output.len > 0 && feed.output.at[0] != '-');
}

struct work {
    int64_t holds, steps, keys;
};

static struct work work_so_far(void)
{
    return (struct work){METRIC_SUM(evict, evict_holds), METRIC_SUM(evict, evict_steps),
                         METRIC_SUM(evict, evicted_keys)};
}

/* How a new key is made. */
#define STRING "SET key:%08u a-value-of-some-sixty-bytes-as-caches-often-hold-them-64bytes\r\n"
#define MORTAL "SET key:%08u a-value-of-some-sixty-bytes-as-caches-often-hold-them-64bytes EX 100000\r\n"
#define APART "SADD key:%08u some members of-a-set\r\n"

static void put(const char *how, unsigned number)
{
    char request[256];

    snprintf(request, sizeof request, how, number);
    ask(request);
}

/* A new key at the limit, and how much was looked at for its room. The most of all goes to `most`. */
static void put_and_weigh(const char *how, unsigned number, unsigned keys_a_hold, struct work *most)
{
    struct work before = work_so_far(), after;

    put(how, number);
    after = work_so_far();
    after.holds -= before.holds;
    after.steps -= before.steps;
    after.keys -= before.keys;
    assert_in_range(after.steps, 0, MEMORY_WAIT_HOLDS * STEPS_MOST);
    assert_in_range(after.keys, 0, MEMORY_WAIT_HOLDS * keys_a_hold);
    /* Shards have less than five hundred keys here, of which a hold takes no more than one in 64. */
    assert_in_range(after.keys, 0, after.holds * EVICT_VICTIMS / 2);
    if (after.holds > most->holds) most->holds = after.holds;
    if (after.steps > most->steps) most->steps = after.steps;
    if (after.keys > most->keys) most->keys = after.keys;
}

/* Until keys have gone for long: whatever else takes memory at the limit has taken it. Returns how many were put. */
static unsigned fill(const char *how)
{
    int64_t evicted = METRIC_SUM(evict, evicted_keys);
    unsigned number = 0, there;

    while (METRIC_SUM(evict, evicted_keys) == evicted) put(how, number++);
    for (there = number; number < 2 * there; number++) put(how, number);
    return number;
}

static void a_command_waits_for_few_victims_under_any_policy(void **state)
{
    for (enum evict_policy policy = EVICT_ALL_LRU; policy <= EVICT_VOLATILE_TTL; policy++) {
        const char *how = policy >= EVICT_VOLATILE_LRU ? MORTAL : STRING;
        struct work most = {0};
        unsigned number;

        begin(state);
        limit_to((int64_t)held_all() + ROOM, policy);
        number = fill(how);
        for (unsigned i = 0; i < 20000; i++) put_and_weigh(how, number + i, EVICT_VICTIMS, &most);
        assert_true(most.keys > 1);
        end(state);
    }
}

/* Memory may be above its limit by this much: by what some commands take between two of the allowance, and when shards first
 * remember who went, by what they remember it in. */
#ifdef COATCHECK_SANITIZED
#define SLOWNESS 3 /* the clock ends a hold before it has taken as many */
#else
#define SLOWNESS 1
#endif
#define AHEAD_MOST (SLOWNESS * 20000)
#define AHEAD_AT_FIRST (SLOWNESS * 45000)

static void commands_find_room_where_all_keys_are_in_use(void **state)
{
    struct work most = {0};
    int64_t limit;
    unsigned number;

    begin(state);
    limit = (int64_t)held_all() + ROOM;
    limit_to(limit, EVICT_ALL_LRU);
    number = fill(STRING);
    for (unsigned i = 0; i < 4 * number; i++) put("GET key:%08u\r\n", i % number);
    for (unsigned i = 0; i < 2000; i++) {
        put_and_weigh(STRING, number + i, EVICT_VICTIMS, &most);
        assert_in_range(held_all(), 0, limit + AHEAD_MOST);
    }
    end(state);
}

/* No hand has been round when memory meets its limit for the first time. */
static void commands_find_room_when_memory_meets_its_limit(void **state)
{
    struct work most = {0};
    unsigned number = 0;
    int64_t limit;

    begin(state);
    limit = (int64_t)held_all() + ROOM;
    limit_to(limit, EVICT_ALL_LRU);
    while ((int64_t)held_all() < limit - AHEAD_AT_FIRST) put(STRING, number++);
    for (unsigned i = 0; i < 2000; i++) {
        put_and_weigh(STRING, number + i, EVICT_VICTIMS, &most);
assert_in_range(held_all(), 0, limit + AHEAD_AT_FIRST);
    }
    assert_true(most.keys > 1);
    end(state);
}

static void a_command_does_not_wait_until_those_in_use_have_been_passed(void **state)
{
    struct work most = {0};
    unsigned number;

    begin(state);
    limit_to((int64_t)held_all() + ROOM, EVICT_ALL_LRU);
    number = fill(STRING);
    for (unsigned i = 0; i < 4 * number; i++) put("GET key:%08u\r\n", i % number);
    /* Whoever is met is in use, for several rounds of all hands: none goes. */
    for (unsigned i = 0; i < 300; i++) put_and_weigh(STRING, number + i, EVICT_VICTIMS, &most);
    assert_true(most.steps > 0); /* how many depends on the clock as well */
    end(state);
}

static void values_that_stand_apart_count_as_several(void **state)
{
    struct work most = {0};
    unsigned number;

    begin(state);
    limit_to((int64_t)held_all() + ROOM, EVICT_ALL_LRU);
    number = fill(APART);
    for (unsigned i = 0; i < 20000; i++)
        put_and_weigh(APART, number + i, EVICT_VICTIMS / EVICT_FAR, &most);
    assert_true(most.keys > 1);
    end(state);
}

static void waits_are_added_up_and_late_ones_counted(void **state)
{
    struct memory_waits before = memory_waits(), after;

    (void)state;
    memory_waits_note(memory_waits_now_ns() - 5000);
    memory_waits_note(memory_waits_now_ns() - 40000);
    after = memory_waits();
    assert_int_equal(after.count - before.count, 2);
    assert_in_range(after.total_ns - before.total_ns, 45000, 10000000000);
    assert_in_range(after.late - before.late, 1, 2); /* the machine may hold up the first one, too */
    assert_true(after.longest_ns >= 40000);
}

static void percents_are_of_what_the_machine_or_its_group_has(void **state)
{
    int64_t hundredth = (int64_t)(mem_machine() / 100);

    begin(state);
    limit_to(-50, EVICT_NONE);
    assert_int_equal(memory_limit(), 50 * hundredth);
    limit_to(-100, EVICT_NONE);
    assert_int_equal(memory_limit(), 100 * hundredth);
    limit_to(100 << 20, EVICT_NONE);
    assert_int_equal(memory_limit(), 100 << 20);
    atomic_store(&engine_options.maxmemory_clients, -5);
    assert_int_equal(memory_clients_limit(), (100 << 20) / 100 * 5);
    atomic_store(&engine_options.maxmemory_clients, 0);
    end(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(waits_are_added_up_and_late_ones_counted),
        cmocka_unit_test(percents_are_of_what_the_machine_or_its_group_has),
        cmocka_unit_test(a_command_waits_for_few_victims_under_any_policy),
        cmocka_unit_test(commands_find_room_where_all_keys_are_in_use),
        cmocka_unit_test(commands_find_room_when_memory_meets_its_limit),
        cmocka_unit_test(a_command_does_not_wait_until_those_in_use_have_been_passed),
        cmocka_unit_test(values_that_stand_apart_count_as_several),
    };

    return cmocka_run_group_tests(tests, setup, NULL);
}
