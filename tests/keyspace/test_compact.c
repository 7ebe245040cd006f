#include "keyspace/keyspace_help.h"

#include <pthread.h>
#include <stdatomic.h>
#include "coatcheck/base/slab.h"
#include "coatcheck/values/kind.h"
#include "coatcheck/values/set.h"

#ifdef SLAB_BLOCKS_APART
#define NEEDS_SLABS() skip()
#else
#define NEEDS_SLABS() ((void)0)
#endif

static size_t value_len(unsigned number, unsigned round)
{
    return 20 + (number * 7 + round * 131) % 300;
}

static struct bytes value_of(char room[512], unsigned number, unsigned round)
{
    memset(room, 'a' + (int)((number + round) % 26), 512);
    return bytes_of(room, value_len(number, round));
}

static int64_t deadline_of(unsigned number)
{
    return number % 3 == 0 ? (int64_t)1900000000000 + number : NEVER;
}

/* So many seconds of housekeeping, and the clock goes with them. */
static void keep_house(struct keyspace *keyspace, unsigned seconds)
{
    for (unsigned second = 0; second < seconds; second++) {
        clock_set_ms(clock_now_ms() + 1000);
        for (unsigned slice = 0; slice < 3; slice++) {
            while (keyspace_housekeep(keyspace, 0, 1, 1000) == HOUSE_BEHIND) {}
        }
    }
}

static void an_entry_that_is_moved_stays_what_it_was(void **state)
{
    enum { KEYS = 4000 };
    struct keyspace *keyspace = new_keyspace(8, 3);
    char name[32], room[512];
    size_t used = 0;

    (void)state;
    for (unsigned i = 0; i < KEYS; i++) {
        assert_int_equal(put(keyspace, i % 3, numbered(name, i), value_of(room, i, 0), deadline_of(i)), OK);
    }
    assert_int_equal(put(keyspace, 1, BYTES("number"), BYTES("42"), NEVER), OK);
    slab_pretend_sparse(true);
    for (unsigned round = 0; round < 3; round++) {
        struct slab_figures figures;

        keep_house(keyspace, 2);
        keyspace_check(keyspace);
        slab_read_figures(&figures);
        if (round > 0) assert_int_equal(figures.used, used);
        used = figures.used;
    }
    slab_pretend_sparse(false);
    for (unsigned i = 0; i < KEYS; i++) {
        assert_true(holds(keyspace, i % 3, numbered(name, i), value_of(room, i, 0), deadline_of(i)));
    }
    assert_true(holds(keyspace, 1, BYTES("number"), BYTES("42"), NEVER));
    keyspace_free(&keyspace);
}

static double held_by_used(void)
{
    struct slab_figures figures;

    slab_read_figures(&figures);
    return (double)figures.held / (double)figures.used;
}

static void after_random_deletes_slabs_are_given_back(void **state)
{
    enum { KEYS = 200000 };
    struct keyspace *keyspace;
    char name[32], room[512];
    uint64_t dice = 5;
    unsigned left = 0;

    (void)state;
    NEEDS_SLABS();
    keyspace = new_keyspace(64, 1);
    memset(room, 'v', sizeof room);
    for (unsigned i = 0; i < KEYS; i++) put(keyspace, 0, numbered(name, i), bytes_of(room, 64), NEVER);
    for (unsigned i = 0; i < KEYS; i++) {
        if (random_below(&dice, 10) > 0) {
            assert_true(drop(keyspace, 0, numbered(name, i)));
        } else {
            left++;
        }
    }
    assert_true(held_by_used() > 5);
    keep_house(keyspace, 4);
    assert_true(held_by_used() < 1.15);
    assert_int_equal(keyspace_count(keyspace, 0), left);
    keyspace_check(keyspace);
    keyspace_free(&keyspace);
}

/* Nobody comes round but the one whose slabs they are: a figure of its own, as slabs are a thread's. */
static void under_pressure_a_thread_closes_its_own_gaps_at_once(void **state)
{
    enum { KEYS = 100000 };
    struct keyspace *keyspace;
    char name[32], room[512];
    uint64_t dice = 6;

    (void)state;
    NEEDS_SLABS();
    keyspace = new_keyspace(64, 1);
    memset(room, 'v', sizeof room);
    for (unsigned i = 0; i < KEYS; i++) put(keyspace, 0, numbered(name, i), bytes_of(room, 64), NEVER);
    for (unsigned i = 0; i < KEYS; i++) {
        if (random_below(&dice, 2) > 0) drop(keyspace, 0, numbered(name, i));
    }
    slab_press(UINT64_MAX);
    assert_true(held_by_used() > 1.5);
    keyspace_compact(keyspace, 0, UINT64_MAX);
    assert_true(held_by_used() < 1.15);
    keyspace_check(keyspace);
    keyspace_free(&keyspace);
}

