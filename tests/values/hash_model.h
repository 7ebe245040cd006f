/* hash_model: a hash beside its model, a plain list of names, and random steps that both take. */
#ifndef TESTS_VALUES_HASH_MODEL_H
#define TESTS_VALUES_HASH_MODEL_H

#include "../../src/values/hash_internal.h"
#include "../../src/values/shape_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include "coatcheck/base/compaction.h"
#include "coatcheck/base/mem.h"
#include "coatcheck/base/must.h"
#include "coatcheck/base/random.h"
#include "coatcheck/base/slab.h"
#include "coatcheck/values/hash.h"
#include "coatcheck/values/kind.h"

/* Sanitizers make each check of a whole hash long: they get a tenth of the steps. */
#ifdef COATCHECK_SANITIZED
#define SCALE 10
#else
#define SCALE 1
#endif

#define NOW_MS 1800000000000
#define NAMES 4000

struct model_field {
    bool there;
    char *value;
    size_t len;
    int64_t deadline_ms;
};

static struct model_field model[NAMES];
static struct hash *hash;
static uint64_t dice;
static int64_t now_ms;
static unsigned names; /* that are drawn from */

static inline void set_now(int64_t ms)
{
    now_ms = ms;
    clock_set_ms(ms);
}

static inline int open_hash(void **state)
{
    (void)state;
    hash_kind_setup();
    set_now(NOW_MS);
    dice = 11;
    hash = hash_new();
    assert_non_null(hash);
    atomic_store(&hash_options.hash_max_listpack_entries, 512);
    atomic_store(&hash_options.hash_max_listpack_value, 64);
    return 0;
}

static inline void forget(unsigned number)
{
    free(model[number].value);
    model[number] = (struct model_field){0};
}

static inline int close_hash(void **state)
{
    (void)state;
    mem_fail_after(0);
    hash_free(&hash);
    assert_null(hash);
    for (unsigned i = 0; i < NAMES; i++) forget(i);
    clock_release();
    return 0;
}

/* Short and long ones, numbers among them, and one of no bytes. */
static inline struct bytes name_of(unsigned number, char room[512])
{
    int len = number == 0 ? 0
              : number % 5 == 1 ? snprintf(room, 512, "%u", number * 77)
              : number % 5 == 2 ? snprintf(room, 512, "-%u", number)
              : number % 41 == 3 ? snprintf(room, 512, "%0*u", 230 + (int)(number % 40), number)
                                 : snprintf(room, 512, "field:%u", number);

    return bytes_of(room, (size_t)len);
}

static inline struct bytes draw_value(char *room, size_t most)
{
    size_t len = (size_t)random_below(&dice, random_below(&dice, 20) ? 20 : most);

    if (random_below(&dice, 3) == 0) {
        return bytes_of(room, (size_t)snprintf(room, most, "%lld", (long long)(random_next(&dice) >> random_below(&dice, 64))));
    }
    for (size_t i = 0; i < len; i++) room[i] = (char)random_next(&dice);
    return bytes_of(room, len);
}

static inline bool lives(unsigned number)
{
    return model[number].there && model[number].deadline_ms > now_ms;
}

static inline void remember(unsigned number, struct bytes value, int64_t deadline_ms)
{
    bool keep = deadline_ms == HASH_KEEP_DEADLINE;
    int64_t kept_ms = keep && lives(number) ? model[number].deadline_ms : NEVER;

    forget(number);
    model[number] = (struct model_field){true, malloc(value.len + 1), value.len, keep ? kept_ms : deadline_ms};
    if (value.len > 0) memcpy(model[number].value, value.at, value.len);
}

static inline void expect_field(const struct hash *of, unsigned number)
{
    struct hash_field field;
    char room[512];
    bool there = hash_get(of, name_of(number, room), &field);

    must(there == lives(number));
    if (!there) return;
    must(field.deadline_ms == model[number].deadline_ms);
    must(bytes_equal(field.value, bytes_of(model[number].value, model[number].len)));
}

static inline unsigned number_of(struct bytes name)
{
    char room[512];

    for (unsigned i = 0; i < names; i++) {
        if (bytes_equal(name_of(i, room), name)) return i;
    }
    fail_msg("a name that nobody has put");
    return 0;
}

static inline unsigned living(void)
{
    unsigned count = 0;

    for (unsigned i = 0; i < names; i++) count += lives(i);
    return count;
}

static inline void check_all(const struct hash *of)
{
    struct hash_walk walk;
    unsigned seen = 0;

    hash_check(of);
    for (unsigned i = 0; i < names; i++) expect_field(of, i);
    for (hash_walk_begin(&walk, of); hash_walk_next(&walk); seen++) {}
    must(seen == living());
    must(hash_count(of) >= seen);
}

static inline int64_t draw_deadline(void)
{
    uint64_t kind = random_below(&dice, 10);

    if (kind < 5) return NEVER;
    return kind < 6 ? HASH_KEEP_DEADLINE : now_ms + 1 + (int64_t)random_below(&dice, kind < 9 ? 2000 : 1u << 30);
}

static inline void step_put(unsigned number, bool mortal)
{
    char room[512], value_room[3000];
    struct bytes value = draw_value(value_room, hash_is_packed(hash) && random_below(&dice, 50) ? 60 : sizeof value_room);
    int64_t deadline_ms = mortal ? draw_deadline() : NEVER;
    bool was = lives(number), added = false;

    assert_int_equal(hash_put(hash, name_of(number, room), value, deadline_ms, &added), OK);
    must(added == !was);
    remember(number, value, deadline_ms);
}

