/* Blocks of containers that move: one whose blocks move all the while beside a twin that is changed in the same way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "coatcheck/base/compaction.h"
#include "coatcheck/base/random.h"
#include "coatcheck/base/slab.h"
#include "coatcheck/values/hash.h"
#include "coatcheck/values/kind.h"
#include "coatcheck/values/list.h"
#include "coatcheck/values/set.h"
#include "coatcheck/values/zset.h"

#ifdef COATCHECK_SANITIZED
#define SCALE 10
#else
#define SCALE 1
#endif

#define LONGEST 400

/* One in sixteen is long, so that it stands outside its block, or as a block of its own. */
static struct bytes draw_text(char room[LONGEST + 32], uint64_t *dice, unsigned names)
{
    unsigned number = (unsigned)random_below(dice, names);
    int len = snprintf(room, 32, "text:%u", number);

    if (number % 16 == 0) {
        memset(room + len, 'x', LONGEST);
        len += LONGEST;
    }
    return bytes_of(room, (size_t)len);
}

struct family {
    enum value_type type;
    void *(*new)(void);
    void (*change)(void *container, uint64_t *dice, unsigned names);
    bool (*equal)(const void *a, const void *b);
    void (*check)(const void *container);
    uint64_t (*version)(const void *container); /* NULL: it has none */
};

/* ---- sorted sets ---- */

static void *new_zset(void)
{
    return zset_new();
}

static void change_zset(void *container, uint64_t *dice, unsigned names)
{
    char room[LONGEST + 32];
    struct bytes member = draw_text(room, dice, names);
    enum zset_change change;

    if (random_below(dice, 5) == 0) {
        zset_remove(container, member);
    } else {
        assert_int_equal(zset_put(container, member, (double)random_below(dice, 1000) / 4, &change), OK);
    }
}

static bool equal_zsets(const void *a, const void *b)
{
    struct zset_walk one, other;

    if (zset_count(a) != zset_count(b)) return false;
    zset_walk_from(&one, a, 0, false);
    zset_walk_from(&other, b, 0, false);
    while (zset_walk_next(&one) && zset_walk_next(&other)) {
        if (one.score != other.score || !bytes_equal(one.member, other.member)) return false;
    }
    return true;
}

static void check_zset(const void *container)
{
    zset_check(container);
}

static uint64_t version_of_zset(const void *container)
{
    return zset_version(container);
}

/* ---- sets: texts and numbers ---- */

static void *new_set(void)
{
    return set_new();
}

static void change_set(void *container, uint64_t *dice, unsigned names)
{
    char room[LONGEST + 32];
    struct bytes member = draw_text(room, dice, names);
    bool added;

    if (random_below(dice, 4) == 0) {
        set_remove(container, member);
    } else {
        assert_int_equal(set_add(container, member, &added), OK);
    }
}

static void change_numbers(void *container, uint64_t *dice, unsigned names)
{
    char room[32];
    struct bytes member = bytes_of(room, (size_t)snprintf(room, 32, "%u", (unsigned)random_below(dice, names) * 70000));
    bool added;

    if (random_below(dice, 4) == 0) {
        set_remove(container, member);
    } else {
        assert_int_equal(set_add(container, member, &added), OK);
    }
}

static bool equal_sets(const void *a, const void *b)
{
    struct set_walk walk;

    if (set_count(a) != set_count(b)) return false;
    for (set_walk_begin(&walk, a); set_walk_next(&walk);) {
        if (!set_has(b, walk.member)) return false;
    }
    return true;
}

static void check_set(const void *container)
{
    set_check(container);
}

static uint64_t version_of_set(const void *container)
{
    return set_version(container);
}

/* ---- lists ---- */

static void *new_list(void)
{
    return list_new();
}

static void change_list(void *container, uint64_t *dice, unsigned names)
{
    char room[LONGEST + 32];
    struct bytes text = draw_text(room, dice, names);
    uint64_t count = list_count(container), at = count > 0 ? random_below(dice, count) : 0;

    if (count > 0 && random_below(dice, count < names ? 4 : 2) == 0) {
        list_remove_range(container, at, at + 1 + random_below(dice, 3));
    } else if (random_below(dice, 3) == 0) {
        assert_int_equal(list_insert(container, at, text), OK);
    } else {
        assert_int_equal(list_push(container, random_below(dice, 2) ? LIST_LEFT : LIST_RIGHT, text), OK);
    }
}

