#include "keyspace/keyspace_help.h"

#include <pthread.h>
#include <stdatomic.h>
#include "coatcheck/base/slab.h"

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

static void *keep_moving(void *context)
{
    (void)context;
    while (!atomic_load(&over)) {
        clock_set_ms(clock_now_ms() + 1000);
        keyspace_housekeep(shared, 0, 1, 1000);
    }
    clock_release();
    return NULL;
}

static void entries_move_while_others_read_and_write_them(void **state)
{
    pthread_t writers[WRITERS], mover;

    (void)state;
    shared = new_keyspace(4, 1);
    atomic_store(&over, false);
    slab_pretend_sparse(true);
    pthread_create(&mover, NULL, keep_moving, NULL);
    for (unsigned i = 0; i < WRITERS; i++) {
        pthread_create(&writers[i], NULL, write_and_look, (void *)(uintptr_t)i);
    }
    for (unsigned i = 0; i < WRITERS; i++) {
        void *complaint;

        pthread_join(writers[i], &complaint);
        if (complaint) fail_msg("%s", (char *)complaint);
    }
    atomic_store(&over, true);
    pthread_join(mover, NULL);
    slab_pretend_sparse(false);
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
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
