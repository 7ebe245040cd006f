/* zset_range: neighbours in a sorted set, by rank, by score or by their bytes: answered, stored at
 * another key, removed. */
#include "zset_range_internal.h"

#include "coatcheck/commands/effect.h"
#include "coatcheck/commands/making.h"
#include "coatcheck/commands/table.h"
#include "coatcheck/commands/zset_bound.h"

/* ---- what is asked for ---- */

/* What a command leaves to its options: ZRANGE both, ZREVRANGEBYLEX nothing. */
enum range_freedom { CHOOSES_KIND = 1, CHOOSES_DIRECTION = 2, STORES = 4 };

struct range_options {
    unsigned freedom;
    enum zset_range_kind kind;
    bool backwards, with_scores;
    int64_t offset, limit; /* a limit below 0: all */
};

static bool read_limit(struct call *call, unsigned i, struct range_options *options)
{
    return call_read_int(call, i, &options->offset) && call_read_int(call, i + 1, &options->limit);
}

/* ZRANGE's own words. */
static bool read_choice(struct bytes word, struct range_options *options)
{
    bool by_score = bytes_is(word, "BYSCORE");

    if (options->freedom & CHOOSES_DIRECTION && bytes_is(word, "REV")) {
        options->freedom &= ~(unsigned)CHOOSES_DIRECTION;
        options->backwards = true;
        return true;
    }
    if (!(options->freedom & CHOOSES_KIND) || (!by_score && !bytes_is(word, "BYLEX"))) return false;
    options->freedom &= ~(unsigned)CHOOSES_KIND;
    options->kind = by_score ? ZSET_RANGE_OF_SCORES : ZSET_RANGE_OF_MEMBERS;
    return true;
}

/* The words from `from` on. False: answered. */
static bool read_range_options(struct call *call, unsigned from, struct range_options *options)
{
    for (unsigned i = from; i < call_argc(call); i++) {
        if (!(options->freedom & STORES) && call_arg_is(call, i, "WITHSCORES")) {
            options->with_scores = true;
        } else if (call_arg_is(call, i, "LIMIT") && i + 2 < call_argc(call)) {
            if (!read_limit(call, i + 1, options)) return false;
            i += 2;
        } else if (!read_choice(call_arg(call, i), options)) {
            call_syntax_error(call);
            return false;
        }
    }
    if (options->limit != -1 && options->kind == ZSET_RANGE_OF_RANKS) {
        reply_errorf(call->reply, "ERR syntax error, LIMIT is only supported in combination with "
                                  "either BYSCORE or BYLEX");
        return false;
    }
    if (options->with_scores && options->kind == ZSET_RANGE_OF_MEMBERS) {
        reply_errorf(call->reply,
                     "ERR syntax error, WITHSCORES not supported in combination with BYLEX");
        return false;
    }
    return true;
}

/* The range, whose two ends are words `at` and at + 1: backwards the higher one comes first, but
 * for ranks. */
static bool read_range(struct call *call, unsigned at, struct range_options *options,
                       struct zset_range *range)
{
    bool swapped;

    if (!read_range_options(call, at + 2, options)) return false;
    swapped = options->backwards && options->kind != ZSET_RANGE_OF_RANKS;
    return zset_range_read(call, options->kind, at + swapped, at + !swapped, range);
}

/* Of ranks first … end-1 those that LIMIT leaves, counted from where the direction begins. */
static void limit_ranks(const struct range_options *options, uint64_t *first, uint64_t *end)
{
    uint64_t there = *end - *first, offset = (uint64_t)options->offset, left;

    if (options->kind == ZSET_RANGE_OF_RANKS) return;
    left = options->offset < 0 || offset > there ? 0 : there - offset;
    if (options->limit >= 0 && (uint64_t)options->limit < left) left = (uint64_t)options->limit;
    if (left == 0) {
        *end = *first;
    } else if (options->backwards) {
        *end -= offset;
        *first = *end - left;
    } else {
        *first += offset;
        *end = *first + left;
    }
}

