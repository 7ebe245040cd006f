/* lcs: what two strings have in common, in order. */
#include "coatcheck/structs/lcs.h"
#include "coatcheck/base/mem.h"
#include "coatcheck/commands/table.h"
#include "coatcheck/engine/options.h"

struct question {
    struct bytes a, b;
    bool len, idx, with_match_len;
    int64_t min_match_len;
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
 * time goes with the pairs too, and both shards are entered: so the same limit stands. */
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

static void reply_length(struct call *call, const struct question *question)
{
    size_t length;

    if (lcs_length(question->a, question->b, &length) == OK) {
        reply_int(call->reply, (int64_t)length);
    } else {
        reply_no_memory(call);
    }
}

static void reply_text(struct call *call, const struct lcs *lcs)
{
    struct lcs_walk walk;
    struct lcs_run run;
    char *text = mem_alloc(lcs->length + 1);
    size_t at = lcs->length;

    if (!text) {
        reply_no_memory(call);
        return;
    }
    lcs_walk_begin(&walk, lcs);
    while (lcs_walk_next(&walk, &run)) {
        at -= run.len;
        memcpy(text + at, lcs->a.at + run.a_at, run.len);
    }
    reply_bulk(call->reply, bytes_of(text, lcs->length));
    mem_free(text);
}

static void reply_range(struct reply *reply, size_t at, size_t len)
{
    reply_array(reply, 2);
    reply_int(reply, (int64_t)at);
    reply_int(reply, (int64_t)(at + len - 1));
}

static void reply_runs(struct call *call, const struct question *question, const struct lcs *lcs)
{
    struct reply_nested nested;
    struct lcs_walk walk;
    struct lcs_run run;
    size_t count = 0;

    reply_nest(call->reply, &nested);
    lcs_walk_begin(&walk, lcs);
    while (lcs_walk_next(&walk, &run)) {
        if ((int64_t)run.len < question->min_match_len) continue;
        count++;
        reply_array(&nested.reply, question->with_match_len ? 3 : 2);
        reply_range(&nested.reply, run.a_at, run.len);
        reply_range(&nested.reply, run.b_at, run.len);
        if (question->with_match_len) reply_int(&nested.reply, (int64_t)run.len);
    }
    reply_map(call->reply, 2);
    reply_bulk_text(call->reply, "matches");
    reply_unnest(call->reply, &nested, reply_array, count);
    reply_bulk_text(call->reply, "len");
    reply_int(call->reply, (int64_t)lcs->length);
}

static void cmd_lcs(struct call *call)
{
    struct question question = {0};
    char scratch[2][NUMBER_MAX_TEXT];
    struct entry *a = call_read(call, 0), *b = call_read(call, 1);
    struct lcs lcs;

    if ((a && entry_type(a) != VALUE_STRING) || (b && entry_type(b) != VALUE_STRING)) {
        reply_errorf(call->reply, "ERR The specified keys must contain string values");
        return;
    }
    if (!read_options(call, &question)) return;
    question.a = a ? entry_string(a, scratch[0]) : BYTES("");
    question.b = b ? entry_string(b, scratch[1]) : BYTES("");
    if (!is_small_enough(call, &question)) return;
    if (question.len) {
        reply_length(call, &question);
        return;
    }
    if (lcs_open(&lcs, question.a, question.b) != OK) {
        reply_no_memory(call);
        return;
    }
    if (question.idx) {
        reply_runs(call, &question, &lcs);
    } else {
        reply_text(call, &lcs);
    }
    lcs_close(&lcs);
}

static const struct command_row rows[] = {
    {.name = "lcs", .run = cmd_lcs, .arity = -3, .flags = COMMAND_READ, .keys = {1, 2, 1},
     .access = KEY_RO | KEY_ACCESS, .since = "7.0.0",
     .cost = "O(N*M) where N and M are the lengths of the strings, 64 steps at a time",
     .syntax = "key1 key2 [LEN] [IDX] [MINMATCHLEN min-match-len] [WITHMATCHLEN]",
     .summary = "Finds the longest subsequence that two strings have in common."},
};

const struct command_family lcs_commands = COMMAND_FAMILY("string", rows);
