/* Eight threads in few shards: what must hold between them. Short under a sanitizer, which looks
 * harder. */
#include <pthread.h>
#include <stdatomic.h>
#include "keyspace/keyspace_help.h"
#include "keyspace/box_help.h"
#include "../../src/keyspace/shard_internal.h"

#define THREADS 8
#ifdef COATCHECK_SANITIZED
#define STEPS 4000
#else
#define STEPS 40000
#endif
#define ACCOUNTS 64
#define MANY 700

static struct keyspace *keyspace;
static atomic_uint wrongs;

static void run_threads(void *(*body)(void *))
{
    pthread_t threads[THREADS];

    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, body, (void *)i), 0);
    }
    for (size_t i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&wrongs), 0);
}

static void expect(bool so)
{
    if (!so) atomic_fetch_add(&wrongs, 1);
}

static int open_keyspace(void **state)
{
    (void)state;
    atomic_store(&wrongs, 0);
    keyspace = new_keyspace(8, 3);
    return 0;
}

static int close_keyspace(void **state)
{
    (void)state;
    keyspace_check(keyspace);
    keyspace_free(&keyspace);
    assert_int_equal(atomic_load(&boxes_alive), 0);
    return 0;
}

/* --- each key's value begins with its own name, whoever wrote it last --- */

static void write_own_name(const struct key *key, uint64_t *dice)
{
    static const char dots[] = "................................................................";
    char value[128];
    struct spot spot;
    size_t len = key->name.len + random_below(dice, sizeof dots);

    memcpy(value, key->name.at, key->name.len);
    memcpy(value + key->name.len, dots, len - key->name.len);
    shard_enter(key->shard);
    key_find(key, &spot);
    expect(key_put_string(key, &spot, bytes_of(value, len),
                          random_below(dice, 2)
                              ? NEVER
                              : clock_now_ms() + 1 + (int64_t)random_below(dice, 400)) == OK);
    shard_leave(key->shard);
}

static void read_own_name(const struct key *key)
{
    char scratch[NUMBER_MAX_TEXT];
    struct entry *entry;

    shard_enter(key->shard);
    entry = key_read(key);
    if (entry) {
        expect(bytes_equal(entry_key(entry), key->name));
        if (entry_type(entry) == VALUE_STRING) {
            expect(bytes_start_with(entry_string(entry, scratch), key->name));
        } else {
            expect(((struct box *)entry_container(entry))->elements == key->name.len * 10);
        }
    }
    shard_leave(key->shard);
}

static void write_box(const struct key *key)
{
    void *box = box_new(key->name.len * 10);
    struct spot spot;

    shard_enter(key->shard);
    key_find(key, &spot);
    expect(key_put_container(key, &spot, VALUE_HASH, &box, NEVER) == OK);
    shard_leave(key->shard);
}

static void remove_it(const struct key *key)
{
    struct spot spot;

    shard_enter(key->shard);
    if (key_find(key, &spot)) key_remove(key, &spot, REMOVED_BY_CLIENT);
    shard_leave(key->shard);
}

static void look_at_entry(void *context, const struct entry *entry)
{
    (void)context;
    expect(entry_key(entry).len >= 5);
}

static void walk_about(unsigned db, uint64_t *dice, uint64_t *cursor)
{
    struct bytes name;

    switch (random_below(dice, 400)) {
    case 0:
        keyspace_enter_all(keyspace);
        keyspace_flush_entered(keyspace, db);
        keyspace_leave_all(keyspace);
        break;
    case 1:
        keyspace_enter_all(keyspace);
        keyspace_swap_entered(keyspace, 0, 2);
        keyspace_leave_all(keyspace);
        break;
    case 2:
    case 3:
        if (keyspace_random_key(keyspace, db, &name) == OK) mem_free((char *)name.at);
        break;
    case 4:
        keyspace_mean_ttl_ms(keyspace, db);
        keyspace_count(keyspace, db);
        break;
    default:
        *cursor = keyspace_scan(keyspace, db, *cursor, 20, look_at_entry, NULL);
    }
}

static void *hammer(void *number)
{
    uint64_t dice = (uint64_t)(size_t)number + 1, cursor = 0;
    char room[32];

    metric_lane = (unsigned)(size_t)number + 1;
    for (unsigned step = 0; step < STEPS; step++) {
        unsigned db = (unsigned)random_below(&dice, 3);
        struct key key;

        clock_update();
        key_init(&key, keyspace, db, numbered(room, random_below(&dice, 3000)));
        switch (random_below(&dice, 10)) {
        case 0:
            remove_it(&key);
            break;
        case 1:
            write_box(&key);
            break;
        case 2:
            keyspace_housekeep(keyspace, (unsigned)(size_t)number, THREADS, 20);
            break;
        case 3:
            walk_about(db, &dice, &cursor);
            break;
        case 4:
        case 5:
        case 6:
            key_prefetch_shard(&key);
            keys_prefetch((const struct key *const[]){&key, &key, &key}, 3);
            read_own_name(&key);
            break;
        default:
            write_own_name(&key, &dice);
        }
    }
    return NULL;
}

