/* hyperloglog: how many different elements were added, in strings that redis-server reads as well.
 */
#include "coatcheck/commands/hyperloglog.h"

#include "coatcheck/commands/effect.h"
#include "coatcheck/commands/table.h"
#include "coatcheck/structs/hyperloglog.h"

#define OPTIONS_HERE hyperloglog_options
#define OPTION_HOOKS_HERE hyperloglog_option_hooks
OPTION_DEFINE(hyperloglog, HYPERLOGLOG_OPTIONS)

/* Room is made for so many marks of a sparse one at a time. */
#define MARKS_AHEAD 64

enum adding { FINE, NO_ROOM, CORRUPT };

static void reply_corrupt(struct call *call)
{
    reply_errorf(call->reply, "INVALIDOBJ Corrupted HLL object detected");
}

/* Answers the client when it went wrong. */
static bool went_well(struct call *call, enum adding adding)
{
    if (adding == CORRUPT) {
        reply_corrupt(call);
        return false;
    }
    return call_ok(call, adding == FINE ? OK : NO_MEMORY);
}

/* ---- the text at a key ---- */

static bool check_one(struct call *call, struct bytes text)
{
    if (hll_is_one(text)) return true;
    reply_errorf(call->reply, "WRONGTYPE Key is not a valid HyperLogLog string value.");
    return false;
}

/* Of key `k`, to be read: of no bytes when there is none. False: answered. */
static bool read_text(struct call *call, unsigned k, struct bytes *text)
{
    char scratch[NUMBER_MAX_TEXT];
    struct entry *entry;

    *text = (struct bytes){NULL, 0};
    if (!call_read_type(call, k, VALUE_STRING, &entry)) return false;
    if (!entry) return true;
    *text = entry_string(entry, scratch);
    return check_one(call, *text);
}

/* A text at a key, open to be changed in place. */
struct opened {
    const struct key *key;
    struct spot spot;
    char *at;
    size_t len, room;
};

static struct bytes opened_text(const struct opened *opened)
{
    return bytes_of(opened->at, opened->len);
}

static bool make_room(struct opened *opened, size_t room)
{
    char *at = key_edit_string(opened->key, &opened->spot, room);

    if (!at) return false;
    opened->at = at;
    opened->room = room;
    return true;
}

/* Key 0's, whose spot is known; an empty one where there is none. False: no memory. */
static bool open_text(struct call *call, struct opened *opened)
{
    const struct entry *entry = opened->spot.entry;

    opened->key = &call->keys[0];
    opened->len = entry ? entry_string_len(entry) : HLL_EMPTY_LEN;
    if (!make_room(opened, opened->len)) return false;
    if (!entry) hll_write_empty(opened->at);
    return true;
}

/* The room that was not needed is given back; it is the end of the same block, so this cannot fail.
 */
static void close_text(struct opened *opened)
{
    if (opened->room != opened->len) make_room(opened, opened->len);
}

static enum adding make_dense(struct opened *opened)
{
    char dense[HLL_DENSE_LEN];

    if (!hll_is_sparse(opened_text(opened))) return FINE;
    if (!hll_make_dense(opened_text(opened), dense)) return CORRUPT;
    /* A block of just that size: it will never grow again. */
    if (key_put_text(opened->key, &opened->spot, bytes_of(dense, sizeof dense), KEEP_DEADLINE) !=
        OK)
        return NO_ROOM;
    opened->len = HLL_DENSE_LEN;
    return make_room(opened, HLL_DENSE_LEN) ? FINE : NO_ROOM;
}

static enum adding add_to_dense(struct opened *opened, struct hll_mark mark, bool *raised)
{
    if (!hll_raise_dense(opened->at, mark)) return FINE;
    hll_void_cache(opened->at);
    *raised = true;
    return FINE;
}

/* `left` marks are to come, this one included. */
static enum adding add_mark(struct opened *opened, struct hll_mark mark, struct hll_hint *hint,
                            unsigned left, bool *raised)
{
    enum adding adding;

    if (!hll_is_sparse(opened_text(opened))) return add_to_dense(opened, mark, raised);
    if (opened->room - opened->len < HLL_GROWTH &&
        !make_room(opened, opened->len + HLL_GROWTH * (left < MARKS_AHEAD ? left : MARKS_AHEAD)))
        return NO_ROOM;
    switch (hll_raise_sparse(opened->at, &opened->len,
                             (size_t)option_int(&hyperloglog_options.hll_sparse_max_bytes), mark,
                             hint)) {
    case HLL_RAISED:
        *raised = true;
        return FINE;
    case HLL_SAME:
        return FINE;
    case HLL_CORRUPT:
        return CORRUPT;
    default:
        adding = make_dense(opened);
        return adding == FINE ? add_to_dense(opened, mark, raised) : adding;
    }
}

/* ---- commands ---- */

static bool find_text(struct call *call, struct opened *opened)
{
    char scratch[NUMBER_MAX_TEXT];

    if (!call_find_type(call, 0, VALUE_STRING, &opened->spot)) return false;
    return !opened->spot.entry || check_one(call, entry_string(opened->spot.entry, scratch));
}