static void when_values_become_others_in_size_no_more_is_held(void **state)
{
    enum { KEYS = 50000 };
    struct keyspace *keyspace;
    char name[32], room[1100];
    uint64_t dice = 5;

    (void)state;
    NEEDS_SLABS();
    keyspace = new_keyspace(64, 1);
    memset(room, 'v', sizeof room);
    for (unsigned shift = 0; shift < 4; shift++) {
        size_t len = shift % 2 == 0 ? 100 : 1000;

        for (unsigned i = 0; i < KEYS; i++) {
            put(keyspace, 0, numbered(name, i), bytes_of(room, len - random_below(&dice, 30)), NEVER);
        }
        keep_house(keyspace, 4);
        assert_true(held_by_used() < 1.16);
    }
    keyspace_check(keyspace);
    keyspace_free(&keyspace);
}

/* --- containers --- */

#define MEMBERS 40 /* of a set, in a block of about a kilobyte */

static struct bytes member_of(char room[64], unsigned set, unsigned i)
{
    return bytes_of(room, (size_t)snprintf(room, 64, "a member of some length: %u of %u", i, set));
}

static enum status put_set(struct keyspace *keyspace, unsigned number)
{
    struct set *set = set_new();
    char name[32], room[64];
    void *container = set;
    enum status status = OK;
    struct key key;
    struct spot spot;
    bool added;

    for (unsigned i = 0; set && i < MEMBERS && status == OK; i++)
        status = set_add(set, member_of(room, number, i), &added);
    if (!set || status != OK) return NO_MEMORY;
    key_init(&key, keyspace, 0, numbered(name, number));
    shard_enter(key.shard);
    key_find(&key, &spot);
    status = key_put_container(&key, &spot, VALUE_SET, &container, NEVER);
    shard_leave(key.shard);
    return status;
}

static bool has_set(struct keyspace *keyspace, unsigned number)
{
    char name[32], room[64];
    struct entry *entry;
    struct key key;
    struct spot spot;
    bool has;

    key_init(&key, keyspace, 0, numbered(name, number));
    shard_enter(key.shard);
    entry = key_find(&key, &spot);
    has = entry && set_count(entry_container(entry)) == MEMBERS;
    for (unsigned i = 0; has && i < MEMBERS; i++) has = set_has(entry_container(entry), member_of(room, number, i));
    shard_leave(key.shard);
    return has;
}

static const void *container_of(struct keyspace *keyspace, unsigned number, bool pins)
{
    const void *container;
    char name[32];
    struct key key;
    struct spot spot;

    key_init(&key, keyspace, 0, numbered(name, number));
    shard_enter(key.shard);
    container = entry_container(key_find(&key, &spot));
    if (pins) container_pin(container);
    shard_leave(key.shard);
    return container;
}

static void one_that_is_pinned_stays_where_it_is(void **state)
{
    struct keyspace *keyspace = new_keyspace(4, 1);
    const void *pinned, *other;

    (void)state;
    for (unsigned i = 0; i < 2; i++) assert_int_equal(put_set(keyspace, i), OK);
    pinned = container_of(keyspace, 0, true);
    other = container_of(keyspace, 1, false);
    mem_pretend_gaps(true);
    keyspace_compact(keyspace, 0, UINT64_MAX);
    assert_ptr_equal(container_of(keyspace, 0, false), pinned);
    assert_ptr_not_equal(container_of(keyspace, 1, false), other);
    container_unpin(pinned);
    keyspace_compact(keyspace, 0, UINT64_MAX);
    assert_ptr_not_equal(container_of(keyspace, 0, false), pinned);
    mem_pretend_gaps(false);
    assert_true(has_set(keyspace, 0) && has_set(keyspace, 1));
    keyspace_free(&keyspace);
}

#ifdef COATCHECK_JEMALLOC
static size_t gaps_now(void)
{
    struct mem_figures figures;

    mem_read_figures(&figures);
    return mem_gaps();
}

