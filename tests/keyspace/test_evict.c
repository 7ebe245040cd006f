/* Who goes when memory is short, under each policy. */
#include <pthread.h>
#include "keyspace_help.h"
#include "box_help.h"
#include "coatcheck/base/hash.h"
#include "coatcheck/base/held.h"
#include "coatcheck/keyspace/evict.h"

#define ENTIRELY UINT64_MAX

static struct bytes name_of(char into[24], unsigned number)
{
    return bytes_of(into, (size_t)snprintf(into, 24, "key:%08u", number));
}

static void put_many(struct keyspace *keyspace, unsigned from, unsigned upto, int64_t deadline_ms)
{
    char name[24];

    for (unsigned i = from; i < upto; i++) {
        assert_int_equal(put(keyspace, 0, name_of(name, i), BYTES("some value of some length"), deadline_ms), OK);
    }
}

static void use(struct keyspace *keyspace, unsigned from, unsigned upto)
{
    char name[24];

    for (unsigned i = from; i < upto; i++) exists(keyspace, 0, name_of(name, i));
}

static bool is_there(struct keyspace *keyspace, unsigned number)
{
    char name[24];
    struct key key;
    bool there;

    key_init(&key, keyspace, 0, name_of(name, number));
    shard_enter(key.shard);
    there = key_read_quietly(&key) != NULL;
    shard_leave(key.shard);
    return there;
}

static unsigned count_there(struct keyspace *keyspace, unsigned from, unsigned upto)
{
    unsigned count = 0;

    for (unsigned i = from; i < upto; i++) count += is_there(keyspace, i);
    return count;
}

static int frequency(struct keyspace *keyspace, unsigned number)
{
    char name[24];
    struct key key;
    int frequency;

    key_init(&key, keyspace, 0, name_of(name, number));
    shard_enter(key.shard);
    frequency = key_frequency(&key);
    shard_leave(key.shard);
    return frequency;
}

/* Until no more than so many keys are left. */
static void evict_down_to(struct keyspace *keyspace, enum evict_policy policy, uint64_t keys)
{
    struct evict_rules rules = {.policy = policy, .samples = 5};

    while (keyspace_count(keyspace, 0) > keys) {
        assert_int_not_equal(evict_some(keyspace, &rules, 1, ENTIRELY), EVICT_EMPTY);
    }
}

static void keys_in_use_outlive_those_that_nobody_asks_for(void **state)
{
    static const enum evict_policy policies[] = {EVICT_ALL_LRU, EVICT_ALL_LFU};

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct keyspace *keyspace = new_keyspace(4, 1);

        put_many(keyspace, 0, 4000, NEVER);
        use(keyspace, 1000, 1500);
        evict_down_to(keyspace, policies[i], 1000);
        assert_int_equal(count_there(keyspace, 1000, 1500), 500);
        keyspace_check(keyspace);
        keyspace_free(&keyspace);
    }
}

static void a_walk_over_many_keys_does_not_drive_out_those_in_use(void **state)
{
    struct keyspace *keyspace = new_keyspace(1, 1);

    (void)state;
    evict_remember(keyspace, true);
    put_many(keyspace, 0, 1000, NEVER);
    use(keyspace, 0, 1000);
    use(keyspace, 0, 1000);
    for (unsigned i = 0; i < 20000; i++) {
        put_many(keyspace, 10000 + i, 10001 + i, NEVER);
        if (i % 10 == 0) use(keyspace, i / 10 % 1000, i / 10 % 1000 + 1);
        evict_down_to(keyspace, EVICT_ALL_LRU, 1100);
    }
    assert_true(count_there(keyspace, 0, 1000) > 950);
    keyspace_check(keyspace);
    keyspace_free(&keyspace);
}

static void who_comes_back_soon_after_it_went_is_no_newcomer(void **state)
{
    struct keyspace *keyspace = new_keyspace(1, 1);
    unsigned came_back = 0, gone = 0;

    (void)state;
    evict_remember(keyspace, true);
    put_many(keyspace, 0, 1000, NEVER);
    evict_down_to(keyspace, EVICT_ALL_LRU, 990); /* the ghost is made at the first eviction */
    evict_down_to(keyspace, EVICT_ALL_LRU, 700);
    for (unsigned i = 0; i < 1000; i++) {
        if (is_there(keyspace, i)) continue;
        gone++;
        put_many(keyspace, i, i + 1, NEVER);
        came_back += frequency(keyspace, i) == 1;
    }
    assert_int_equal(gone, 300);
    /* Some have lost their place to others of the same place. */
    assert_in_range(came_back, 220, 300);
    put_many(keyspace, 5000, 5010, NEVER);
    for (unsigned i = 5000; i < 5010; i++) assert_int_equal(frequency(keyspace, i), 0);
    keyspace_free(&keyspace);
}

