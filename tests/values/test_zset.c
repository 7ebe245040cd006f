#include "values/zset_help.h"

#define STEPS (60000 / SCALE)

/* What a step of a long run is: `growth` of a hundred are puts, so that sets grow, stay or shrink.
 */
static void random_step(struct pair *pair, unsigned growth)
{
    uint32_t number = (uint32_t)random_below(&pair->dice, pair->members);
    unsigned what = (unsigned)random_below(&pair->dice, 100);
    uint64_t first;

    if (what < growth) {
        assert_int_equal(pair_put(pair, number, pair->score(&pair->dice)), OK);
    } else if (what < 85) {
        pair_remove(pair, number);
    } else if (what < 90) {
        pair_ask(pair, number);
    } else if (what < 94) {
        pair_ask_bounds(pair, pair->score(&pair->dice));
    } else if (what < 98) {
        pair_ask_member_bounds(pair, pair->member(number));
    } else {
        first = pair->count ? random_below(&pair->dice, pair->count) : 0;
        pair_remove_range(pair, first, first + random_below(&pair->dice, 10));
    }
}

static void run(struct bytes (*member)(uint32_t), double (*score)(uint64_t *), uint32_t members,
                unsigned steps)
{
    static const unsigned growths[] = {70, 45, 20, 60};
    struct pair pair;

    pair_open(&pair, member, score, members);
    for (unsigned i = 0; i < steps; i++) {
        random_step(&pair, growths[i * 4 / steps]);
        if (pair.count < 200 || i % 64 == 0) pair_check_all(&pair, pair.zset);
    }
    pair_close(&pair);
}

static void a_small_set_is_as_its_model_after_each_step(void **state)
{
    (void)state;
    run(member_of_game, score_any_whole, 120, STEPS);
    run(member_of_game, score_with_ties, 20, STEPS);
    run(member_of_any_kind, score_of_any_kind, 60, STEPS);
    run(member_of_game, score_always_equal, 100, STEPS);
}

static void a_large_set_is_as_its_model_after_each_step(void **state)
{
    (void)state;
    run(member_of_game, score_any_whole, 20000, STEPS);
    run(member_of_game, score_with_ties, 5000, STEPS);
    run(member_of_any_kind, score_of_any_kind, 5000, STEPS);
    run(member_of_any_kind, score_with_ties, 3000, STEPS);
    run(member_of_game, score_always_equal, 5000, STEPS);
    run(member_of_any_kind, score_always_equal, 3000, STEPS);
}

static double next_score;

static double score_ascending(uint64_t *dice)
{
    (void)dice;
    return next_score++;
}

static double score_descending(uint64_t *dice)
{
    (void)dice;
    return next_score--;
}

static void what_comes_in_order_fills_the_leaves(void **state)
{
    struct pair pair;
    const struct value_kind *kind = value_kind_of(VALUE_ZSET);

    (void)state;
    for (unsigned down = 0; down < 2; down++) {
        next_score = 0;
        pair_open(&pair, member_of_game, down ? score_descending : score_ascending, UINT32_MAX);
        for (uint32_t i = 0; i < 20000 / SCALE; i++) {
            enum zset_change change;

            assert_int_equal(zset_put(pair.zset, member_of_game(i), pair.score(NULL), &change), OK);
            assert_int_equal(change, ZSET_ADDED);
        }
        zset_check(pair.zset);
        /* 22 bytes in the leaf, nine or so in the index. */
        assert_true(kind->used_bytes(pair.zset) < 36 * zset_count(pair.zset));
        pair_close(&pair);
    }
}

static void a_queue_loses_nothing_at_either_end(void **state)
{
    struct pair pair;

    (void)state;
    next_score = 0;
    pair_open(&pair, member_of_game, score_ascending, UINT32_MAX);
    for (uint32_t i = 0; i < 20000 / SCALE; i++) {
        assert_int_equal(pair_put(&pair, i, score_ascending(NULL)), OK);
        if (i % 3 == 0 && pair.count > 1500) pair_remove_range(&pair, 0, 4);
        if (i % 7 == 0) pair_remove_range(&pair, pair.count - 1, pair.count);
        if (i % 50 == 0) pair_check_all(&pair, pair.zset);
    }
    while (pair.count > 0) {
        pair_remove_range(&pair, 0, 100);
        zset_check(pair.zset);
    }
    pair_close(&pair);
}