/* ---- answered ---- */

static void reply_range(struct reply *reply, const struct zset *zset,
                        const struct range_options *options, uint64_t first, uint64_t end)
{
    struct zset_walk walk;

    reply_members(reply, end - first, options->with_scores);
    if (first == end) return;
    zset_walk_from(&walk, zset, options->backwards ? end - 1 : first, options->backwards);
    for (uint64_t left = end - first; left > 0 && zset_walk_next(&walk); left--) {
        reply_member(reply, walk.member, walk.score, options->with_scores);
    }
}

static void answer_range(struct call *call, unsigned freedom, enum zset_range_kind kind,
                         bool backwards)
{
    struct range_options options = {
        .freedom = freedom, .kind = kind, .backwards = backwards, .limit = -1};
    struct zset_range range;
    const struct zset *zset;
    uint64_t first, end;

    if (!read_range(call, 2, &options, &range) || !call_read_zset(call, 0, &zset)) return;
    zset_range_find(zset, &range, options.backwards, &first, &end);
    limit_ranks(&options, &first, &end);
    reply_range(call->reply, zset, &options, first, end);
}

static void cmd_zrange(struct call *call)
{
    answer_range(call, CHOOSES_KIND | CHOOSES_DIRECTION, ZSET_RANGE_OF_RANKS, false);
}

static void cmd_zrevrange(struct call *call)
{
    answer_range(call, 0, ZSET_RANGE_OF_RANKS, true);
}

static void cmd_zrangebyscore(struct call *call)
{
    answer_range(call, 0, ZSET_RANGE_OF_SCORES, false);
}

static void cmd_zrevrangebyscore(struct call *call)
{
    answer_range(call, 0, ZSET_RANGE_OF_SCORES, true);
}

static void cmd_zrangebylex(struct call *call)
{
    answer_range(call, 0, ZSET_RANGE_OF_MEMBERS, false);
}

static void cmd_zrevrangebylex(struct call *call)
{
    answer_range(call, 0, ZSET_RANGE_OF_MEMBERS, true);
}

/* ---- stored ---- */

struct zset *zset_part_new(const struct zset_part *part)
{
    return zset_new_for(part->of_ranks ? part->end - part->first : 0, 0);
}

void zset_part_walk(const struct zset_part *part, struct zset_walk *walk)
{
    zset_walk_from(walk, part->zset, part->backwards ? part->end - 1 : part->first, part->backwards);
}

/* NULL: no memory. */
static struct zset *copy_part(const struct zset_part *part)
{
    struct zset *copy = zset_part_new(part);
    enum zset_change change;
    struct zset_walk walk;

    if (!copy || part->first == part->end) return copy;
    zset_part_walk(part, &walk);
    for (uint64_t left = part->end - part->first; left > 0 && zset_walk_next(&walk); left--) {
        if (zset_put(copy, walk.member, walk.score, &change) == OK) continue;
        zset_free(&copy);
        return NULL;
    }
    return copy;
}

void zset_part_store(struct call *call, const struct zset_part *part, struct zset **copy)
{
    if (call_put_zset(call, &call->keys[0], copy, "zrangestore")) reply_int(call->reply, (int64_t)(part->end - part->first));
}

static void find_part(const struct range_options *options, const struct zset_range *range, struct zset_part *part)
{
    zset_range_find(part->zset, range, options->backwards, &part->first, &part->end);
    limit_ranks(options, &part->first, &part->end);
}

/* What is at key 1, without a trace; NULL: no sorted set. */
static const struct zset *look_at_source(const struct call *call)
{
    const struct entry *entry = key_look_again(&call->keys[1]);

    return entry && entry_type(entry) == VALUE_ZSET ? entry_container(entry) : NULL;
}

