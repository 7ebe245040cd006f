/* Deadlines of what keys hold: hashes whose fields go, found by the sweep and by readers. */
#include "coatcheck/keyspace/change.h"
#include "coatcheck/keyspace/evict.h"
#include "coatcheck/values/hash.h"
#include "keyspace/keyspace_help.h"

#define NOW_MS 1800000000000

#ifdef COATCHECK_SANITIZED
#define SCALE 10
#else
#define SCALE 1
#endif

static struct keyspace *keyspace;
static int64_t now_ms;

static struct {
    unsigned expired, removed, gone;
} told;

static void hear(const struct change *change)
{
    told.expired += change->event && strcmp(change->event, "hexpired") == 0;
    told.gone += change->event && strcmp(change->event, "del") == 0;
    told.removed += change->effect_words == 3 && bytes_is(change->effect[0], "HDEL");
}

static const struct change_listener listener = {.changed = hear};

static void set_now(int64_t ms)
{
    now_ms = ms;
    clock_set_ms(ms);
}

static int open_keyspace(void **state)
{
    (void)state;
    set_now(NOW_MS);
    hash_kind_setup();
    keyspace = new_keyspace(4, 3);
    memset(&told, 0, sizeof told);
    return 0;
}

static int close_keyspace(void **state)
{
    (void)state;
    keyspace_check(keyspace);
    keyspace_free(&keyspace);
    clock_release();
    return 0;
}

static void sweep(void)
{
    for (unsigned i = 0; i < 1000000; i++) {
        if (keyspace_housekeep(keyspace, 0, 1, 1000) == HOUSE_CLEAN) return;
    }
    fail_msg("the sweep does not come to an end");
}

/* Sets a field of the hash at a key. */
static void set_field(unsigned db, struct bytes name, struct bytes field, int64_t deadline_ms)
{
    struct hash *hash;
    void *container;
    struct key key;
    struct spot spot;
    bool added;

    key_init(&key, keyspace, db, name);
    shard_enter(key.shard);
    key_find(&key, &spot);
    if (!spot.entry) {
        container = hash_new();
        assert_int_equal(key_put_container(&key, &spot, VALUE_HASH, &container, NEVER), OK);
    }
    hash = entry_container(spot.entry);
    assert_int_equal(hash_put(hash, field, BYTES("value"), deadline_ms, &added), OK);
    key_note_elements(&key, &spot);
    shard_leave(key.shard);
}

static uint64_t count_fields(unsigned db, struct bytes name)
{
    struct entry *entry;
    uint64_t count = 0;
    struct key key;

    key_init(&key, keyspace, db, name);
    shard_enter(key.shard);
    entry = key_read(&key);
    if (entry) count = hash_count(entry_container(entry));
    shard_leave(key.shard);
    return count;
}

static void a_reader_never_sees_a_hash_of_which_nothing_is_left(void **state)
{
    (void)state;
    set_field(0, BYTES("coat"), BYTES("a"), now_ms + 30);
    set_field(0, BYTES("coat"), BYTES("b"), now_ms + 40);
    set_now(now_ms + 29);
    assert_int_equal(count_fields(0, BYTES("coat")), 2);
    set_now(now_ms + 1);
    assert_int_equal(count_fields(0, BYTES("coat")), 1);
    assert_int_equal(told.expired, 1);
    set_now(now_ms + 10);
    assert_false(exists(keyspace, 0, BYTES("coat")));
    assert_int_equal(keyspace_count(keyspace, 0), 0);
    assert_int_equal(told.removed, 2);
    assert_int_equal(told.gone, 1);
}

/* The hints, by which volatile-ttl finds who is first, are of fields too, and those of a key without a deadline keep it here. */
static void volatile_ttl_finds_keys_behind_fields_that_go_sooner(void **state)
{
    struct evict_rules rules = {.policy = EVICT_VOLATILE_TTL, .samples = 5};
    char room[32];

    (void)state;
    for (unsigned i = 0; i < 2000; i++) set_field(i % 3, numbered(room, i), BYTES("a"), now_ms + 1000 + i);
    for (unsigned i = 2000; i < 2100; i++) put(keyspace, i % 3, numbered(room, i), BYTES("v"), now_ms + 900000);
    while (evict_some(keyspace, &rules, 1, UINT64_MAX) == EVICT_ENOUGH) {}
    assert_int_equal(keyspace_count(keyspace, 0) + keyspace_count(keyspace, 1) + keyspace_count(keyspace, 2), 2000);
}

