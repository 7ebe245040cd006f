#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include "coatcheck/base/mem.h"
#include "coatcheck/base/random.h"
#include "coatcheck/structs/scoreblock.h"

#ifdef COATCHECK_SANITIZED
#define STEPS 3000
#else
#define STEPS 30000
#endif
#define MOST 100

/* The model: items in an array, members by number. */
struct item {
    double score;
    uint32_t number;
};
static struct item items[MOST + 1];
static unsigned count;

/* From empty to some 400 bytes; lengths near those where a member stands elsewhere are frequent. */
static struct bytes member_of(uint32_t number)
{
    static char text[2][512];
    static unsigned next;
    char *into = text[next++ % 2];
    uint64_t dice = number;
    size_t len = number % 7 == 0    ? 185 + random_below(&dice, 10)
                 : number % 11 == 0 ? 400
                                    : random_below(&dice, 12);

    if (number == 0) return bytes_of(into, 0);
    memset(into, 'x', len);
    into[len] = (char)number;
    into[len + 1] = (char)(number >> 8);
    return bytes_of(into, len + 2);
}

static uint8_t tag_of(uint32_t number)
{
    return (uint8_t)(number * 37 % 5);
}

static double draw_score(uint64_t *dice)
{
    static const double odd[] = {0,
                                 -0.0,
                                 0.5,
                                 INFINITY,
                                 -INFINITY,
                                 2147483647.0,
                                 2147483648.0,
                                 -2147483648.0,
                                 -2147483649.0,
                                 1e300};

    if (random_below(dice, 20) == 0) return odd[random_below(dice, 10)];
    return (double)random_below(dice, 20);
}

static int compare(const void *left, const void *right)
{
    const struct item *a = left, *b = right;

    if (a->score != b->score) return a->score < b->score ? -1 : 1;
    return bytes_compare(member_of(a->number), member_of(b->number));
}

static unsigned find(uint32_t number)
{
    unsigned at = 0;

    while (at < count && items[at].number != number) at++;
    return at;
}

static bool same(double a, double b)
{
    return a == b && signbit(a) == signbit(b);
}

static void assert_as_model(const struct scoreblock *block, bool leaf)
{
    struct scorewalk walk;

    scoreblock_check(block);
    assert_int_equal(scoreblock_count(block), count);
    scorewalk_begin(&walk, block, 0);
    for (unsigned i = 0; i < count; i++, scorewalk_forth(&walk)) {
        struct bytes member;
        double score;

        scorewalk_read(&walk, &member, &score);
        assert_true(bytes_equal(member, member_of(items[i].number)) && same(score, items[i].score));
        assert_true(bytes_equal(scoreblock_member(block, i), member) &&
                    same(scoreblock_score(block, i), score));
        if (leaf) assert_int_equal(scoreblock_tag(block, i), tag_of(items[i].number));
    }
    for (unsigned i = count; i-- > 0;) {
        struct bytes member;
        double score;

        scorewalk_back(&walk);
        scorewalk_read(&walk, &member, &score);
        assert_true(bytes_equal(member, member_of(items[i].number)));
    }
}

static void insert(struct scoreblock **block, uint32_t number, double score)
{
    struct scoreitem item;
    unsigned place;

    items[count] = (struct item){score, number};
    count++;
    qsort(items, count, sizeof items[0], compare);
    place = scoreblock_place(*block, score, member_of(number));
    assert_int_equal(place, find(number));
    assert_int_equal(scoreitem_init(&item, score, member_of(number), tag_of(number)), OK);
    assert_int_equal(scoreblock_insert(block, place, &item), OK);
}

static void cut(struct scoreblock **block, unsigned from, unsigned to)
{
    memmove(&items[from], &items[to], (count - to) * sizeof items[0]);
    count -= to - from;
    scoreblock_cut(*block, from, to, SCOREBLOCK_FREE);
    scoreblock_tidy(block);
}

static void move(struct scoreblock **block, unsigned at, double score)
{
    uint32_t number = items[at].number;
    unsigned to;

    items[at].score = score;
    qsort(items, count, sizeof items[0], compare);
    to = scoreblock_place(*block, score, member_of(number));
    if (to > at) to--;
    assert_int_equal(to, find(number));
    assert_int_equal(scoreblock_move(block, at, to, score), OK);
}

