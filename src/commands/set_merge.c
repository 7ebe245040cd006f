/* set_merge: a walk through the first source alone, or through all of them, by batches of members that are looked for
 * together. */
#include "coatcheck/commands/set_merge.h"

#include <stdlib.h>
#include "coatcheck/commands/set.h"

/* ---- sources ---- */

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

static enum status take_member(struct set_merge *merge, struct bytes member)
{
    bool added;

    merge->count++;
    if (member.len > merge->longest) merge->longest = member.len;
    if (merge->result) return set_add(merge->result, member, &added);
    if (merge->told) reply_bulk(merge->told, member);
    return OK;
}

static enum status need_result(struct set_merge *merge)
{
    if (!merge->result) merge->result = set_new();
    return merge->result ? OK : NO_MEMORY;
}

/* ---- of the first source ---- */

/* Its members that all others have, or that none of them has. */
static enum status sift(struct set_merge *merge, const struct set_batch *batch)
{
    const struct set **sources = merge->sources;
    bool in_all = merge->merging == SET_INTERSECTION;

    for (unsigned i = 0; merge->source_count > 1 && sources[1] && i < batch->count; i++) {
        set_prefetch(sources[1], batch->members[i]);
    }
    for (unsigned i = 0; i < batch->count && !merge->is_done; i++) {
        unsigned s = 1;

        while (s < merge->source_count && (sources[s] && set_has(sources[s], batch->members[i])) == in_all) s++;
        if (s < merge->source_count) continue;
        if (take_member(merge, batch->members[i]) != OK) return NO_MEMORY;
        merge->is_done = merge->count == merge->limit;
    }
    return OK;
}

static enum status sift_some(struct set_merge *merge, size_t some)
{
    size_t left = some;

    while (left > 0 && !merge->is_done) {
        struct set_batch batch;
        size_t looks;

        merge->is_done = !set_batch_fill(&batch, &merge->walk);
        if (sift(merge, &batch) != OK) return NO_MEMORY;
        looks = (size_t)batch.count * merge->source_count;
        left -= looks < left ? looks : left;
    }
    return OK;
}

static void begin_sifting(struct set_merge *merge)
{
    merge->doing = SET_SIFTS;
    merge->is_done = source_size(merge->sources[0]) == 0;
    if (!merge->is_done) set_walk_begin(&merge->walk, merge->sources[0]);
}

/* ---- of one source after the other ---- */

/* Those up to `end`. False: there are no more. */
static bool next_batch(struct set_merge *merge, unsigned end, struct set_batch *batch)
{
    while (!merge->is_walking || !set_batch_fill(batch, &merge->walk)) {
        if (merge->is_walking) merge->at++;
        while (merge->at < end && !merge->sources[merge->at]) merge->at++;
        merge->is_walking = merge->at < end;
        if (!merge->is_walking) return false;
        set_walk_begin(&merge->walk, merge->sources[merge->at]);
    }
    return true;
}

static enum status unite(struct set_merge *merge, const struct set_batch *batch)
{
    bool added;

    for (unsigned i = 0; i < batch->count; i++) set_prefetch(merge->result, batch->members[i]);
    for (unsigned i = 0; i < batch->count; i++) {
        if (batch->members[i].len > merge->longest) merge->longest = batch->members[i].len;
        if (set_add(merge->result, batch->members[i], &added) != OK) return NO_MEMORY;
    }
    return OK;
}

/* Of a difference the first source is copied, and the others are taken out of that. */
static enum status unite_some(struct set_merge *merge, size_t some)
{
    unsigned end = merge->merging == SET_UNION ? merge->source_count : 1;
    struct set_batch batch;

    for (size_t left = some; left > 0; left -= batch.count < left ? batch.count : left) {
        if (!next_batch(merge, end, &batch)) {
            merge->is_done = merge->merging == SET_UNION;
            merge->doing = SET_SUBTRACTS;
            return OK;
        }
        if (unite(merge, &batch) != OK) return NO_MEMORY;
    }
    return OK;
}

static void subtract_some(struct set_merge *merge, size_t some)
{
    struct set_batch batch;

    for (size_t left = some; left > 0; left -= batch.count < left ? batch.count : left) {
        merge->is_done = set_count(merge->result) == 0 || !next_batch(merge, merge->source_count, &batch);
        if (merge->is_done) return;
        for (unsigned i = 0; i < batch.count; i++) set_prefetch(merge->result, batch.members[i]);
        for (unsigned i = 0; i < batch.count; i++) set_remove(merge->result, batch.members[i]);
    }
}

static enum status begin_uniting(struct set_merge *merge)
{
    merge->doing = SET_UNITES;
    return need_result(merge);
}

/* ---- all of it ---- */

/* By whichever is less to do: to look for each member of the first set in the others, of which one
 * will do (so half of them on the average), or to go through all. */
static enum status begin_difference(struct set_merge *merge)
{
    const struct set **sources = merge->sources;
    uint64_t first = source_size(sources[0]), look = 0, all = 0;

    merge->is_done = first == 0;
    for (unsigned i = 0; i < merge->source_count; i++) {
        if (i > 0 && sources[i] == sources[0]) merge->is_done = true;
        look += first;
        all += source_size(sources[i]);
    }
    if (merge->is_done) return OK;
    if (look / 2 > all) return begin_uniting(merge);
    sort_sources(sources + 1, merge->source_count - 1, larger_first);
    begin_sifting(merge);
    return OK;
}

enum status set_merge_begin(struct set_merge *merge)
{
    if (merge->merging == SET_UNION) return begin_uniting(merge);
    if (merge->merging == SET_DIFFERENCE) return begin_difference(merge);
    sort_sources(merge->sources, merge->source_count, smaller_first);
    begin_sifting(merge);
    return OK;
}

enum status set_merge_some(struct set_merge *merge, size_t some, bool *done)
{
    enum status status = OK;

    if (merge->is_done) {
        *done = true;
        return OK;
    }
    if (merge->doing == SET_SIFTS) {
        status = sift_some(merge, some);
    } else if (merge->doing == SET_UNITES) {
        status = unite_some(merge, some);
    } else {
        subtract_some(merge, some);
    }
    *done = merge->is_done;
    return status;
}

enum status set_merge_run(struct set_merge *merge)
{
    enum status status = set_merge_begin(merge);
    bool done = false;

    while (status == OK && !done) status = set_merge_some(merge, SIZE_MAX, &done);
    return status;
}
