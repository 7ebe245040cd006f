#include "keyspace/keyspace_help.h"
#include "keyspace/box_help.h"
#include "coatcheck/keyspace/change.h"

#define NOW_MS 1800000000000

static struct keyspace *keyspace;

static int open_keyspace(void **state)
{
    (void)state;
    clock_set_ms(NOW_MS);
    keyspace = new_keyspace(4, 3);
    return 0;
}

static int close_keyspace(void **state)
{
    (void)state;
    keyspace_check(keyspace);
    keyspace_free(&keyspace);
    assert_int_equal(atomic_load(&boxes_alive), 0);
    clock_release();
    return 0;
}

/* Two keys with their shards entered, for what takes both. */
static struct key from, to;
static struct spot source;

static void enter_both(unsigned from_db, const char *from_name, unsigned to_db, const char *to_name)
{
    struct key keys[2];

    key_init(&from, keyspace, from_db, bytes_of_text(from_name));
    key_init(&to, keyspace, to_db, bytes_of_text(to_name));
    keys[0] = from;
    keys[1] = to;
    shards_enter(keys, 2);
    key_find(&from, &source);
}

static void leave_both(void)
{
    struct key keys[2] = {from, to};

    shards_leave(keys, 2);
}

static enum status put_box(unsigned db, struct bytes name, size_t elements, int64_t deadline_ms)
{
    void *box = box_new(elements);
    enum status status;
    struct key key;
    struct spot spot;

    if (!box) return NO_MEMORY;
    key_init(&key, keyspace, db, name);
    shard_enter(key.shard);
    key_find(&key, &spot);
    status = key_put_container(&key, &spot, VALUE_HASH, &box, deadline_ms);
    shard_leave(key.shard);
    if (status == OK) {
        assert_null(box);
    } else {
        box_free_some(&box, SIZE_MAX);
    }
    return status;
}

/* Elements of the box at the key, or -1 when there is none. */
static long box_at(unsigned db, struct bytes name)
{
    struct entry *entry;
    struct key key;
    long elements = -1;

    key_init(&key, keyspace, db, name);
    shard_enter(key.shard);
    entry = key_read(&key);
    if (entry && entry_type(entry) == VALUE_HASH) {
        elements = (long)((struct box *)entry_container(entry))->elements;
    }
    shard_leave(key.shard);
    return elements;
}

static void a_put_keeps_or_replaces_the_deadline_as_told(void **state)
{
    (void)state;
    assert_int_equal(put(keyspace, 0, BYTES("k"), BYTES("v"), NOW_MS + 1000), OK);
    assert_int_equal(put(keyspace, 0, BYTES("k"), BYTES("w"), KEEP_DEADLINE), OK);
    assert_true(holds(keyspace, 0, BYTES("k"), BYTES("w"), NOW_MS + 1000));
    assert_int_equal(keyspace_count_volatile(keyspace, 0), 1);
    assert_int_equal(put(keyspace, 0, BYTES("k"), BYTES("7"), KEEP_DEADLINE), OK);
    assert_int_equal(put(keyspace, 0, BYTES("k"), BYTES("8"), KEEP_DEADLINE), OK);
    assert_true(holds(keyspace, 0, BYTES("k"), BYTES("8"), NOW_MS + 1000));
    assert_int_equal(put(keyspace, 0, BYTES("k"), BYTES("9"), NEVER), OK);
    assert_true(holds(keyspace, 0, BYTES("k"), BYTES("9"), NEVER));
    assert_int_equal(keyspace_count_volatile(keyspace, 0), 0);
    assert_int_equal(put(keyspace, 0, BYTES("new"), BYTES("x"), KEEP_DEADLINE), OK);
    assert_true(holds(keyspace, 0, BYTES("new"), BYTES("x"), NEVER));
}