/* Asks for the key, and puts it when it is not there, as of a cache. True: it came, and settled at once. */
static bool ask(struct keyspace *keyspace, unsigned number, uint64_t room, unsigned *misses)
{
    char name[24];

    if (exists(keyspace, 0, name_of(name, number))) return false;
    ++*misses;
    evict_down_to(keyspace, EVICT_ALL_LRU, room - 1);
    put_many(keyspace, number, number + 1, NEVER);
    if (*misses % 500 == 0) evict_judge(keyspace);
    return frequency(keyspace, number) > 0;
}

/* Two shards, each of which tries one manner: so all misses count where it is judged. */
#define LOOP_ROOM 3200u
#define LOOP_KEYS 3600u

static void where_all_come_back_in_turn_few_settle_for_it(void **state)
{
    struct keyspace *keyspace = new_keyspace(2, 1);
    unsigned misses = 0, settled = 0, gone = 0;

    (void)state;
    evict_remember(keyspace, true);
    for (unsigned i = 0; i < 60 * LOOP_KEYS; i++) ask(keyspace, i % LOOP_KEYS, LOOP_ROOM, &misses);
    misses = 0;
    for (unsigned i = 0; i < 20 * LOOP_KEYS; i++) settled += ask(keyspace, i % LOOP_KEYS, LOOP_ROOM, &misses);
    /* 11 % do not fit, and a tenth of all is the share of newcomers of the manner that does not suit. */
    assert_in_range(misses, 20 * LOOP_KEYS / 10, 20 * LOOP_KEYS * 3 / 10);
    assert_in_range(settled, misses / 20, misses / 4);

    /* After many that never were there before, that a key comes back tells it from others again. */
    for (unsigned i = 100000; i < 160000; i++) ask(keyspace, i, LOOP_ROOM, &misses);
    settled = 0;
    for (unsigned i = 159900; i > 156000; i--) {
        bool is_gone = !is_there(keyspace, i);

        settled += ask(keyspace, i, LOOP_ROOM, &misses);
        gone += is_gone;
    }
    assert_true(gone > 500);
    /* Many have lost their place in the ghost to others by now. */
    assert_in_range(settled, gone * 4 / 10, gone);
    keyspace_check(keyspace);
    keyspace_free(&keyspace);
}

static void large_values_have_to_be_used_more_to_stay(void **state)
{
    struct keyspace *keyspace = new_keyspace(1, 1);
    struct evict_rules rules = {.policy = EVICT_ALL_LRU, .mean_key = 500};
    static char large[5000];
    unsigned small = 0, great = 0;
    char name[24];

    (void)state;
    for (unsigned i = 0; i < 1000; i++) {
        assert_int_equal(put(keyspace, 0, name_of(name, i),
                             i % 10 == 0 ? bytes_of(large, sizeof large) : BYTES("small"), NEVER), OK);
    }
    use(keyspace, 0, 1000);
    while (keyspace_count(keyspace, 0) > 800) evict_some(keyspace, &rules, 1, ENTIRELY);
    for (unsigned i = 0; i < 1000; i++) {
        if (i % 10 == 0) {
            great += is_there(keyspace, i);
        } else {
            small += is_there(keyspace, i);
        }
    }
    /* All were used alike; of the 200 that went, chance alone would have made twenty great ones. */
    assert_in_range(great, 0, 30);
    assert_in_range(small, 770, 800);
    keyspace_free(&keyspace);
}

