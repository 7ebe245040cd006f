/* lcs: what two strings have in common, in order. */
#include "coatcheck/structs/lcs.h"
#include "coatcheck/base/clock.h"
#include "coatcheck/base/mem.h"
#include "coatcheck/commands/table.h"
#include "coatcheck/engine/gathering.h"
#include "coatcheck/engine/options.h"

/* The clock is looked at after so many steps, some 20 microseconds. */
#define STEPS_A_LOOK (16 * 1024)

/* So much is done at once, where the keys are: that is shorter than coming back. */
#define STEPS_AT_ONCE (32 * 1024)

struct question {
    struct bytes a, b; /* borrowed from the keys: in the first slice only */
    bool len, idx, with_match_len;
    int64_t min_match_len;
};

/* A text of a key that may change meanwhile: a large one is held, a small one copied. */
struct source {
    struct bytes text;
    struct blob *blob; /* one of these two, or neither */
    char *copy;
};

struct comparison {
    struct task task;
    struct question question;
    struct source sources[2];
    struct lcs lcs;
    struct lcs_walk walk;
    bool is_filled;

    char *text; /* the subsequence, written from its end; or the runs: */
    size_t text_at;
    struct reply_nested runs;
    size_t run_count;
    struct gathering gathering;
};

static bool read_options(struct call *call, struct question *question)
{
    for (unsigned i = 3; i < call_argc(call); i++) {
        if (call_arg_is(call, i, "IDX")) {
            question->idx = true;
        } else if (call_arg_is(call, i, "LEN")) {
            question->len = true;
        } else if (call_arg_is(call, i, "WITHMATCHLEN")) {
            question->with_match_len = true;
        } else if (call_arg_is(call, i, "MINMATCHLEN") && i + 1 < call_argc(call)) {
            if (!call_read_int(call, ++i, &question->min_match_len)) return false;
        } else {
            call_syntax_error(call);
            return false;
        }
    }
    if (!question->len || !question->idx) return true;
    reply_errorf(call->reply, "ERR If you want both the length and indexes, please just use IDX.");
    return false;
}

/* Redis needs a number for each pair of bytes, and lets them take proto-max-bulk-len. Ours is a bit, but the
 * time goes with the pairs too: so the same limit stands. */
static bool is_small_enough(struct call *call, const struct question *question)
{
    unsigned __int128 pairs = (unsigned __int128)(question->a.len + 1) * (question->b.len + 1);

    if (pairs * sizeof(uint32_t) <= (uint64_t)option_int(&engine_options.proto_max_bulk_len)) return true;
    reply_errorf(call->reply, "ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len");
    return false;
}

static void reply_no_memory(struct call *call)
{
    reply_errorf(call->reply, "ERR Insufficient memory, failed allocating transient memory for LCS");
}

/* ---- what is kept between two slices ---- */

static bool source_take(struct source *source, const struct entry *entry, struct bytes text)
{
    source->blob = entry ? entry_blob(entry) : NULL;
    if (source->blob) {
        blob_hold(source->blob);
        source->text = text;
        return true;
    }
    source->copy = mem_alloc(text.len + 1);
    if (!source->copy) return false;
    if (text.len > 0) memcpy(source->copy, text.at, text.len);
    source->text = bytes_of(source->copy, text.len);
    return true;
}

static void source_drop(struct source *source)
{
    mem_free(source->copy);
    blob_release(&source->blob);
}

static void comparison_free(struct task *task)
{
    struct comparison *comparison = (struct comparison *)task;

    lcs_close(&comparison->lcs);
    mem_free(comparison->text);
    gathering_fini(&comparison->gathering);
    outbox_clear(&comparison->runs.queue);
    for (unsigned i = 0; i < 2; i++) source_drop(&comparison->sources[i]);
    mem_free(comparison);
}