static bool equal_lists(const void *a, const void *b)
{
    char scratch[NUMBER_MAX_TEXT], other_scratch[NUMBER_MAX_TEXT];
    struct list_walk one, other;

    if (list_count(a) != list_count(b)) return false;
    list_walk_from(&one, a, 0, false);
    list_walk_from(&other, b, 0, false);
    while (list_walk_next(&one) && list_walk_next(&other)) {
        if (!bytes_equal(list_walk_text(&one, scratch), list_walk_text(&other, other_scratch))) return false;
    }
    return true;
}

static void check_list(const void *container)
{
    list_check(container);
}

static uint64_t version_of_list(const void *container)
{
    return list_version(container);
}

/* ---- hashes ---- */

static void *new_hash(void)
{
    return hash_new();
}

static void change_hash(void *container, uint64_t *dice, unsigned names)
{
    char room[LONGEST + 32], value_room[LONGEST + 32];
    struct bytes name = draw_text(room, dice, names), value = draw_text(value_room, dice, 1000);
    int64_t deadline_ms = random_below(dice, 3) ? NEVER : 1900000000000 + (int64_t)random_below(dice, 1000);
    bool added;

    if (random_below(dice, 4) == 0) {
        hash_remove(container, name);
    } else {
        assert_int_equal(hash_put(container, name, value, deadline_ms, &added), OK);
    }
}

static bool equal_hashes(const void *a, const void *b)
{
    struct hash_walk walk;

    if (hash_count(a) != hash_count(b)) return false;
    for (hash_walk_begin(&walk, a); hash_walk_next(&walk);) {
        struct hash_field field;

        if (!hash_get(b, walk.field.name, &field)) return false;
        if (!bytes_equal(walk.field.value, field.value) || walk.field.deadline_ms != field.deadline_ms) return false;
    }
    return true;
}

static void check_hash(const void *container)
{
    hash_check(container);
}

static const struct family families[] = {
    {VALUE_ZSET, new_zset, change_zset, equal_zsets, check_zset, version_of_zset},
    {VALUE_SET, new_set, change_set, equal_sets, check_set, version_of_set},
    {VALUE_SET, new_set, change_numbers, equal_sets, check_set, version_of_set},
    {VALUE_LIST, new_list, change_list, equal_lists, check_list, version_of_list},
    {VALUE_HASH, new_hash, change_hash, equal_hashes, check_hash, NULL},
};
#define FAMILIES (sizeof families / sizeof families[0])

/* ---- the twins ---- */

static void free_all(enum value_type type, void **container)
{
    while (*container && !value_kind_of(type)->free_some(container, SIZE_MAX)) {}
}

/* Changes both alike, and moves some of the blocks of one, from where the last time ended. */
static void run_twins(const struct family *family, unsigned names, unsigned rounds, unsigned fail_each)
{
    const struct value_kind *kind = value_kind_of(family->type);
    void *moving = family->new(), *still = family->new();
    struct compaction compaction = {.moves_blocks = true};
    uint64_t dice = names, same;
    size_t used;
    unsigned through = 0;
    bool is_through;

    for (unsigned round = 0; round < rounds; round++) {
        for (unsigned i = 0; i < 1 + names / 20; i++) {
            same = dice;
            family->change(moving, &dice, names);
            family->change(still, &same, names);
            assert_int_equal(dice, same);
        }
        /* Until it is through, or until the first look at the clock, which says that it is late. */
        compaction.until_ticks = round % 2 ? UINT64_MAX : 0;
        compaction.own_only = round % 3 == 0;
        compaction.is_over = false;
        used = kind->used_bytes(moving);
        if (fail_each) mem_fail_after(1 + round % fail_each);
        is_through = kind->compact(&moving, &compaction);
        mem_fail_after(0);
        assert_int_equal(kind->used_bytes(moving), used);
        if (is_through) compaction.at = 0;
        through += is_through;
        if (round % 8 == 0 || round + 1 == rounds) {
            family->check(moving);
            assert_true(family->equal(moving, still));
        }
    }
    assert_true(through >= rounds / 2);
    free_all(family->type, &moving);
    free_all(family->type, &still);
}

