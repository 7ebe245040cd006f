/* zset_random: members of a sorted set, drawn by lot. */
#include "coatcheck/base/mem.h"
#include "coatcheck/base/random.h"
#include "coatcheck/commands/draw.h"
#include "coatcheck/commands/table.h"
#include "coatcheck/commands/zset.h"

/* From one member in so many on a walk over all of them is cheaper than a search for each one
 * drawn. */
#define WALK_FROM 16

static struct zset_walk member_at(const struct zset *zset, uint64_t rank)
{
    struct zset_walk walk;

    zset_walk_from(&walk, zset, rank, false);
    zset_walk_next(&walk);
    return walk;
}

static struct zset_walk draw(const struct zset *zset)
{
    return member_at(zset, random_below(random_of_thread(), zset_count(zset)));
}

/* ---- each one once ---- */

/* Ranks that were drawn, by open addressing; 0 is an empty place. */
struct drawn {
    uint64_t *ranks;
    uint64_t mask;
};

/* False: it was there. */
static bool drawn_add(struct drawn *drawn, uint64_t rank)
{
    uint64_t at = (rank * 0x9e3779b97f4a7c15u >> 32) & drawn->mask;

    for (; drawn->ranks[at] != 0; at = (at + 1) & drawn->mask) {
        if (drawn->ranks[at] == rank + 1) return false;
    }
    drawn->ranks[at] = rank + 1;
    return true;
}

/* Few of many (Floyd's sampling): as many draws as members are wanted. */
static void draw_few(struct call *call, const struct zset *zset, uint64_t wanted, bool with_scores)
{
    uint64_t there = zset_count(zset), room = 4;
    struct drawn drawn;

    while (room < 2 * wanted) room *= 2;
    drawn = (struct drawn){mem_alloc_zeroed(room * sizeof *drawn.ranks), room - 1};
    if (!call_ok(call, drawn.ranks ? OK : NO_MEMORY)) return;
    reply_members(call->reply, wanted, with_scores);
    for (uint64_t last = there - wanted; last < there; last++) {
        uint64_t rank = random_below(random_of_thread(), last + 1);
        struct zset_walk walk;

        if (!drawn_add(&drawn, rank)) {
            rank = last;
            drawn_add(&drawn, rank);
        }
        walk = member_at(zset, rank);
        reply_member(call->reply, walk.member, walk.score, with_scores);
    }
    mem_free(drawn.ranks);
}

/* Many of them, or all: each is taken with the chance that is left for it. */
static void draw_many(struct call *call, const struct zset *zset, uint64_t wanted, bool with_scores)
{
    struct zset_walk walk;

    reply_members(call->reply, wanted, with_scores);
    zset_walk_from(&walk, zset, 0, false);
    for (uint64_t left = zset_count(zset); wanted > 0 && zset_walk_next(&walk); left--) {
        if (wanted < left && random_below(random_of_thread(), left) >= wanted) continue;
        reply_member(call->reply, walk.member, walk.score, with_scores);
        wanted--;
    }
}

static void draw_distinct(struct call *call, const struct zset *zset, uint64_t wanted,
                          bool with_scores)
{
    uint64_t there = zset_count(zset);

    if (wanted > there) wanted = there;
    if (wanted < there / WALK_FROM) {
        draw_few(call, zset, wanted, with_scores);
    } else {
        draw_many(call, zset, wanted, with_scores);
    }
}

/* ---- the command ---- */

/* The same one may come again and again. */
static void draw_each(struct call *call, const struct zset *zset, uint64_t wanted, bool with_scores)
{
    if (!call_may_draw(call, wanted)) return;
    reply_members(call->reply, wanted, with_scores);
    for (; wanted > 0 && likely(!call->reply->failed); wanted--) {
        struct zset_walk walk = draw(zset);

        reply_member(call->reply, walk.member, walk.score, with_scores);
    }
}

/* False: answered. */
static bool read_count(struct call *call, int64_t *count, bool *with_scores)
{
    if (!call_read_int(call, 2, count)) return false;
    if (*count == INT64_MIN) {
        reply_errorf(call->reply, "ERR value is out of range, value must between %lld and %lld",
                     (long long)-INT64_MAX, (long long)INT64_MAX);
        return false;
    }
    *with_scores = call_argc(call) == 4 && call_arg_is(call, 3, "WITHSCORES");
    if (call_argc(call) > 3 && !*with_scores) {
        call_syntax_error(call);
        return false;
    }
    if (*with_scores && (*count < -INT64_MAX / 2 || *count > INT64_MAX / 2)) {
        reply_error(call->reply, ERR_OUT_OF_RANGE);
        return false;
    }
    return true;
}

static void cmd_zrandmember(struct call *call)
{
    const struct zset *zset;
    int64_t count = 1;
    bool with_scores = false;

    if (call_argc(call) > 2 && !read_count(call, &count, &with_scores)) return;
    if (!call_read_zset(call, 0, &zset)) return;
    if (call_argc(call) == 2) {
        if (zset) {
            reply_bulk(call->reply, draw(zset).member);
        } else {
            reply_null(call->reply);
        }
    } else if (!zset || count == 0) {
        reply_array(call->reply, 0);
    } else if (count < 0) {
        draw_each(call, zset, (uint64_t)-count, with_scores);
    } else {
        draw_distinct(call, zset, (uint64_t)count, with_scores);
    }
}

static const struct command_row rows[] = {
    {.name = "zrandmember",
     .run = cmd_zrandmember,
     .arity = -2,
     .flags = COMMAND_READ,
     .keys = KEYS_ONE,
     .access = KEY_RO | KEY_ACCESS,
     .since = "6.2.0",
     .cost = "O(M*log(N)) where M is the number of members answered",
     .syntax = "key [count [WITHSCORES]]",
     .tips = "nondeterministic_output",
     .summary = "Answers members of a sorted set, drawn by lot."},
};

const struct command_family zset_random_commands = COMMAND_FAMILY("sorted-set", rows);