static void a_string_takes_the_place_of_any_type_and_any_type_of_a_string(void **state)
{
    static char large[100000];
    struct key key;
    struct spot spot;
    struct blob *blob;

    (void)state;
    memset(large, 'l', sizeof large);
    for (unsigned round = 0; round < 3; round++) {
        put(keyspace, 0, BYTES("k"), BYTES("small"), NEVER);
        assert_int_equal(put_box(0, BYTES("k"), 5, NOW_MS + 5000), OK);
        assert_int_equal(box_at(0, BYTES("k")), 5);
        put(keyspace, 0, BYTES("k"), bytes_of(large, sizeof large), NEVER);
        assert_true(holds(keyspace, 0, BYTES("k"), bytes_of(large, sizeof large), NEVER));
        assert_int_equal(put_box(0, BYTES("k"), 1000, NEVER), OK);
        put(keyspace, 0, BYTES("k"), BYTES("12"), NEVER);
        assert_true(holds(keyspace, 0, BYTES("k"), BYTES("12"), NEVER));
        key_init(&key, keyspace, 0, BYTES("k"));
        blob = blob_new(10);
        memcpy(blob->at, "blob", blob->len = 4);
        shard_enter(key.shard);
        key_find(&key, &spot);
        assert_int_equal(key_put_blob(&key, &spot, &blob, NEVER), OK);
        assert_null(blob);
        shard_leave(key.shard);
        assert_true(holds(keyspace, 0, BYTES("k"), BYTES("blob"), NEVER));
    }
    assert_int_equal(keyspace_count(keyspace, 0), 1);
}

static void a_large_container_is_freed_in_slices_and_a_small_one_at_once(void **state)
{
    (void)state;
    put_box(0, BYTES("small"), 10, NEVER);
    put_box(0, BYTES("large"), 1000000, NEVER);
    assert_int_equal(atomic_load(&boxes_alive), 2);
    assert_true(drop(keyspace, 0, BYTES("small")));
    assert_int_equal(atomic_load(&boxes_alive), 1);
    assert_true(drop(keyspace, 0, BYTES("large")));
    assert_int_equal(keyspace_count(keyspace, 0), 0);
    assert_int_equal(atomic_load(&boxes_alive), 1);
    keyspace_housekeep(keyspace, 0, 1, 1);
    assert_int_equal(atomic_load(&boxes_alive), 1);
    keyspace_reclaim_all(keyspace);
    assert_int_equal(atomic_load(&boxes_alive), 0);
}

static void a_reply_may_hold_a_blob_that_is_overwritten(void **state)
{
    static char large[70000];
    struct blob *held;
    struct key key;

    (void)state;
    memset(large, 'l', sizeof large);
    put(keyspace, 0, BYTES("k"), bytes_of(large, sizeof large), NEVER);
    key_init(&key, keyspace, 0, BYTES("k"));
    shard_enter(key.shard);
    held = entry_blob(key_read(&key));
    blob_hold(held);
    shard_leave(key.shard);
    assert_true(drop(keyspace, 0, BYTES("k")));
    assert_memory_equal(blob_bytes(held).at, large, sizeof large);
    blob_release(&held);
}

static void appending_to_a_held_blob_leaves_the_holder_his_bytes(void **state)
{
    static char large[70000];
    struct blob *held;
    struct key key;
    struct spot spot;
    char *at;

    (void)state;
    memset(large, 'l', sizeof large);
    put(keyspace, 0, BYTES("k"), bytes_of(large, sizeof large), NEVER);
    key_init(&key, keyspace, 0, BYTES("k"));
    shard_enter(key.shard);
    held = entry_blob(key_find(&key, &spot));
    blob_hold(held);
    at = key_edit_string(&key, &spot, sizeof large + 1);
    assert_non_null(at);
    at[0] = 'L';
    shard_leave(key.shard);
    assert_memory_equal(blob_bytes(held).at, large, sizeof large);
    assert_int_equal(held->len, sizeof large);
    blob_release(&held);
}

static void renaming_moves_value_and_deadline_over_whatever_is_there(void **state)
{
    static const unsigned dbs[][2] = {{0, 0}, {0, 1}, {1, 0}, {2, 2}};

    (void)state;
    for (size_t i = 0; i < sizeof dbs / sizeof dbs[0]; i++) {
        unsigned a = dbs[i][0], b = dbs[i][1];

        put(keyspace, a, BYTES("from"), BYTES("value"), NOW_MS + 7000);
        put_box(b, BYTES("to"), 10, NEVER);
        enter_both(a, "from", b, "to");
        assert_int_equal(key_move(&from, &source, &to), OK);
        assert_null(source.entry);
        leave_both();
        assert_int_equal(atomic_load(&boxes_alive), 0); /* a small one goes with the leaving */
        assert_false(exists(keyspace, a, BYTES("from")));
        assert_true(holds(keyspace, b, BYTES("to"), BYTES("value"), NOW_MS + 7000));

        put_box(a, BYTES("from"), 3, NEVER);
        enter_both(a, "from", b, "to");
        assert_int_equal(key_move(&from, &source, &to), OK);
        leave_both();
        assert_int_equal(box_at(b, BYTES("to")), 3);
        assert_int_equal(box_at(a, BYTES("from")), -1);
        drop(keyspace, b, BYTES("to"));
        assert_int_equal(keyspace_count_volatile(keyspace, b), 0);
    }
}

