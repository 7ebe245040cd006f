/* set_combine: SINTER, SUNION, SDIFF, their STORE forms and SINTERCARD. */
#include <stdlib.h>
#include "coatcheck/base/mem.h"
#include "coatcheck/commands/counted_keys.h"
#include "coatcheck/commands/set.h"
#include "coatcheck/commands/table.h"

/* Sources that need no memory of their own to be listed. */
#define FEW 16

/* How the result is used. */
enum use { ANSWERED, STORED, COUNTED };

struct combination {
    const struct set **sources; /* NULL: empty */
    unsigned source_count;
    enum use use;

    struct set *result;        /* STORED, or where it cannot be answered member by member */
    struct reply_nested found; /* ANSWERED, while `result` is NULL */
    uint64_t count, limit;     /* limit 0: none */

    const struct set *few[FEW];
};

/* ---- sources ---- */

/* The keys from `first` on, `count` of them. False: answered. */
static bool open_sources(struct call *call, struct combination *combination, unsigned first,
                         unsigned count)
{
    combination->sources = combination->few;
    combination->source_count = count;
    if (count > FEW) combination->sources = mem_alloc(count * sizeof *combination->sources);
    if (!call_ok(call, combination->sources ? OK : NO_MEMORY)) return false;
    for (unsigned i = 0; i < count; i++) {
        if (!call_read_set(call, first + i, &combination->sources[i])) return false;
    }
    return true;
}

static void close_sources(struct combination *combination)
{
    if (combination->sources != combination->few) mem_free(combination->sources);
}

static uint64_t source_size(const struct set *set)
{
    return set ? set_count(set) : 0;
}

static int smaller_first(const void *a, const void *b)
{
    uint64_t one = source_size(*(const struct set *const *)a),
             other = source_size(*(const struct set *const *)b);

    return (one > other) - (one < other);
}

static int larger_first(const void *a, const void *b)
{
    return smaller_first(b, a);
}

static void sort_sources(const struct set **sources, unsigned count,
                         int (*compare)(const void *, const void *))
{
    qsort(sources, count, sizeof *sources, compare);
}

/* ---- results ---- */

static enum status take_member(struct combination *combination, struct bytes member)
{
    bool added;

    combination->count++;
    if (combination->result) return set_add(combination->result, member, &added);
    if (combination->use == ANSWERED) reply_bulk(&combination->found.reply, member);
    return OK;
}

static enum status make_result(struct combination *combination)
{
    combination->result = set_new();
    return combination->result ? OK : NO_MEMORY;
}

static enum status unite(struct combination *combination, const struct set *source)
{
    struct set_batch batch;
    struct set_walk walk;
    bool added;

    set_walk_begin(&walk, source);
    while (set_batch_fill(&batch, &walk)) {
        for (unsigned i = 0; i < batch.count; i++)
            set_prefetch(combination->result, batch.members[i]);
        for (unsigned i = 0; i < batch.count; i++) {
            if (set_add(combination->result, batch.members[i], &added) != OK) return NO_MEMORY;
        }
    }
    return OK;
}

/* ---- intersection ---- */

/* Of the members of the first of `sources` those that all others have, or that none of them has. */
static enum status sift(struct combination *combination, const struct set **sources, unsigned count,
                        bool in_all)
{
    struct set_batch batch;
    struct set_walk walk;

    set_walk_begin(&walk, sources[0]);
    while (set_batch_fill(&batch, &walk)) {
        for (unsigned i = 0; count > 1 && sources[1] && i < batch.count; i++) {
            set_prefetch(sources[1], batch.members[i]);
        }
        for (unsigned i = 0; i < batch.count; i++) {
            unsigned s = 1;

            while (s < count && (sources[s] && set_has(sources[s], batch.members[i])) == in_all)
                s++;
            if (s < count) continue;
            if (take_member(combination, batch.members[i]) != OK) return NO_MEMORY;
            if (unlikely(combination->count == combination->limit)) return OK;
        }
    }
    return OK;
}

static enum status intersect(struct combination *combination)
{
    sort_sources(combination->sources, combination->source_count, smaller_first);
    if (source_size(combination->sources[0]) == 0) return OK;
    return sift(combination, combination->sources, combination->source_count, true);
}

/* ---- union, difference ---- */

