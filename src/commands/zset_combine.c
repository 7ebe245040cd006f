/* zset_combine: ZUNION, ZINTER, ZDIFF, their STORE forms and ZINTERCARD: the words around
 * zset_merge. */
#include "zset_combine_internal.h"

#include "coatcheck/base/mem.h"
#include "coatcheck/base/number.h"
#include "coatcheck/commands/counted_keys.h"
#include "coatcheck/commands/making.h"
#include "coatcheck/commands/table.h"

/* ---- words ---- */

/* The number of sources, which is word `at`. False: answered. */
static bool read_source_count(struct call *call, unsigned at, unsigned *count)
{
    int64_t wanted;

    if (!call_read_int(call, at, &wanted)) return false;
    if (wanted < 1) {
        reply_errorf(call->reply, "ERR at least 1 input key is needed for '%s' command",
                     call->command->full_name);
        return false;
    }
    if (wanted >= call_argc(call) - at) {
        call_syntax_error(call);
        return false;
    }
    *count = (unsigned)wanted;
    return true;
}

static bool read_weights(struct call *call, unsigned at, struct zset_merge *merge)
{
    for (unsigned i = 0; i < merge->source_count; i++) {
        if (number_read_double(call_arg(call, at + i), &merge->sources[i].weight)) continue;
        reply_errorf(call->reply, "ERR weight value is not a float");
        return false;
    }
    return true;
}

static bool read_aggregate(struct call *call, unsigned at, struct zset_merge *merge)
{
    if (call_arg_is(call, at, "SUM")) {
        merge->aggregate = ZSET_SUM;
    } else if (call_arg_is(call, at, "MIN")) {
        merge->aggregate = ZSET_MIN;
    } else if (call_arg_is(call, at, "MAX")) {
        merge->aggregate = ZSET_MAX;
    } else {
        call_syntax_error(call);
        return false;
    }
    return true;
}

static bool read_limit(struct call *call, unsigned at, struct zset_merge *merge)
{
    int64_t limit;

    if (!call_read_int_between(call, at, 0, INT64_MAX, &limit, "LIMIT can't be negative")) return false;
    merge->limit = (uint64_t)limit;
    return true;
}

/* The option at word `i`; its last word is *last afterwards. False: answered. */
static bool read_option(struct call *call, unsigned i, struct zset_combination *combination,
                        unsigned *last)
{
    struct zset_merge *merge = &combination->merge;
    unsigned after = call_argc(call) - i - 1;
    bool counts = combination->use == COMBINE_COUNTED,
         weighs = merge->merging != ZSET_DIFFERENCE && !counts;

    *last = i;
    if (weighs && after >= merge->source_count && call_arg_is(call, i, "WEIGHTS")) {
        *last = i + merge->source_count;
        return read_weights(call, i + 1, merge);
    }
    if (weighs && after >= 1 && call_arg_is(call, i, "AGGREGATE")) {
        *last = i + 1;
        return read_aggregate(call, i + 1, merge);
    }
    if (counts && after >= 1 && call_arg_is(call, i, "LIMIT")) {
        *last = i + 1;
        return read_limit(call, i + 1, merge);
    }
    if (combination->use == COMBINE_ANSWERED && call_arg_is(call, i, "WITHSCORES")) {
        combination->with_scores = true;
        return true;
    }
    call_syntax_error(call);
    return false;
}

static bool read_options(struct call *call, unsigned from, struct zset_combination *combination)
{
    unsigned last;

    for (unsigned i = from; i < call_argc(call); i = last + 1) {
        if (!read_option(call, i, combination, &last)) return false;
    }
    return true;
}

/* ---- sources ---- */

/* A set whose members are kept as numbers has no texts that a result could consist of. */
static enum status open_set(const struct set *set, struct zset_source *source)
{
    source->set = set_is_intset(set) ? source->texts = set_copy_as_texts(set) : set;
    return source->set ? OK : NO_MEMORY;
}

/* What is at key `k`. False: answered. */
static bool open_source(struct call *call, unsigned k, struct zset_combination *combination)
{
    struct zset_source *source = &combination->merge.sources[k - (combination->use == COMBINE_STORED)];
    struct entry *entry = combination->tries == 0 ? call_read(call, k) : key_look_again(&call->keys[k]);

    *source = (struct zset_source){.weight = 1};
    if (!entry) return true;
    if (entry_type(entry) == VALUE_SET) return call_ok(call, open_set(entry_container(entry), source));
    if (entry_type(entry) == VALUE_ZSET) {
        source->zset = entry_container(entry);
        return true;
    }
    reply_error(call->reply, ERR_WRONGTYPE);
    return false;
}

