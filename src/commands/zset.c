/* zset: members of a sorted set, one by one: added, counted up, removed, and what their scores are.
 */
#include "coatcheck/commands/zset.h"

#include <math.h>
#include "coatcheck/base/mem.h"
#include "coatcheck/commands/effect.h"
#include "coatcheck/commands/table.h"

/* ---- the set at a key ---- */

bool call_read_zset(struct call *call, unsigned k, const struct zset **zset)
{
    struct entry *entry;

    if (!call_read_type(call, k, VALUE_ZSET, &entry)) return false;
    *zset = entry ? entry_container(entry) : NULL;
    return true;
}

bool call_find_zset(struct call *call, unsigned k, struct spot *spot, struct zset **zset)
{
    if (!call_find_type(call, k, VALUE_ZSET, spot)) return false;
    *zset = spot->entry ? entry_container(spot->entry) : NULL;
    return true;
}

void zset_drop_if_empty(const struct key *key, struct spot *spot)
{
    if (likely(zset_count(entry_container(spot->entry)) > 0)) return;
    key_remove(key, spot, REMOVED_BY_CLIENT);
    effect_more(key, "del");
}

bool call_put_zset(struct call *call, const struct key *key, struct zset **zset, const char *event)
{
    void *container = *zset;
    struct spot spot;

    key_find(key, &spot);
    if (zset_count(*zset) == 0) {
        zset_free(zset);
        if (!spot.entry) return true;
        key_remove(key, &spot, REMOVED_BY_CLIENT);
        effect_deleted(key);
        return true;
    }
    if (!call_ok(call, key_put_container(key, &spot, VALUE_ZSET, &container, NEVER))) {
        zset_free(zset);
        return false;
    }
    *zset = NULL;
    call_changed(call, key, event);
    return true;
}

void reply_member(struct reply *reply, struct bytes member, double score, bool with_score)
{
    if (with_score && reply->resp == 3) reply_array(reply, 2);
    reply_bulk(reply, member);
    if (with_score) reply_double(reply, score);
}

void reply_members(struct reply *reply, uint64_t count, bool with_scores)
{
    reply_array(reply, with_scores && reply->resp == 2 ? 2 * count : count);
}

/* ---- ZADD, ZINCRBY ---- */

enum adding_outcome { PASSED_OVER, ADDED, UPDATED, KEPT, NOT_A_NUMBER };

/* One member of a call. */
struct adding {
    struct zset_edit edit;
    unsigned flags;
    enum adding_outcome outcome;
    double score; /* as asked, or the increment; then what the member has */
    double old;   /* of one UPDATED */
};

/* So many need no memory of their own. */
#define FEW 16

static bool decide(struct zset_edit *edit, bool there, double *score)
{
    struct adding *adding = (struct adding *)edit;
    double wanted = adding->score;

    if (!there) {
        adding->outcome = adding->flags & ZSET_ADD_XX ? PASSED_OVER : ADDED;
        *score = wanted;
        return adding->outcome == ADDED;
    }
    if (adding->flags & ZSET_ADD_NX) {
        adding->outcome = PASSED_OVER;
        return false;
    }
    if (adding->flags & ZSET_ADD_INCR) wanted += *score;
    if (isnan(wanted)) {
        adding->outcome = NOT_A_NUMBER;
        return false;
    }
    if ((adding->flags & ZSET_ADD_LT && wanted >= *score) ||
        (adding->flags & ZSET_ADD_GT && wanted <= *score)) {
        adding->outcome = PASSED_OVER;
        return false;
    }
    adding->outcome = wanted == *score ? KEPT : UPDATED;
    adding->score = wanted;
    adding->old = *score;
    *score = wanted;
    return adding->outcome == UPDATED;
}

static struct bytes member_of(const struct call *call, const struct zset_words *words, unsigned i)
{
    return call_arg(call, words->first + (i + 1) * words->each - 1);
}

/* What the first `count` of `addings` moved has not all moved back: told as what it has become, an
 * effect for each. */
static void tell_moved(const struct key *key, const struct zset *zset, struct call *call,
                       const struct adding *addings, unsigned count, const struct zset_words *words)
{
    for (unsigned i = 0; i < count; i++) {
        struct bytes member = member_of(call, words, i);
        double score;

        if (addings[i].outcome == UPDATED && zset_score(zset, member, &score))
            effect_score(key, "zadd", member, score);
    }
}

/* Makes undone what the first `count` of `addings` did: members that were added go first, which
 * leaves memory for those that move back. */
static void take_back(struct call *call, struct zset *zset, const struct adding *addings,
                      unsigned count, const struct zset_words *words)
{
    enum zset_change change;
    bool all = true;

    for (unsigned i = count; i-- > 0;) {
        if (addings[i].outcome == ADDED) zset_remove(zset, member_of(call, words, i));
    }
    for (unsigned i = count; i-- > 0;) {
        struct bytes member = member_of(call, words, i);
        double score;

        /* One that was added and then moved by the same call has gone already. */
        if (addings[i].outcome != UPDATED || !zset_score(zset, member, &score)) continue;
        all = zset_put(zset, member, addings[i].old, &change) == OK && all;
    }
    if (!all) tell_moved(&call->keys[0], zset, call, addings, count, words);
}

