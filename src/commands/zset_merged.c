/* zset_merged: members are gathered in an array, which is sorted at the end: mostly it consists of few runs that are in
 * order already, as the sources are. It grows and is sorted in steps, each a member that is looked at or moved. */
#include "coatcheck/base/mem.h"
#include "coatcheck/base/must.h"
#include "coatcheck/commands/zset_merge.h"

static struct zset_scored *new_array(size_t room)
{
    return room <= SIZE_MAX / sizeof(struct zset_scored) ? mem_alloc(room * sizeof(struct zset_scored)) : NULL;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

bool zset_merged_reserve(struct zset_merged *merged, size_t room)
{
    merged->of = new_array(room);
    if (merged->of) merged->room = room;
    return merged->of != NULL;
}

/* The other array becomes the one. */
static void take_other(struct zset_merged *merged)
{
    mem_free(merged->of);
    merged->of = merged->other;
    merged->room = merged->other_room;
    merged->other = NULL;
}

bool zset_merged_widen(struct zset_merged *merged, size_t *left, bool *done)
{
    size_t some;

    if (!merged->other) {
        merged->other_room = merged->room < 32 ? 64 : merged->room * 2;
        merged->other = new_array(merged->other_room);
        merged->copied = 0;
        if (!merged->other) return false;
    }
    some = least(*left, merged->count - merged->copied);
    if (some > 0) memcpy(merged->other + merged->copied, merged->of + merged->copied, some * sizeof *merged->of);
    merged->copied += some;
    *left -= some;
    *done = merged->copied == merged->count;
    if (*done) take_other(merged);
    return true;
}

size_t zset_merged_bytes(const struct zset_merged *merged)
{
    return (merged->room + (merged->other ? merged->other_room : 0)) * sizeof *merged->of;
}

void zset_merged_fini(struct zset_merged *merged)
{
    mem_free(merged->of);
    mem_free(merged->other);
    *merged = (struct zset_merged){0};
}

/* ---- in order ---- */

static inline bool comes_before(const struct zset_scored *a, const struct zset_scored *b)
{
    if (a->score != b->score) return a->score < b->score;
    return bytes_compare(a->member, b->member) < 0;
}

/* From *at on to the end of the run in order that the one before it belongs to. True: it is there. */
static bool go_to_run_end(const struct zset_merged *merged, size_t *at, size_t *left)
{
    size_t i = *at, stop = i + least(*left, merged->count - i);

    while (i < stop && !comes_before(&merged->of[i], &merged->of[i - 1])) i++;
    *left -= i - *at;
    *at = i;
    return i == merged->count || i < stop;
}

/* Of the two runs into one. True: that was all of them. */
static bool merge_runs(struct zset_merged *merged, size_t *left)
{
    const struct zset_scored *a = merged->of + merged->a, *b = merged->of + merged->b;
    const struct zset_scored *a_end = merged->of + merged->middle, *b_end = merged->of + merged->end;
    struct zset_scored *into = merged->other + merged->a + merged->b - merged->middle, *begun = into;
    struct zset_scored *stop = into + least(*left, (size_t)(a_end - a + (b_end - b)));

    while (a < a_end && b < b_end && into < stop) *into++ = comes_before(b, a) ? *b++ : *a++;
    /* One of them has ended, or all steps are made. */
    while (a < a_end && into < stop) *into++ = *a++;
    while (into < stop) *into++ = *b++;
    *left -= (size_t)(into - begun);
    merged->a = (size_t)(a - merged->of);
    merged->b = (size_t)(b - merged->of);
    return a == a_end && b == b_end;
}

/* All runs are merged in pairs. True: into one. */
static bool end_pass(struct zset_merged *merged)
{
    struct zset_scored *of = merged->of;
    size_t runs = merged->runs;

    merged->of = merged->other;
    merged->other = of;
    merged->other_room = merged->room;
    merged->room = merged->count;
    merged->begin = merged->middle = merged->runs = 0;
    return runs == 1;
}

/* What was found or merged has ended: what comes next. */
static bool begin_next(struct zset_merged *merged, bool *done)
{
    switch (merged->doing) {
    case MERGED_TO_MIDDLE:
        *done = merged->begin == 0 && merged->middle == merged->count;
        if (*done) return true;
        if (!merged->other) {
            merged->other = new_array(merged->count);
            merged->other_room = merged->count;
            if (!merged->other) return false;
        }
        merged->end = merged->middle < merged->count ? merged->middle + 1 : merged->count;
        merged->doing = MERGED_TO_END;
        return true;
    case MERGED_TO_END:
        merged->a = merged->begin;
        merged->b = merged->middle;
        merged->doing = MERGED_MOVES;
        return true;
    default:
        merged->begin = merged->middle = merged->end;
        merged->runs++;
        merged->doing = MERGED_TO_MIDDLE;
        *done = merged->begin == merged->count && end_pass(merged);
        return true;
    }
}

static bool has_ended(struct zset_merged *merged, size_t *left)
{
    if (merged->doing == MERGED_MOVES) return merge_runs(merged, left);
    if (merged->doing == MERGED_TO_END) return go_to_run_end(merged, &merged->end, left);
    if (merged->middle == merged->begin) merged->middle++;
    return go_to_run_end(merged, &merged->middle, left);
}

bool zset_merged_sort(struct zset_merged *merged, size_t *left, bool *done)
{
    *done = merged->count < 2;
    while (!*done && *left > 0) {
        if (!has_ended(merged, left)) continue;
        if (!begin_next(merged, done)) return false;
    }
    if (*done) {
        mem_free(merged->other);
        merged->other = NULL;
    }
    return true;
}