/* Is it so much that it has to wait until others are done? Then it is postponed, or answered. */
static bool waits(struct call *call, const struct range_options *options, const struct zset_range *range,
                  struct zset_part *part)
{
    if (likely(part->tries > 0 || !call_has_to_wait(call))) return false;
    part->zset = look_at_source(call);
    find_part(options, range, part);
    if (!zset_part_is_much(call, part)) return false;
    if (!call_wait_in_line(call)) call_ok(call, NO_MEMORY);
    return true;
}

/* False: answered. */
static bool read_source(struct call *call, struct zset_part *part)
{
    const struct entry *entry;

    if (likely(part->tries == 0)) return call_read_zset(call, 1, &part->zset);
    entry = key_look_again(&call->keys[1]);
    part->zset = look_at_source(call);
    if (!entry || part->zset) return true;
    reply_error(call->reply, ERR_WRONGTYPE);
    return false;
}

void zset_range_store(struct call *call, unsigned tries)
{
    struct range_options options = {.freedom = CHOOSES_KIND | CHOOSES_DIRECTION | STORES,
                                    .limit = -1};
    struct zset_part part = {.tries = tries};
    struct zset_range range;
    struct zset *copy;

    if (!read_range(call, 3, &options, &range)) return;
    part.backwards = options.backwards;
    part.of_ranks = options.kind == ZSET_RANGE_OF_RANKS;
    if (waits(call, &options, &range, &part) || !read_source(call, &part)) return;
    find_part(&options, &range, &part);
    if (unlikely(zset_part_is_much(call, &part))) {
        zset_part_begin_slices(call, &part);
        return;
    }
    copy = copy_part(&part);
    if (call_ok(call, copy ? OK : NO_MEMORY)) zset_part_store(call, &part, &copy);
}

static void cmd_zrangestore(struct call *call)
{
    struct task *task = call_resumed(call);

    if (unlikely(task != NULL)) {
        making_go_on(call, task);
    } else {
        zset_range_store(call, 0);
    }
}

/* ---- removed ---- */

static void remove_range(struct call *call, enum zset_range_kind kind, const char *event)
{
    const struct key *key = &call->keys[0];
    struct zset_range range;
    struct zset *zset;
    struct spot spot;
    uint64_t first, end, count;

    if (!zset_range_read(call, kind, 2, 3, &range) || !call_find_zset(call, 0, &spot, &zset))
        return;
    count = zset_range_find(zset, &range, false, &first, &end);
    if (count > 0 && count == zset_count(zset)) {
        /* Freed in slices, as with any key that goes. */
        key_remove(key, &spot, REMOVED_BY_CLIENT);
        call_changed(call, key, event);
        effect_more(key, "del");
    } else if (count > 0) {
        zset_remove_range(zset, first, end, NULL, NULL);
        call_changed(call, key, event);
    }
    reply_int(call->reply, (int64_t)count);
}

static void cmd_zremrangebyrank(struct call *call)
{
    remove_range(call, ZSET_RANGE_OF_RANKS, "zremrangebyrank");
}

static void cmd_zremrangebyscore(struct call *call)
{
    remove_range(call, ZSET_RANGE_OF_SCORES, "zremrangebyscore");
}

static void cmd_zremrangebylex(struct call *call)
{
    remove_range(call, ZSET_RANGE_OF_MEMBERS, "zremrangebylex");
}

static const struct command_key_spec store_specs[] = {
    {.access = KEY_OW | KEY_UPDATE, .index = 1, .step = 1},
    {.access = KEY_RO | KEY_ACCESS, .index = 2, .step = 1},
    {0},
};

#define RANGE_COST "O(log(N)+M) where M is the number of members "
#define ANSWERS                                                                                    \
    .arity = -4, .flags = COMMAND_READ, .keys = KEYS_ONE, .element = 1,                            \
    .access = KEY_RO | KEY_ACCESS, .cost = RANGE_COST "answered"
#define REMOVES                                                                                    \
    .arity = 4, .flags = COMMAND_WRITE, .keys = KEYS_ONE, .element = 1,                            \
    .access = KEY_RW | KEY_DELETE, .cost = RANGE_COST "removed"