/* NULL: no memory. */
static struct comparison *comparison_new(struct call *call, const struct entry *const entries[2],
                                         const struct question *question)
{
    struct comparison *comparison = mem_alloc_zeroed(sizeof *comparison);

    if (!comparison) return NULL;
    comparison->task.free = comparison_free;
    comparison->question = *question;
    reply_nest(call->reply, &comparison->runs);
    if (source_take(&comparison->sources[0], entries[0], question->a) &&
        source_take(&comparison->sources[1], entries[1], question->b) &&
        lcs_open(&comparison->lcs, comparison->sources[0].text, comparison->sources[1].text,
                 question->len ? LCS_LENGTH : LCS_RUNS) == OK) {
        return comparison;
    }
    comparison_free(&comparison->task);
    return NULL;
}

static size_t held_bytes(const struct comparison *comparison)
{
    const struct lcs *lcs = &comparison->lcs;

    return sizeof *comparison + comparison->sources[0].text.len + comparison->sources[1].text.len + lcs_memory(lcs) +
           (comparison->text ? lcs->length : 0) + comparison->runs.queue.bytes;
}

/* ---- the work ---- */

enum progress { COMPARING_ENDS, COMPARING_GOES_ON, COMPARING_RESTS, COMPARING_REFUSED };

/* False: the time has come, and there is more to do. */
static bool fill_some(struct comparison *comparison, int64_t until_us)
{
    while (!comparison->is_filled) {
        if (lcs_fill_some(&comparison->lcs, STEPS_A_LOOK)) {
            if (!comparison->question.len) lcs_walk_begin(&comparison->walk, &comparison->lcs);
            comparison->is_filled = true;
        } else if (clock_steady_us() >= until_us) {
            return false;
        }
    }
    return true;
}

static void reply_range(struct reply *reply, size_t at, size_t len)
{
    reply_array(reply, 2);
    reply_int(reply, (int64_t)at);
    reply_int(reply, (int64_t)(at + len - 1));
}

static void take_run(struct comparison *comparison, const struct lcs_run *run)
{
    const struct question *question = &comparison->question;
    struct reply *reply = &comparison->runs.reply;

    if (comparison->text) {
        comparison->text_at -= run->len;
        memcpy(comparison->text + comparison->text_at, comparison->lcs.a.at + run->a_at, run->len);
        return;
    }
    if ((int64_t)run->len < question->min_match_len) return;
    comparison->run_count++;
    reply_array(reply, question->with_match_len ? 3 : 2);
    reply_range(reply, run->a_at, run->len);
    reply_range(reply, run->b_at, run->len);
    if (question->with_match_len) reply_int(reply, (int64_t)run->len);
}

static enum progress walk_some(struct call *call, struct comparison *comparison, int64_t until_us)
{
    for (;;) {
        int64_t steps = STEPS_A_LOOK;
        enum gathering_answer may;
        enum lcs_found found;
        struct lcs_run run;

        may = gathering_ask(&comparison->gathering, call, comparison->runs.queue.bytes);
        if (may == GATHERING_WAITS) return COMPARING_RESTS;
        if (may == GATHERING_REFUSED) {
            gathering_refuse(call);
            return COMPARING_REFUSED;
        }
        while ((found = lcs_walk_next(&comparison->walk, &run, &steps)) == LCS_RUN) take_run(comparison, &run);
        if (found == LCS_OVER) return COMPARING_ENDS;
        if (clock_steady_us() >= until_us) return COMPARING_GOES_ON;
    }
}

/* ---- the answer ---- */

static void answer(struct call *call, struct comparison *comparison)
{
    const struct question *question = &comparison->question;

    if (question->len) {
        reply_int(call->reply, (int64_t)comparison->lcs.length);
    } else if (!question->idx) {
        reply_bulk(call->reply, bytes_of(comparison->text, comparison->lcs.length));
    } else {
        reply_map(call->reply, 2);
        reply_bulk_text(call->reply, "matches");
        reply_unnest(call->reply, &comparison->runs, reply_array, comparison->run_count);
        reply_bulk_text(call->reply, "len");
        reply_int(call->reply, (int64_t)comparison->lcs.length);
    }
}

