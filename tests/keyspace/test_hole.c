#include "keyspace/keyspace_help.h"

#include "coatcheck/keyspace/evict.h"

/* One table, full enough for long chains. */
#define KEYS 20000
#define TIMES_OVER 20
#define NOW_MS 1700000000000

static struct bytes value = {"sixteen bytes ..", 16};

static void put_number(struct keyspace *keyspace, uint64_t number, int64_t deadline_ms)
{
    char room[32];

    assert_int_equal(put(keyspace, 0, numbered(room, number), value, deadline_ms), OK);
}

/* By chance, in a table that is filled once, somebody has passed a third of the groups, or half of them just before it
 * grows; when keys come and go and nobody comes back, nearly all. */
static void must_be_as_new(struct keyspace *keyspace)
{
    struct keyspace_shape shape;

    keyspace_check(keyspace);
    keyspace_read_shape(keyspace, 0, &shape);
    assert_int_equal(shape.live, KEYS);
    if (shape.groups_passed * 2 > shape.groups)
        fail_msg("%llu of %llu groups have been passed", (unsigned long long)shape.groups_passed,
                 (unsigned long long)shape.groups);
}

static void a_table_whose_keys_come_and_go_stays_as_new(void **state)
{
    struct keyspace *keyspace = new_keyspace(1, 1);
    static uint64_t there[KEYS];
    uint64_t dice = 5, next = 0;
    char room[32];

    (void)state;
    for (; next < KEYS; next++) put_number(keyspace, there[next] = next, NEVER);
    for (; next < (uint64_t)KEYS * TIMES_OVER; next++) {
        uint64_t *one = &there[random_below(&dice, KEYS)];

        assert_true(drop(keyspace, 0, numbered(room, *one)));
        put_number(keyspace, *one = next, NEVER);
    }
    must_be_as_new(keyspace);
    for (unsigned i = 0; i < KEYS; i++) assert_true(exists(keyspace, 0, numbered(room, there[i])));
    keyspace_free(&keyspace);
}

static void evict_one(struct keyspace *keyspace, enum evict_policy policy)
{
    struct evict_rules rules = {.policy = policy, .samples = 5};

    assert_int_equal(evict_some(keyspace, &rules, 1, UINT64_MAX), EVICT_ENOUGH);
}

/* Each lives a little longer than the one before, or for ever. */
static void churn_by_eviction(enum evict_policy policy)
{
    bool dies = policy == EVICT_VOLATILE_LRU || policy == EVICT_VOLATILE_TTL;
    struct keyspace *keyspace = new_keyspace(1, 1);

    evict_remember(keyspace, true);
    for (int64_t next = 0; next < (int64_t)KEYS * TIMES_OVER; next++) {
        if (next >= KEYS) evict_one(keyspace, policy);
        put_number(keyspace, (uint64_t)next, dies ? NOW_MS + 10000 + 10 * next : NEVER);
    }
    must_be_as_new(keyspace);
    keyspace_free(&keyspace);
}

static void a_table_that_is_evicted_from_stays_as_new(void **state)
{
    (void)state;
    clock_set_ms(NOW_MS);
    churn_by_eviction(EVICT_ALL_LRU);
    churn_by_eviction(EVICT_ALL_RANDOM);
    churn_by_eviction(EVICT_VOLATILE_LRU);
    churn_by_eviction(EVICT_VOLATILE_TTL);
    clock_release();
}

/* Each lives for as long as the same number of others take to come. */
static void a_table_whose_keys_fall_due_stays_as_new(void **state)
{
    struct keyspace *keyspace = new_keyspace(1, 1);
    int64_t now_ms = NOW_MS;
    const unsigned a_step = 200;
    const int64_t step_ms = 20, lives_ms = KEYS / a_step * step_ms;
    struct keyspace_shape shape;

    (void)state;
    clock_set_ms(now_ms);
    for (uint64_t next = 0; next < (uint64_t)KEYS * TIMES_OVER; now_ms += step_ms) {
        clock_set_ms(now_ms);
        for (unsigned i = 0; i < a_step; i++, next++) put_number(keyspace, next, now_ms + lives_ms);
        while (keyspace_housekeep(keyspace, 0, 1, 1000) == HOUSE_BEHIND) {}
        keyspace_read_shape(keyspace, 0, &shape);
        assert_true(shape.live <= KEYS + 2 * a_step);
    }
    keyspace_check(keyspace);
    assert_true(shape.groups_passed * 2 <= shape.groups);
    /* Wherever they have come back to, they are found when their time is over. */
    clock_set_ms(now_ms + lives_ms + 1000);
    while (keyspace_housekeep(keyspace, 0, 1, 1000) == HOUSE_BEHIND) {}
    assert_int_equal(keyspace_count(keyspace, 0), 0);
    keyspace_free(&keyspace);
    clock_release();
}

/* --- who holds a spot, or a place in a scan, while others go --- */

#define HELD 400
#define GOING 6000 /* so many that some of those who are held move */