static const struct command_row rows[] = {
    {.name = "zrange",
     .run = cmd_zrange,
     ANSWERS,
     .since = "1.2.0",
     .syntax = "key start stop [BYSCORE | BYLEX] [REV] [LIMIT offset count] [WITHSCORES]",
     .summary = "Answers the members in a range of ranks, of scores or of bytes.",
     .history = "6.2.0: Added the `REV`, `BYSCORE`, `BYLEX` and `LIMIT` options."},
    {.name = "zrangestore",
     .run = cmd_zrangestore,
     .arity = -5,
     .flags = COMMAND_WRITE | COMMAND_DENYOOM,
     .keys = {1, 2, 1},
     .key_specs = store_specs,
     .since = "6.2.0",
     .cost = RANGE_COST "stored",
     .syntax = "dst src min max [BYSCORE | BYLEX] [REV] [LIMIT offset count]",
     .summary = "Stores the members in a range of one sorted set as another one."},
    {.name = "zrevrange",
     .run = cmd_zrevrange,
     ANSWERS,
     .since = "1.2.0",
     .syntax = "key start stop [WITHSCORES]",
     .summary = "Answers the members in a range of ranks, the highest score first.",
     .replaced_by = "`ZRANGE` with the `REV` argument",
     .deprecated_since = "6.2.0"},
    {.name = "zrangebyscore",
     .run = cmd_zrangebyscore,
     ANSWERS,
     .since = "1.0.5",
     .syntax = "key min max [WITHSCORES] [LIMIT offset count]",
     .summary = "Answers the members in a range of scores.",
     .history = "2.0.0: Added the `WITHSCORES` modifier.",
     .replaced_by = "`ZRANGE` with the `BYSCORE` argument",
     .deprecated_since = "6.2.0"},
    {.name = "zrevrangebyscore",
     .run = cmd_zrevrangebyscore,
     ANSWERS,
     .since = "2.2.0",
     .syntax = "key max min [WITHSCORES] [LIMIT offset count]",
     .summary = "Answers the members in a range of scores, the highest first.",
     .history = "2.1.6: `min` and `max` can be exclusive.",
     .replaced_by = "`ZRANGE` with the `REV` and `BYSCORE` arguments",
     .deprecated_since = "6.2.0"},
    {.name = "zrangebylex",
     .run = cmd_zrangebylex,
     ANSWERS,
     .since = "2.8.9",
     .syntax = "key min max [LIMIT offset count]",
     .summary = "Answers the members in a range of bytes, where all scores are equal.",
     .replaced_by = "`ZRANGE` with the `BYLEX` argument",
     .deprecated_since = "6.2.0"},
    {.name = "zrevrangebylex",
     .run = cmd_zrevrangebylex,
     ANSWERS,
     .since = "2.8.9",
     .syntax = "key max min [LIMIT offset count]",
     .summary =
         "Answers the members in a range of bytes, the last first, where all scores are equal.",
     .replaced_by = "`ZRANGE` with the `REV` and `BYLEX` arguments",
     .deprecated_since = "6.2.0"},
    {.name = "zremrangebyrank",
     .run = cmd_zremrangebyrank,
     REMOVES,
     .since = "2.0.0",
     .syntax = "key start stop",
     .summary = "Removes the members in a range of ranks."},
    {.name = "zremrangebyscore",
     .run = cmd_zremrangebyscore,
     REMOVES,
     .since = "1.2.0",
     .syntax = "key min max",
     .summary = "Removes the members with scores in a range."},
    {.name = "zremrangebylex",
     .run = cmd_zremrangebylex,
     REMOVES,
     .since = "2.8.9",
     .syntax = "key min max",
     .summary = "Removes the members in a range of bytes, where all scores are equal."},
};

const struct command_family zset_range_commands = COMMAND_FAMILY("sorted-set", rows);
