/* zset_rank: where members stand in a sorted set, and how many stand in a range of it. */
#include "coatcheck/commands/table.h"
#include "coatcheck/commands/zset.h"
#include "coatcheck/commands/zset_bound.h"

/* ---- ZRANK, ZREVRANK ---- */

struct rank_options {
    bool with_score, ties;
};

/* False: answered. */
static bool read_rank_options(struct call *call, struct rank_options *options)
{
    *options = (struct rank_options){0};
    if (call_argc(call) > 5) {
        call_arity_error(call);
        return false;
    }
    for (unsigned i = 3; i < call_argc(call); i++) {
        if (call_arg_is(call, i, "WITHSCORE") && !options->with_score) {
            options->with_score = true;
        } else if (call_arg_is(call, i, "TIES") && !options->ties) {
            options->ties = true;
        } else {
            call_syntax_error(call);
            return false;
        }
    }
    return true;
}

/* Members with better scores than this one: equal ones share a rank, and the ranks after them are
 * left out. */
static uint64_t rank_of_ties(const struct zset *zset, double score, bool backwards)
{
    struct zset_bound bound = {.kind = ZSET_BY_SCORE, .score = score};

    return backwards ? zset_count(zset) - zset_rank_of_end(zset, &bound)
                     : zset_rank_of_first(zset, &bound);
}

static void answer_rank(struct call *call, bool backwards)
{
    struct rank_options options;
    const struct zset *zset;
    uint64_t rank;
    double score;

    if (!read_rank_options(call, &options) || !call_read_zset(call, 0, &zset)) return;
    if (!zset || !zset_rank(zset, call_arg(call, 2), &rank, &score)) {
        if (options.with_score) {
            reply_null_array(call->reply);
        } else {
            reply_null(call->reply);
        }
        return;
    }
    if (options.ties) {
        rank = rank_of_ties(zset, score, backwards);
    } else if (backwards) {
        rank = zset_count(zset) - 1 - rank;
    }
    if (options.with_score) reply_array(call->reply, 2);
    reply_int(call->reply, (int64_t)rank);
    if (options.with_score) reply_double(call->reply, score);
}

static void cmd_zrank(struct call *call)
{
    answer_rank(call, false);
}

static void cmd_zrevrank(struct call *call)
{
    answer_rank(call, true);
}

/* ---- ZAROUND ---- */

struct around_options {
    bool backwards, with_scores;
};

/* False: answered. */
static bool read_around_options(struct call *call, struct around_options *options)
{
    *options = (struct around_options){0};
    for (unsigned i = 4; i < call_argc(call); i++) {
        if (call_arg_is(call, i, "REV")) {
            options->backwards = true;
        } else if (call_arg_is(call, i, "WITHSCORES")) {
            options->with_scores = true;
        } else {
            call_syntax_error(call);
            return false;
        }
    }
    return true;
}

/* Members of ranks first … end-1, or down from end-1, each with its rank counted from where the
 * walk's direction begins. */
static void reply_ranked(struct reply *reply, const struct zset *zset, uint64_t first, uint64_t end,
                         const struct around_options *options)
{
    uint64_t rank = options->backwards ? zset_count(zset) - end : first;
    struct zset_walk walk;

    reply_array(reply, end - first);
    zset_walk_from(&walk, zset, options->backwards ? end - 1 : first, options->backwards);
    for (uint64_t left = end - first; left > 0 && zset_walk_next(&walk); left--) {
        reply_array(reply, options->with_scores ? 3 : 2);
        reply_int(reply, (int64_t)rank++);
        reply_bulk(reply, walk.member);
        if (options->with_scores) reply_double(reply, walk.score);
    }
}

static void cmd_zaround(struct call *call)
{
    struct around_options options;
    const struct zset *zset;
    uint64_t rank, count;
    int64_t each_side;
    double score;

    if (!call_read_int_between(call, 3, 0, INT64_MAX, &each_side, NULL)) return;
    if (!read_around_options(call, &options) || !call_read_zset(call, 0, &zset)) return;
    if (!zset || !zset_rank(zset, call_arg(call, 2), &rank, &score)) {
        reply_null_array(call->reply);
        return;
    }
    count = zset_count(zset);
    reply_ranked(
        call->reply, zset, rank - (rank < (uint64_t)each_side ? rank : (uint64_t)each_side),
        count - rank - 1 < (uint64_t)each_side ? count : rank + (uint64_t)each_side + 1, &options);
}

/* ---- ZCOUNT, ZLEXCOUNT ---- */

static void answer_count(struct call *call, enum zset_range_kind kind)
{
    struct zset_range range;
    const struct zset *zset;
    uint64_t first, end;

    if (!zset_range_read(call, kind, 2, 3, &range) || !call_read_zset(call, 0, &zset)) return;
    reply_int(call->reply, (int64_t)zset_range_find(zset, &range, false, &first, &end));
}

static void cmd_zcount(struct call *call)
{
    answer_count(call, ZSET_RANGE_OF_SCORES);
}

static void cmd_zlexcount(struct call *call)
{
    answer_count(call, ZSET_RANGE_OF_MEMBERS);
}

#define LOG_COST "O(log(N)) where N is the number of members"
#define RANKS                                                                                      \
    .arity = -3, .flags = COMMAND_READ | COMMAND_FAST, .keys = KEYS_ONE, .element = 2,             \
    .access = KEY_RO | KEY_ACCESS, .since = "2.0.0", .cost = LOG_COST,                             \
    .syntax = "key member [WITHSCORE] [TIES]",                                                     \
    .history = "7.2.0: Added the optional `WITHSCORE` argument."
#define COUNTS                                                                                     \
    .arity = 4, .flags = COMMAND_READ | COMMAND_FAST, .keys = KEYS_ONE, .element = 1,              \
    .access = KEY_RO | KEY_ACCESS, .cost = LOG_COST, .syntax = "key min max"

static const struct command_row rows[] = {
    {.name = "zrank",
     .run = cmd_zrank,
     RANKS,
     .summary = "Answers how many members stand before this one, the lowest score first."},
    {.name = "zrevrank",
     .run = cmd_zrevrank,
     RANKS,
     .summary = "Answers how many members stand before this one, the highest score first."},
    {.name = "zaround",
     .run = cmd_zaround,
     .element = 2,
     .arity = -4,
     .flags = COMMAND_READ | COMMAND_IS_OURS,
     .keys = KEYS_ONE,
     .access = KEY_RO | KEY_ACCESS,
     .since = "7.0.0",
     .cost = "O(log(N)+M) where M is the number of members answered",
     .syntax = "key member count [REV] [WITHSCORES]",
     .summary = "Answers a member and its neighbours on both sides, each with its rank."},
    {.name = "zcount",
     .run = cmd_zcount,
     COUNTS,
     .since = "2.0.0",
     .summary = "Counts the members with scores in a range."},
    {.name = "zlexcount",
     .run = cmd_zlexcount,
     COUNTS,
     .since = "2.8.9",
     .summary = "Counts the members in a range of bytes, where all scores are equal."},
};

const struct command_family zset_rank_commands = COMMAND_FAMILY("sorted-set", rows);