/* --- the forms --- */

static void the_options_say_what_is_packed(void **state)
{
    struct pair pair;
    struct zset_walk walk;
    enum zset_change change;

    (void)state;
    pair_open(&pair, member_of_game, score_any_whole, 1000);
    for (uint32_t i = 0; i < 128; i++) pair_put(&pair, i, i);
    assert_true(zset_is_packed(pair.zset));
    pair_put(&pair, 5, 500);
    assert_true(zset_is_packed(pair.zset));
    pair_put(&pair, 128, 128);
    assert_false(zset_is_packed(pair.zset));
    pair_remove_range(&pair, 0, 100);
    assert_false(zset_is_packed(pair.zset));
    pair_check_all(&pair, pair.zset);
    pair_close(&pair);

    pair_open(&pair, member_of_any_kind, score_any_whole, 1000);
    assert_int_equal(
        zset_put(pair.zset,
                 bytes_of("0123456789012345678901234567890123456789012345678901234567890123", 64),
                 1, &change),
        OK);
    assert_true(zset_is_packed(pair.zset));
    assert_int_equal(
        zset_put(pair.zset,
                 bytes_of("01234567890123456789012345678901234567890123456789012345678901234", 65),
                 1, &change),
        OK);
    assert_false(zset_is_packed(pair.zset));
    zset_walk_from(&walk, pair.zset, 0, false);
    assert_true(zset_walk_next(&walk) && walk.member.len == 64);
    assert_true(zset_walk_next(&walk) && walk.member.len == 65);
    assert_false(zset_walk_next(&walk));
    pair_close(&pair);
}

static void a_set_may_be_packed_by_name_beyond_one_block(void **state)
{
    struct pair pair;

    (void)state;
    atomic_store(&zset_options.zset_max_listpack_entries, 5000);
    atomic_store(&zset_options.zset_max_listpack_value, 1000);
    pair_open(&pair, member_of_any_kind, score_of_any_kind, 100000);
    for (uint32_t i = 0; i < 5000; i++) {
        assert_int_equal(pair_put(&pair, i, pair.score(&pair.dice)), OK);
        assert_true(zset_is_packed(pair.zset));
    }
    pair_check_all(&pair, pair.zset);
    pair_put(&pair, 5000, 1);
    assert_false(zset_is_packed(pair.zset));
    pair_close(&pair);
    atomic_store(&zset_options.zset_max_listpack_entries, 128);
    atomic_store(&zset_options.zset_max_listpack_value, 64);
}

static void members_of_a_megabyte_are_members_like_others(void **state)
{
    enum { LEN = 1 << 20 };
    struct zset *zset = zset_new();
    char *text = malloc(LEN);
    enum zset_change change;
    uint64_t rank;
    double score;

    (void)state;
    memset(text, 'm', LEN);
    for (unsigned i = 0; i < 50; i++) {
        text[LEN - 1] = (char)i;
        assert_int_equal(zset_put(zset, bytes_of(text, LEN - i % 2), i % 5, &change), OK);
        zset_check(zset);
    }
    assert_int_equal(zset_count(zset), 26);
    text[LEN - 1] = 6;
    assert_false(zset_rank(zset, bytes_of(text, LEN - 2), &rank, &score));
    assert_true(zset_rank(zset, bytes_of(text, LEN), &rank, &score));
    assert_true(score == 1);
    assert_true(value_kind_of(VALUE_ZSET)->used_bytes(zset) > 26u * LEN);
    for (unsigned i = 0; i < 50; i += 2) {
        text[LEN - 1] = (char)i;
        assert_int_equal(zset_put(zset, bytes_of(text, LEN), i, &change), OK);
        assert_true(zset_remove(zset, bytes_of(text, LEN)));
        zset_check(zset);
    }
    assert_int_equal(zset_count(zset), 1);
    assert_true(value_kind_of(VALUE_ZSET)->used_bytes(zset) < 2u * LEN);
    zset_free(&zset);
    free(text);
}