static void ask(const struct scoreblock *block, double score, uint32_t number)
{
    unsigned below = 0, up_to = 0, at = find(number);

    for (unsigned i = 0; i < count; i++) {
        below += items[i].score < score;
        up_to += items[i].score <= score;
    }
    assert_int_equal(scoreblock_below(block, score, false), below);
    assert_int_equal(scoreblock_below(block, score, true), up_to);
    assert_int_equal(scoreblock_find(block, member_of(number), tag_of(number)),
                     at < count ? (int)at : -1);
}

static void run(enum scoreblock_form form)
{
    struct scoreblock *block = scoreblock_new(form, NULL);
    uint64_t dice = 1;

    count = 0;
    assert_non_null(block);
    for (unsigned step = 0; step < STEPS; step++) {
        uint32_t number = (uint32_t)random_below(&dice, 300);
        double score = draw_score(&dice);
        unsigned at = find(number), growth = step / 2000 % 2 ? 30 : 70;

        ask(block, score, number);
        if (random_below(&dice, 100) >= growth) {
            at = count ? (unsigned)random_below(&dice, count) : 0;
            if (count) cut(&block, at, at + 1 + (random_below(&dice, 8) == 0 && at + 1 < count));
        } else if (at < count && score != items[at].score) {
            move(&block, at, score);
        } else if (at == count && count < MOST) {
            insert(&block, number, score);
        }
        assert_as_model(block, form == SCOREBLOCK_LEAF);
    }
    scoreblock_free(&block);
    assert_null(block);
}

static void a_packed_block_is_as_its_model_after_each_step(void **state)
{
    (void)state;
    run(SCOREBLOCK_PLAIN);
}

static void a_leaf_is_as_its_model_after_each_step(void **state)
{
    (void)state;
    run(SCOREBLOCK_LEAF);
}

static struct scoreblock *filled(enum scoreblock_form form, unsigned want, double step)
{
    struct scoreblock *block = scoreblock_new(form, NULL);

    count = 0;
    for (unsigned i = 0; i < want; i++) insert(&block, i, i * step);
    return block;
}

static void whole_scores_take_four_bytes_and_others_eight(void **state)
{
    struct scoreblock *block = filled(SCOREBLOCK_PLAIN, 20, 1);
    size_t narrow = scoreblock_size(block);

    (void)state;
    move(&block, 19, 19.5);
    assert_int_equal(scoreblock_size(block), narrow + 20 * 4);
    assert_as_model(block, false);
    cut(&block, 19, 20);
    cut(&block, 10, 19);
    assert_true(scoreblock_size(block) < narrow);
    assert_as_model(block, false);
    scoreblock_free(&block);
}

static void ten_members_of_sixteen_bytes_fit_two_hundred_and_fifty_six(void **state)
{
    struct scoreblock *block = scoreblock_new(SCOREBLOCK_PLAIN, NULL);

    (void)state;
    for (unsigned i = 0; i < 10; i++) {
        char text[32];
        struct scoreitem item;

        snprintf(text, sizeof text, "player:%09u", i);
        assert_int_equal(scoreitem_init(&item, i + 0.5, bytes_of(text, 16), 0), OK);
        assert_int_equal(scoreblock_insert(&block, i, &item), OK);
    }
    assert_int_equal(scoreblock_room(block), 256);
    scoreblock_free(&block);
}

static void slices_joined_are_what_was_sliced(void **state)
{
    (void)state;
    for (unsigned split = 0; split <= 60; split += 4) {
        struct scoreblock *block = filled(SCOREBLOCK_LEAF, 60, split % 8 ? 1 : 0.5), *left, *right,
                          *both;

        left = scoreblock_slice(block, 0, split, SCOREBLOCK_LEAF);
        right = scoreblock_slice(block, split, 60, SCOREBLOCK_LEAF);
        assert_int_equal(scoreblock_size(left), scoreblock_size_of(block, 0, split));
        both = scoreblock_join(left, right);
        assert_as_model(both, true);
        scoreblock_cut(left, 0, split, SCOREBLOCK_KEEP);
        scoreblock_cut(right, 0, 60 - split, SCOREBLOCK_KEEP);
        scoreblock_cut(block, 0, 60, SCOREBLOCK_KEEP);
        scoreblock_free(&left);
        scoreblock_free(&right);
        scoreblock_free(&block);
        scoreblock_free(&both);
    }
}