/* All or, for want of memory, none. Where there is not even enough for members to move back, they
 * stay where they came to, and that is told. */
static enum status add_all(struct call *call, struct zset *zset, struct adding *addings,
                           unsigned count, const struct zset_words *words)
{
    enum zset_change change;

    for (unsigned i = 0; i < count; i++) {
        enum status status =
            zset_edit(zset, member_of(call, words, i), &addings[i].edit, &change);

        if (likely(status == OK)) continue;
        take_back(call, zset, addings, i, words);
        return status;
    }
    return OK;
}

static enum status add_to_new(struct call *call, struct spot *spot, struct adding *addings,
                              unsigned count, const struct zset_words *words)
{
    struct zset *zset = zset_new();
    void *container = zset;
    enum status status;

    if (!zset) return NO_MEMORY;
    status = add_all(call, zset, addings, count, words);
    if (status == OK)
        status = key_put_container(&call->keys[0], spot, VALUE_ZSET, &container, NEVER);
    if (status != OK) zset_free(&zset);
    return status;
}

static void reply_added(struct call *call, unsigned flags, const struct adding *addings,
                        unsigned count)
{
    unsigned added = 0, updated = 0;

    for (unsigned i = 0; i < count; i++) {
        added += addings[i].outcome == ADDED;
        updated += addings[i].outcome == UPDATED;
    }
    if (added + updated > 0)
        call_changed(call, &call->keys[0], flags & ZSET_ADD_INCR ? "zincr" : "zadd");
    if (!(flags & ZSET_ADD_INCR)) {
        reply_int(call->reply, flags & ZSET_ADD_CH ? added + updated : added);
    } else if (addings[0].outcome == NOT_A_NUMBER) {
        reply_errorf(call->reply, "ERR resulting score is not a number (NaN)");
    } else if (addings[0].outcome == PASSED_OVER) {
        reply_null(call->reply);
    } else {
        reply_double(call->reply, addings[0].score);
    }
}

static void add_members(struct call *call, unsigned flags, const struct zset_words *words,
                        struct adding *addings, unsigned count)
{
    struct spot spot;
    struct zset *zset;
    enum status status;

    for (unsigned i = 0; i < count; i++) {
        addings[i].edit.decide = decide;
        addings[i].flags = flags;
        addings[i].outcome = PASSED_OVER;
        if (!words->read_score(call, words->first + words->each * i, &addings[i].score)) return;
    }
    if (!call_find_zset(call, 0, &spot, &zset)) return;
    if (zset) {
        status = add_all(call, zset, addings, count, words);
    } else {
        status = flags & ZSET_ADD_XX ? OK : add_to_new(call, &spot, addings, count, words);
    }
    if (call_ok(call, status)) reply_added(call, flags, addings, count);
}

void zset_add(struct call *call, unsigned flags, const struct zset_words *words)
{
    unsigned count = (call_argc(call) - words->first) / words->each;
    struct adding few[FEW], *addings = few;

    if (count > FEW) addings = mem_alloc(count * sizeof *addings);
    if (!call_ok(call, addings ? OK : NO_MEMORY)) return;
    add_members(call, flags, words, addings, count);
    if (addings != few) mem_free(addings);
}

/* Returns where the words that are no options begin. */
static unsigned read_add_options(const struct call *call, unsigned *flags)
{
    static const struct {
        const char *word;
        unsigned flag;
    } options[] = {{"NX", ZSET_ADD_NX}, {"XX", ZSET_ADD_XX}, {"GT", ZSET_ADD_GT},
                   {"LT", ZSET_ADD_LT}, {"CH", ZSET_ADD_CH}, {"INCR", ZSET_ADD_INCR}};
    unsigned i, o;

    *flags = 0;
    for (i = 2; i < call_argc(call); i++) {
        struct bytes word = call_arg(call, i);

        /* A score, most likely. */
        if (word.len == 0 || word.at[0] < 'A') break;
        for (o = 0; o < sizeof options / sizeof options[0]; o++) {
            if (bytes_is(word, options[o].word)) break;
        }
        if (o == sizeof options / sizeof options[0]) break;
        *flags |= options[o].flag;
    }
    return i;
}

static void cmd_zadd(struct call *call)
{
    unsigned flags, first = read_add_options(call, &flags), words = call_argc(call) - first;
    bool nx = flags & ZSET_ADD_NX, gt = flags & ZSET_ADD_GT, lt = flags & ZSET_ADD_LT;

    if (words == 0 || words % 2 != 0) {
        call_syntax_error(call);
    } else if (nx && flags & ZSET_ADD_XX) {
        reply_errorf(call->reply, "ERR XX and NX options at the same time are not compatible");
    } else if (nx + gt + lt > 1) {
        reply_errorf(call->reply,
                     "ERR GT, LT, and/or NX options at the same time are not compatible");
    } else if (flags & ZSET_ADD_INCR && words > 2) {
        reply_errorf(call->reply, "ERR INCR option supports a single increment-element pair");
    } else {
        zset_add(call, flags, &(struct zset_words){first, 2, call_read_double});
    }
}

