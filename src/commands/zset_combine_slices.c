/* zset_combine_slices: ZUNION and its like of many members, which stay where they are in the sources until the end. */
#include "zset_combine_internal.h"

#include "coatcheck/base/mem.h"
#include "coatcheck/commands/making.h"

struct combining {
    struct making making;
    struct zset_combination combination;
    bool is_merged;
    size_t done; /* of its members: told, or put into the result */
    struct zset *result;
};

/* ---- is it much? ---- */

/* How many times a member is looked for, or more. */
static uint64_t looks(enum zset_merging merging, const struct source_counts *counts, uint64_t sources)
{
    if (merging == ZSET_UNION) return counts->sum;
    return (merging == ZSET_INTERSECTION ? counts->least : counts->first) * sources;
}

bool zset_combination_waits(struct call *call, enum zset_merging merging, enum zset_combine_use use)
{
    unsigned first_key = use == COMBINE_STORED;
    struct source_counts counts;

    if (likely(!call_has_to_wait(call)) || call->key_count <= first_key || call->key_count > SOURCES_MOST) return false;
    counts = sources_count(call, first_key);
    if (looks(merging, &counts, call->key_count - first_key) <= SOURCES_AT_ONCE) return false;
    if (!call_wait_in_line(call)) call_ok(call, NO_MEMORY);
    return true;
}

bool zset_combination_is_much(struct call *call, const struct zset_combination *combination)
{
    const struct zset_merge *merge = &combination->merge;
    struct source_counts counts = {.first = zset_source_count(&merge->sources[0]), .least = UINT64_MAX};

    if (merge->source_count > SOURCES_MOST || combination->tries == SOURCES_TRIES) return false;
    for (unsigned i = 0; i < merge->source_count; i++) {
        uint64_t count = zset_source_count(&merge->sources[i]);

        if (count < counts.least) counts.least = count;
        counts.sum += count;
    }
    return looks(merge->merging, &counts, merge->source_count) > SOURCES_AT_ONCE && call_may_interrupt(call);
}

/* ---- what is held ---- */

static void combining_fini(struct making *making)
{
    struct combining *combining = (struct combining *)making;

    zset_combination_fini(&combining->combination);
    zset_free(&combining->result);
}

static size_t combining_bytes(const struct making *making, size_t *aside)
{
    const struct combining *combining = (const struct combining *)making;

    *aside = combining->result ? value_kind_of(VALUE_ZSET)->used_bytes(combining->result) : 0;
    return sizeof *combining + zset_merge_bytes(&combining->combination.merge) + *aside;
}

/* ---- the work ---- */

/* The result is begun when it is known of how many it will be. */
static enum status put_some(struct combining *combining, size_t some)
{
    const struct zset_merged *merged = &combining->combination.merge.merged;
    enum zset_change change;

    if (!combining->result) combining->result = zset_new_for(merged->count, merged->longest);
    if (!combining->result) return NO_MEMORY;
    for (; some > 0 && combining->done < merged->count; some--) {
        const struct zset_scored *scored = &merged->of[combining->done++];

        if (zset_put(combining->result, scored->member, scored->score, &change) != OK) return NO_MEMORY;
    }
    return OK;
}

static void tell_some(struct combining *combining, size_t some)
{
    const struct zset_merged *merged = &combining->combination.merge.merged;

    for (; some > 0 && combining->done < merged->count; some--) {
        const struct zset_scored *scored = &merged->of[combining->done++];

        reply_member(&combining->making.answer.reply, scored->member, scored->score, combining->combination.with_scores);
    }
}

static enum status combine_some(struct making *making, bool *is_over)
{
    struct combining *combining = (struct combining *)making;
    struct zset_combination *combination = &combining->combination;
    size_t some = sources_a_look(combination->merge.merged.longest);
    enum status status = OK;

    *is_over = false;
    if (!combining->is_merged) {
        status = zset_merge_some(&combination->merge, some, &combining->is_merged);
        *is_over = combining->is_merged && combination->use == COMBINE_COUNTED;
        return status;
    }
    if (combination->use == COMBINE_STORED) {
        status = put_some(combining, some);
    } else {
        tell_some(combining, some);
    }
    *is_over = combining->done == combination->merge.merged.count;
    return status;
}

static void finish(struct call *call, struct making *making)
{
    struct combining *combining = (struct combining *)making;
    struct zset_combination *combination = &combining->combination;
    uint64_t count = combination->merge.merged.count;
    bool in_twos = combination->with_scores && call->reply->resp == 2;

    if (combination->use == COMBINE_COUNTED) {
        reply_int(call->reply, (int64_t)combination->merge.counted);
    } else if (combination->use == COMBINE_STORED) {
        zset_combination_store(call, combination, &combining->result);
    } else {
        reply_unnest(call->reply, &making->answer, reply_array, in_twos ? 2 * count : count);
    }
}

static void begin_anew(struct call *call, struct making *making)
{
    struct zset_combination *combination = &((struct combining *)making)->combination;
    enum zset_merging merging = combination->merge.merging;
    enum zset_combine_use use = combination->use;
    unsigned tries = combination->tries + 1;

    making_free(&making);
    zset_combination_run(call, merging, use, tries);
}

static const struct making_verbs combining_verbs = {
    .some = combine_some, .finish = finish, .begin_anew = begin_anew, .bytes = combining_bytes, .fini = combining_fini};

/* ---- the beginning ---- */

/* Small sources are read from their copies from now on. */
static void read_from_copies(struct combining *combining)
{
    struct zset_merge *merge = &combining->combination.merge;

    for (unsigned i = 0; i < merge->source_count; i++) {
        struct zset_source *source = &merge->sources[i];

        if (source->zset) source->zset = sources_read_from(&combining->making.sources, i, source->zset);
        if (source->set && !source->texts) source->set = sources_read_from(&combining->making.sources, i, source->set);
    }
}

void zset_combination_begin_slices(struct call *call, struct zset_combination *combination)
{
    struct combining *combining = mem_alloc_zeroed(sizeof *combining);
    struct making *making;
    struct zset_merge *merge;
    enum status status;

    if (!call_ok(call, combining ? OK : NO_MEMORY)) {
        zset_combination_fini(combination);
        return;
    }
    making = &combining->making;
    combining->combination = *combination;
    merge = &combining->combination.merge;
    if (merge->sources == combination->few) merge->sources = combining->combination.few;
    status = making_init(making, &combining_verbs, call, combination->use == COMBINE_STORED, merge->source_count);
    if (status == OK) {
        read_from_copies(combining);
        status = zset_merge_begin(merge);
    }
    if (call_ok(call, status)) {
        making_leave(call, making);
    } else {
        making_free(&making);
    }
}
