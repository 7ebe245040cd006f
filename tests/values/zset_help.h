/* zset_help: a sorted set beside its model, a plain sorted array, and members and scores to fill
 * both with. */
#ifndef TESTS_ZSET_HELP_H
#define TESTS_ZSET_HELP_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include "coatcheck/base/mem.h"
#include "coatcheck/base/must.h"
#include "coatcheck/base/random.h"
#include "coatcheck/values/kind.h"
#include "coatcheck/values/zset.h"

/* Sanitizers make each check of a whole set long: they get a tenth of the steps. */
#ifdef COATCHECK_SANITIZED
#define SCALE 10
#else
#define SCALE 1
#endif

struct model_item {
    double score;
    uint32_t number; /* of the member */
    uint32_t len;
    char *at;
};

struct pair {
    struct zset *zset;
    struct model_item *items;
    size_t count, room;
    uint64_t dice;

    /* how members and scores are drawn */
    struct bytes (*member)(uint32_t number);
    double (*score)(uint64_t *dice);
    uint32_t members; /* numbers that are drawn from */
};

static inline int model_compare(double a_score, struct bytes a, const struct model_item *b)
{
    if (a_score != b->score) return a_score < b->score ? -1 : 1;
    return bytes_compare(a, bytes_of(b->at, b->len));
}

/* Where (score, member) is or would go. */
static inline size_t model_place(const struct pair *pair, double score, struct bytes member)
{
    size_t from = 0, to = pair->count;

    while (from < to) {
        size_t half = from + (to - from) / 2;

        if (model_compare(score, member, &pair->items[half]) > 0) {
            from = half + 1;
        } else {
            to = half;
        }
    }
    return from;
}

/* By its number alone: slow and certain. `count`: it is not there. */
static inline size_t model_find(const struct pair *pair, uint32_t number)
{
    size_t at = 0;

    while (at < pair->count && pair->items[at].number != number) at++;
    return at;
}

static inline void model_remove(struct pair *pair, size_t from, size_t to)
{
    if (from == to) return;
    for (size_t i = from; i < to; i++) free(pair->items[i].at);
    memmove(&pair->items[from], &pair->items[to], (pair->count - to) * sizeof *pair->items);
    pair->count -= to - from;
}

static inline void model_add(struct pair *pair, uint32_t number, struct bytes member, double score)
{
    size_t at = model_place(pair, score, member);

    if (pair->count == pair->room) {
        pair->room = pair->room ? 2 * pair->room : 64;
        pair->items = realloc(pair->items, pair->room * sizeof *pair->items);
        assert_non_null(pair->items);
    }
    memmove(&pair->items[at + 1], &pair->items[at], (pair->count - at) * sizeof *pair->items);
    pair->items[at] =
        (struct model_item){score, number, (uint32_t)member.len, malloc(member.len + 1)};
    if (member.len > 0) memcpy(pair->items[at].at, member.at, member.len);
    pair->count++;
}

static inline struct bytes model_member(const struct pair *pair, size_t at)
{
    return bytes_of(pair->items[at].at, pair->items[at].len);
}

static inline bool same_score(double a, double b)
{
    return a == b && signbit(a) == signbit(b);
}

/* --- the pair --- */

static inline void pair_open(struct pair *pair, struct bytes (*member)(uint32_t),
                             double (*score)(uint64_t *), uint32_t members)
{
    *pair = (struct pair){
        .zset = zset_new(), .dice = 7, .member = member, .score = score, .members = members};
    assert_non_null(pair->zset);
}

static inline void pair_close(struct pair *pair)
{
    zset_free(&pair->zset);
    assert_null(pair->zset);
    model_remove(pair, 0, pair->count);
    free(pair->items);
}

static inline void pair_check_all(const struct pair *pair, const struct zset *zset)
{
    struct zset_walk walk;
    size_t at = 0;

    zset_check(zset);
    assert_int_equal(zset_count(zset), pair->count);
    zset_walk_from(&walk, zset, 0, false);
    for (; zset_walk_next(&walk); at++) {
        must(at < pair->count && bytes_equal(walk.member, model_member(pair, at)) &&
             same_score(walk.score, pair->items[at].score));
    }
    assert_int_equal(at, pair->count);
    zset_walk_from(&walk, zset, pair->count - 1, true);
    for (; zset_walk_next(&walk);) {
        at--;
        must(bytes_equal(walk.member, model_member(pair, at)) &&
             same_score(walk.score, pair->items[at].score));
    }
    assert_int_equal(at, 0);
}

/* NO_MEMORY may be the answer only while allocations are made to fail; nothing has changed then. */
static inline enum status pair_put(struct pair *pair, uint32_t number, double score)
{
    struct bytes member = pair->member(number);
    size_t at = model_find(pair, number);
    enum zset_change change, expected = ZSET_ADDED;
    enum status status = zset_put(pair->zset, member, score, &change);

    if (status != OK) return status;
    /* A packed set knows no -0. */
    if (zset_is_packed(pair->zset)) score += 0.0;
    if (at < pair->count) {
        expected = pair->items[at].score == score ? ZSET_SAME : ZSET_MOVED;
        if (expected == ZSET_MOVED) model_remove(pair, at, at + 1);
    }
    if (expected != ZSET_SAME) model_add(pair, number, member, score);
    assert_int_equal(change, expected);
    return OK;
}

