/* set_combine: SINTER, SUNION, SDIFF, their STORE forms and SINTERCARD: the words around set_merge. */
#include "set_combine_internal.h"

#include "coatcheck/base/mem.h"
#include "coatcheck/commands/counted_keys.h"
#include "coatcheck/commands/making.h"
#include "coatcheck/commands/table.h"

/* ---- sources ---- */

/* What is at key `k`, for a command that looks at it for the first time, or again. False: answered. */
static bool open_source(struct call *call, unsigned k, unsigned tries, const struct set **source)
{
    const struct entry *entry;

    if (likely(tries == 0)) return call_read_set(call, k, source);
    entry = key_look_again(&call->keys[k]);
    if (entry && entry_type(entry) != VALUE_SET) {
        reply_error(call->reply, ERR_WRONGTYPE);
        return false;
    }
    *source = entry ? entry_container(entry) : NULL;
    return true;
}

/* The keys from `first` on. False: answered. */
static bool open_sources(struct call *call, struct set_combination *combination, unsigned first)
{
    struct set_merge *merge = &combination->merge;

    merge->sources = combination->few;
    merge->source_count = call->key_count - first;
    if (merge->source_count > SET_FEW) merge->sources = mem_alloc(merge->source_count * sizeof *merge->sources);
    if (!call_ok(call, merge->sources ? OK : NO_MEMORY)) return false;
    for (unsigned i = 0; i < merge->source_count; i++) {
        if (!open_source(call, first + i, combination->tries, &merge->sources[i])) return false;
    }
    return true;
}

void set_combination_fini(struct set_combination *combination)
{
    if (combination->merge.sources != combination->few) mem_free(combination->merge.sources);
    set_free(&combination->merge.result);
}

/* ---- results ---- */

void set_combination_store(struct call *call, struct set_combination *combination)
{
    static const char *const events[] = {
        [SET_INTERSECTION] = "sinterstore", [SET_UNION] = "sunionstore", [SET_DIFFERENCE] = "sdiffstore"};
    struct set_merge *merge = &combination->merge;
    uint64_t count = set_count(merge->result);

    if (call_put_set(call, &call->keys[0], &merge->result, events[merge->merging])) reply_int(call->reply, (int64_t)count);
}

static void store(struct call *call, struct set_combination *combination)
{
    struct set_merge *merge = &combination->merge;

    merge->result = set_new();
    if (!call_ok(call, merge->result ? OK : NO_MEMORY) || !call_ok(call, set_merge_run(merge))) return;
    set_combination_store(call, combination);
}

static void answer(struct call *call, struct set_combination *combination)
{
    struct set_merge *merge = &combination->merge;
    struct reply_nested found;

    /* Where a result is made, nothing is written there. */
    reply_nest(call->reply, &found);
    merge->told = &found.reply;
    if (!call_ok(call, set_merge_run(merge))) {
        outbox_clear(&found.queue);
    } else if (merge->result) {
        reply_members_of(call->reply, merge->result);
    } else {
        reply_unnest(call->reply, &found, reply_set, merge->count);
    }
}

/* ---- the commands ---- */

void set_combination_run(struct call *call, enum set_merging merging, enum set_combine_use use, uint64_t limit,
                         unsigned tries)
{
    struct set_combination combination;

    combination.merge = (struct set_merge){.merging = merging, .limit = limit};
    combination.use = use;
    combination.tries = tries;
    if (open_sources(call, &combination, use == SET_STORED)) {
        if (unlikely(set_combination_is_much(call, &combination))) {
            set_combination_begin_slices(call, &combination);
            return;
        }
        if (use == SET_STORED) {
            store(call, &combination);
        } else if (use == SET_ANSWERED) {
            answer(call, &combination);
        } else if (call_ok(call, set_merge_run(&combination.merge))) {
            reply_int(call->reply, (int64_t)combination.merge.count);
        }
    }
    set_combination_fini(&combination);
}

static void begin(struct call *call, enum set_merging merging, enum set_combine_use use, uint64_t limit)
{
    if (!set_combination_waits(call, merging, use)) set_combination_run(call, merging, use, limit, 0);
}

static void combine(struct call *call, enum set_merging merging, enum set_combine_use use)
{
    struct task *task = call_resumed(call);

    if (unlikely(task != NULL)) {
        making_go_on(call, task);
    } else {
        begin(call, merging, use, 0);
    }
}

static void cmd_sinter(struct call *call)
{
    combine(call, SET_INTERSECTION, SET_ANSWERED);
}

static void cmd_sunion(struct call *call)
{
    combine(call, SET_UNION, SET_ANSWERED);
}

