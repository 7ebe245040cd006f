#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "coatcheck/base/mem.h"
#include "coatcheck/base/random.h"
#include "coatcheck/structs/counttree.h"

#define MOST 6000

#ifdef COATCHECK_SANITIZED
#define STEPS 8000
#else
#define STEPS 40000
#endif

static uint64_t seed = 1;

/* The model: things and their weights in an array. */
static struct {
    uintptr_t things[MOST];
    uint64_t weights[MOST];
    unsigned count;
} model;

static unsigned draw(uint64_t limit)
{
    return (unsigned)random_below(&seed, limit);
}

static uint64_t weight_before(unsigned at)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < at; i++) sum += model.weights[i];
    return sum;
}

/* To thing `at`, by some weight unit of it. */
static void find(const struct counttree *tree, unsigned at, struct countpath *path)
{
    uint64_t before = weight_before(at);

    counttree_find(tree, before + random_below(&seed, model.weights[at]), path);
    assert_int_equal(path->before, before);
    assert_int_equal(countpath_thing(path), model.things[at]);
    assert_int_equal(countpath_weight(path), model.weights[at]);
}

/* `lacking`: there is no memory but for the nodes at hand. */
static void insert_with(struct counttree *tree, unsigned at, bool lacking)
{
    struct countpath path, *beside = NULL;
    bool behind = at > 0 && (at == model.count || draw(2));
    uint64_t weight = 1 + random_below(&seed, 500);
    uintptr_t thing = (uintptr_t)random_next(&seed);

    if (model.count > 0) {
        find(tree, behind ? at - 1 : at, &path);
        beside = &path;
    }
    assert_int_equal(counttree_reserve(tree, counttree_needs(tree, beside)), OK);
    mem_fail_from(lacking);
    counttree_insert(tree, beside, behind, thing, weight);
    mem_fail_from(0);
    assert_int_equal(tree->spares, 0);
    memmove(model.things + at + 1, model.things + at, (model.count - at) * sizeof model.things[0]);
    memmove(model.weights + at + 1, model.weights + at,
            (model.count - at) * sizeof model.weights[0]);
    model.things[at] = thing;
    model.weights[at] = weight;
    model.count++;
}

static void insert(struct counttree *tree, unsigned at)
{
    insert_with(tree, at, false);
}

static void take_out(struct counttree *tree, unsigned at)
{
    struct countpath path;

    find(tree, at, &path);
    counttree_remove(tree, &path);
    model.count--;
    memmove(model.things + at, model.things + at + 1, (model.count - at) * sizeof model.things[0]);
    memmove(model.weights + at, model.weights + at + 1,
            (model.count - at) * sizeof model.weights[0]);
}

static void assert_same(const struct counttree *tree)
{
    struct countpath path;
    bool more = counttree_first(tree, &path);
    unsigned i = 0;

    counttree_check(tree);
    assert_int_equal(tree->weight, weight_before(model.count));
    for (; more; more = countpath_forth(&path))
        assert_int_equal(countpath_thing(&path), model.things[i++]);
    assert_int_equal(i, model.count);
    for (more = counttree_last(tree, &path); more; more = countpath_back(&path)) {
        assert_int_equal(countpath_thing(&path), model.things[--i]);
        assert_int_equal(path.before, weight_before(i));
    }
    assert_int_equal(i, 0);
}

static void a_tree_is_as_its_model_while_it_grows_and_shrinks(void **state)
{
    static const unsigned growths[] = {80, 40, 75, 10};
    struct counttree tree = {0};

    (void)state;
    for (unsigned i = 0; i < STEPS; i++) {
        unsigned side = draw(4), at = side == 0   ? 0
                                      : side == 1 ? model.count
                                                  : draw(model.count + 1u);

        if (draw(100) < growths[i * 4 / STEPS] && model.count < MOST) {
            insert(&tree, at);
        } else if (model.count > 0) {
            at = at == model.count ? at - 1 : at;
            if (draw(3) == 0) {
                struct countpath path;

                find(&tree, at, &path);
                model.weights[at] = 1 + random_below(&seed, 500);
                counttree_weigh(&tree, &path, model.weights[at]);
            } else {
                take_out(&tree, at);
            }
        }
        if (i % 997 == 0 || (model.count < 40 && i % 16 == 0)) assert_same(&tree);
    }
    while (model.count > 0) take_out(&tree, draw(model.count));
    assert_same(&tree);
    assert_int_equal(tree.used_bytes, 0);
}