static void a_copy_has_members_of_its_own(void **state)
{
    struct scoreblock *block = filled(SCOREBLOCK_LEAF, 80, 1), *copy = NULL;

    (void)state;
    for (unsigned n = 1; !copy; n++) {
        mem_fail_after(n);
        copy = scoreblock_copy(block);
        mem_fail_after(0);
    }
    scoreblock_free(&block);
    assert_as_model(copy, true);
    scoreblock_free(&copy);
}

static void far_members_are_freed_a_step_each(void **state)
{
    struct scoreblock *block = filled(SCOREBLOCK_PLAIN, 80, 1);
    unsigned calls = 1;
    size_t steps = 1;

    (void)state;
    while (!scoreblock_free_some(&block, &steps)) {
        steps = 1;
        calls++;
    }
    assert_true(calls > 5);
    assert_null(block);
}

static void tags_are_found_in_their_order(void **state)
{
    struct scoreblock *block = filled(SCOREBLOCK_LEAF, 90, 1);

    (void)state;
    for (unsigned tag = 0; tag < 6; tag++) {
        int at = -1;

        for (unsigned i = 0; i < count; i++) {
            if (tag_of(items[i].number) != tag) continue;
            at = scoreblock_find_tag(block, (unsigned)(at + 1), (uint8_t)tag);
            assert_int_equal(at, (int)i);
        }
        assert_int_equal(scoreblock_find_tag(block, (unsigned)(at + 1), (uint8_t)tag), -1);
    }
    scoreblock_free(&block);
}

static void the_middle_leaves_something_on_both_sides(void **state)
{
    (void)state;
    for (unsigned want = 2; want <= 60; want++) {
        struct scoreblock *block = filled(SCOREBLOCK_LEAF, want, 1);
        unsigned middle = scoreblock_middle(block);
        size_t most = scoreblock_size(block) / 2 + 16 + SCOREBLOCK_INLINE_MAX + 10;

        assert_true(middle > 0 && middle < want);
        assert_true(scoreblock_size_of(block, 0, middle) <= most &&
                    scoreblock_size_of(block, middle, want) <= most);
        scoreblock_free(&block);
    }
}

static void no_memory_leaves_the_block_as_it_was(void **state)
{
    struct scoreblock *block = scoreblock_new(SCOREBLOCK_LEAF, NULL);
    unsigned refused = 0;

    (void)state;
    count = 0;
    for (uint32_t number = 0; number < 60; number++) {
        struct scoreitem item;
        double score = number + (number == 50 ? 0.5 : 0);
        enum status status;

        assert_int_equal(scoreitem_init(&item, score, member_of(number), tag_of(number)), OK);
        mem_fail_after(1);
        status = scoreblock_insert(&block, count, &item);
        mem_fail_after(0);
        scoreitem_drop(&item);
        if (status == OK) {
            scoreblock_cut(block, count, count + 1, SCOREBLOCK_KEEP);
        } else {
            refused++;
        }
        assert_as_model(block, true);
        insert(&block, number, score);
    }
    assert_true(refused > 5);
    scoreblock_free(&block);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_packed_block_is_as_its_model_after_each_step),
        cmocka_unit_test(a_leaf_is_as_its_model_after_each_step),
        cmocka_unit_test(whole_scores_take_four_bytes_and_others_eight),
        cmocka_unit_test(ten_members_of_sixteen_bytes_fit_two_hundred_and_fifty_six),
        cmocka_unit_test(slices_joined_are_what_was_sliced),
        cmocka_unit_test(a_copy_has_members_of_its_own),
        cmocka_unit_test(far_members_are_freed_a_step_each),
        cmocka_unit_test(tags_are_found_in_their_order),
        cmocka_unit_test(the_middle_leaves_something_on_both_sides),
        cmocka_unit_test(no_memory_leaves_the_block_as_it_was),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