/* The sources come after their number, options after them. False: answered. */
static bool begin(struct call *call, struct zset_combination *combination)
{
    struct zset_merge *merge = &combination->merge;
    unsigned first_key = combination->use == COMBINE_STORED, at = first_key + 1;

    merge->sources = combination->few;
    merge->only_counts = combination->use == COMBINE_COUNTED;
    if (!read_source_count(call, at, &merge->source_count)) return false;
    if (merge->source_count > COMBINE_FEW)
        merge->sources = mem_alloc(merge->source_count * sizeof *merge->sources);
    if (!call_ok(call, merge->sources ? OK : NO_MEMORY)) {
        merge->source_count = 0;
        return false;
    }
    memset(merge->sources, 0, merge->source_count * sizeof *merge->sources);
    for (unsigned i = 0; i < merge->source_count; i++) {
        if (!open_source(call, first_key + i, combination)) return false;
    }
    return read_options(call, at + 1 + merge->source_count, combination);
}

void zset_combination_fini(struct zset_combination *combination)
{
    struct zset_merge *merge = &combination->merge;

    for (unsigned i = 0; i < merge->source_count; i++) set_free(&merge->sources[i].texts);
    if (merge->sources != combination->few) mem_free(merge->sources);
    zset_merge_fini(merge);
}

/* ---- results ---- */

/* NULL: no memory. */
static struct zset *make_zset(const struct zset_merged *merged)
{
    struct zset *zset = zset_new_for(merged->count, merged->longest);
    enum zset_change change;

    for (size_t i = 0; zset && i < merged->count; i++) {
        if (zset_put(zset, merged->of[i].member, merged->of[i].score, &change) != OK)
            zset_free(&zset);
    }
    return zset;
}

void zset_combination_store(struct call *call, const struct zset_combination *combination, struct zset **zset)
{
    static const char *const events[] = {[ZSET_UNION] = "zunionstore",
                                         [ZSET_INTERSECTION] = "zinterstore",
                                         [ZSET_DIFFERENCE] = "zdiffstore"};
    const struct zset_merge *merge = &combination->merge;

    if (call_put_zset(call, &call->keys[0], zset, events[merge->merging]))
        reply_int(call->reply, (int64_t)merge->merged.count);
}

static void answer(struct call *call, const struct zset_merged *merged, bool with_scores)
{
    reply_members(call->reply, merged->count, with_scores);
    for (size_t i = 0; i < merged->count; i++) {
        reply_member(call->reply, merged->of[i].member, merged->of[i].score, with_scores);
    }
}

static void run_at_once(struct call *call, struct zset_combination *combination)
{
    struct zset_merge *merge = &combination->merge;
    struct zset *zset;

    if (!call_ok(call, zset_merge_run(merge))) return;
    if (combination->use == COMBINE_COUNTED) {
        reply_int(call->reply, (int64_t)merge->counted);
    } else if (combination->use == COMBINE_ANSWERED) {
        answer(call, &merge->merged, combination->with_scores);
    } else {
        zset = make_zset(&merge->merged);
        if (call_ok(call, zset ? OK : NO_MEMORY)) zset_combination_store(call, combination, &zset);
    }
}

void zset_combination_run(struct call *call, enum zset_merging merging, enum zset_combine_use use, unsigned tries)
{
    struct zset_combination combination = {.merge = {.merging = merging}, .use = use, .tries = tries};

    if (begin(call, &combination)) {
        if (unlikely(zset_combination_is_much(call, &combination))) {
            zset_combination_begin_slices(call, &combination);
            return;
        }
        run_at_once(call, &combination);
    }
    zset_combination_fini(&combination);
}

static void combine(struct call *call, enum zset_merging merging, enum zset_combine_use use)
{
    struct task *task = call_resumed(call);

    if (unlikely(task != NULL)) {
        making_go_on(call, task);
    } else if (!zset_combination_waits(call, merging, use)) {
        zset_combination_run(call, merging, use, 0);
    }
}