static void containers_whose_blocks_move_stay_what_they_are(void **state)
{
    (void)state;
    for (size_t i = 0; i < FAMILIES; i++) {
        run_twins(&families[i], 20, 400 / SCALE, 0);
        run_twins(&families[i], 300, 400 / SCALE, 0);
        run_twins(&families[i], 5000, 300 / SCALE, 0);
    }
}

static void without_memory_blocks_stay_where_they_are(void **state)
{
    (void)state;
    for (size_t i = 0; i < FAMILIES; i++) {
        run_twins(&families[i], 30, 200 / SCALE, 5);
        run_twins(&families[i], 3000, 100 / SCALE, 40);
    }
}

/* Many members that stand elsewhere, each a block of its own: the time is looked at between them, too, and what it does not
 * suffice for is moved in later rounds. */
static void one_look_at_the_clock_is_soon_followed_by_another(void **state)
{
    enum { MEMBERS = 64, LONG = 4000 };
    static char room[LONG];
    unsigned rounds;

    (void)state;
    memset(room, 'm', sizeof room);
    for (size_t i = 0; i < FAMILIES; i++) {
        struct compaction compaction = {.moves_blocks = true};
        void *container = families[i].new();
        enum zset_change change;
        uint64_t dice = 1, before;
        bool added, is_through = false;

        for (unsigned n = 0; n < MEMBERS; n++) {
            struct bytes text = bytes_of(room, sizeof room);

            snprintf(room, sizeof room, "%u", n);
            if (families[i].type == VALUE_ZSET) assert_int_equal(zset_put(container, text, n, &change), OK);
            if (families[i].type == VALUE_SET) assert_int_equal(set_add(container, text, &added), OK);
            if (families[i].type == VALUE_HASH) assert_int_equal(hash_put(container, text, text, NEVER, &added), OK);
            if (families[i].type == VALUE_LIST) assert_int_equal(list_push(container, LIST_RIGHT, text), OK);
        }
        for (rounds = 0; rounds < 10 * MEMBERS && !is_through; rounds++) {
            compaction.is_over = false;
            before = mem_compacted;
            is_through = value_kind_of(families[i].type)->compact(&container, &compaction);
            assert_true(mem_compacted - before < 4 * 2 * MEM_COMPACT_MOST);
        }
        assert_true(is_through);
        families[i].check(container);
        for (unsigned n = 0; n < 100; n++) families[i].change(container, &dice, 50);
        families[i].check(container);
        free_all(families[i].type, &container);
    }
}

/* Who stands in the middle of one, with a version to tell whether he may go on there, must be told. */
static void a_large_one_has_another_version_after_its_blocks_have_moved(void **state)
{
    (void)state;
    for (size_t i = 0; i < FAMILIES; i++) {
        const struct family *family = &families[i];
        struct compaction compaction = {.until_ticks = UINT64_MAX, .moves_blocks = true};
        void *container = family->new();
        uint64_t dice = 1, before;

        for (unsigned n = 0; n < 20000 / SCALE; n++) family->change(container, &dice, 5000);
        if (!family->version || family->version(container) == 0) {
            free_all(family->type, &container);
            continue;
        }
        before = family->version(container);
        mem_pretend_gaps(false);
        slab_pretend_sparse(false);
        assert_true(value_kind_of(family->type)->compact(&container, &compaction));
#ifndef COATCHECK_JEMALLOC
        assert_int_equal(family->version(container), before);
#endif
        before = family->version(container);
        mem_pretend_gaps(true);
        slab_pretend_sparse(true);
        compaction.at = 0;
        assert_true(value_kind_of(family->type)->compact(&container, &compaction));
        assert_true(family->version(container) > before);
        free_all(family->type, &container);
    }
}

static int begin(void **state)
{
    (void)state;
    mem_pretend_gaps(true);
    slab_pretend_sparse(true);
    return 0;
}

static int end(void **state)
{
    (void)state;
    mem_pretend_gaps(false);
    slab_pretend_sparse(false);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(containers_whose_blocks_move_stay_what_they_are),
        cmocka_unit_test(without_memory_blocks_stay_where_they_are),
        cmocka_unit_test(one_look_at_the_clock_is_soon_followed_by_another),
        cmocka_unit_test(a_large_one_has_another_version_after_its_blocks_have_moved),
    };

    clock_setup();
    zset_setup();
    set_kind_setup();
    list_setup();
    hash_kind_setup();
    return cmocka_run_group_tests(tests, begin, end);
}