static void volatile_policies_leave_keys_without_a_deadline_alone(void **state)
{
    (void)state;
    for (enum evict_policy policy = EVICT_VOLATILE_LRU; policy <= EVICT_VOLATILE_TTL; policy++) {
        struct keyspace *keyspace = new_keyspace(4, 1);
        struct evict_rules rules = {.policy = policy, .samples = 5};

        put_many(keyspace, 0, 1000, NEVER);
        put_many(keyspace, 1000, 1300, clock_now_ms() + 100000);
        evict_down_to(keyspace, policy, 1100);
        assert_int_equal(count_there(keyspace, 0, 1000), 1000);
        while (evict_some(keyspace, &rules, 1, ENTIRELY) != EVICT_EMPTY) {}
        assert_int_equal(keyspace_count(keyspace, 0), 1000);
        assert_int_equal(keyspace_count_volatile(keyspace, 0), 0);
        keyspace_check(keyspace);
        keyspace_free(&keyspace);
    }
}

static void volatile_ttl_takes_the_nearest_deadlines_first(void **state)
{
    struct keyspace *keyspace = new_keyspace(1, 1);

    (void)state;
    for (unsigned i = 0; i < 1000; i++) put_many(keyspace, i, i + 1, clock_now_ms() + 1000 + (i * 7919 % 1000) * 20);
    evict_down_to(keyspace, EVICT_VOLATILE_TTL, 500);
    for (unsigned i = 0; i < 1000; i++) {
        unsigned rank = i * 7919 % 1000;

        /* Hints tell 8 ms apart, and no more. */
        if (rank < 498) assert_false(is_there(keyspace, i));
        if (rank > 502) assert_true(is_there(keyspace, i));
    }
    keyspace_check(keyspace);
    keyspace_free(&keyspace);
}

/* Half of some keys with deadlines one after the other goes: how many of the quarter that is due last? */
static unsigned late_ones_gone(int64_t first_ms, int64_t step_ms)
{
    struct keyspace *keyspace = new_keyspace(32, 1);
    unsigned gone;

    for (unsigned i = 0; i < 8000; i++) put_many(keyspace, i, i + 1, clock_now_ms() + first_ms + i * step_ms);
    evict_down_to(keyspace, EVICT_VOLATILE_TTL, 4000);
    gone = 2000 - count_there(keyspace, 6000, 8000);
    keyspace_check(keyspace);
    keyspace_free(&keyspace);
    return gone;
}

static void volatile_ttl_goes_on_where_the_nearest_deadline_is_by_then(void **state)
{
    (void)state;
    assert_in_range(late_ones_gone(600000, 1000), 0, 10);
}

/* Hints of what is due after nine hours are all alike; 500 would have gone by lot. */
static void volatile_ttl_tells_late_deadlines_apart_as_well(void **state)
{
    (void)state;
    assert_in_range(late_ones_gone((int64_t)24 * 3600 * 1000, 60000), 0, 200);
}

static void volatile_ttl_looks_into_the_database_with_the_nearest_deadline(void **state)
{
    struct keyspace *keyspace = new_keyspace(4, 3);
    /* So many that all four shards are looked at: of five the dice may all mean one that has no more keys of that database. */
    struct evict_rules rules = {.policy = EVICT_VOLATILE_TTL, .samples = 64};
    char name[24];

    (void)state;
    put_many(keyspace, 0, 1000, clock_now_ms() + 3600000);
    for (unsigned i = 0; i < 1000; i++) {
        assert_int_equal(put(keyspace, 2, name_of(name, i), BYTES("some value"), clock_now_ms() + 600000), OK);
    }
    while (keyspace_count(keyspace, 2) > 100) {
        assert_int_not_equal(evict_some(keyspace, &rules, 1, ENTIRELY), EVICT_EMPTY);
    }
    assert_int_equal(keyspace_count(keyspace, 0), 1000);
    while (evict_some(keyspace, &rules, 1, ENTIRELY) != EVICT_EMPTY) {}
    assert_int_equal(keyspace_count(keyspace, 0) + keyspace_count(keyspace, 2), 0);
    keyspace_check(keyspace);
    keyspace_free(&keyspace);
}

static void random_takes_from_all_databases_at_once(void **state)
{
    struct keyspace *keyspace = new_keyspace(4, 3);
    struct evict_rules rules = {.policy = EVICT_ALL_RANDOM};
    char name[24];

    (void)state;
    put_many(keyspace, 0, 2000, NEVER);
    for (unsigned i = 0; i < 2000; i++) {
        assert_int_equal(put(keyspace, 2, name_of(name, i), BYTES("some value"), NEVER), OK);
    }
    for (unsigned i = 0; i < 2000; i++) assert_int_equal(evict_some(keyspace, &rules, 1, ENTIRELY), EVICT_ENOUGH);
    assert_in_range(keyspace_count(keyspace, 0), 900, 1100);
    assert_in_range(keyspace_count(keyspace, 2), 900, 1100);
    keyspace_check(keyspace);
    keyspace_free(&keyspace);
}