/* Who turns out to have met a corrupt one is told so, and no event: redis-server does not tell one either. What was
 * changed before is news for those who keep a copy or watch the key. */
static void tell_added(struct call *call, enum adding adding)
{
    if (likely(adding != CORRUPT)) {
        call_changed(call, &call->keys[0], "pfadd");
    } else {
        key_touched(&call->keys[0]);
        effect_alone(call, &call->keys[0]);
    }
}

/* Elements that were added before one that could not be stay: adding them again does nothing. */
static void cmd_pfadd(struct call *call)
{
    struct opened opened;
    bool changed;
    enum adding adding = FINE;

    if (!find_text(call, &opened)) return;
    changed = !opened.spot.entry;
    if (!open_text(call, &opened)) {
        call_ok(call, NO_MEMORY);
        return;
    }
    for (unsigned i = 2; i < call_argc(call) && adding == FINE; i++)
        adding =
            add_mark(&opened, hll_mark_of(call_arg(call, i)), NULL, call_argc(call) - i, &changed);
    close_text(&opened);
    if (changed) {
        hll_void_cache(opened.at);
        tell_added(call, adding);
    }
    if (went_well(call, adding)) reply_int(call->reply, changed);
}

/* Counting notes the count in the value, which is a change that nobody is told of as an event. */
static void count_one(struct call *call)
{
    struct opened opened;
    struct bytes text;
    uint64_t count;

    if (!read_text(call, 0, &text)) return;
    if (text.len == 0) {
        reply_int(call->reply, 0);
        return;
    }
    key_find(&call->keys[0], &opened.spot);
    if (!open_text(call, &opened)) {
        call_ok(call, NO_MEMORY);
        return;
    }
    if (!hll_cached(opened_text(&opened), &count)) {
        if (!hll_count(opened_text(&opened), &count)) {
            reply_corrupt(call);
            return;
        }
        hll_cache(opened.at, count);
        key_touched(&call->keys[0]);
        effect_alone(call, &call->keys[0]);
    }
    reply_int(call->reply, (int64_t)count);
}

/* Of all keys together. False: answered. */
static bool merge_all(struct call *call, uint8_t *ranks, bool *any_dense)
{
    for (unsigned k = 0; k < call->key_count; k++) {
        struct bytes text;

        if (!read_text(call, k, &text)) return false;
        if (text.len == 0) continue;
        *any_dense |= !hll_is_sparse(text);
        if (hll_merge(text, ranks)) continue;
        reply_corrupt(call);
        return false;
    }
    return true;
}

static void cmd_pfcount(struct call *call)
{
    uint8_t ranks[HLL_REGISTERS] = {0};
    bool any_dense = false;

    if (call->key_count == 1) {
        count_one(call);
    } else if (merge_all(call, ranks, &any_dense)) {
        reply_int(call->reply, (int64_t)hll_count_ranks(ranks));
    }
}

static enum adding add_ranks(struct opened *opened, const uint8_t *ranks)
{
    struct hll_hint hint = {0};
    enum adding adding = FINE;
    bool raised;

    for (unsigned i = 0; i < HLL_REGISTERS && adding == FINE; i++) {
        if (ranks[i] == 0) continue;
        adding = add_mark(opened, (struct hll_mark){i, ranks[i]}, &hint, MARKS_AHEAD, &raised);
    }
    return adding;
}

static void cmd_pfmerge(struct call *call)
{
    uint8_t ranks[HLL_REGISTERS] = {0};
    bool any_dense = false;
    struct opened opened;
    enum adding adding;

    if (!merge_all(call, ranks, &any_dense)) return;
    key_find(&call->keys[0], &opened.spot);
    if (!open_text(call, &opened)) {
        call_ok(call, NO_MEMORY);
        return;
    }
    adding = any_dense ? make_dense(&opened) : FINE;
    if (adding == FINE) adding = add_ranks(&opened, ranks);
    close_text(&opened);
    hll_void_cache(opened.at);
    tell_added(call, adding);
    if (went_well(call, adding)) reply_ok(call->reply);
}

/* ---- a look inside ---- */

static void reply_registers(struct call *call, struct bytes text)
{
    uint8_t ranks[HLL_REGISTERS] = {0};

    hll_merge(text, ranks);
    reply_array(call->reply, HLL_REGISTERS);
    for (unsigned i = 0; i < HLL_REGISTERS; i++) reply_int(call->reply, ranks[i]);
}

static void reply_runs(struct call *call, struct bytes text)
{
    struct text runs = {0};
    struct hll_run run;
    size_t at = 0;

    while (hll_next_run(text, &at, &run)) {
        const char *blank = runs.len > 0 ? " " : "";

        if (run.rank > 0) {
            text_addf(&runs, "%sv:%u,%u", blank, run.rank, run.len);
        } else {
            text_addf(&runs, "%s%c:%u", blank, run.bytes == 2 ? 'Z' : 'z', run.len);
        }
    }
    if (call_ok(call, text_failed(&runs) ? NO_MEMORY : OK))
        reply_bulk(call->reply, text_bytes(&runs));
    text_fini(&runs);
}

