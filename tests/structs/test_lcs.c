#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include "coatcheck/base/mem.h"
#include "coatcheck/base/random.h"
#include "coatcheck/structs/lcs.h"

#define LONGEST 400

/* The model: the table of all lengths, a number each, and the walk back through it. */
static uint32_t lengths[LONGEST + 1][LONGEST + 1];

static void fill_model(struct bytes a, struct bytes b)
{
    for (size_t i = 0; i <= a.len; i++) {
        for (size_t j = 0; j <= b.len; j++) {
            if (i == 0 || j == 0) {
                lengths[i][j] = 0;
            } else if (a.at[i - 1] == b.at[j - 1]) {
                lengths[i][j] = lengths[i - 1][j - 1] + 1;
            } else {
                uint32_t up = lengths[i - 1][j], left = lengths[i][j - 1];

                lengths[i][j] = up > left ? up : left;
            }
        }
    }
}

/* Finds the next run before *i, *j; false: there is none. */
static bool model_next(struct bytes a, struct bytes b, size_t *i, size_t *j, struct lcs_run *run)
{
    run->len = 0;
    while (*i > 0 && *j > 0 && a.at[*i - 1] != b.at[*j - 1]) {
        if (lengths[*i - 1][*j] > lengths[*i][*j - 1]) {
            --*i;
        } else {
            --*j;
        }
    }
    while (*i > 0 && *j > 0 && a.at[*i - 1] == b.at[*j - 1]) {
        --*i;
        --*j;
        run->len++;
    }
    run->a_at = *i;
    run->b_at = *j;
    return run->len > 0;
}

/* How many steps it does at once: one, as many as it wants, or some. */
static int64_t draw_steps(void)
{
    static uint64_t dice = 9;

    switch (random_below(&dice, 3)) {
    case 0:
        return 1;
    case 1:
        return INT64_MAX;
    default:
        return (int64_t)random_below(&dice, 300);
    }
}

static size_t filled_length(struct lcs *lcs)
{
    while (!lcs_fill_some(lcs, (uint64_t)draw_steps())) continue;
    assert_true(lcs_fill_some(lcs, 1));
    return lcs->length;
}

static bool next_run(struct lcs_walk *walk, struct lcs_run *run)
{
    for (;;) {
        int64_t steps = draw_steps();
        enum lcs_found found = lcs_walk_next(walk, run, &steps);

        if (found != LCS_PAUSED) return found == LCS_RUN;
    }
}

static void assert_as_model(struct bytes a, struct bytes b)
{
    struct lcs lcs;
    struct lcs_walk walk;
    struct lcs_run run, expected;
    size_t i = a.len, j = b.len, length;

    fill_model(a, b);
    length = lengths[a.len][b.len];
    assert_int_equal(lcs_open(&lcs, a, b, LCS_LENGTH), OK);
    assert_int_equal(filled_length(&lcs), length);
    lcs_close(&lcs);
    assert_int_equal(lcs_open(&lcs, a, b, LCS_RUNS), OK);
    assert_int_equal(filled_length(&lcs), length);
    lcs_walk_begin(&walk, &lcs);
    while (model_next(a, b, &i, &j, &expected)) {
        assert_true(next_run(&walk, &run));
        assert_int_equal(run.len, expected.len);
        assert_int_equal(run.a_at, expected.a_at);
        assert_int_equal(run.b_at, expected.b_at);
        length -= run.len;
    }
    assert_false(next_run(&walk, &run));
    assert_int_equal(length, 0);
    lcs_close(&lcs);
}

static struct bytes draw_text(char *room, uint64_t *dice, size_t len, unsigned letters)
{
    for (size_t i = 0; i < len; i++) room[i] = (char)random_below(dice, letters);
    return bytes_of(room, len);
}

static void it_finds_what_the_table_of_numbers_finds(void **state)
{
    char a[LONGEST], b[LONGEST];
    uint64_t dice = 1;

    (void)state;
    for (unsigned round = 0; round < 3000; round++) {
        unsigned letters = 1u + (unsigned)random_below(&dice, round % 3 == 0 ? 256 : 5);
        size_t longest = round % 10 == 0 ? LONGEST : 70;
        size_t a_len = random_below(&dice, longest + 1), b_len = random_below(&dice, longest + 1);

        assert_as_model(draw_text(a, &dice, a_len, letters), draw_text(b, &dice, b_len, letters));
    }
}

static void lengths_at_the_edge_of_a_word_are_like_others(void **state)
{
    static const size_t edges[] = {0, 1, 2, 63, 64, 65, 127, 128, 129, 192};
    enum { EDGES = sizeof edges / sizeof edges[0] };
    char a[LONGEST], b[LONGEST];
    uint64_t dice = 2;

    (void)state;
    for (unsigned x = 0; x < EDGES; x++) {
        for (unsigned y = 0; y < EDGES; y++) {
            for (unsigned letters = 1; letters < 4; letters++) {
                assert_as_model(draw_text(a, &dice, edges[x], letters), draw_text(b, &dice, edges[y], letters));
            }
        }
    }
}

static void texts_that_are_nearly_alike_give_long_runs(void **state)
{
    char a[LONGEST], b[LONGEST];
    uint64_t dice = 3;

    (void)state;
    for (unsigned round = 0; round < 200; round++) {
        struct bytes text = draw_text(a, &dice, LONGEST, 26);
        size_t cut = random_below(&dice, LONGEST / 2);

        memcpy(b, a, LONGEST);
        for (unsigned i = 0; i < 5; i++) b[random_below(&dice, LONGEST)] ^= 1;
        assert_as_model(text, bytes_of(b + cut, LONGEST - cut));
        assert_as_model(bytes_of(b + cut, LONGEST - cut), text);
    }
}

static void without_memory_it_says_so(void **state)
{
    struct bytes a = BYTES("ohmytext"), b = BYTES("mynewtext");
    struct lcs lcs;

    (void)state;
    for (unsigned n = 1; n <= 3; n++) {
        mem_fail_after(n);
        if (n < 3) assert_int_equal(lcs_open(&lcs, a, b, LCS_LENGTH), NO_MEMORY);
        mem_fail_after(n);
        assert_int_equal(lcs_open(&lcs, a, b, LCS_RUNS), NO_MEMORY);
    }
    mem_fail_after(0);
    assert_int_equal(lcs_open(&lcs, a, b, LCS_RUNS), OK);
    lcs_close(&lcs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_finds_what_the_table_of_numbers_finds),
        cmocka_unit_test(lengths_at_the_edge_of_a_word_are_like_others),
        cmocka_unit_test(texts_that_are_nearly_alike_give_long_runs),
        cmocka_unit_test(without_memory_it_says_so),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