static void random_takes_anybody(void **state)
{
    struct keyspace *keyspace = new_keyspace(4, 1);

    (void)state;
    put_many(keyspace, 0, 4000, NEVER);
    evict_down_to(keyspace, EVICT_ALL_RANDOM, 2000);
    assert_in_range(count_there(keyspace, 0, 2000), 900, 1100);
    keyspace_check(keyspace);
    keyspace_free(&keyspace);
}

static void keys_past_their_deadline_count_as_expired(void **state)
{
    struct keyspace *keyspace = new_keyspace(1, 1);
    int64_t evicted = METRIC_SUM(evict, evicted_keys), expired = METRIC_SUM(keyspace, expired_keys);
    struct evict_rules rules = {.policy = EVICT_ALL_LRU};

    (void)state;
    clock_set_ms(clock_now_ms());
    put_many(keyspace, 0, 100, clock_now_ms() + 10);
    clock_set_ms(clock_now_ms() + 20);
    while (evict_some(keyspace, &rules, SIZE_MAX, ENTIRELY) == EVICT_ENOUGH) {}
    clock_release();
    assert_int_equal(keyspace_count(keyspace, 0), 0);
    assert_int_equal(METRIC_SUM(evict, evicted_keys), evicted);
    assert_int_equal(METRIC_SUM(keyspace, expired_keys), expired + 100);
    keyspace_free(&keyspace);
}

/* The sweep has not come yet: no lane is housekept here. */
static void keys_past_their_deadline_go_before_all_others(void **state)
{
    static const enum evict_policy policies[] = {EVICT_ALL_LRU, EVICT_ALL_RANDOM, EVICT_VOLATILE_LFU,
                                                 EVICT_VOLATILE_RANDOM, EVICT_VOLATILE_TTL};

    (void)state;
    for (unsigned i = 0; i < sizeof policies / sizeof *policies; i++) {
        struct keyspace *keyspace = new_keyspace(4, 1);
        int64_t evicted = METRIC_SUM(evict, evicted_keys);
        struct evict_rules rules = {.policy = policies[i], .samples = 5};

        clock_set_ms(clock_now_ms());
        put_many(keyspace, 0, 2000, clock_now_ms() + 1000000);
        put_many(keyspace, 2000, 4000, clock_now_ms() + 10);
        clock_set_ms(clock_now_ms() + 100);
        while (keyspace_count(keyspace, 0) > 2100) {
            assert_int_equal(evict_some(keyspace, &rules, 100, ENTIRELY), EVICT_ENOUGH);
        }
        assert_int_equal(METRIC_SUM(evict, evicted_keys), evicted);
        assert_int_equal(count_there(keyspace, 0, 2000), 2000);
        evict_down_to(keyspace, policies[i], 1000);
        assert_int_equal(count_there(keyspace, 2000, 4000), 0);
        keyspace_check(keyspace);
        keyspace_free(&keyspace);
        clock_release();
    }
}

static void a_key_in_use_whose_time_was_over_comes_back_as_no_newcomer(void **state)
{
    struct keyspace *keyspace = new_keyspace(1, 1);
    unsigned settled = 0;

    (void)state;
    clock_set_ms(clock_now_ms());
    evict_remember(keyspace, true);
    put_many(keyspace, 1000, 2000, NEVER);
    evict_down_to(keyspace, EVICT_ALL_LRU, 900);
    put_many(keyspace, 0, 200, clock_now_ms() + 10);
    use(keyspace, 0, 100);
    clock_set_ms(clock_now_ms() + 20);
    for (unsigned i = 0; i < 200; i++) assert_false(is_there(keyspace, i));
    use(keyspace, 0, 200); /* a read finds it past its deadline, and it goes */
    put_many(keyspace, 0, 200, NEVER);
    for (unsigned i = 0; i < 100; i++) settled += frequency(keyspace, i) == 1;
    assert_in_range(settled, 80, 100);
    for (unsigned i = 100; i < 200; i++) assert_int_equal(frequency(keyspace, i), 0);
    clock_release();
    keyspace_check(keyspace);
    keyspace_free(&keyspace);
}