static bool make_text(struct comparison *comparison)
{
    if (comparison->text) return true;
    comparison->text_at = comparison->lcs.length;
    comparison->text = mem_alloc(comparison->lcs.length + 1);
    return comparison->text;
}

static enum progress compare_some(struct call *call, struct comparison *comparison, int64_t until_us)
{
    const struct question *question = &comparison->question;

    if (!fill_some(comparison, until_us)) return COMPARING_GOES_ON;
    if (question->len) return COMPARING_ENDS;
    if (!question->idx && !make_text(comparison)) {
        reply_no_memory(call);
        return COMPARING_REFUSED;
    }
    return walk_some(call, comparison, until_us);
}

static void go_on(struct call *call, struct comparison *comparison, int64_t until_us)
{
    struct task *task = &comparison->task;
    enum progress progress = compare_some(call, comparison, until_us);

    if (progress == COMPARING_GOES_ON || progress == COMPARING_RESTS) {
        bool (*leave)(struct call *, struct task **, size_t) = progress == COMPARING_RESTS ? call_rest : call_interrupt;

        if (!leave(call, &task, held_bytes(comparison))) reply_no_memory(call);
        return;
    }
    if (progress == COMPARING_ENDS) answer(call, comparison);
    comparison_free(task);
}

/* Is it so much that it has to wait until others are done? Then it is postponed, or answered. */
static bool waits(struct call *call)
{
    struct bytes texts[2];
    char scratch[2][NUMBER_MAX_TEXT];

    if (likely(!call_has_to_wait(call))) return false;
    for (unsigned i = 0; i < 2; i++) {
        const struct entry *entry = key_look_again(&call->keys[i]);

        if (!entry || entry_type(entry) != VALUE_STRING) return false;
        texts[i] = entry_string(entry, scratch[i]);
    }
    if (lcs_steps(texts[0], texts[1]) <= STEPS_AT_ONCE) return false;
    if (!call_wait_in_line(call)) reply_no_memory(call);
    return true;
}

static void begin(struct call *call, struct question *question)
{
    char scratch[2][NUMBER_MAX_TEXT];
    const struct entry *entries[2] = {call_read(call, 0), call_read(call, 1)}, *a = entries[0], *b = entries[1];
    struct comparison *comparison;
    struct task *task;

    if ((a && entry_type(a) != VALUE_STRING) || (b && entry_type(b) != VALUE_STRING)) {
        reply_errorf(call->reply, "ERR The specified keys must contain string values");
        return;
    }
    if (!read_options(call, question)) return;
    question->a = a ? entry_string(a, scratch[0]) : BYTES("");
    question->b = b ? entry_string(b, scratch[1]) : BYTES("");
    if (!is_small_enough(call, question)) return;
    comparison = comparison_new(call, entries, question);
    if (!comparison) {
        reply_no_memory(call);
    } else if (!call_may_interrupt(call) || lcs_steps(question->a, question->b) <= STEPS_AT_ONCE) {
        go_on(call, comparison, INT64_MAX);
    } else {
        task = &comparison->task;
        if (!call_interrupt(call, &task, held_bytes(comparison))) reply_no_memory(call);
    }
}

static void cmd_lcs(struct call *call)
{
    struct comparison *comparison = (struct comparison *)call_resumed(call);
    struct question question = {0};

    if (comparison) {
        go_on(call, comparison, call_slice_end_us(call));
    } else if (!waits(call)) {
        begin(call, &question);
    }
}

static const struct command_row rows[] = {
    {.name = "lcs", .run = cmd_lcs, .arity = -3, .flags = COMMAND_READ, .keys = {1, 2, 1},
     .access = KEY_RO | KEY_ACCESS, .since = "7.0.0",
     .cost = "O(N*M) where N and M are the lengths of the strings, 64 steps at a time",
     .syntax = "key1 key2 [LEN] [IDX] [MINMATCHLEN min-match-len] [WITHMATCHLEN]",
     .summary = "Finds the longest subsequence that two strings have in common."},
};

const struct command_family lcs_commands = COMMAND_FAMILY("string", rows);