/* Only the encoding changes: whoever watches the key is not told. Answers 1 where it did. */
static bool turn_dense(struct call *call, struct opened *opened)
{
    if (!hll_is_sparse(opened_text(opened))) return true;
    if (!went_well(call, make_dense(opened))) return false;
    effect_alone(call, opened->key);
    return true;
}

static void cmd_pfdebug(struct call *call)
{
    struct opened opened;
    bool sparse;

    if (!find_text(call, &opened)) return;
    if (!opened.spot.entry) {
        reply_errorf(call->reply, "ERR The specified key does not exist");
        return;
    }
    if (!open_text(call, &opened)) {
        call_ok(call, NO_MEMORY);
        return;
    }
    sparse = hll_is_sparse(opened_text(&opened));
    if (call_arg_is(call, 1, "GETREG")) {
        if (turn_dense(call, &opened)) reply_registers(call, opened_text(&opened));
    } else if (call_arg_is(call, 1, "DECODE")) {
        if (sparse) {
            reply_runs(call, opened_text(&opened));
        } else {
            reply_errorf(call->reply, "ERR HLL encoding is not sparse");
        }
    } else if (call_arg_is(call, 1, "ENCODING")) {
        reply_simple(call->reply, sparse ? "sparse" : "dense");
    } else if (call_arg_is(call, 1, "TODENSE")) {
        if (turn_dense(call, &opened)) reply_int(call->reply, sparse);
    } else {
        struct bytes sub = call_arg(call, 1);

        reply_errorf(call->reply, "ERR Unknown PFDEBUG subcommand '%.*s'", (int)sub.len, sub.at);
    }
}

static void cmd_pfselftest(struct call *call)
{
    const char *wrong = hll_self_test();

    if (wrong) {
        reply_errorf(call->reply, "ERR TESTFAILED %s", wrong);
    } else {
        reply_ok(call->reply);
    }
}

#define ELEMENT_COST                                                                               \
    "O(1) for each element; while the value is sparse, O(N) where N is its bytes, at most "        \
    "hll-sparse-max-bytes"

static const struct command_key_spec merge_specs[] = {
    {.access = KEY_RW | KEY_ACCESS | KEY_INSERT, .index = 1, .step = 1},
    {.access = KEY_RO | KEY_ACCESS, .index = 2, .last = -1, .step = 1},
    {0},
};

static const struct command_row rows[] = {
    {.name = "pfadd",
     .run = cmd_pfadd,
     .arity = -2,
     .flags = COMMAND_WRITE | COMMAND_DENYOOM | COMMAND_FAST,
     .keys = KEYS_ONE,
     .access = KEY_RW | KEY_INSERT,
     .since = "2.8.9",
     .cost = ELEMENT_COST,
     .syntax = "key [element [element ...]]",
     .summary = "Adds elements to a HyperLogLog; answers whether it has changed."},
    {.name = "pfcount",
     .run = cmd_pfcount,
     .arity = -2,
     .flags = COMMAND_READ,
     .keys = KEYS_ALL,
     .access = KEY_RW | KEY_ACCESS,
     .key_notes = "RW because it may change the internal representation of the key, and propagate "
                  "to replicas",
     .since = "2.8.9",
     .cost = "O(1) for one key whose count is noted in it; otherwise O(N) where N is the number of "
             "keys, "
             "with some microseconds for each",
     .syntax = "key [key ...]",
     .summary = "Answers about how many different elements one or several HyperLogLogs have seen."},
    {.name = "pfmerge",
     .run = cmd_pfmerge,
     .arity = -2,
     .flags = COMMAND_WRITE | COMMAND_DENYOOM,
     .keys = KEYS_ALL,
     .key_specs = merge_specs,
     .since = "2.8.9",
     .cost = "O(N) where N is the number of keys, with some microseconds for each",
     .syntax = "destkey sourcekey [sourcekey ...]",
     .summary = "Makes a HyperLogLog see what others have seen."},
    {.name = "pfdebug",
     .run = cmd_pfdebug,
     .arity = 3,
     .flags = COMMAND_WRITE | COMMAND_DENYOOM | COMMAND_ADMIN,
     .keys = {2, 2, 1},
     .access = KEY_RW | KEY_ACCESS,
     .since = "2.8.9",
     .cost = "O(1), with some microseconds",
     .syntax = "subcommand key",
     .summary = "Shows a HyperLogLog's registers or runs, its encoding, or makes it a dense one."},
    {.name = "pfselftest",
     .run = cmd_pfselftest,
     .arity = 1,
     .flags = COMMAND_ADMIN,
     .since = "2.8.9",
     .cost = "O(1), with some milliseconds",
     .syntax = "",
     .summary = "Counts known elements and answers whether the counts are near enough."},
};

const struct command_family hyperloglog_commands = COMMAND_FAMILY("hyperloglog", rows);