static void moving_a_key_onto_itself_changes_nothing(void **state)
{
    (void)state;
    put(keyspace, 0, BYTES("k"), BYTES("v"), NOW_MS + 1);
    enter_both(0, "k", 0, "k");
    assert_int_equal(key_move(&from, &source, &to), OK);
    assert_int_equal(key_copy(&from, &source, &to), OK);
    leave_both();
    assert_true(holds(keyspace, 0, BYTES("k"), BYTES("v"), NOW_MS + 1));
}

static void a_copy_lives_on_its_own(void **state)
{
    static char large[70000];
    struct key key;
    struct spot spot;

    (void)state;
    memset(large, 'l', sizeof large);
    put(keyspace, 0, BYTES("a"), bytes_of(large, sizeof large), NOW_MS + 9);
    enter_both(0, "a", 1, "b");
    assert_int_equal(key_copy(&from, &source, &to), OK);
    assert_non_null(source.entry);
    leave_both();
    assert_true(holds(keyspace, 1, BYTES("b"), bytes_of(large, sizeof large), NOW_MS + 9));
    key_init(&key, keyspace, 1, BYTES("b"));
    shard_enter(key.shard);
    key_find(&key, &spot);
    key_edit_string(&key, &spot, sizeof large)[0] = 'L';
    shard_leave(key.shard);
    assert_true(holds(keyspace, 0, BYTES("a"), bytes_of(large, sizeof large), NOW_MS + 9));
    assert_false(holds(keyspace, 1, BYTES("b"), bytes_of(large, sizeof large), NOW_MS + 9));

    put_box(0, BYTES("box"), 10, NEVER);
    enter_both(0, "box", 0, "box2");
    assert_int_equal(key_copy(&from, &source, &to), OK);
    leave_both();
    drop(keyspace, 0, BYTES("box"));
    assert_int_equal(box_at(0, BYTES("box2")), 10);
}

static void a_spot_survives_what_other_keys_do_in_the_same_session(void **state)
{
    struct key first, absent, key;
    struct spot spot, empty, other;
    char room[32];

    (void)state;
    put(keyspace, 0, BYTES("first"), BYTES("v"), NEVER);
    key_init(&first, keyspace, 0, BYTES("first"));
    key_init(&absent, keyspace, 0, BYTES("absent"));
    keyspace_enter_all(keyspace);
    key_find(&first, &spot);
    assert_null(key_find(&absent, &empty));
    /* Enough to make the table move several times with nobody leaving the shard. */
    for (uint64_t i = 0; i < 20000; i++) {
        key_init(&key, keyspace, 0, numbered(room, i));
        key_find(&key, &other);
        assert_int_equal(key_put_string(&key, &other, BYTES("x"), NEVER), OK);
    }
    assert_int_equal(key_put_string(&absent, &empty, BYTES("now there"), NEVER), OK);
    assert_int_equal(key_put_string(&first, &spot, BYTES("a much longer value than before"), NEVER),
                     OK);
    assert_int_equal(key_set_deadline(&first, &spot, NOW_MS + 99), OK);
    keyspace_check(keyspace);
    keyspace_leave_all(keyspace);
    assert_true(
        holds(keyspace, 0, BYTES("first"), BYTES("a much longer value than before"), NOW_MS + 99));
    assert_true(holds(keyspace, 0, BYTES("absent"), BYTES("now there"), NEVER));
    assert_int_equal(keyspace_count(keyspace, 0), 20002);
}