static inline void step_all(bool mortal)
{
    static char rooms[8][512], value_rooms[8][64];
    struct bytes words[16];
    unsigned pairs = 1 + (unsigned)random_below(&dice, 8), added, fresh = 0, numbers[8];
    int64_t deadline_ms = mortal ? draw_deadline() : NEVER;

    for (unsigned i = 0; i < pairs; i++) {
        numbers[i] = (unsigned)random_below(&dice, names);
        words[2 * i] = name_of(numbers[i], rooms[i]);
        words[2 * i + 1] = draw_value(value_rooms[i], sizeof value_rooms[i]);
    }
    assert_int_equal(hash_put_all(hash, words, pairs, deadline_ms, &added), OK);
    for (unsigned i = 0; i < pairs; i++) {
        fresh += !lives(numbers[i]);
        remember(numbers[i], words[2 * i + 1], deadline_ms);
    }
    must(added == fresh);
}

static inline void step_deadline(unsigned number)
{
    int64_t deadline_ms = random_below(&dice, 2) ? NEVER : now_ms + 1 + (int64_t)random_below(&dice, 3000);
    char room[512];
    enum status status = hash_set_deadline(hash, name_of(number, room), deadline_ms);

    must(status == (lives(number) ? OK : NOT_FOUND));
    if (status == OK) model[number].deadline_ms = deadline_ms;
}

static inline void step_expire(void)
{
    size_t steps = random_below(&dice, 2) ? 5 : SIZE_MAX;
    bool done = hash_expire(hash, now_ms, &steps, NULL, NULL);

    must(done || steps == 0);
    if (!done) return;
    must(hash_soonest_ms(hash) > now_ms);
    must(hash_count(hash) == living());
    for (unsigned i = 0; i < names; i++) {
        if (!lives(i)) forget(i);
    }
}

/* Of a hundred steps so many put something. */
static inline void run_steps(unsigned steps, unsigned puts, bool mortal)
{
    char room[512];

    for (unsigned i = 0; i < steps; i++) {
        unsigned number = (unsigned)random_below(&dice, names), kind = (unsigned)random_below(&dice, 100);

        if (kind < puts) {
            if (random_below(&dice, 8)) {
                step_put(number, mortal);
            } else {
                step_all(mortal);
            }
        } else if (kind < puts + 6 && mortal) {
            step_deadline(number);
        } else if (kind < puts + 9 && mortal) {
            set_now(now_ms + (int64_t)random_below(&dice, 300));
            step_expire();
        } else {
            must(hash_remove(hash, name_of(number, room)) == lives(number));
            forget(number);
        }
        expect_field(hash, number);
        if (i % (names < 100 ? 1 : 97) == 0) check_all(hash);
    }
    check_all(hash);
}

/* --- with a shape --- */

enum { SHAPE_NAMES = 30 };

/* Hashes of the first SHAPE_NAMES names in their order, until these are a shape. */
static inline void make_shape(void)
{
    shape_forget();
    /* One of the names is long. */
    atomic_store(&hash_options.hash_max_listpack_value, 4000);
    for (unsigned round = 0; round <= SHAPE_NAMES; round++) {
        struct hash *other = hash_new();
        char room[512];
        bool added;

        for (unsigned i = 0; i < SHAPE_NAMES; i++) {
            assert_int_equal(hash_put(other, name_of(i, room), BYTES("v"), NEVER, &added), OK);
        }
        assert_int_equal(hash_is_shaped(other), round == SHAPE_NAMES);
        hash_check(other);
        hash_free(&other);
    }
}

/* A new hash of the first `count` names, one by one or all at once. */
static inline void begin_shaped(unsigned count, bool at_once, bool mortal)
{
    static char rooms[SHAPE_NAMES][512], value_rooms[SHAPE_NAMES][64];
    struct bytes words[2 * SHAPE_NAMES];
    int64_t deadline_ms = mortal ? draw_deadline() : NEVER;
    unsigned added = 0;

    hash_free(&hash);
    hash = hash_new();
    for (unsigned i = 0; i < NAMES; i++) forget(i);
    for (unsigned i = 0; i < count; i++) {
        words[2 * i] = name_of(i, rooms[i]);
        words[2 * i + 1] = draw_value(value_rooms[i], 60);
    }
    if (at_once) assert_int_equal(hash_put_all(hash, words, count, deadline_ms, &added), OK);
    for (unsigned i = 0; i < count; i++) {
        bool is_new;

        if (!at_once) {
            assert_int_equal(hash_put(hash, words[2 * i], words[2 * i + 1], deadline_ms, &is_new), OK);
            added += is_new;
        }
        remember(i, words[2 * i + 1], deadline_ms);
    }
    assert_int_equal(added, count);
    assert_true(hash_is_shaped(hash));
}

#define HASH_TEST(test) cmocka_unit_test_setup_teardown(test, open_hash, close_hash)

static inline void compact(struct hash **moving, bool own_only, bool moves_blocks)
{
    struct compaction compaction = {.until_ticks = UINT64_MAX, .own_only = own_only, .moves_blocks = moves_blocks};
    void *container = *moving;

    slab_pretend_sparse(true);
    mem_pretend_gaps(true);
    assert_true(value_kind_of(VALUE_HASH)->compact(&container, &compaction));
    mem_pretend_gaps(false);
    slab_pretend_sparse(false);
    *moving = container;
}

#endif