/* --- edits --- */

struct asking {
    struct zset_edit edit;
    unsigned calls;
    bool there, go;
    double had, give;
};

static bool ask(struct zset_edit *edit, bool there, double *score)
{
    struct asking *asking = (struct asking *)edit;

    asking->calls++;
    asking->there = there;
    asking->had = *score;
    *score = asking->give;
    return asking->go;
}

static void an_edit_is_asked_once_and_obeyed(void **state)
{
    static const unsigned sizes[] = {0, 10, 1000};

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        struct pair pair;
        struct asking asking = {.edit = {ask}, .give = 7.5};
        enum zset_change change;
        double score;

        pair_open(&pair, member_of_game, score_any_whole, 10000);
        for (uint32_t n = 1; n <= sizes[i]; n++) pair_put(&pair, n, n);
        assert_int_equal(zset_edit(pair.zset, member_of_game(0), &asking.edit, &change), OK);
        assert_true(asking.calls == 1 && !asking.there && asking.had == 0 && change == ZSET_SAME);
        assert_false(zset_score(pair.zset, member_of_game(0), &score));
        asking.go = true;
        assert_int_equal(zset_edit(pair.zset, member_of_game(0), &asking.edit, &change), OK);
        assert_true(asking.calls == 2 && !asking.there && change == ZSET_ADDED);
        asking.give = 8.5;
        assert_int_equal(zset_edit(pair.zset, member_of_game(0), &asking.edit, &change), OK);
        assert_true(asking.calls == 3 && asking.there && asking.had == 7.5 && change == ZSET_MOVED);
        assert_int_equal(zset_edit(pair.zset, member_of_game(0), &asking.edit, &change), OK);
        assert_true(asking.calls == 4 && change == ZSET_SAME);
        asking.go = false;
        asking.give = 1;
        assert_int_equal(zset_edit(pair.zset, member_of_game(0), &asking.edit, &change), OK);
        assert_true(zset_score(pair.zset, member_of_game(0), &score) && score == 8.5);
        zset_check(pair.zset);
        pair_close(&pair);
    }
}

static void minus_zero_stays_in_a_large_set_and_is_zero_in_a_packed_one(void **state)
{
    (void)state;
    for (uint32_t others = 0; others <= 300; others += 300) {
        struct pair pair;
        enum zset_change change;
        double score;

        pair_open(&pair, member_of_game, score_any_whole, 10000);
        for (uint32_t n = 1; n <= others; n++) pair_put(&pair, n, (int)n - 150);
        assert_int_equal(zset_put(pair.zset, member_of_game(0), -0.0, &change), OK);
        assert_true(zset_score(pair.zset, member_of_game(0), &score) && score == 0 &&
                    !signbit(score) == zset_is_packed(pair.zset));
        assert_int_equal(zset_put(pair.zset, member_of_game(0), 0, &change), OK);
        assert_int_equal(change, ZSET_SAME);
        assert_true(zset_score(pair.zset, member_of_game(0), &score) &&
                    !signbit(score) == zset_is_packed(pair.zset));
        assert_int_equal(zset_put(pair.zset, member_of_game(0), 1, &change), OK);
        assert_int_equal(zset_put(pair.zset, member_of_game(0), 0, &change), OK);
        assert_true(zset_score(pair.zset, member_of_game(0), &score) && score == 0 &&
                    !signbit(score));
        pair_close(&pair);
    }
}

/* --- scans --- */

struct scan_sight {
    unsigned char seen[20000];
    unsigned calls;
};

static void see_scanned(void *context, struct bytes member, double score)
{
    struct scan_sight *sight = context;
    unsigned number = 0;

    (void)score;
    for (unsigned i = 7; i < 16; i++) number = number * 10 + (unsigned)(member.at[i] - '0');
    sight->seen[number]++;
    sight->calls++;
}