static int64_t idle_seconds(struct bytes name)
{
    struct key key;
    int64_t idle;

    key_init(&key, keyspace, 0, name);
    shard_enter(key.shard);
    idle = key_idle_seconds(&key);
    shard_leave(key.shard);
    return idle;
}

static void idle_time_is_counted_from_the_last_use_in_the_group(void **state)
{
    struct key key;

    (void)state;
    put(keyspace, 0, BYTES("k"), BYTES("v"), NEVER);
    assert_int_equal(idle_seconds(BYTES("k")), 0);
    clock_set_ms(NOW_MS + 100000);
    key_init(&key, keyspace, 0, BYTES("k"));
    shard_enter(key.shard);
    assert_non_null(key_read_quietly(&key));
    shard_leave(key.shard);
    assert_true(idle_seconds(BYTES("k")) >= 91 && idle_seconds(BYTES("k")) <= 100);
    exists(keyspace, 0, BYTES("k"));
    assert_int_equal(idle_seconds(BYTES("k")), 0);
    assert_int_equal(idle_seconds(BYTES("absent")), -1);
}

static void growth_makes_no_key_look_less_used_than_it_is(void **state)
{
    char room[32];
    unsigned idle = 0;

    (void)state;
    /* A key every ten seconds, so that groups hold new ones beside old ones. */
    for (uint64_t i = 0; i < 2000; i++) {
        clock_set_ms(NOW_MS + (int64_t)i * 10000);
        put(keyspace, 0, numbered(room, i), BYTES("v"), NEVER);
    }
    for (uint64_t i = 0; i < 2000; i++) {
        int64_t most = (int64_t)(1999 - i) * 10;

        assert_true(idle_seconds(numbered(room, i)) <= most);
        idle += idle_seconds(numbered(room, i)) > most / 4;
    }
    assert_true(idle > 200);
}

static unsigned heard;
static char heard_event[32], heard_key[32], heard_effect[32];
static unsigned heard_db;

static void listen(const struct change *change)
{
    heard++;
    heard_db = change->db;
    snprintf(heard_event, sizeof heard_event, "%s", change->event);
    snprintf(heard_key, sizeof heard_key, "%.*s", (int)change->key.len, change->key.at);
    assert_int_equal(change->effect_words, 2);
    snprintf(heard_effect, sizeof heard_effect, "%.*s %.*s", (int)change->effect[0].len,
             change->effect[0].at, (int)change->effect[1].len, change->effect[1].at);
}

static void whoever_listens_hears_of_expired_and_evicted_keys(void **state)
{
    static const struct change_listener listener = {listen};
    struct key key;
    struct spot spot;

    (void)state;
    assert_false(change_anyone_listens);
    change_listen(&listener);
    put(keyspace, 2, BYTES("coat"), BYTES("v"), NOW_MS + 10);
    drop(keyspace, 2, BYTES("coat"));
    assert_int_equal(heard, 0); /* the command tells of what clients do */
    put(keyspace, 2, BYTES("coat"), BYTES("v"), NOW_MS + 10);
    clock_set_ms(NOW_MS + 10);
    assert_false(exists(keyspace, 2, BYTES("coat")));
    assert_int_equal(heard, 1);
    assert_string_equal(heard_event, "expired");
    assert_string_equal(heard_key, "coat");
    assert_string_equal(heard_effect, "UNLINK coat");
    assert_int_equal(heard_db, 2);
    put(keyspace, 0, BYTES("hat"), BYTES("v"), NEVER);
    key_init(&key, keyspace, 0, BYTES("hat"));
    shard_enter(key.shard);
    key_find(&key, &spot);
    key_remove(&key, &spot, REMOVED_EVICTED);
    assert_null(spot.entry);
    shard_leave(key.shard);
    assert_string_equal(heard_event, "evicted");
    assert_string_equal(heard_key, "hat");
    assert_int_equal(heard, 2);
}

static void hits_and_misses_are_counted_by_readers_only(void **state)
{
    int64_t hits = METRIC_SUM(keyspace, keyspace_hits),
            misses = METRIC_SUM(keyspace, keyspace_misses);

    (void)state;
    put(keyspace, 0, BYTES("k"), BYTES("v"), NEVER);
    drop(keyspace, 0, BYTES("other"));
    assert_int_equal(METRIC_SUM(keyspace, keyspace_hits), hits);
    assert_int_equal(METRIC_SUM(keyspace, keyspace_misses), misses);
    exists(keyspace, 0, BYTES("k"));
    exists(keyspace, 0, BYTES("other"));
    exists(keyspace, 1, BYTES("k"));
    assert_int_equal(METRIC_SUM(keyspace, keyspace_hits), hits + 1);
    assert_int_equal(METRIC_SUM(keyspace, keyspace_misses), misses + 2);
}