static void cmd_zincrby(struct call *call)
{
    zset_add(call, ZSET_ADD_INCR, &(struct zset_words){2, 2, call_read_double});
}

/* ---- ZREM ---- */

static void cmd_zrem(struct call *call)
{
    struct spot spot;
    struct zset *zset;
    int64_t removed = 0;

    if (!call_find_zset(call, 0, &spot, &zset)) return;
    for (unsigned i = 2; zset && i < call_argc(call); i++)
        removed += zset_remove(zset, call_arg(call, i));
    if (removed > 0) {
        call_changed(call, &call->keys[0], "zrem");
        zset_drop_if_empty(&call->keys[0], &spot);
    }
    reply_int(call->reply, removed);
}

/* ---- reading ---- */

static void cmd_zcard(struct call *call)
{
    const struct zset *zset;

    if (!call_read_zset(call, 0, &zset)) return;
    reply_int(call->reply, zset ? (int64_t)zset_count(zset) : 0);
}

static void reply_score(struct call *call, const struct zset *zset, struct bytes member)
{
    double score;

    if (zset && zset_score(zset, member, &score)) {
        reply_double(call->reply, score);
    } else {
        reply_null(call->reply);
    }
}

static void cmd_zscore(struct call *call)
{
    const struct zset *zset;

    if (call_read_zset(call, 0, &zset)) reply_score(call, zset, call_arg(call, 2));
}

static void cmd_zmscore(struct call *call)
{
    const struct zset *zset;

    if (!call_read_zset(call, 0, &zset)) return;
    reply_array(call->reply, call_argc(call) - 2);
    for (unsigned i = 2; i < call_argc(call); i++) reply_score(call, zset, call_arg(call, i));
}

#define LOG_COST "O(log(N)) where N is the number of members"
#define READS .flags = COMMAND_READ | COMMAND_FAST, .keys = KEYS_ONE

static const struct command_row rows[] = {
    {.name = "zadd",
     .run = cmd_zadd,
     .element = 3,
     .arity = -4,
     .flags = COMMAND_WRITE | COMMAND_DENYOOM | COMMAND_FAST,
     .keys = KEYS_ONE,
     .access = KEY_RW | KEY_UPDATE,
     .since = "1.2.0",
     .cost = LOG_COST ", for each one given",
     .syntax = "key [NX | XX] [GT | LT] [CH] [INCR] score member [score member ...]",
     .summary = "Adds members with their scores to a sorted set, or gives those that are there "
                "other scores.",
     .history = "2.4.0: Accepts multiple elements.\n3.0.2: Added the `XX`, `NX`, `CH` and `INCR` "
                "options.\n"
                "6.2.0: Added the `GT` and `LT` options."},
    {.name = "zincrby",
     .run = cmd_zincrby,
     .element = 3,
     .arity = 4,
     .flags = COMMAND_WRITE | COMMAND_DENYOOM | COMMAND_FAST,
     .keys = KEYS_ONE,
     .access = KEY_RW | KEY_ACCESS | KEY_UPDATE,
     .since = "1.2.0",
     .cost = LOG_COST,
     .syntax = "key increment member",
     .summary = "Adds to the score of a member; a missing one counts as 0."},
    {.name = "zrem",
     .run = cmd_zrem,
     .element = 2,
     .arity = -3,
     .flags = COMMAND_WRITE | COMMAND_FAST,
     .keys = KEYS_ONE,
     .access = KEY_RW | KEY_DELETE,
     .since = "1.2.0",
     .cost = LOG_COST ", for each one given",
     .syntax = "key member [member ...]",
     .summary = "Removes members from a sorted set.",
     .history = "2.4.0: Accepts multiple elements."},
    {.name = "zcard",
     .run = cmd_zcard,
     .element = 1,
     .arity = 2,
     READS,
     .access = KEY_RO,
     .since = "1.2.0",
     .cost = "O(1)",
     .syntax = "key",
     .summary = "Answers how many members a sorted set has."},
    {.name = "zscore",
     .run = cmd_zscore,
     .element = 2,
     .arity = 3,
     READS,
     .access = KEY_RO | KEY_ACCESS,
     .since = "1.2.0",
     .cost = "O(1)",
     .syntax = "key member",
     .summary = "Answers the score of a member."},
    {.name = "zmscore",
     .run = cmd_zmscore,
     .element = 2,
     .arity = -3,
     READS,
     .access = KEY_RO | KEY_ACCESS,
     .since = "6.2.0",
     .cost = "O(M) where M is the number of members asked for",
     .syntax = "key member [member ...]",
     .summary = "Answers the scores of several members."},
};

const struct command_family zset_commands = COMMAND_FAMILY("sorted-set", rows);