static void a_scan_sees_each_member_once_where_nothing_changes(void **state)
{
    static const uint32_t sizes[] = {0, 5, 128, 129, 5000, 20000};

    (void)state;
    for (unsigned i = 0; i < 6; i++) {
        struct zset *zset = zset_new();
        struct scan_sight sight = {{0}, 0};
        enum zset_change change;
        uint64_t cursor = 0, calls = 0;

        for (uint32_t n = 0; n < sizes[i]; n++) {
            assert_int_equal(zset_put(zset, member_of_game(n), n % 10, &change), OK);
        }
        do {
            cursor = zset_scan(zset, cursor, 10, see_scanned, &sight);
            calls++;
        } while (cursor);
        assert_int_equal(sight.calls, sizes[i]);
        for (uint32_t n = 0; n < sizes[i]; n++) assert_int_equal(sight.seen[n], 1);
        if (sizes[i] > 1000) assert_true(calls > sizes[i] / 20);
        zset_free(&zset);
    }
}

static void a_scan_misses_nobody_who_stays_while_the_set_grows_and_shrinks(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 20 / SCALE + 1; round++) {
        struct pair pair;
        struct scan_sight sight = {{0}, 0};
        uint64_t cursor = 0;
        enum zset_change change;

        pair_open(&pair, member_of_game, score_any_whole, 20000);
        pair.dice = round;
        /* The first thousand stay, though their scores change. */
        for (uint32_t n = 0; n < 1000; n++) zset_put(pair.zset, member_of_game(n), n, &change);
        for (uint32_t n = 1000; round % 2 && n < 20000; n++)
            zset_put(pair.zset, member_of_game(n), n, &change);
        do {
            cursor = zset_scan(pair.zset, cursor, 10, see_scanned, &sight);
            for (unsigned i = 0; i < 100; i++) {
                uint32_t n = (uint32_t)random_below(&pair.dice, 20000);

                if (n < 1000 || round % 2 == 0) {
                    zset_put(pair.zset, member_of_game(n), pair.score(&pair.dice), &change);
                } else {
                    zset_remove(pair.zset, member_of_game(n));
                }
            }
        } while (cursor);
        for (uint32_t n = 0; n < 1000; n++) assert_true(sight.seen[n] >= 1);
        zset_check(pair.zset);
        pair_close(&pair);
    }
}

/* --- as a kind --- */

static void fill(struct pair *pair, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        uint32_t number = (uint32_t)random_below(&pair->dice, pair->members);

        assert_int_equal(pair_put(pair, number, pair->score(&pair->dice)), OK);
    }
}

static void a_copy_is_a_set_of_its_own(void **state)
{
    static const uint32_t counts[] = {0, 10, 4000 / SCALE};
    const struct value_kind *kind = value_kind_of(VALUE_ZSET);

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        struct pair pair;
        struct zset *copy, *original;

        pair_open(&pair, member_of_any_kind, score_of_any_kind, 100000);
        fill(&pair, counts[i]);
        copy = kind->copy(pair.zset);
        assert_non_null(copy);
        pair_check_all(&pair, copy);
        original = pair.zset;
        zset_free(&original);
        pair.zset = copy;
        fill(&pair, counts[i]);
        pair_check_all(&pair, pair.zset);
        pair_close(&pair);
    }
}

static void freeing_in_slices_ends_and_takes_its_time(void **state)
{
    const struct value_kind *kind = value_kind_of(VALUE_ZSET);

    (void)state;
    for (unsigned any = 0; any < 2; any++) {
        struct pair pair;
        void *container;
        unsigned slices = 0;

        pair_open(&pair, any ? member_of_any_kind : member_of_game, score_any_whole, 1000000);
        fill(&pair, 8000 / SCALE);
        container = pair.zset;
        pair.zset = NULL;
        while (!kind->free_some(&container, 16)) slices++;
        assert_true((slices + 1) * 16 * 45 >= pair.count);
        pair_close(&pair);
    }
}