/* One of everything that allocates. False: something answered NO_MEMORY, and then nothing may have
 * changed. */
static bool try_it(unsigned what)
{
    static char large[70000];
    struct key key;
    struct spot spot;
    bool done = false;

    switch (what) {
    case 0:
        return put(keyspace, 0, BYTES("fresh"), BYTES("v"), NEVER) == OK;
    case 1:
        return put(keyspace, 1, BYTES("fresh"), BYTES("v"), NOW_MS + 5) == OK;
    case 2:
        return put(keyspace, 0, BYTES("old"), bytes_of(large, 500), NEVER) == OK;
    case 3:
        return put(keyspace, 0, BYTES("old"), bytes_of(large, sizeof large), NEVER) == OK;
    case 4:
        return put_box(0, BYTES("old"), 100, NEVER) == OK;
    case 5:
    case 6:
        enter_both(0, "old", 2, "elsewhere");
        done =
            what == 5 ? key_move(&from, &source, &to) == OK : key_copy(&from, &source, &to) == OK;
        leave_both();
        return done;
    case 7:
    case 12:
        enter_both(0, what == 7 ? "box" : "blob", 2, "elsewhere");
        done = key_copy(&from, &source, &to) == OK;
        leave_both();
        return done;
    case 8:
    case 9:
    case 10:
        key_init(&key, keyspace, 0, what == 8 ? BYTES("fresh") : BYTES("old"));
        shard_enter(key.shard);
        key_find(&key, &spot);
        done = key_edit_string(&key, &spot, what == 10 ? 100000 : 1000) != NULL;
        shard_leave(key.shard);
        return done;
    default:
        key_init(&key, keyspace, 0, BYTES("old"));
        shard_enter(key.shard);
        key_find(&key, &spot);
        done = key_set_deadline(&key, &spot, NOW_MS + 5000) == OK;
        shard_leave(key.shard);
        return done;
    }
}

static unsigned references_of_blob(void)
{
    struct key key;
    unsigned references;

    key_init(&key, keyspace, 0, BYTES("blob"));
    shard_enter(key.shard);
    references = atomic_load(&entry_blob(key_read(&key))->references);
    shard_leave(key.shard);
    return references;
}

static void no_memory_at_any_point_loses_nothing(void **state)
{
    static char large[70000];
    unsigned failures = 0;

    (void)state;
    for (unsigned what = 0; what <= 12; what++) {
        for (unsigned n = 1;; n++) {
            bool done;

            for (unsigned db = 0; db < 3; db++) {
                keyspace_enter_all(keyspace);
                keyspace_flush_entered(keyspace, db);
                keyspace_leave_all(keyspace);
            }
            keyspace_free(&keyspace);
            keyspace = new_keyspace(4, 3);
            assert_int_equal(put(keyspace, 0, BYTES("old"), BYTES("1234567890x"), NEVER), OK);
            assert_int_equal(put_box(0, BYTES("box"), 7, NEVER), OK);
            assert_int_equal(put(keyspace, 0, BYTES("blob"), bytes_of(large, sizeof large), NEVER),
                             OK);
            mem_fail_after(n);
            done = try_it(what);
            mem_fail_after(0);
            assert_int_equal(references_of_blob(), what == 12 && done ? 2 : 1);
            keyspace_check(keyspace);
            assert_int_equal(box_at(0, BYTES("box")), 7);
            if (done) break;
            failures++;
            assert_true(holds(keyspace, 0, BYTES("old"), BYTES("1234567890x"), NEVER));
            assert_false(exists(keyspace, 0, BYTES("fresh")));
            assert_false(exists(keyspace, 1, BYTES("fresh")));
            assert_false(exists(keyspace, 2, BYTES("elsewhere")));
        }
    }
    assert_true(failures >= 12);
}