/* Whoever went out to get an array has come back, or the table could not ask again. */
static void no_table_may_wait_for_anybody(void)
{
    struct key key;

    key_init(&key, keyspace, 0, BYTES("any"));
    for (unsigned i = 0; i < keyspace_shards(keyspace); i++) {
        struct shard *shard = key.shard - key.shard->index + i;

        for (unsigned db = 0; db < keyspace_databases(keyspace); db++) {
            struct table *table = shard_table(shard, db);

            assert_true(!table || !(table->flags & TABLE_CLAIMED));
        }
    }
}

static void no_value_is_ever_seen_under_another_name(void **state)
{
    (void)state;
    run_threads(hammer);
    no_table_may_wait_for_anybody();
}

/* --- several shards at once --- */

static struct bytes account(char room[32], uint64_t number)
{
    return bytes_of(room, (size_t)snprintf(room, 32, "account:%u", (unsigned)number));
}

static int64_t balance(const struct key *key, struct spot *spot)
{
    struct entry *entry = key_find(key, spot);

    return entry ? entry_int(entry) : 0;
}

static void pay(uint64_t *dice)
{
    char rooms[2][32];
    struct key keys[2];
    struct spot spots[2];
    int64_t sum = (int64_t)random_below(dice, 100);

    for (unsigned i = 0; i < 2; i++)
        key_init(&keys[i], keyspace, 0, account(rooms[i], random_below(dice, ACCOUNTS)));
    shards_enter(keys, 2);
    if (!bytes_equal(keys[0].name, keys[1].name)) {
        expect(key_put_int(&keys[0], &spots[0], balance(&keys[0], &spots[0]) - sum, NEVER) == OK);
        expect(key_put_int(&keys[1], &spots[1], balance(&keys[1], &spots[1]) + sum, NEVER) == OK);
    }
    shards_leave(keys, 2);
}

static void audit(void)
{
    static _Thread_local char rooms[ACCOUNTS][32];
    struct key keys[ACCOUNTS];
    struct spot spot;
    int64_t sum = 0;

    for (unsigned i = 0; i < ACCOUNTS; i++) key_init(&keys[i], keyspace, 0, account(rooms[i], i));
    shards_enter(keys, ACCOUNTS);
    for (unsigned i = 0; i < ACCOUNTS; i++) sum += balance(&keys[i], &spot);
    shards_leave(keys, ACCOUNTS);
    expect(sum == 0);
}

/* Many keys of all databases in one session, so that tables grow with nobody leaving. */
static void put_many(uint64_t *dice)
{
    static _Thread_local char rooms[MANY][32];
    static _Thread_local struct key keys[MANY];
    uint64_t first = random_below(dice, 20000);

    for (unsigned i = 0; i < MANY; i++) {
        key_init(&keys[i], keyspace, 1 + i % 2, numbered(rooms[i], first + i));
    }
    shards_enter(keys, MANY);
    for (unsigned i = 0; i < MANY; i++) {
        struct spot spot;

        key_find(&keys[i], &spot);
        expect(key_put_string(&keys[i], &spot, keys[i].name, NEVER) == OK);
    }
    shards_leave(keys, MANY);
}

static void *transfer(void *number)
{
    uint64_t dice = (uint64_t)(size_t)number + 100;

    clock_update();
    for (unsigned step = 0; step < STEPS / 4; step++) {
        switch (random_below(&dice, 64)) {
        case 0:
            audit();
            break;
        case 1:
            put_many(&dice);
            break;
        default:
            pay(&dice);
        }
    }
    return NULL;
}

static void what_is_entered_together_changes_together(void **state)
{
    (void)state;
    run_threads(transfer);
    no_table_may_wait_for_anybody();
    audit();
    assert_int_equal(atomic_load(&wrongs), 0);
}

/* --- the rest of shard.h --- */

static void entering_the_same_shard_through_many_keys_takes_it_once(void **state)
{
    static char rooms[300][32];
    struct key keys[300];

    (void)state;
    for (unsigned count = 0; count <= 300; count++) {
        for (unsigned i = 0; i < count; i++)
            key_init(&keys[i], keyspace, 0, numbered(rooms[i], count * 7 + i));
        shards_enter(keys, count);
        shards_leave(keys, count);
    }
    keyspace_enter_all(keyspace); /* all are free again */
    keyspace_leave_all(keyspace);
}

