#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "coatcheck/base/mem.h"
#include "coatcheck/base/must.h"
#include "coatcheck/base/random.h"
#include "coatcheck/structs/ranktree.h"

#ifdef COATCHECK_SANITIZED
#define SCALE 10
#else
#define SCALE 1
#endif
#define MOST 40000
#define SMALL_LEAF 80 /* four members or so: a tree of many levels with few members */

/* The model: a sorted array; a member is its number, big end first, behind eight bytes that all
 * share. */
static struct item {
    double score;
    uint32_t number;
} items[MOST];
static unsigned count;

/* What the tree has told of where members are. */
static uint32_t leaf_of[MOST];

static struct bytes member_of(uint32_t number)
{
    static unsigned char text[2][12];
    static unsigned next;
    unsigned char *into = text[next++ % 2];

    memcpy(into, "coat no ", 8);
    for (unsigned i = 0; i < 4; i++) into[8 + i] = (unsigned char)(number >> (24 - 8 * i));
    return bytes_of(into, 12);
}

static uint32_t number_of(struct bytes member)
{
    const unsigned char *at = (const unsigned char *)member.at + 8;

    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static void moved(void *context, const struct scoreblock *leaf, unsigned from, unsigned to,
                  uint32_t from_number, uint32_t to_number)
{
    (void)context;
    for (; from < to; from++) {
        uint32_t number = number_of(scoreblock_member(leaf, from));

        must(leaf_of[number] == from_number);
        leaf_of[number] = to_number;
    }
}

static unsigned place_of(double score, uint32_t number)
{
    unsigned from = 0, to = count;

    while (from < to) {
        unsigned half = from + (to - from) / 2;

        if (items[half].score < score ||
            (items[half].score == score && items[half].number < number)) {
            from = half + 1;
        } else {
            to = half;
        }
    }
    return from;
}

static void open_tree(struct ranktree *tree, uint32_t leaves, uint32_t leaf_max)
{
    count = 0;
    assert_int_equal(ranktree_init(tree, leaves, moved, NULL), OK);
    tree->leaf_max = leaf_max;
}

static void assert_as_model(const struct ranktree *tree)
{
    struct rankplace place;
    unsigned at = 0;

    ranktree_check(tree);
    assert_int_equal(tree->count, count);
    if (count == 0) return;
    ranktree_at(tree, 0, &place);
    do {
        const struct scoreblock *leaf = ranktree_leaf_of(tree, place.node, place.slot);

        for (unsigned i = 0; i < scoreblock_count(leaf); i++, at++) {
            must(at < count && scoreblock_score(leaf, i) == items[at].score);
            must(number_of(scoreblock_member(leaf, i)) == items[at].number);
            must(ranktree_leaf(tree, leaf_of[items[at].number]) == leaf);
        }
    } while (ranktree_forth(tree, &place.node, &place.slot));
    assert_int_equal(at, count);
    do {
        at -= scoreblock_count(ranktree_leaf_of(tree, place.node, place.slot));
    } while (ranktree_back(tree, &place.node, &place.slot));
    assert_int_equal(at, 0);
}

static enum status insert(struct ranktree *tree, uint32_t number, double score)
{
    struct rankplace place;
    struct scoreitem item;
    unsigned at = place_of(score, number);

    assert_int_equal(scoreitem_init(&item, score, member_of(number), (uint8_t)number), OK);
    ranktree_find(tree, score, member_of(number), &place);
    item.at = member_of(number).at;
    if (ranktree_make_room(tree, &place, &item) != OK) return NO_MEMORY;
    item.at = member_of(number).at;
    ranktree_insert(tree, &place, &item);
    leaf_of[number] = place.leaf;
    memmove(&items[at + 1], &items[at], (count - at) * sizeof items[0]);
    items[at] = (struct item){score, number};
    count++;
    return OK;
}

static void remove_at(struct ranktree *tree, unsigned at, unsigned most)
{
    struct rankplace place;
    unsigned to;

    ranktree_at(tree, at, &place);
    assert_int_equal(place.leaf, leaf_of[items[at].number]);
    assert_int_equal(ranktree_rank(tree, place.leaf, place.at), at);
    to = scoreblock_count(ranktree_leaf(tree, place.leaf));
    if (to > place.at + most) to = place.at + most;
    ranktree_cut(tree, place.leaf, place.at, to, SCOREBLOCK_FREE);
    ranktree_settle(tree, place.leaf);
    memmove(&items[at], &items[at + to - place.at],
            (count - at - (to - place.at)) * sizeof items[0]);
    count -= to - place.at;
}

static void ask(const struct ranktree *tree, double score, uint32_t number)
{
    unsigned below = place_of(score, 0), up_to = place_of(score, UINT32_MAX);

    assert_int_equal(ranktree_below(tree, score, false), below);
    assert_int_equal(ranktree_below(tree, score, true), up_to);
    if (count == 0 || items[0].score != items[count - 1].score) return;
    below = place_of(items[0].score, number);
    up_to = below + (below < count && items[below].number == number);
    assert_int_equal(ranktree_before(tree, member_of(number), false), below);
    assert_int_equal(ranktree_before(tree, member_of(number), true), up_to);
}

static void run(uint32_t leaf_max, unsigned scores, unsigned most, unsigned steps)
{
    static bool there[MOST];
    struct ranktree tree;
    uint64_t dice = leaf_max + scores;

    memset(there, 0, sizeof there);
    open_tree(&tree, RANKTREE_LEAVES, leaf_max);
    for (unsigned step = 0; step < steps; step++) {
        bool grows = random_below(&dice, 10) < (step * 4 / steps % 2 ? 2 : 8);
        uint32_t number = (uint32_t)random_below(&dice, most);
        double score = (double)random_below(&dice, scores) / (random_below(&dice, 50) ? 1 : 2);

        if (grows && !there[number]) {
            assert_int_equal(insert(&tree, number, score), OK);
            there[number] = true;
        } else if (count > 0) {
            unsigned at = (unsigned)random_below(&dice, count), before = count;

            for (unsigned i = at; i < at + 3 && i < count; i++) there[items[i].number] = false;
            remove_at(&tree, at, 3);
            for (unsigned i = at; i < at + 3 - (before - count) && i < count; i++)
                there[items[i].number] = true;
        }
        ask(&tree, score, number);
        if (count < 300 || step % (1 + most / 20) == 0) assert_as_model(&tree);
    }
    while (count > 0) remove_at(&tree, (unsigned)random_below(&dice, count), 5);
    assert_as_model(&tree);
    ranktree_fini(&tree);
}

static void it_is_as_its_model_whatever_happens(void **state)
{
    (void)state;
    run(SMALL_LEAF, 1000, 200, 20000 / SCALE);
    run(SMALL_LEAF, 1000000, 4000, 80000 / SCALE);
    run(SMALL_LEAF, 3, 4000, 80000 / SCALE);
    run(SMALL_LEAF, 1, 4000, 80000 / SCALE);
    run(RANKTREE_LEAF_MAX, 1000000, MOST, 60000 / SCALE);
}

static void a_tree_of_many_levels_grows_and_goes(void **state)
{
    struct ranktree tree;
    uint64_t dice = 1;
    static uint32_t numbers[MOST];

    (void)state;
    for (unsigned order = 0; order < 3; order++) {
        unsigned most = MOST / SCALE;

        open_tree(&tree, RANKTREE_LEAVES, SMALL_LEAF);
        for (uint32_t i = 0; i < most; i++) {
            uint32_t other = (uint32_t)random_below(&dice, i + 1);

            numbers[i] = numbers[other];
            numbers[other] = i;
        }
        for (uint32_t i = 0; i < most; i++) {
            uint32_t number = order == 0 ? i : order == 1 ? most - 1 - i : numbers[i];

            assert_int_equal(insert(&tree, number, number), OK);
            if (i % (most / 20) == 0) assert_as_model(&tree);
        }
        assert_as_model(&tree);
        while (count > 0) {
            unsigned at = order == 0   ? 0
                          : order == 1 ? count - 1
                                       : (unsigned)random_below(&dice, count);

            remove_at(&tree, at, 1);
            if (count % (most / 20) == 0) assert_as_model(&tree);
        }
        ranktree_fini(&tree);
    }
}

static void leaves_grow_when_there_are_no_more_numbers(void **state)
{
    struct ranktree tree;
    uint64_t dice = 4;

    (void)state;
    open_tree(&tree, 20, 128);
    for (uint32_t i = 0; i < 4000; i++) {
        assert_int_equal(insert(&tree, i, (double)random_below(&dice, 1000)), OK);
        if (i % 50 == 0) assert_as_model(&tree);
    }
    assert_true(tree.leaf_max >= 4096);
    assert_true(tree.book.next <= 20);
    while (count > 0) {
        remove_at(&tree, (unsigned)random_below(&dice, count), 2);
        if (count % 50 == 0) assert_as_model(&tree);
    }
    ranktree_fini(&tree);
}

static void a_move_is_made_within_the_leaf_or_says_where_to(void **state)
{
    struct ranktree tree;
    uint64_t dice = 5;
    unsigned within = 0, elsewhere = 0;

    (void)state;
    open_tree(&tree, RANKTREE_LEAVES, 200);
    for (uint32_t i = 0; i < 2000; i++) insert(&tree, i, (double)random_below(&dice, 5000));
    for (unsigned step = 0; step < 20000 / SCALE; step++) {
        unsigned at = (unsigned)random_below(&dice, count), to;
        struct item item = items[at];
        struct rankplace place, target;
        enum status status;

        item.score += (double)random_below(&dice, 9) - 4 + (step % 100 ? 0 : 0.5);
        ranktree_at(&tree, at, &place);
        status =
            ranktree_move(&tree, place.leaf, place.at, member_of(item.number), item.score, &target);
        if (status == NOT_FOUND) {
            assert_int_not_equal(target.leaf, place.leaf);
            elsewhere++;
        } else if (status == OK) {
            memmove(&items[at], &items[at + 1], (count - at - 1) * sizeof items[0]);
            count--;
            to = place_of(item.score, item.number);
            memmove(&items[to + 1], &items[to], (count - to) * sizeof items[0]);
            items[to] = item;
            count++;
            within++;
        } else {
            assert_int_equal(status, IN_USE);
        }
        if (step % 16 == 0) assert_as_model(&tree);
    }
    assert_true(within > elsewhere && elsewhere > 0);
    assert_as_model(&tree);
    ranktree_fini(&tree);
}

static void no_memory_loses_nothing_and_moves_nobody(void **state)
{
    struct ranktree tree;
    uint64_t dice = 6;
    unsigned refused = 0;

    (void)state;
    open_tree(&tree, RANKTREE_LEAVES, SMALL_LEAF);
    for (uint32_t i = 0; i < 8000 / SCALE; i++) {
        double score = i % 3 ? (double)random_below(&dice, 100000) : i;

        for (unsigned n = 1;; n++) {
            enum status status;

            mem_fail_after(n);
            status = insert(&tree, i, score);
            mem_fail_after(0);
            if (status == OK) break;
            refused++;
            if (i % 64 == 0) assert_as_model(&tree);
        }
        if (i % 64 == 0) assert_as_model(&tree);
    }
    assert_true(refused > 1000 / SCALE);
    assert_as_model(&tree);
    ranktree_fini(&tree);
}

static void a_copy_has_the_same_numbers(void **state)
{
    struct ranktree tree, copy;
    uint64_t dice = 7;

    (void)state;
    open_tree(&tree, RANKTREE_LEAVES, SMALL_LEAF);
    for (uint32_t i = 0; i < 3000; i++) insert(&tree, i, (double)random_below(&dice, 100));
    while (count > 2500) remove_at(&tree, (unsigned)random_below(&dice, count), 1);
    for (unsigned n = 1;; n += 1 + n / 8) {
        enum status status;

        mem_fail_after(n);
        status = ranktree_copy(&copy, &tree);
        mem_fail_after(0);
        if (status == OK) break;
    }
    assert_as_model(&tree);
    ranktree_fini(&tree);
    assert_as_model(&copy);
    for (uint32_t i = 3000; i < 4000; i++) insert(&copy, i, (double)random_below(&dice, 100));
    assert_as_model(&copy);
    ranktree_fini(&copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_as_its_model_whatever_happens),
        cmocka_unit_test(a_tree_of_many_levels_grows_and_goes),
        cmocka_unit_test(leaves_grow_when_there_are_no_more_numbers),
        cmocka_unit_test(a_move_is_made_within_the_leaf_or_says_where_to),
        cmocka_unit_test(no_memory_loses_nothing_and_moves_nobody),
        cmocka_unit_test(a_copy_has_the_same_numbers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