static void what_is_known_of_a_key_moves_with_it_when_the_table_grows(void **state)
{
    struct keyspace *keyspace = new_keyspace(1, 1);

    (void)state;
    put_many(keyspace, 0, 50, NEVER);
    use(keyspace, 0, 25);
    put_many(keyspace, 1000, 20000, NEVER);
    for (unsigned i = 0; i < 50; i++) assert_int_equal(frequency(keyspace, i), i < 25);
    keyspace_check(keyspace);
    keyspace_free(&keyspace);
}

static void all_databases_are_evicted_from(void **state)
{
    struct keyspace *keyspace = new_keyspace(2, 4);
    struct evict_rules rules = {.policy = EVICT_ALL_LRU};
    char name[24];

    (void)state;
    for (unsigned i = 0; i < 100; i++) assert_int_equal(put(keyspace, 3, name_of(name, i), BYTES("v"), NEVER), OK);
    while (evict_some(keyspace, &rules, 1, ENTIRELY) != EVICT_EMPTY) {}
    assert_int_equal(keyspace_count(keyspace, 3), 0);
    keyspace_check(keyspace);
    keyspace_free(&keyspace);
}

static void as_much_is_freed_as_was_wanted(void **state)
{
    struct keyspace *keyspace = new_keyspace(4, 1);
    struct evict_rules rules = {.policy = EVICT_ALL_LRU};
    int64_t evicted = METRIC_SUM(evict, evicted_keys), bytes = METRIC_SUM(evict, evicted_bytes);
    size_t before, after;

    (void)state;
    put_many(keyspace, 0, 100000, NEVER);
    before = held_all();
    assert_int_equal(evict_some(keyspace, &rules, 1000000, ENTIRELY), EVICT_ENOUGH);
    after = held_all();
    /* Old arrays may go on the way, when tables have moved: of each shard one. */
    assert_in_range(before - after, 1000000, 1000000 + 4 * 300000);
    /* Each is a name of 12 bytes with a value of 25. */
    evicted = METRIC_SUM(evict, evicted_keys) - evicted;
    assert_in_range(evicted, 1000000 / 64, 1000000 / 37);
    assert_in_range(METRIC_SUM(evict, evicted_bytes) - bytes, evicted * 37, evicted * 64);
    keyspace_free(&keyspace);
}

static void no_more_is_taken_while_a_giant_is_being_freed(void **state)
{
    struct keyspace *keyspace = new_keyspace(1, 1);
    struct evict_rules rules = {.policy = EVICT_ALL_LRU};
    void *box = box_new(50000000);
    struct key key;
    struct spot spot;

    (void)state;
    value_kind_add(VALUE_HASH, &box_kind);
    key_init(&key, keyspace, 0, BYTES("giant"));
    shard_enter(key.shard);
    key_find(&key, &spot);
    assert_int_equal(key_put_container(&key, &spot, VALUE_HASH, &box, NEVER), OK);
    shard_leave(key.shard);
    while (keyspace_count(keyspace, 0) > 0) evict_some(keyspace, &rules, 1, ENTIRELY);
    put_many(keyspace, 0, 10, NEVER);
    assert_int_equal(evict_some(keyspace, &rules, 1, 0), EVICT_BUSY);
    assert_int_equal(keyspace_count(keyspace, 0), 10);
    keyspace_reclaim_all(keyspace);
    assert_int_equal(evict_some(keyspace, &rules, 1, ENTIRELY), EVICT_ENOUGH);
    assert_int_equal(keyspace_count(keyspace, 0), 9);
    keyspace_free(&keyspace);
}