static enum status unite_all(struct combination *combination)
{
    if (!combination->result && make_result(combination) != OK) return NO_MEMORY;
    for (unsigned i = 0; i < combination->source_count; i++) {
        if (!combination->sources[i]) continue;
        if (unite(combination, combination->sources[i]) != OK) return NO_MEMORY;
    }
    return OK;
}

/* Takes the members of the others out of a copy of the first. */
static enum status subtract(struct combination *combination)
{
    if (!combination->result && make_result(combination) != OK) return NO_MEMORY;
    if (unite(combination, combination->sources[0]) != OK) return NO_MEMORY;
    for (unsigned s = 1; s < combination->source_count; s++) {
        struct set_batch batch;
        struct set_walk walk;

        if (!combination->sources[s]) continue;
        set_walk_begin(&walk, combination->sources[s]);
        while (set_count(combination->result) > 0 && set_batch_fill(&batch, &walk)) {
            for (unsigned i = 0; i < batch.count; i++)
                set_prefetch(combination->result, batch.members[i]);
            for (unsigned i = 0; i < batch.count; i++)
                set_remove(combination->result, batch.members[i]);
        }
    }
    return OK;
}

/* By whichever is less to do: to look for each member of the first set in the others, of which one
 * will do (so half of them on the average), or to go through all. */
static enum status differ(struct combination *combination)
{
    const struct set **sources = combination->sources;
    uint64_t first = source_size(sources[0]), look = 0, all = 0;

    if (first == 0) return OK;
    for (unsigned i = 0; i < combination->source_count; i++) {
        if (i > 0 && sources[i] == sources[0]) return OK;
        look += first;
        all += source_size(sources[i]);
    }
    if (look / 2 > all) return subtract(combination);
    sort_sources(sources + 1, combination->source_count - 1, larger_first);
    return sift(combination, sources, combination->source_count, false);
}

/* ---- the commands ---- */

enum combining { INTERSECTION, UNION, DIFFERENCE };

static enum status run(struct combination *combination, enum combining combining)
{
    switch (combining) {
    case INTERSECTION:
        return intersect(combination);
    case UNION:
        return unite_all(combination);
    default:
        return differ(combination);
    }
}

static void store(struct call *call, struct combination *combination, enum combining combining)
{
    static const char *const events[] = {"sinterstore", "sunionstore", "sdiffstore"};
    uint64_t count;

    if (!call_ok(call, make_result(combination)) || !call_ok(call, run(combination, combining))) {
        set_free(&combination->result);
        return;
    }
    count = set_count(combination->result);
    if (call_put_set(call, &call->keys[0], &combination->result, events[combining])) {
        reply_int(call->reply, (int64_t)count);
    }
}

static void answer(struct call *call, struct combination *combination, enum combining combining)
{
    enum status status;

    /* Where a result is made, nothing is written there. */
    reply_nest(call->reply, &combination->found);
    status = run(combination, combining);
    if (!call_ok(call, status)) {
        set_free(&combination->result);
        return;
    }
    if (combination->result) {
        reply_members_of(call->reply, combination->result);
        set_free(&combination->result);
    } else {
        reply_unnest(call->reply, &combination->found, reply_set, combination->count);
    }
}

static void combine(struct call *call, enum combining combining, enum use use)
{
    struct combination combination = {.use = use};
    unsigned first = use == STORED;

    if (open_sources(call, &combination, first, call->key_count - first)) {
        if (use == STORED) {
            store(call, &combination, combining);
        } else {
            answer(call, &combination, combining);
        }
    }
    close_sources(&combination);
}

static void cmd_sinter(struct call *call)
{
    combine(call, INTERSECTION, ANSWERED);
}

static void cmd_sunion(struct call *call)
{
    combine(call, UNION, ANSWERED);
}

static void cmd_sdiff(struct call *call)
{
    combine(call, DIFFERENCE, ANSWERED);
}

static void cmd_sinterstore(struct call *call)
{
    combine(call, INTERSECTION, STORED);
}

static void cmd_sunionstore(struct call *call)
{
    combine(call, UNION, STORED);
}

static void cmd_sdiffstore(struct call *call)
{
    combine(call, DIFFERENCE, STORED);
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
    struct combination combination = {.use = COUNTED};
    int64_t keys, limit = 0;

    if (!read_limits(call, &keys, &limit)) return;
    combination.limit = (uint64_t)limit;
    if (open_sources(call, &combination, 0, (unsigned)keys)) {
        intersect(&combination);
        reply_int(call->reply, (int64_t)combination.count);
    }
    close_sources(&combination);
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