/* --- no memory --- */

static void a_failed_allocation_changes_nothing(void **state)
{
    static const uint32_t counts[] = {0, 20, 126, 3000};

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        struct pair pair;
        unsigned failures = 0;

        pair_open(&pair, member_of_any_kind, score_of_any_kind, 100000);
        fill(&pair, counts[i]);
        for (unsigned step = 0; step < 1500 / SCALE; step++) {
            uint32_t number = (uint32_t)random_below(&pair.dice, pair.members);
            double score = pair.score(&pair.dice);
            unsigned n = 1;

            if (random_below(&pair.dice, 3) && pair.count) {
                number = pair.items[random_below(&pair.dice, pair.count)].number;
            }
            for (;; n++) {
                enum status status;

                mem_fail_after(n);
                status = pair_put(&pair, number, score);
                mem_fail_after(0);
                if (status == OK) break;
                assert_int_equal(status, NO_MEMORY);
                failures++;
                if (step % 8 == 0) pair_check_all(&pair, pair.zset);
            }
            if (step % 16 == 0) pair_check_all(&pair, pair.zset);
        }
        assert_true(failures > 100 / SCALE);
        pair_check_all(&pair, pair.zset);
        pair_close(&pair);
    }
}

static void a_removal_needs_no_memory(void **state)
{
    struct pair pair;

    (void)state;
    pair_open(&pair, member_of_game, score_of_any_kind, 1000000);
    fill(&pair, 5000 / SCALE);
    while (pair.count > 0) {
        uint32_t number = pair.items[random_below(&pair.dice, pair.count)].number;

        mem_fail_after((unsigned)random_below(&pair.dice, 2));
        pair_remove(&pair, number);
        mem_fail_after(0);
        if (pair.count % 16 == 0) zset_check(pair.zset);
    }
    pair_close(&pair);
}

static void a_copy_that_fails_leaves_nothing_behind(void **state)
{
    const struct value_kind *kind = value_kind_of(VALUE_ZSET);
    struct pair pair;
    struct zset *copy = NULL;

    (void)state;
    pair_open(&pair, member_of_any_kind, score_of_any_kind, 1000000);
    fill(&pair, 3000);
    /* The leak checker looks on. */
    for (unsigned n = 1; !copy; n += 1 + n / 4) {
        mem_fail_after(n);
        copy = kind->copy(pair.zset);
        mem_fail_after(0);
    }
    pair_check_all(&pair, copy);
    zset_free(&copy);
    pair_check_all(&pair, pair.zset);
    pair_close(&pair);
}

static int setup(void **state)
{
    (void)state;
    zset_setup();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_small_set_is_as_its_model_after_each_step),
        cmocka_unit_test(a_large_set_is_as_its_model_after_each_step),
        cmocka_unit_test(what_comes_in_order_fills_the_leaves),
        cmocka_unit_test(a_queue_loses_nothing_at_either_end),
        cmocka_unit_test(the_options_say_what_is_packed),
        cmocka_unit_test(a_set_may_be_packed_by_name_beyond_one_block),
        cmocka_unit_test(members_of_a_megabyte_are_members_like_others),
        cmocka_unit_test(an_edit_is_asked_once_and_obeyed),
        cmocka_unit_test(minus_zero_stays_in_a_large_set_and_is_zero_in_a_packed_one),
        cmocka_unit_test(a_scan_sees_each_member_once_where_nothing_changes),
        cmocka_unit_test(a_scan_misses_nobody_who_stays_while_the_set_grows_and_shrinks),
        cmocka_unit_test(a_copy_is_a_set_of_its_own),
        cmocka_unit_test(freeing_in_slices_ends_and_takes_its_time),
        cmocka_unit_test(a_failed_allocation_changes_nothing),
        cmocka_unit_test(a_removal_needs_no_memory),
        cmocka_unit_test(a_copy_that_fails_leaves_nothing_behind),
    };

    return cmocka_run_group_tests(tests, setup, NULL);
}