enum { SETS = 40000 };

/* One of two is dropped: between those that stay are gaps. */
static struct keyspace *sets_with_gaps(void)
{
    struct keyspace *keyspace = new_keyspace(16, 1);
    char name[32];

    for (unsigned i = 0; i < SETS; i++) assert_int_equal(put_set(keyspace, i), OK);
    for (unsigned i = 0; i < SETS; i += 2) drop(keyspace, 0, numbered(name, i));
    return keyspace;
}

static void free_sets(struct keyspace **keyspace)
{
    for (unsigned i = 1; i < SETS; i += 2) assert_true(has_set(*keyspace, i));
    keyspace_check(*keyspace);
    keyspace_free(keyspace);
}

static void gaps_between_blocks_of_containers_are_closed_in_time(void **state)
{
    struct keyspace *keyspace = sets_with_gaps();
    size_t before = gaps_now();

    (void)state;
    assert_true(before > (size_t)SETS / 2 * 800);
    keep_house(keyspace, 3);
    assert_true(gaps_now() < before / 4);
    free_sets(&keyspace);
}

static void under_pressure_gaps_between_blocks_are_closed_at_once(void **state)
{
    struct keyspace *keyspace = sets_with_gaps();
    size_t before = gaps_now();

    (void)state;
    keyspace_compact(keyspace, 0, UINT64_MAX);
    assert_true(gaps_now() < before / 4);
    free_sets(&keyspace);
}

/* A slice of it takes no longer than it may, and the next goes on there. */
static void it_goes_on_where_its_time_was_up(void **state)
{
    struct keyspace *keyspace = sets_with_gaps();
    size_t before = gaps_now();
    unsigned slices = 0;

    (void)state;
    while (keyspace_compact(keyspace, 0, clock_ticks() + clock_us_to_ticks(100))) {
        if (++slices % 16 == 0) (void)gaps_now();
        assert_true(slices < 100000);
    }
    assert_true(slices > 20);
    assert_true(gaps_now() < before / 4);
    free_sets(&keyspace);
}

/* What nobody can move has gaps too: they are not looked for again and again. */
static void gaps_that_cannot_be_closed_are_given_up(void **state)
{
    enum { BLOCKS = 60000 };
    static void *blocks[BLOCKS];
    struct keyspace *keyspace = new_keyspace(16, 1);

    (void)state;
    for (unsigned i = 0; i < BLOCKS; i++) blocks[i] = mem_alloc(1000);
    for (unsigned i = 0; i < BLOCKS; i += 2) mem_free(blocks[i]);
    for (unsigned i = 0; i < 1000; i++) assert_int_equal(put_set(keyspace, i), OK);
    assert_true(gaps_now() > (size_t)BLOCKS / 2 * 900);
    keyspace_compact(keyspace, 0, UINT64_MAX);
    keyspace_compact(keyspace, 0, UINT64_MAX);
    (void)gaps_now();
    assert_false(keyspace_compact(keyspace, 0, UINT64_MAX));
    for (unsigned i = 1; i < BLOCKS; i += 2) mem_free(blocks[i]);
    (void)gaps_now();
    keyspace_compact(keyspace, 0, UINT64_MAX);
    keyspace_free(&keyspace);

    /* Others that can be closed are, afterwards. */
    keyspace = sets_with_gaps();
    assert_true(gaps_now() > (size_t)SETS / 2 * 800);
    keyspace_compact(keyspace, 0, UINT64_MAX);
    assert_true(gaps_now() < (size_t)SETS / 2 * 300);
    free_sets(&keyspace);
}
#endif

/* --- while others are at work --- */

#define WRITERS 3
#define KEYS_EACH 300
#define ERRANDS 30000

static struct keyspace *shared;
static _Atomic bool over;

static void *write_and_look(void *context)
{
    unsigned writer = (unsigned)(uintptr_t)context;
    unsigned rounds[KEYS_EACH] = {0};
    uint64_t dice = writer + 1;

    for (unsigned errand = 0; errand < ERRANDS; errand++) {
        unsigned i = (unsigned)random_below(&dice, KEYS_EACH), number = writer * KEYS_EACH + i;
        char name[32], room[512];
        struct bytes key = numbered(name, number);

        switch (random_below(&dice, 4)) {
        case 0:
            rounds[i]++;
            if (put(shared, 0, key, value_of(room, number, rounds[i]), NEVER) != OK) return "no memory";
            break;
        case 1:
            drop(shared, 0, key);
            rounds[i] = 0;
            break;
        default:
            if (rounds[i] == 0) {
                if (exists(shared, 0, key)) return "it is there again";
            } else if (!holds(shared, 0, key, value_of(room, number, rounds[i]), NEVER)) {
                return "it is gone or another";
            }
        }
    }
    return NULL;
}

