#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include "coatcheck/base/mem.h"
#include "coatcheck/base/random.h"
#include "coatcheck/keyspace/many.h"
#include "coatcheck/keyspace/shard.h"

#define NAMES 24
#define MOST 100

static const char *const names[NAMES] = {"a",  "b",  "c",  "d",  "e",    "f",    "g",    "h",
                                         "i",  "j",  "k",  "l",  "m",    "n",    "aa",   "bb",
                                         "cc", "dd", "ee", "ff", "keys", "coat", "hat9", ""};
static char letters[BLOB_FROM + 1];

/* What the keys should hold; at NULL: nothing. */
static struct bytes model[NAMES];
static bool mortal[NAMES];

static struct bytes draw_value(uint64_t *dice)
{
    static const char digits[] = "1234567890123456789";
    uint64_t kind = random_below(dice, 100);

    if (kind < 30) return bytes_of(digits, 1 + random_below(dice, sizeof digits - 1));
    if (kind < 98) return bytes_of(letters, random_below(dice, 60));
    return bytes_of(letters, BLOB_FROM + random_below(dice, 2));
}

static void assert_as_model(struct keyspace *keyspace)
{
    uint64_t count = 0, count_mortal = 0;

    for (unsigned n = 0; n < NAMES; n++) {
        char scratch[NUMBER_MAX_TEXT];
        struct key key;
        struct entry *entry;

        key_init(&key, keyspace, 0, bytes_of_text(names[n]));
        shard_enter(key.shard);
        entry = key_read(&key);
        assert_int_equal(entry != NULL, model[n].at != NULL);
        if (entry) {
            assert_true(bytes_equal(entry_string(entry, scratch), model[n]));
            assert_int_equal(entry_deadline_ms(entry) != NEVER, mortal[n]);
            count++;
            count_mortal += mortal[n];
        }
        shard_leave(key.shard);
    }
    assert_int_equal(keyspace_count(keyspace, 0), count);
    assert_int_equal(keyspace_count_volatile(keyspace, 0), count_mortal);
    keyspace_check(keyspace);
}

/* One key goes, gets a deadline, or becomes a string that was edited. */
static void disturb(struct keyspace *keyspace, uint64_t *dice)
{
    unsigned n = (unsigned)random_below(dice, NAMES);
    struct spot spot;
    struct key key;

    key_init(&key, keyspace, 0, bytes_of_text(names[n]));
    shard_enter(key.shard);
    if (key_find(&key, &spot)) {
        switch (random_below(dice, 3)) {
        case 0:
            key_remove(&key, &spot, REMOVED_BY_CLIENT);
            model[n].at = NULL;
            mortal[n] = false;
            break;
        case 1:
            assert_int_equal(key_set_deadline(&key, &spot, clock_now_ms() + 1000000), OK);
            mortal[n] = true;
            break;
        default:
            assert_non_null(key_edit_string(&key, &spot, model[n].len));
        }
    }
    shard_leave(key.shard);
}

static void put_many(struct keyspace *keyspace, uint64_t *dice, unsigned count, unsigned fail)
{
    struct key keys[MOST];
    struct bytes values[2 * MOST];
    unsigned drawn[MOST];
    enum status status;

    for (unsigned k = 0; k < count; k++) {
        drawn[k] = (unsigned)random_below(dice, NAMES);
        key_init(&keys[k], keyspace, 0, bytes_of_text(names[drawn[k]]));
        values[2 * k] = draw_value(dice);
    }
    shards_enter(keys, count);
    mem_fail_after(fail);
    status = keys_put_strings(keys, count, values, 2, NULL);
    mem_fail_after(0);
    shards_leave(keys, count);
    assert_true(status == OK || (fail > 0 && status == NO_MEMORY));
    for (unsigned k = 0; k < count && status == OK; k++) {
        model[drawn[k]] = values[2 * k];
        mortal[drawn[k]] = false;
    }
}

static void all_keys_are_put_or_none_and_the_last_value_stays(void **state)
{
    struct keyspace *keyspace =
        keyspace_new(&(struct keyspace_rules){.databases = 2, .shards = 4, .one_thread = true});
    uint64_t dice = 7;

    (void)state;
    memset(letters, 'x', sizeof letters);
    for (unsigned round = 0; round < 20000; round++) {
        unsigned most = round % 50 == 0 ? MOST : 8;
        unsigned fail = random_below(&dice, 2) ? 0 : 1 + (unsigned)random_below(&dice, 12);

        put_many(keyspace, &dice, 1 + (unsigned)random_below(&dice, most), fail);
        for (unsigned i = 0; i < 3; i++) disturb(keyspace, &dice);
        assert_as_model(keyspace);
    }
    keyspace_free(&keyspace);
}

/* So many new keys that tables begin, grow and are refused the memory for it. */
static void new_keys_are_taken_back_when_a_table_cannot_grow(void **state)
{
    struct keyspace *keyspace =
        keyspace_new(&(struct keyspace_rules){.databases = 2, .shards = 1, .one_thread = true});
    struct key keys[MOST];
    struct bytes values[MOST];
    char room[MOST][16];
    uint64_t before = 0;
    unsigned refused = 0;

    (void)state;
    for (unsigned round = 0; round < 300; round++) {
        for (unsigned k = 0; k < MOST; k++) {
            int len = snprintf(room[k], sizeof room[k], "%u:%u", round, k);

            key_init(&keys[k], keyspace, 1, bytes_of(room[k], (size_t)len));
            values[k] = BYTES("value");
        }
        shards_enter(keys, MOST);
        mem_fail_after(1 + round % 110);
        if (keys_put_strings(keys, MOST, values, 1, NULL) == OK) {
            before += MOST;
        } else {
            refused++;
        }
        mem_fail_after(0);
        shards_leave(keys, MOST);
        assert_int_equal(keyspace_count(keyspace, 1), before);
        keyspace_check(keyspace);
    }
    assert_true(refused > 100 && before > 0);
    keyspace_free(&keyspace);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_keys_are_put_or_none_and_the_last_value_stays),
        cmocka_unit_test(new_keys_are_taken_back_when_a_table_cannot_grow),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