static void cmd_sdiff(struct call *call)
{
    combine(call, SET_DIFFERENCE, SET_ANSWERED);
}

static void cmd_sinterstore(struct call *call)
{
    combine(call, SET_INTERSECTION, SET_STORED);
}

static void cmd_sunionstore(struct call *call)
{
    combine(call, SET_UNION, SET_STORED);
}

static void cmd_sdiffstore(struct call *call)
{
    combine(call, SET_DIFFERENCE, SET_STORED);
}

/* ---- SINTERCARD ---- */

/* False: answered. */
static bool read_limits(struct call *call, int64_t *keys, int64_t *limit)
{
    if (!call_read_int_between(call, 1, 1, INT64_MAX, keys, "numkeys should be greater than 0"))
        return false;
    if (*keys > call_argc(call) - 2) {
        reply_errorf(call->reply, "ERR Number of keys can't be greater than number of args");
        return false;
    }
    for (unsigned i = 2 + (unsigned)*keys; i < call_argc(call); i += 2) {
        if (!call_arg_is(call, i, "LIMIT") || i + 1 == call_argc(call)) {
            call_syntax_error(call);
            return false;
        }
        if (!call_read_int_between(call, i + 1, 0, INT64_MAX, limit, "LIMIT can't be negative"))
            return false;
    }
    return true;
}

static void cmd_sintercard(struct call *call)
{
    struct task *task = call_resumed(call);
    int64_t keys, limit = 0;

    if (unlikely(task != NULL)) {
        making_go_on(call, task);
    } else if (read_limits(call, &keys, &limit)) {
        begin(call, SET_INTERSECTION, SET_COUNTED, (uint64_t)limit);
    }
}

static const struct command_key_spec inter_specs[] = {
    {.access = KEY_RW | KEY_UPDATE, .index = 1, .step = 1},
    {.access = KEY_RO | KEY_ACCESS, .index = 2, .last = -1, .step = 1},
    {0},
};
static const struct command_key_spec store_specs[] = {
    {.access = KEY_OW | KEY_UPDATE, .index = 1, .step = 1},
    {.access = KEY_RO | KEY_ACCESS, .index = 2, .last = -1, .step = 1},
    {0},
};
#define ANSWERS                                                                                    \
    .arity = -2, .flags = COMMAND_READ, .keys = KEYS_ALL, .access = KEY_RO | KEY_ACCESS,           \
    .since = "1.0.0", .syntax = "key [key ...]", .tips = "nondeterministic_output_order"
#define STORES                                                                                     \
    .arity = -3, .flags = COMMAND_WRITE | COMMAND_DENYOOM, .keys = KEYS_ALL, .since = "1.0.0",     \
    .syntax = "destination key [key ...]"
#define INTER_COST "O(N*K) where N is the size of the smallest of K sets"
#define UNION_COST "O(N) where N is the number of members of all sets"
#define DIFF_COST                                                                                  \
    "O(N) where N is the number of members of all sets, or O(M*K) for the M of the first of K if " \
    "that is less"

static const struct command_row rows[] = {
    {.name = "sinter",
     .run = cmd_sinter,
     ANSWERS,
     .cost = INTER_COST,
     .summary = "Answers the members that all of several sets have."},
    {.name = "sunion",
     .run = cmd_sunion,
     ANSWERS,
     .cost = UNION_COST,
     .summary = "Answers the members of any of several sets."},
    {.name = "sdiff",
     .run = cmd_sdiff,
     ANSWERS,
     .cost = DIFF_COST,
     .summary = "Answers the members of a set that several others do not have."},
    {.name = "sinterstore",
     .run = cmd_sinterstore,
     STORES,
     .key_specs = inter_specs,
     .cost = INTER_COST,
     .summary = "Stores the members that all of several sets have as another set."},
    {.name = "sunionstore",
     .run = cmd_sunionstore,
     STORES,
     .key_specs = store_specs,
     .cost = UNION_COST,
     .summary = "Stores the members of any of several sets as another set."},
    {.name = "sdiffstore",
     .run = cmd_sdiffstore,
     STORES,
     .key_specs = store_specs,
     .cost = DIFF_COST,
     .summary = "Stores the members of a set that several others do not have as another set."},
    {.name = "sintercard",
     .run = cmd_sintercard,
     .arity = -3,
     .flags = COMMAND_READ | COMMAND_MOVABLE_KEYS,
     .find_keys = counted_keys_find,
     .key_specs = counted_keys_read,
     .since = "7.0.0",
     .cost = INTER_COST,
     .syntax = "numkeys key [key ...] [LIMIT limit]",
     .summary = "Counts the members that all of several sets have."},
};

const struct command_family set_combine_commands = COMMAND_FAMILY("set", rows);