/* Puts, uses, removals and evictions at random; a model knows who may be there. */
static void any_mixture_keeps_every_invariant(void **state)
{
    struct keyspace *keyspace = new_keyspace(2, 1);
    static bool put_once[3000];
    uint64_t seed = 4711;

    (void)state;
    memset(put_once, 0, sizeof put_once);
    evict_remember(keyspace, true);
    for (unsigned step = 0; step < 200000; step++) {
        unsigned number = (unsigned)random_below(&seed, 3000), what = (unsigned)random_below(&seed, 100);
        struct evict_rules rules = {.policy = (enum evict_policy)(1 + random_below(&seed, EVICT_VOLATILE_TTL)),
                                    .samples = 3,
                                    .mean_key = random_below(&seed, 2) ? 90 : 0};
        char name[24];

        if (what < 50) {
            put_many(keyspace, number, number + 1, what < 25 ? NEVER : clock_now_ms() + 1000 + number * 10);
            put_once[number] = true;
        } else if (what < 80) {
            if (is_there(keyspace, number)) assert_true(put_once[number]);
            use(keyspace, number, number + 1);
        } else if (what < 85) {
            drop(keyspace, 0, name_of(name, number));
            put_once[number] = false;
        } else if (keyspace_count(keyspace, 0) > 1500) {
            evict_some(keyspace, &rules, 500, ENTIRELY);
        }
        if (step % 5000 == 0) {
            keyspace_check(keyspace);
            evict_judge(keyspace);
        }
    }
    keyspace_check(keyspace);
    keyspace_free(&keyspace);
}

struct crew {
    struct keyspace *keyspace;
    unsigned first;
};

static void *hammer(void *context)
{
    struct crew *crew = context;
    struct evict_rules rules = {.policy = EVICT_ALL_LRU, .mean_key = 90};
    uint64_t seed = crew->first;

    clock_update();
    for (unsigned step = 0; step < 40000; step++) {
        unsigned number = (unsigned)random_below(&seed, 20000);
        char name[24];

        if (step % 2) {
            put(crew->keyspace, 0, name_of(name, number), BYTES("some value"), NEVER);
        } else {
            exists(crew->keyspace, 0, name_of(name, number));
        }
        if (keyspace_count(crew->keyspace, 0) > 5000) evict_some(crew->keyspace, &rules, 200, ENTIRELY);
    }
    return NULL;
}

static void many_threads_evict_at_once(void **state)
{
    struct keyspace *keyspace = new_keyspace(2, 1);
    struct crew crews[4];
    pthread_t threads[4];

    (void)state;
    evict_remember(keyspace, true);
    for (unsigned i = 0; i < 4; i++) {
        crews[i] = (struct crew){keyspace, i + 1};
        assert_int_equal(pthread_create(&threads[i], NULL, hammer, &crews[i]), 0);
    }
    for (unsigned i = 0; i < 4; i++) pthread_join(threads[i], NULL);
    assert_in_range(keyspace_count(keyspace, 0), 4900, 5010);
    keyspace_check(keyspace);
    keyspace_free(&keyspace);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_in_use_outlive_those_that_nobody_asks_for),
        cmocka_unit_test(a_walk_over_many_keys_does_not_drive_out_those_in_use),
        cmocka_unit_test(who_comes_back_soon_after_it_went_is_no_newcomer),
        cmocka_unit_test(where_all_come_back_in_turn_few_settle_for_it),
        cmocka_unit_test(large_values_have_to_be_used_more_to_stay),
        cmocka_unit_test(volatile_policies_leave_keys_without_a_deadline_alone),
        cmocka_unit_test(volatile_ttl_takes_the_nearest_deadlines_first),
        cmocka_unit_test(volatile_ttl_goes_on_where_the_nearest_deadline_is_by_then),
        cmocka_unit_test(volatile_ttl_tells_late_deadlines_apart_as_well),
        cmocka_unit_test(volatile_ttl_looks_into_the_database_with_the_nearest_deadline),
        cmocka_unit_test(random_takes_from_all_databases_at_once),
        cmocka_unit_test(random_takes_anybody),
        cmocka_unit_test(keys_past_their_deadline_count_as_expired),
        cmocka_unit_test(keys_past_their_deadline_go_before_all_others),
        cmocka_unit_test(a_key_in_use_whose_time_was_over_comes_back_as_no_newcomer),
        cmocka_unit_test(what_is_known_of_a_key_moves_with_it_when_the_table_grows),
        cmocka_unit_test(all_databases_are_evicted_from),
        cmocka_unit_test(as_much_is_freed_as_was_wanted),
        cmocka_unit_test(no_more_is_taken_while_a_giant_is_being_freed),
        cmocka_unit_test(any_mixture_keeps_every_invariant),
        cmocka_unit_test(many_threads_evict_at_once),
    };

    hash_setup();
    clock_setup();
    clock_update();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
