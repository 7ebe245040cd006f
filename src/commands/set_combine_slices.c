/* set_combine_slices: SUNION and its like of many members. What takes a set to be made of them is told from that. */
#include "set_combine_internal.h"

#include "coatcheck/base/mem.h"
#include "coatcheck/commands/making.h"

struct combining {
    struct making making;
    struct set_combination combination;
    bool is_merged, is_told; /* is_told: as far as it has to be */
    struct set_walk walk;    /* through the result, which is told */
    struct set *told;        /* it is freed */
};

/* Blocks of the result that are freed between two looks at the clock. */
#define FREED_A_LOOK 64

/* ---- is it much? ---- */

/* How many times a member is looked for, or more. */
static uint64_t looks(enum set_merging merging, const struct source_counts *counts, uint64_t sources)
{
    uint64_t of_first = counts->first * sources;

    if (merging == SET_UNION) return counts->sum;
    if (merging == SET_INTERSECTION) return counts->least * sources;
    return of_first < counts->sum ? of_first : counts->sum;
}

bool set_combination_waits(struct call *call, enum set_merging merging, enum set_combine_use use)
{
    unsigned first_key = use == SET_STORED;
    struct source_counts counts;

    if (likely(!call_has_to_wait(call)) || call->key_count <= first_key || call->key_count > SOURCES_MOST) return false;
    counts = sources_count(call, first_key);
    if (looks(merging, &counts, call->key_count - first_key) <= SOURCES_AT_ONCE) return false;
    if (!call_wait_in_line(call)) call_ok(call, NO_MEMORY);
    return true;
}

bool set_combination_is_much(struct call *call, const struct set_combination *combination)
{
    const struct set_merge *merge = &combination->merge;
    struct source_counts counts = {.least = UINT64_MAX};

    if (merge->source_count > SOURCES_MOST || combination->tries == SOURCES_TRIES) return false;
    for (unsigned i = 0; i < merge->source_count; i++) {
        uint64_t count = merge->sources[i] ? set_count(merge->sources[i]) : 0;

        if (i == 0) counts.first = count;
        if (count < counts.least) counts.least = count;
        counts.sum += count;
    }
    return looks(merge->merging, &counts, merge->source_count) > SOURCES_AT_ONCE && call_may_interrupt(call);
}

/* ---- what is held ---- */

static void combining_fini(struct making *making)
{
    struct combining *combining = (struct combining *)making;

    set_combination_fini(&combining->combination);
    set_free(&combining->told);
}

static size_t combining_bytes(const struct making *making, size_t *aside)
{
    const struct combining *combining = (const struct combining *)making;
    const struct set *result = combining->combination.merge.result;
    size_t bytes = result ? value_kind_of(VALUE_SET)->used_bytes(result) : 0;

    *aside = combining->combination.use == SET_STORED ? bytes : 0;
    return sizeof *combining + bytes;
}

/* ---- the work ---- */

static void tell_some(struct combining *combining, size_t some)
{
    for (; some > 0; some--) {
        if (!set_walk_next(&combining->walk)) {
            combining->is_told = true;
            combining->told = combining->combination.merge.result;
            combining->combination.merge.result = NULL;
            return;
        }
        reply_bulk(&combining->making.answer.reply, combining->walk.member);
    }
}

static void end_merging(struct combining *combining)
{
    struct set_merge *merge = &combining->combination.merge;

    combining->is_told = combining->combination.use != SET_ANSWERED || !merge->result;
    if (combining->is_told) return;
    merge->count = set_count(merge->result);
    set_walk_begin(&combining->walk, merge->result);
}

static enum status combine_some(struct making *making, bool *is_over)
{
    struct combining *combining = (struct combining *)making;
    struct set_merge *merge = &combining->combination.merge;
    size_t some = sources_a_look(merge->longest);
    enum status status = OK;

    *is_over = false;
    if (!combining->is_merged) {
        status = set_merge_some(merge, some, &combining->is_merged);
        if (status == OK && combining->is_merged) end_merging(combining);
    } else if (!combining->is_told) {
        tell_some(combining, some);
    }
    if (!combining->is_merged || !combining->is_told) return status;
    *is_over = !combining->told || set_free_some(&combining->told, FREED_A_LOOK);
    return status;
}

static void finish(struct call *call, struct making *making)
{
    struct set_combination *combination = &((struct combining *)making)->combination;

    if (combination->use == SET_COUNTED) {
        reply_int(call->reply, (int64_t)combination->merge.count);
    } else if (combination->use == SET_STORED) {
        set_combination_store(call, combination);
    } else {
        reply_unnest(call->reply, &making->answer, reply_set, combination->merge.count);
    }
}

static void begin_anew(struct call *call, struct making *making)
{
    struct set_combination *combination = &((struct combining *)making)->combination;
    enum set_merging merging = combination->merge.merging;
    enum set_combine_use use = combination->use;
    uint64_t limit = combination->merge.limit;
    unsigned tries = combination->tries + 1;

    making_free(&making);
    set_combination_run(call, merging, use, limit, tries);
}

static const struct making_verbs combining_verbs = {
    .some = combine_some, .finish = finish, .begin_anew = begin_anew, .bytes = combining_bytes, .fini = combining_fini};

/* ---- the beginning ---- */

/* Small sources are read from their copies from now on; members go to the answer that is kept, or to a result. */
static enum status turn_over(struct combining *combining)
{
    struct set_merge *merge = &combining->combination.merge;

    for (unsigned i = 0; i < merge->source_count; i++) {
        if (merge->sources[i]) merge->sources[i] = sources_read_from(&combining->making.sources, i, merge->sources[i]);
    }
    if (combining->combination.use == SET_ANSWERED) merge->told = &combining->making.answer.reply;
    if (combining->combination.use != SET_STORED) return OK;
    merge->result = set_new();
    return merge->result ? OK : NO_MEMORY;
}

void set_combination_begin_slices(struct call *call, struct set_combination *combination)
{
    struct combining *combining = mem_alloc_zeroed(sizeof *combining);
    struct making *making;
    struct set_merge *merge;
    enum status status;

    if (!call_ok(call, combining ? OK : NO_MEMORY)) {
        set_combination_fini(combination);
        return;
    }
    making = &combining->making;
    combining->combination = *combination;
    merge = &combining->combination.merge;
    if (merge->sources == combination->few) merge->sources = combining->combination.few;
    status = making_init(making, &combining_verbs, call, combination->use == SET_STORED, merge->source_count);
    if (status == OK) status = turn_over(combining);
    if (status == OK) status = set_merge_begin(merge);
    if (call_ok(call, status)) {
        making_leave(call, making);
    } else {
        making_free(&making);
    }
}