static inline void pair_remove(struct pair *pair, uint32_t number)
{
    size_t at = model_find(pair, number);

    assert_int_equal(zset_remove(pair->zset, pair->member(number)), at < pair->count);
    if (at < pair->count) model_remove(pair, at, at + 1);
}

static inline void pair_ask(struct pair *pair, uint32_t number)
{
    size_t at = model_find(pair, number);
    double score;
    uint64_t rank;

    assert_int_equal(zset_score(pair->zset, pair->member(number), &score), at < pair->count);
    if (at < pair->count) assert_true(same_score(score, pair->items[at].score));
    assert_int_equal(zset_rank(pair->zset, pair->member(number), &rank, &score), at < pair->count);
    if (at == pair->count) return;
    assert_true(same_score(score, pair->items[at].score));
    assert_int_equal(rank, at);
}

static inline void pair_ask_bounds(struct pair *pair, double score)
{
    struct zset_bound with = {ZSET_BY_SCORE, false, score, {NULL, 0}},
                      without = {ZSET_BY_SCORE, true, score, {NULL, 0}};
    size_t below = 0, up_to = 0;

    while (below < pair->count && pair->items[below].score < score) below++;
    for (up_to = below; up_to < pair->count && pair->items[up_to].score == score;) up_to++;
    assert_int_equal(zset_rank_of_first(pair->zset, &with), below);
    assert_int_equal(zset_rank_of_first(pair->zset, &without), up_to);
    assert_int_equal(zset_rank_of_end(pair->zset, &with), up_to);
    assert_int_equal(zset_rank_of_end(pair->zset, &without), below);
}

static inline void pair_ask_member_bounds(struct pair *pair, struct bytes member)
{
    struct zset_bound with = {ZSET_BY_MEMBER, false, 0, member},
                      without = {ZSET_BY_MEMBER, true, 0, member};
    size_t below, up_to;

    if (pair->count == 0 || pair->items[0].score != pair->items[pair->count - 1].score) return;
    below = model_place(pair, pair->items[0].score, member);
    up_to = below + (below < pair->count && bytes_equal(model_member(pair, below), member));
    assert_int_equal(zset_rank_of_first(pair->zset, &with), below);
    assert_int_equal(zset_rank_of_first(pair->zset, &without), up_to);
    assert_int_equal(zset_rank_of_end(pair->zset, &with), up_to);
    assert_int_equal(zset_rank_of_end(pair->zset, &without), below);
}

struct seen {
    struct pair *pair;
    size_t at;
};

static inline void see_removed(void *context, struct bytes member, double score)
{
    struct seen *seen = context;

    must(bytes_equal(member, model_member(seen->pair, seen->at)));
    must(same_score(score, seen->pair->items[seen->at].score));
    seen->at++;
}

static inline void pair_remove_range(struct pair *pair, uint64_t first, uint64_t end)
{
    struct seen seen = {pair, first};

    zset_remove_range(pair->zset, first, end, see_removed, &seen);
    if (end > pair->count) end = pair->count;
    if (first >= end) return;
    assert_int_equal(seen.at, end);
    model_remove(pair, first, end);
}

/* --- members and scores --- */

/* Sixteen bytes, the first ones alike as in a game's names. */
static inline struct bytes member_of_game(uint32_t number)
{
    static char text[4][32];
    static unsigned next;
    char *into = text[next++ % 4];

    snprintf(into, 32, "player:%09u", number);
    return bytes_of(into, 16);
}

/* Any byte, any length, the empty one too; some stand elsewhere. */
static inline struct bytes member_of_any_kind(uint32_t number)
{
    static char text[4][700];
    static unsigned next;
    char *into = text[next++ % 4];
    uint64_t dice = number;
    size_t len = random_below(&dice, 10) == 0 ? random_below(&dice, 600) : random_below(&dice, 40);

    if (number == 0) return bytes_of(into, 0);
    for (size_t i = 0; i < len; i++)
        into[i] = (char)(random_below(&dice, 3) ? 'a' : random_next(&dice));
    /* Its number makes it itself, wherever it stands. */
    memcpy(into + len, &number, 4);
    return bytes_of(into, len + 4);
}

static inline double score_any_whole(uint64_t *dice)
{
    return (double)random_below(dice, 1000000) - 1000;
}

static inline double score_with_ties(uint64_t *dice)
{
    return (double)random_below(dice, 5);
}

static inline double score_always_equal(uint64_t *dice)
{
    (void)dice;
    return 1;
}

/* Whole numbers for the most part, and all that is not. */
static inline double score_of_any_kind(uint64_t *dice)
{
    switch (random_below(dice, 40)) {
    case 0:
        return INFINITY;
    case 1:
        return -INFINITY;
    case 2:
        return -0.0;
    case 3:
        return 0;
    case 4:
        return 1e300 * (double)random_below(dice, 10);
    case 5:
        return 5e-324;
    case 6:
        return (double)INT32_MAX + (double)random_below(dice, 3);
    case 7:
        return (double)INT32_MIN - (double)random_below(dice, 3);
    case 8:
        return 0.1 * (double)random_below(dice, 1000);
    default:
        return (double)random_below(dice, 300);
    }
}

#endif