static void cmd_zunion(struct call *call)
{
    combine(call, ZSET_UNION, COMBINE_ANSWERED);
}

static void cmd_zinter(struct call *call)
{
    combine(call, ZSET_INTERSECTION, COMBINE_ANSWERED);
}

static void cmd_zdiff(struct call *call)
{
    combine(call, ZSET_DIFFERENCE, COMBINE_ANSWERED);
}

static void cmd_zunionstore(struct call *call)
{
    combine(call, ZSET_UNION, COMBINE_STORED);
}

static void cmd_zinterstore(struct call *call)
{
    combine(call, ZSET_INTERSECTION, COMBINE_STORED);
}

static void cmd_zdiffstore(struct call *call)
{
    combine(call, ZSET_DIFFERENCE, COMBINE_STORED);
}

static void cmd_zintercard(struct call *call)
{
    combine(call, ZSET_INTERSECTION, COMBINE_COUNTED);
}

static const struct command_key_spec store_specs[] = {
    {.access = KEY_OW | KEY_UPDATE, .index = 1, .step = 1},
    {.access = KEY_RO | KEY_ACCESS, .index = 2, .counted = true, .first = 1, .step = 1},
    {0},
};

#define ANSWERS                                                                                    \
    .arity = -3, .flags = COMMAND_READ | COMMAND_MOVABLE_KEYS,                                     \
    .find_keys = counted_keys_find, .key_specs = counted_keys_read
#define STORES                                                                                     \
    .arity = -4, .flags = COMMAND_WRITE | COMMAND_DENYOOM | COMMAND_MOVABLE_KEYS,                  \
    .keys = KEYS_ONE, .find_keys = counted_keys_find_with_target, .key_specs = store_specs
#define WEIGHTS "[WEIGHTS weight [weight ...]] [AGGREGATE <SUM | MIN | MAX>]"
#define UNION_COST                                                                                 \
    "O(N+M*log(M)) where N is the number of members of all sets and M that of the result"
#define INTER_COST                                                                                 \
    "O(N*K+M*log(M)) where N is the size of the smallest of K sets and M that of the result"
#define DIFF_COST "O(N*K) where N is the size of the first of K sets"

static const struct command_row rows[] = {
    {.name = "zunion",
     .run = cmd_zunion,
     ANSWERS,
     .since = "6.2.0",
     .cost = UNION_COST,
     .syntax = "numkeys key [key ...] " WEIGHTS " [WITHSCORES]",
     .summary = "Answers the members of any of several sorted sets."},
    {.name = "zinter",
     .run = cmd_zinter,
     ANSWERS,
     .since = "6.2.0",
     .cost = INTER_COST,
     .syntax = "numkeys key [key ...] " WEIGHTS " [WITHSCORES]",
     .summary = "Answers the members that all of several sorted sets have."},
    {.name = "zdiff",
     .run = cmd_zdiff,
     ANSWERS,
     .since = "6.2.0",
     .cost = DIFF_COST,
     .syntax = "numkeys key [key ...] [WITHSCORES]",
     .summary = "Answers the members of a sorted set that several others do not have."},
    {.name = "zunionstore",
     .run = cmd_zunionstore,
     STORES,
     .since = "2.0.0",
     .cost = UNION_COST,
     .syntax = "destination numkeys key [key ...] " WEIGHTS,
     .summary = "Stores the members of any of several sorted sets as another one."},
    {.name = "zinterstore",
     .run = cmd_zinterstore,
     STORES,
     .since = "2.0.0",
     .cost = INTER_COST,
     .syntax = "destination numkeys key [key ...] " WEIGHTS,
     .summary = "Stores the members that all of several sorted sets have as another one."},
    {.name = "zdiffstore",
     .run = cmd_zdiffstore,
     STORES,
     .since = "6.2.0",
     .cost = DIFF_COST,
     .syntax = "destination numkeys key [key ...]",
     .summary =
         "Stores the members of a sorted set that several others do not have as another one."},
    {.name = "zintercard",
     .run = cmd_zintercard,
     ANSWERS,
     .since = "7.0.0",
     .cost = "O(N*K) where N is the size of the smallest of K sets",
     .syntax = "numkeys key [key ...] [LIMIT limit]",
     .summary = "Counts the members that all of several sorted sets have."},
};

const struct command_family zset_combine_commands = COMMAND_FAMILY("sorted-set", rows);