static void
a_table_that_gets_no_memory_to_grow_fills_up_and_then_refuses_only_what_is_new(void **state)
{
    uint64_t stored = 0, refused = 0;
    char room[32];

    (void)state;
    keyspace_free(&keyspace);
    keyspace = new_keyspace(1, 1);
    /* Allocations of one put: the entry, and then perhaps an array. Let the arrays fail, by hand.
     */
    for (uint64_t i = 0; i < 300; i++)
        assert_int_equal(put(keyspace, 0, numbered(room, i), BYTES("v"), NEVER), OK);
    for (uint64_t i = 300; i < 5000 && refused < 3; i++) {
        enum status status;

        mem_fail_after(2); /* the entry passes, whatever comes next does not */
        status = put(keyspace, 0, numbered(room, i), BYTES("v"), NEVER);
        mem_fail_after(0);
        if (status == OK) {
            stored = i + 1;
            assert_int_equal(refused, 0);
        } else {
            refused++;
        }
        keyspace_check(keyspace);
    }
    assert_int_equal(refused, 3);
    for (uint64_t i = 0; i < stored; i++) assert_true(exists(keyspace, 0, numbered(room, i)));
    assert_int_equal(keyspace_count(keyspace, 0), stored);
    assert_int_equal(stored % 7, 0); /* to the last slot */
    assert_int_equal(put(keyspace, 0, numbered(room, 1), BYTES("w"), NEVER), OK);
    /* Once there is memory it goes on. */
    for (uint64_t i = stored; i < 5000; i++)
        assert_int_equal(put(keyspace, 0, numbered(room, i), BYTES("v"), NEVER), OK);
    keyspace_check(keyspace);
    for (uint64_t i = 0; i < 5000; i++) assert_true(exists(keyspace, 0, numbered(room, i)));
}

static void every_allocation_of_a_long_run_may_fail(void **state)
{
    uint64_t dice = 5, present = 0;
    bool there[2000] = {false};
    char room[32];

    (void)state;
    for (unsigned step = 0; step < 100000; step++) {
        uint64_t number = random_below(&dice, 2000);
        enum status status;

        if (random_below(&dice, 3) == 0) {
            assert_int_equal(drop(keyspace, 0, numbered(room, number)), there[number]);
            present -= there[number];
            there[number] = false;
            continue;
        }
        if (random_below(&dice, 4) == 0) mem_fail_after(1 + (unsigned)random_below(&dice, 3));
        status = put(keyspace, 0, numbered(room, number), BYTES("some value"), NEVER);
        mem_fail_after(0);
        if (status == OK) {
            present += !there[number];
            there[number] = true;
        }
        assert_int_equal(exists(keyspace, 0, numbered(room, number)), there[number]);
        if (step % 1000 == 0) {
            keyspace_housekeep(keyspace, 0, 1, 100);
            keyspace_check(keyspace);
            assert_int_equal(keyspace_count(keyspace, 0), present);
        }
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_keyspace, close_keyspace)
    const struct CMUnitTest tests[] = {
        TEST(a_put_keeps_or_replaces_the_deadline_as_told),
        TEST(a_string_takes_the_place_of_any_type_and_any_type_of_a_string),
        TEST(a_large_container_is_freed_in_slices_and_a_small_one_at_once),
        TEST(a_reply_may_hold_a_blob_that_is_overwritten),
        TEST(appending_to_a_held_blob_leaves_the_holder_his_bytes),
        TEST(renaming_moves_value_and_deadline_over_whatever_is_there),
        TEST(moving_a_key_onto_itself_changes_nothing),
        TEST(a_copy_lives_on_its_own),
        TEST(a_spot_survives_what_other_keys_do_in_the_same_session),
        TEST(idle_time_is_counted_from_the_last_use_in_the_group),
        TEST(growth_makes_no_key_look_less_used_than_it_is),
        TEST(hits_and_misses_are_counted_by_readers_only),
        TEST(no_memory_at_any_point_loses_nothing),
        TEST(a_table_that_gets_no_memory_to_grow_fills_up_and_then_refuses_only_what_is_new),
        TEST(every_allocation_of_a_long_run_may_fail),
        TEST(whoever_listens_hears_of_expired_and_evicted_keys),
    };

    value_kind_add(VALUE_HASH, &box_kind);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