static void the_sweep_takes_fields_and_the_keys_they_leave_empty(void **state)
{
    enum { KEYS = 20000 / SCALE };
    char room[32];

    (void)state;
    for (unsigned i = 0; i < KEYS; i++) {
        unsigned db = i % 3;

        set_field(db, numbered(room, i), BYTES("a"), now_ms + 100 + i % 1000);
        if (i % 2) set_field(db, numbered(room, i), BYTES("b"), NEVER);
        if (i % 5 == 0) put(keyspace, db, numbered(room, i + KEYS), BYTES("v"), now_ms + 200 + i % 100);
        if (i % 997 == 0) keyspace_check(keyspace);
    }
    for (unsigned step = 0; step < 24; step++) {
        set_now(now_ms + 50);
        sweep();
        keyspace_check(keyspace);
    }
    assert_int_equal(keyspace_count(keyspace, 0) + keyspace_count(keyspace, 1) + keyspace_count(keyspace, 2), KEYS / 2);
    assert_int_equal(told.removed, KEYS);
    assert_int_equal(told.gone, KEYS / 2);
    for (unsigned i = 1; i < KEYS; i += 2) assert_int_equal(count_fields(i % 3, numbered(room, i)), 1);
}

static void a_large_hash_goes_a_slice_at_a_time(void **state)
{
    enum { FIELDS = 50000 / SCALE };
    unsigned slices = 0;
    char room[32];

    (void)state;
    for (unsigned i = 0; i < FIELDS; i++) {
        set_field(0, BYTES("large"), numbered(room, i), i % 10 == 0 ? NEVER : now_ms + 10 + i % 3);
    }
    set_now(now_ms + 100);
    while (keyspace_housekeep(keyspace, 0, 1, 100) == HOUSE_BEHIND) slices++;
    assert_true(slices > 3);
    assert_int_equal(count_fields(0, BYTES("large")), FIELDS / 10);
    assert_int_equal(told.removed, FIELDS - FIELDS / 10);
}

/* A reader drops some of them; whatever is left is nowhere to be seen. */
static void a_reader_waits_for_no_great_many(void **state)
{
    enum { FIELDS = 5000 };
    struct hash_field field;
    struct hash_walk walk;
    struct entry *entry;
    struct key key;
    char room[32];

    (void)state;
    for (unsigned i = 0; i < FIELDS; i++) set_field(0, BYTES("large"), numbered(room, i), now_ms + 10);
    set_field(0, BYTES("large"), BYTES("stays"), NEVER);
    set_now(now_ms + 10);
    key_init(&key, keyspace, 0, BYTES("large"));
    shard_enter(key.shard);
    entry = key_read(&key);
    assert_non_null(entry);
    assert_true(hash_count(entry_container(entry)) > 1);
    assert_false(hash_get(entry_container(entry), numbered(room, 7), &field));
    hash_walk_begin(&walk, entry_container(entry));
    assert_true(hash_walk_next(&walk));
    assert_true(bytes_equal(walk.field.name, BYTES("stays")));
    assert_false(hash_walk_next(&walk));
    shard_leave(key.shard);
}

static void copies_and_moved_keys_are_swept_too(void **state)
{
    struct key from, to;
    struct spot spot;

    (void)state;
    set_field(0, BYTES("a"), BYTES("f"), now_ms + 50);
    key_init(&from, keyspace, 0, BYTES("a"));
    key_init(&to, keyspace, 1, BYTES("b"));
    shards_enter((struct key[]){from, to}, 2);
    key_find(&from, &spot);
    assert_int_equal(key_copy(&from, &spot, &to), OK);
    shards_leave((struct key[]){from, to}, 2);
    key_init(&to, keyspace, 2, BYTES("c"));
    shards_enter((struct key[]){from, to}, 2);
    key_find(&from, &spot);
    assert_int_equal(key_move(&from, &spot, &to), OK);
    shards_leave((struct key[]){from, to}, 2);
    keyspace_check(keyspace);
    assert_int_equal(keyspace_count(keyspace, 1) + keyspace_count(keyspace, 2), 2);
    set_now(now_ms + 100);
    sweep();
    assert_int_equal(keyspace_count(keyspace, 1) + keyspace_count(keyspace, 2), 0);
}

static void deadlines_beyond_the_window_are_kept_and_found(void **state)
{
    char room[32];

    (void)state;
    for (unsigned i = 0; i < 2000; i++) {
        set_field(0, numbered(room, i), BYTES("f"), now_ms + (int64_t)(i + 1) * 3600000);
    }
    for (unsigned day = 0; day < 90; day++) {
        set_now(now_ms + 86400000);
        sweep();
        keyspace_check(keyspace);
        assert_int_equal(keyspace_count(keyspace, 0), 2000 - (day * 24 + 24 > 2000 ? 2000 : day * 24 + 24));
    }
}

int main(void)
{
#define WITHIN_TEST(test) cmocka_unit_test_setup_teardown(test, open_keyspace, close_keyspace)
    const struct CMUnitTest tests[] = {
        WITHIN_TEST(a_reader_never_sees_a_hash_of_which_nothing_is_left),
        WITHIN_TEST(the_sweep_takes_fields_and_the_keys_they_leave_empty),
        WITHIN_TEST(volatile_ttl_finds_keys_behind_fields_that_go_sooner),
        WITHIN_TEST(a_large_hash_goes_a_slice_at_a_time),
        WITHIN_TEST(a_reader_waits_for_no_great_many),
        WITHIN_TEST(copies_and_moved_keys_are_swept_too),
        WITHIN_TEST(deadlines_beyond_the_window_are_kept_and_found),
    };

    change_listen(&listener);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