/* What a command may do at a spot that it has held for a while. */
static void use_spot(struct keyspace *keyspace, const struct key *key, struct spot *spot, unsigned way)
{
    struct key target;
    char room[32];

    if (way == 0) assert_int_equal(key_put_string(key, spot, value, NEVER), OK);
    if (way == 1) assert_int_equal(key_put_string(key, spot, BYTES("1"), NOW_MS + 5000), OK);
    if (way == 2) assert_int_equal(key_set_deadline(key, spot, NOW_MS + 6000), OK);
    if (way == 3) assert_non_null(key_edit_string(key, spot, 500));
    if (way == 4) key_recall_use(key, spot, 3, 100);
    if (way == 5) key_remove(key, spot, REMOVED_BY_CLIENT);
    if (way == 6) {
        key_init(&target, keyspace, 0, bytes_of(room, (size_t)snprintf(room, sizeof room, "to:%p", (void *)spot)));
        assert_int_equal(key_move(key, spot, &target), OK);
    }
}

static void spots_stay_good_while_other_keys_go(void **state)
{
    static struct key keys[HELD];
    static struct spot held[HELD];
    static char rooms[HELD][32];
    struct keyspace *keyspace = new_keyspace(1, 1);
    unsigned moved = 0;

    (void)state;
    clock_set_ms(NOW_MS);
    for (uint64_t i = 0; i < KEYS; i++) put_number(keyspace, i, NEVER);
    key_init(&keys[0], keyspace, 0, BYTES("any"));
    shard_enter(keys[0].shard);
    for (unsigned i = 0; i < HELD; i++) {
        key_init(&keys[i], keyspace, 0, numbered(rooms[i], i));
        assert_non_null(key_find(&keys[i], &held[i]));
    }
    for (uint64_t i = KEYS - GOING; i < KEYS; i++) {
        struct key key;
        struct spot spot;
        char room[32];

        key_init(&key, keyspace, 0, numbered(room, i));
        assert_non_null(key_find(&key, &spot));
        key_remove(&key, &spot, REMOVED_BY_CLIENT);
    }
    for (unsigned i = 0; i < HELD; i++) {
        struct spot now;

        assert_ptr_equal(key_find(&keys[i], &now), held[i].entry);
        moved += now.slot != held[i].slot;
        use_spot(keyspace, &keys[i], &held[i], i % 7);
        assert_int_equal(key_find(&keys[i], &now) == NULL, i % 7 >= 5);
    }
    shard_leave(keys[0].shard);
    keyspace_check(keyspace);
    assert_true(moved > 7);
    assert_int_equal(keyspace_count(keyspace, 0), KEYS - GOING - HELD / 7);
    keyspace_free(&keyspace);
    clock_release();
}

static const uint64_t *slot_of(struct keyspace *keyspace, uint64_t number)
{
    struct key key;
    struct spot spot;
    char room[32];

    key_init(&key, keyspace, 0, numbered(room, number));
    shard_enter(key.shard);
    assert_non_null(key_find(&key, &spot));
    shard_leave(key.shard);
    return spot.slot;
}

static void count_steady(void *context, const struct entry *entry)
{
    unsigned char *times = context;
    struct bytes name = entry_key(entry);
    char text[32] = {0};
    uint64_t number;

    memcpy(text, name.at, name.len);
    number = strtoull(text + 4, NULL, 10);
    if (number < KEYS / 2) times[number]++;
}

/* Half of the keys stay; the others go between the calls of a scan, and new ones come. */
static void a_key_that_moves_back_is_not_missed_by_a_scan(void **state)
{
    static const uint64_t *slots[KEYS / 2];
    static unsigned char times[KEYS / 2];
    struct keyspace *keyspace = new_keyspace(1, 1);
    uint64_t cursor = 0, first = KEYS / 2, next = 0, moved = 0;
    char room[32];

    (void)state;
    for (; next < KEYS; next++) put_number(keyspace, next, NEVER);
    while (keyspace_housekeep(keyspace, 0, 1, 1000) == HOUSE_BEHIND) {}
    for (uint64_t i = 0; i < KEYS / 2; i++) slots[i] = slot_of(keyspace, i);
    do {
        cursor = keyspace_scan(keyspace, 0, cursor, 3, count_steady, times);
        for (unsigned i = 0; i < 20; i++) {
            assert_true(drop(keyspace, 0, numbered(room, first++)));
            put_number(keyspace, next++, NEVER);
        }
    } while (cursor != 0);
    for (uint64_t i = 0; i < KEYS / 2; i++) {
        assert_int_equal(times[i], 1);
        moved += slot_of(keyspace, i) != slots[i];
    }
    assert_true(moved > KEYS / 100);
    keyspace_check(keyspace);
    keyspace_free(&keyspace);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_table_whose_keys_come_and_go_stays_as_new),
        cmocka_unit_test(a_table_that_is_evicted_from_stays_as_new),
        cmocka_unit_test(a_table_whose_keys_fall_due_stays_as_new),
        cmocka_unit_test(spots_stay_good_while_other_keys_go),
        cmocka_unit_test(a_key_that_moves_back_is_not_missed_by_a_scan),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