/* Sets of its own, made and dropped and looked at. */
static void *write_sets_and_look(void *context)
{
    unsigned first = 1000000 + (unsigned)(uintptr_t)context * KEYS_EACH;
    bool there[KEYS_EACH] = {false};
    uint64_t dice = first;
    char name[32];

    for (unsigned errand = 0; errand < ERRANDS / 10; errand++) {
        unsigned i = (unsigned)random_below(&dice, KEYS_EACH);

        if (random_below(&dice, 3) > 0) {
            if (there[i] && !has_set(shared, first + i)) return "a set is gone or another";
        } else if (there[i]) {
            drop(shared, 0, numbered(name, first + i));
            there[i] = false;
        } else {
            if (put_set(shared, first + i) != OK) return "no memory";
            there[i] = true;
        }
    }
    return NULL;
}

static void *keep_moving(void *context)
{
    (void)context;
    while (!atomic_load(&over)) {
        clock_set_ms(clock_now_ms() + 1000);
        keyspace_housekeep(shared, 0, 1, 1000);
        keyspace_compact(shared, 0, clock_ticks() + clock_us_to_ticks(100));
    }
    clock_release();
    return NULL;
}

static void entries_move_while_others_read_and_write_them(void **state)
{
    pthread_t writers[2 * WRITERS], mover;

    (void)state;
    shared = new_keyspace(4, 1);
    atomic_store(&over, false);
    slab_pretend_sparse(true);
    mem_pretend_gaps(true);
    pthread_create(&mover, NULL, keep_moving, NULL);
    for (unsigned i = 0; i < WRITERS; i++) {
        pthread_create(&writers[i], NULL, write_and_look, (void *)(uintptr_t)i);
        pthread_create(&writers[WRITERS + i], NULL, write_sets_and_look, (void *)(uintptr_t)i);
    }
    for (unsigned i = 0; i < 2 * WRITERS; i++) {
        void *complaint;

        pthread_join(writers[i], &complaint);
        if (complaint) fail_msg("%s", (char *)complaint);
    }
    atomic_store(&over, true);
    pthread_join(mover, NULL);
    slab_pretend_sparse(false);
    mem_pretend_gaps(false);
    keyspace_check(shared);
    keyspace_free(&shared);
}

static void without_memory_entries_stay_where_they_are(void **state)
{
    struct keyspace *keyspace = new_keyspace(1, 1);
    char name[32], room[512];

    (void)state;
    for (unsigned i = 0; i < 100; i++) put(keyspace, 0, numbered(name, i), value_of(room, i, 0), NEVER);
    slab_pretend_sparse(true);
    for (unsigned nth = 1; nth < 120; nth += 7) {
        mem_fail_after(nth);
        keep_house(keyspace, 2);
        mem_fail_after(0);
        for (unsigned i = 0; i < 100; i++) {
            assert_true(holds(keyspace, 0, numbered(name, i), value_of(room, i, 0), NEVER));
        }
    }
    slab_pretend_sparse(false);
    keyspace_free(&keyspace);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_entry_that_is_moved_stays_what_it_was),
        cmocka_unit_test(after_random_deletes_slabs_are_given_back),
        cmocka_unit_test(under_pressure_a_thread_closes_its_own_gaps_at_once),
        cmocka_unit_test(when_values_become_others_in_size_no_more_is_held),
        cmocka_unit_test(entries_move_while_others_read_and_write_them),
        cmocka_unit_test(without_memory_entries_stay_where_they_are),
        cmocka_unit_test(one_that_is_pinned_stays_where_it_is),
#ifdef COATCHECK_JEMALLOC
        cmocka_unit_test(gaps_between_blocks_of_containers_are_closed_in_time),
        cmocka_unit_test(under_pressure_gaps_between_blocks_are_closed_at_once),
        cmocka_unit_test(it_goes_on_where_its_time_was_up),
        cmocka_unit_test(gaps_that_cannot_be_closed_are_given_up),
#endif
    };

    mem_setup();
    set_kind_setup();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
