/* Who keeps slices of a large set or sorted set, or the elements of a list, trusts its version: it is another one after whatever
 * has changed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>
#include "coatcheck/base/random.h"
#include "coatcheck/values/kind.h"
#include "coatcheck/values/list.h"
#include "coatcheck/values/set.h"
#include "coatcheck/values/zset.h"

#define NAMES 3000
#define STEPS 30000

static uint64_t dice = 11;

static struct bytes draw_name(char room[32])
{
    return bytes_of(room, (size_t)snprintf(room, 32, "name:%u", (unsigned)random_below(&dice, NAMES)));
}

/* True: something has changed. */
static bool change_zset(struct zset *zset)
{
    uint64_t before = zset_count(zset), first = random_below(&dice, NAMES);
    enum zset_change change = ZSET_SAME;
    char room[32];
    struct bytes name = draw_name(room);

    switch (random_below(&dice, 8)) {
    case 0:
        return zset_remove(zset, name);
    case 1:
        if (before < NAMES / 2) return false;
        zset_remove_range(zset, first, first + random_below(&dice, 4), NULL, NULL);
        return zset_count(zset) != before;
    default:
        assert_int_equal(zset_put(zset, name, (double)random_below(&dice, 50), &change), OK);
        return change != ZSET_SAME;
    }
}

static void a_sorted_set_that_changes_has_another_version(void **state)
{
    struct zset *zset = zset_new_for(NAMES, 0), *copy;
    uint64_t latest = zset_version(zset);
    unsigned changes = 0;

    (void)state;
    assert_true(latest > 0);
    for (unsigned i = 0; i < STEPS; i++) {
        bool changed = change_zset(zset);
        uint64_t version = zset_version(zset);

        assert_true(changed ? version > latest : version == latest);
        changes += changed;
        latest = version;
    }
    assert_true(changes > STEPS / 4);
    copy = value_kind_of(VALUE_ZSET)->copy(zset);
    assert_true(zset_version(copy) > latest && zset_version(zset) == latest);
    zset_free(&copy);
    zset_free(&zset);
}

static bool change_set(struct set *set)
{
    char room[32];
    struct bytes name = draw_name(room);
    struct set_spot spot;
    bool changed = true;

    switch (random_below(&dice, 8)) {
    case 0:
    case 1:
        return set_remove(set, name);
    case 2:
        if (set_count(set) < NAMES / 2) return false;
        set_draw(set, &dice, &spot);
        set_take(set, &spot);
        return true;
    default:
        assert_int_equal(set_add(set, name, &changed), OK);
        return changed;
    }
}

static void a_set_that_changes_has_another_version(void **state)
{
    struct set *set = set_new(), *copy;
    unsigned changes = 0;
    uint64_t latest;
    char room[32];
    bool added;

    (void)state;
    assert_true(set_version(set) == 0);
    for (unsigned i = 0; i < NAMES; i++) assert_int_equal(set_add(set, draw_name(room), &added), OK);
    latest = set_version(set);
    assert_true(latest > 0);
    for (unsigned i = 0; i < STEPS; i++) {
        bool changed = change_set(set);
        uint64_t version = set_version(set);

        assert_true(changed ? version > latest : version == latest);
        changes += changed;
        latest = version;
    }
    assert_true(changes > STEPS / 4);
    copy = value_kind_of(VALUE_SET)->copy(set);
    assert_true(set_version(copy) > latest && set_version(set) == latest);
    set_swap(set, copy);
    assert_true(set_version(copy) == latest);
    set_free(&copy);
    set_free(&set);
}

static struct bytes draw_text(char room[32])
{
    return bytes_of(room, (size_t)snprintf(room, 32, "%u", (unsigned)random_below(&dice, 90)));
}

/* True: something has changed, or may have. */
static bool change_list(struct list *list)
{
    uint64_t count = list_count(list), at = count > 0 ? random_below(&dice, count) : 0, to = random_below(&dice, 3) + 1;
    enum list_end end = random_below(&dice, 2) ? LIST_LEFT : LIST_RIGHT;
    struct list_needle needle;
    char room[32];

    switch (count < 20 ? 9 : random_below(&dice, count > 2000 ? 7 : 12)) {
    case 0:
        list_remove_range(list, at, at + to);
        return true;
    case 1:
        list_remove_range(list, 0, to);
        return true;
    case 2:
        list_remove_range(list, count - 1, count);
        return true;
    case 3:
        list_needle_init(&needle, draw_text(room));
        return list_remove_equal(list, &needle, to, end == LIST_LEFT) > 0;
    case 4:
        assert_int_equal(list_set(list, at, draw_text(room)), OK);
        return true;
    case 5:
        assert_int_equal(list_insert(list, at, draw_text(room)), OK);
        return true;
    default:
        assert_int_equal(list_push(list, end, draw_text(room)), OK);
        return true;
    }
}

static void a_list_that_changes_has_another_version(void **state)
{
    struct list *list = list_new(), *copy;
    uint64_t latest = 0;
    unsigned large = 0;

    (void)state;
    atomic_store(&list_options.list_max_listpack_size, 16);
    for (unsigned i = 0; i < STEPS; i++) {
        bool changed = change_list(list);
        uint64_t version = list_version(list);

        if (version != 0 && latest != 0) assert_true(changed ? version > latest : version == latest);
        large += version != 0;
        latest = version;
    }
    assert_true(large > STEPS / 2);
    copy = value_kind_of(VALUE_LIST)->copy(list);
    assert_true(list_version(copy) > latest && list_version(list) == latest);
    list_free(&copy);
    list_free(&list);
}

static int setup(void **state)
{
    (void)state;
    list_setup();
    set_kind_setup();
    zset_setup();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sorted_set_that_changes_has_another_version),
        cmocka_unit_test(a_set_that_changes_has_another_version),
        cmocka_unit_test(a_list_that_changes_has_another_version),
    };

    return cmocka_run_group_tests(tests, setup, NULL);
}