static void tables_grow_as_well_when_shards_are_entered_by_twos(void **state)
{
    struct keyspace_shape shape;
    struct key keys[2];
    char rooms[2][32];

    (void)state;
    for (uint64_t number = 0; number < 20000; number += 2) {
        for (unsigned i = 0; i < 2; i++)
            key_init(&keys[i], keyspace, 0, numbered(rooms[i], number + i));
        shards_enter(keys, 2);
        for (unsigned i = 0; i < 2; i++) {
            struct spot spot;

            key_find(&keys[i], &spot);
            assert_int_equal(key_put_string(&keys[i], &spot, BYTES("v"), NEVER), OK);
        }
        shards_leave(keys, 2);
        keyspace_read_shape(keyspace, 0, &shape);
        /* Nobody waits until it brims over: that is at 0.94. */
        if (number > 2000) assert_true(shape.live * 100 < shape.groups * 7 * 90);
    }
    keyspace_enter_all(keyspace);
    keyspace_leave_all(keyspace);
}

static void an_array_that_comes_too_late_is_not_taken(void **state)
{
    struct growth growth;
    struct table *table;
    struct group *groups;
    struct key key;
    char room[32];

    (void)state;
    keyspace_free(&keyspace);
    keyspace = new_keyspace(1, 3);
    for (uint64_t i = 0; i < 3000; i++) put(keyspace, 0, numbered(room, i), BYTES("v"), NEVER);
    for (uint64_t i = 30; i < 3000; i++) drop(keyspace, 0, numbered(room, i));
    for (unsigned i = 0; i < 100; i++) keyspace_housekeep(keyspace, 0, 1, 1000);
    key_init(&key, keyspace, 0, BYTES("any"));
    table = &key.shard->table;
    assert_null(table->old);

    /* Somebody is out to get a smaller one; meanwhile it would have become too small. */
    table->flags |= TABLE_LEAN_MASK;
    growth = table_growth_claim(key.shard, 0, table);
    assert_true(growth.count > 0 && growth.count < table->count);
    assert_true(table->flags & TABLE_CLAIMED);
    assert_int_equal(table_growth_claim(key.shard, 0, table).count, 0);
    for (uint64_t i = 30; i < 2000; i++) put(keyspace, 0, numbered(room, i), BYTES("v"), NEVER);
    groups = array_new(growth.count);
    shard_enter(key.shard);
    assert_false(table_grow_into(key.shard, table, &growth, groups));
    shard_leave(key.shard);
    array_free(groups, growth.count);
    no_table_may_wait_for_anybody();
    for (uint64_t i = 0; i < 2000; i++) assert_true(exists(keyspace, 0, numbered(room, i)));
}

static void one_thread_alone_takes_no_locks(void **state)
{
    struct keyspace_rules rules = {.databases = 2, .one_thread = true};
    struct keyspace *alone = keyspace_new(&rules);
    char room[32];

    (void)state;
    assert_int_equal(keyspace_shards(alone), 256);
    for (uint64_t i = 0; i < 20000; i++) {
        struct key key;

        key_init(&key, alone, 0, numbered(room, i));
        shard_enter(key.shard);
        shard_enter(key.shard); /* would wait for ever on a lock */
        shard_leave(key.shard);
        shard_leave(key.shard);
        assert_int_equal(put(alone, i % 2, numbered(room, i), BYTES("v"), NEVER), OK);
        key_prefetch_shard(&key);
        keys_prefetch((const struct key *const[]){&key, &key, &key}, 3);
    }
    keyspace_enter_all(alone);
    keyspace_leave_all(alone);
    keyspace_check(alone);
    keyspace_free(&alone);
}

static void a_key_is_always_in_the_same_shard(void **state)
{
    char room[32];
    static const unsigned shards[] = {1, 2, 256, 4096};

    (void)state;
    for (size_t s = 0; s < sizeof shards / sizeof shards[0]; s++) {
        struct keyspace *other = new_keyspace(shards[s], 1);

        assert_int_equal(keyspace_shards(other), shards[s]);
        for (uint64_t i = 0; i < 5000; i++)
            assert_int_equal(put(other, 0, numbered(room, i), BYTES("v"), NEVER), OK);
        for (uint64_t i = 0; i < 5000; i++) assert_true(exists(other, 0, numbered(room, i)));
        keyspace_check(other);
        keyspace_free(&other);
    }
    {
        struct keyspace *usual = new_keyspace(0, 1);

        assert_int_equal(keyspace_shards(usual), 1024);
        keyspace_free(&usual);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_keyspace, close_keyspace)
    const struct CMUnitTest tests[] = {
        TEST(no_value_is_ever_seen_under_another_name),
        TEST(what_is_entered_together_changes_together),
        TEST(entering_the_same_shard_through_many_keys_takes_it_once),
        TEST(tables_grow_as_well_when_shards_are_entered_by_twos),
        TEST(an_array_that_comes_too_late_is_not_taken),
        TEST(one_thread_alone_takes_no_locks),
        TEST(a_key_is_always_in_the_same_shard),
    };

    clock_setup();
    value_kind_add(VALUE_HASH, &box_kind);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