static void a_tree_that_grows_at_one_end_has_full_nodes(void **state)
{
    struct counttree tree = {0};

    (void)state;
    while (model.count < 3000) insert(&tree, model.count);
    assert_in_range(tree.used_bytes, 3000 * 16, 3000 * 16 * 12 / 10);
    while (model.count > 0) take_out(&tree, 0);
    while (model.count < 3000) insert(&tree, 0);
    assert_in_range(tree.used_bytes, 3000 * 16, 3000 * 16 * 12 / 10);
    while (model.count > 0) take_out(&tree, model.count - 1);
    assert_int_equal(tree.used_bytes, 0);
}

/* Redis-server's lists know 32 bytes of each node. */
static void a_thing_costs_less_than_thirty_two_bytes_however_few_there_are(void **state)
{
    struct counttree tree = {0};

    (void)state;
    for (unsigned count = 1; count < 300; count++) {
        insert(&tree, count % 3 ? model.count : 0);
        assert_in_range(tree.used_bytes, 16 * count, 32 * (count + 2));
    }
    while (model.count > 0) {
        take_out(&tree, model.count % 3 ? 0 : model.count - 1);
        assert_in_range(tree.used_bytes, 16 * model.count, 32 * (model.count + 2));
    }
    /* As a queue: what comes and goes at different ends. */
    while (model.count < 70) insert(&tree, model.count);
    for (unsigned i = 0; i < 1000; i++) {
        take_out(&tree, 0);
        insert(&tree, model.count);
        assert_in_range(tree.used_bytes, 16 * model.count, 32 * (model.count + 2));
    }
    while (model.count > 0) take_out(&tree, 0);
    assert_int_equal(tree.used_bytes, 0);
}

/* Making a node smaller, or two one, takes memory, which may not be there. */
static void without_memory_for_smaller_nodes_a_tree_is_the_same(void **state)
{
    struct counttree tree = {0};

    (void)state;
    for (unsigned i = 0; i < 6000; i++) {
        unsigned at = draw(2) ? draw(model.count + 1u) : draw(2) ? 0 : model.count;

        if (draw(100) < (i < 3000 ? 60u : 40u)) {
            insert_with(&tree, at, draw(2));
        } else if (model.count > 0) {
            mem_fail_from(draw(2));
            take_out(&tree, at == model.count ? at - 1 : at);
            mem_fail_from(0);
        }
        if (i % 20 == 0) assert_same(&tree);
    }
    while (model.count > 0) take_out(&tree, 0);
    assert_int_equal(tree.used_bytes, 0);
}

static void nodes_at_hand_are_had_or_nothing_changes(void **state)
{
    struct counttree tree = {0};

    (void)state;
    insert(&tree, 0);
    mem_fail_after(3);
    assert_int_equal(counttree_reserve(&tree, 5), NO_MEMORY);
    mem_fail_after(0);
    counttree_release(&tree);
    assert_same(&tree);
    take_out(&tree, 0);
    assert_int_equal(tree.used_bytes, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tree_is_as_its_model_while_it_grows_and_shrinks),
        cmocka_unit_test(a_tree_that_grows_at_one_end_has_full_nodes),
        cmocka_unit_test(a_thing_costs_less_than_thirty_two_bytes_however_few_there_are),
        cmocka_unit_test(without_memory_for_smaller_nodes_a_tree_is_the_same),
        cmocka_unit_test(nodes_at_hand_are_had_or_nothing_changes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
