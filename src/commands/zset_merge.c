/* zset_merge: members are gathered in an array, which is sorted at the end: mostly it consists of
 * few runs that are in order already, as the sources are. */
#include "coatcheck/commands/zset_merge.h"

#include <math.h>
#include "coatcheck/base/hash.h"
#include "coatcheck/base/mem.h"
#include "coatcheck/base/must.h"

/* ---- sources ---- */

/* These and who opens a source are all that know what a source is. */
struct source_walk {
    struct bytes member;
    double score;

    bool is_set;
    union {
        struct zset_walk zset;
        struct set_walk set;
    };
};

static uint64_t source_count(const struct zset_source *source)
{
    if (source->set) return set_count(source->set);
    return source->zset ? zset_count(source->zset) : 0;
}

static bool source_score(const struct zset_source *source, struct bytes member, double *score)
{
    if (source->set) {
        *score = 1;
        return set_has(source->set, member);
    }
    return source->zset && zset_score(source->zset, member, score);
}

static bool is_same_source(const struct zset_source *a, const struct zset_source *b)
{
    return a->zset == b->zset && a->set == b->set;
}

static void source_walk(const struct zset_source *source, struct source_walk *walk)
{
    walk->is_set = source->set != NULL;
    if (walk->is_set) {
        set_walk_begin(&walk->set, source->set);
    } else {
        zset_walk_from(&walk->zset, source->zset, 0, false);
    }
}

static bool source_walk_next(struct source_walk *walk)
{
    if (walk->is_set) {
        if (!set_walk_next(&walk->set)) return false;
        walk->member = walk->set.member;
        walk->score = 1;
        return true;
    }
    if (!zset_walk_next(&walk->zset)) return false;
    walk->member = walk->zset.member;
    walk->score = walk->zset.score;
    return true;
}

static bool is_smaller(const struct zset_source *a, const struct zset_source *b)
{
    uint64_t a_count = source_count(a), b_count = source_count(b);

    return a_count != b_count ? a_count < b_count : a->place < b->place;
}

/* The smallest first; equal ones stay as they were named: in which order numbers are added shows in
 * their sums. Shell's sort, since a client may name a million. */
static void sort_sources(struct zset_source *sources, unsigned count)
{
    for (unsigned i = 0; i < count; i++) sources[i].place = i;
    for (unsigned gap = count; gap > 1;) {
        gap = gap < 5 ? 1 : gap * 5 / 11;
        for (unsigned i = gap; i < count; i++) {
            struct zset_source moved = sources[i];
            unsigned at = i;

            for (; at >= gap && is_smaller(&moved, &sources[at - gap]); at -= gap)
                sources[at] = sources[at - gap];
            sources[at] = moved;
        }
    }
}

/* ---- scores ---- */

static double weighed(double score, double weight)
{
    double product = score * weight;

    /* Infinity times nothing. */
    return isnan(product) ? 0 : product;
}

static double aggregate(enum zset_aggregate how, double a, double b)
{
    double sum;

    switch (how) {
    case ZSET_MIN:
        return b < a ? b : a;
    case ZSET_MAX:
        return b > a ? b : a;
    default:
        sum = a + b;
        return isnan(sum) ? 0 : sum;
    }
}

/* ---- the array ---- */

static bool merged_reserve(struct zset_merged *merged, size_t room)
{
    struct zset_scored *of;

    if (room <= merged->room) return true;
    of = room <= SIZE_MAX / sizeof *of ? mem_resize(merged->of, room * sizeof *of) : NULL;
    if (!of) return false;
    merged->of = of;
    merged->room = room;
    return true;
}

static bool merged_add(struct zset_merged *merged, struct bytes member, double score)
{
    if (unlikely(merged->count == merged->room) &&
        !merged_reserve(merged, merged->room < 32 ? 64 : merged->room * 2)) {
        return false;
    }
    merged->of[merged->count++] = (struct zset_scored){member, score};
    return true;
}

void zset_merged_fini(struct zset_merged *merged)
{
    mem_free(merged->of);
    *merged = (struct zset_merged){0};
}

static inline bool comes_before(const struct zset_scored *a, const struct zset_scored *b)
{
    if (a->score != b->score) return a->score < b->score;
    return bytes_compare(a->member, b->member) < 0;
}

/* The end of the run in order that begins at `at`. */
static size_t run_end(const struct zset_scored *of, size_t at, size_t count)
{
    for (at++; at < count; at++) {
        if (comes_before(&of[at], &of[at - 1])) return at;
    }
    return count;
}

/* Merges each two neighbouring runs of `from` into `into`. Returns how many runs there are now. */
static size_t merge_runs(const struct zset_scored *from, struct zset_scored *into, size_t count)
{
    size_t runs = 0;

    for (size_t begin = 0; begin < count; runs++) {
        size_t middle = run_end(from, begin, count);
        size_t end = middle < count ? run_end(from, middle, count) : count;
        size_t a = begin, b = middle;

        while (a < middle && b < end)
            *into++ = comes_before(&from[b], &from[a]) ? from[b++] : from[a++];
        while (a < middle) *into++ = from[a++];
        while (b < end) *into++ = from[b++];
        begin = end;
    }
    return runs;
}

static enum status merged_sort(struct zset_merged *merged)
{
    struct zset_scored *other;
    size_t runs;

    if (merged->count < 2 || run_end(merged->of, 0, merged->count) == merged->count) return OK;
    other = mem_alloc(merged->count * sizeof *other);
    if (!other) return NO_MEMORY;
    do {
        struct zset_scored *from = merged->of;

        runs = merge_runs(from, other, merged->count);
        merged->of = other;
        other = from;
    } while (runs > 1);
    mem_free(other);
    merged->room = merged->count;
    return OK;
}

/* ---- union ---- */

/* Where members stand in the array: 32 bits of hash and the place + 1, by open addressing; 0 is
 * empty. */
struct places {
    uint64_t *of;
    uint64_t room;
};

#define PLACES_MAX (UINT32_MAX / 2)

static uint64_t first_place(const struct places *places, uint32_t hash)
{
    return hash * places->room >> 32;
}

static bool places_grow(struct places *places, uint64_t room)
{
    struct places larger = {.room = room};

    if (room > PLACES_MAX) return false;
    larger.of = mem_alloc_zeroed(room * sizeof *larger.of);
    if (!larger.of) return false;
    for (uint64_t i = 0; i < places->room; i++) {
        uint64_t at;

        if (places->of[i] == 0) continue;
        at = first_place(&larger, (uint32_t)(places->of[i] >> 32));
        while (larger.of[at] != 0) at = at + 1 < room ? at + 1 : 0;
        larger.of[at] = places->of[i];
    }
    mem_free(places->of);
    *places = larger;
    return true;
}

/* The slot of the member, or the empty one where it would go. */
static uint64_t *places_find(const struct places *places, const struct zset_merged *merged,
                             uint32_t hash, struct bytes member)
{
    uint64_t at = first_place(places, hash);

    for (; places->of[at] != 0; at = at + 1 < places->room ? at + 1 : 0) {
        if (places->of[at] >> 32 == hash &&
            bytes_equal(merged->of[(uint32_t)places->of[at] - 1].member, member)) {
            break;
        }
    }
    return &places->of[at];
}

static bool unite_member(const struct zset_merge *merge, struct places *places,
                         struct zset_merged *merged, struct bytes member, double score)
{
    uint32_t hash = (uint32_t)(hash_bytes(member) >> 32);
    uint64_t *place;

    if (unlikely(merged->count >= places->room / 4 * 3) && !places_grow(places, places->room * 2))
        return false;
    place = places_find(places, merged, hash, member);
    if (*place != 0) {
        struct zset_scored *scored = &merged->of[(uint32_t)*place - 1];

        scored->score = aggregate(merge->aggregate, scored->score, score);
        return true;
    }
    if (!merged_add(merged, member, score)) return false;
    *place = (uint64_t)hash << 32 | (uint32_t)merged->count;
    return true;
}

static bool unite(const struct zset_merge *merge, struct places *places, struct zset_merged *merged)
{
    bool alone = merge->source_count == 1;

    for (unsigned i = 0; i < merge->source_count; i++) {
        const struct zset_source *source = &merge->sources[i];
        struct source_walk walk;

        if (source_count(source) == 0) continue;
        source_walk(source, &walk);
        while (source_walk_next(&walk)) {
            double score = weighed(walk.score, source->weight);

            if (alone ? !merged_add(merged, walk.member, score)
                      : !unite_member(merge, places, merged, walk.member, score)) {
                return false;
            }
        }
    }
    return true;
}

static enum status merge_union(const struct zset_merge *merge, struct zset_merged *merged)
{
    uint64_t largest = source_count(&merge->sources[merge->source_count - 1]);
    struct places places = {0};
    bool good;

    if (largest == 0) return OK;
    good = merged_reserve(merged, largest) &&
           (merge->source_count == 1 || places_grow(&places, largest + largest / 2 + 8)) &&
           unite(merge, &places, merged);
    mem_free(places.of);
    return good ? OK : NO_MEMORY;
}

/* ---- intersection ---- */

/* A member of the first source with what it has there. False: it is not in all the others. */
static bool is_everywhere(const struct zset_merge *merge, struct bytes member, double *score)
{
    double first = *score;

    *score = weighed(first, merge->sources[0].weight);
    for (unsigned i = 1; i < merge->source_count; i++) {
        const struct zset_source *source = &merge->sources[i];
        double other = first;

        if (!is_same_source(source, &merge->sources[0]) && !source_score(source, member, &other))
            return false;
        *score = aggregate(merge->aggregate, *score, other * source->weight);
    }
    return true;
}

static enum status merge_intersection(const struct zset_merge *merge, struct zset_merged *merged)
{
    struct source_walk walk;

    if (source_count(&merge->sources[0]) == 0) return OK;
    source_walk(&merge->sources[0], &walk);
    while (source_walk_next(&walk)) {
        double score = walk.score;

        if (is_everywhere(merge, walk.member, &score) && !merged_add(merged, walk.member, score))
            return NO_MEMORY;
    }
    return OK;
}

uint64_t zset_merge_count(struct zset_merge *merge, uint64_t limit)
{
    struct source_walk walk;
    uint64_t count = 0;

    sort_sources(merge->sources, merge->source_count);
    if (source_count(&merge->sources[0]) == 0) return 0;
    source_walk(&merge->sources[0], &walk);
    while (source_walk_next(&walk)) {
        double score = walk.score;

        if (is_everywhere(merge, walk.member, &score) && ++count == limit) break;
    }
    return count;
}

/* ---- difference ---- */

static bool is_elsewhere(const struct zset_merge *merge, struct bytes member)
{
    double score;

    for (unsigned i = 1; i < merge->source_count; i++) {
        if (source_score(&merge->sources[i], member, &score)) return true;
    }
    return false;
}

/* In the order of the first source, whose scores they keep. */
static enum status merge_difference(const struct zset_merge *merge, struct zset_merged *merged)
{
    const struct zset_source *first = &merge->sources[0];
    struct source_walk walk;

    if (source_count(first) == 0) return OK;
    for (unsigned i = 1; i < merge->source_count; i++) {
        if (is_same_source(&merge->sources[i], first)) return OK;
    }
    source_walk(first, &walk);
    while (source_walk_next(&walk)) {
        if (!is_elsewhere(merge, walk.member) && !merged_add(merged, walk.member, walk.score))
            return NO_MEMORY;
    }
    return OK;
}

enum status zset_merge_run(struct zset_merge *merge, struct zset_merged *merged)
{
    enum status status;

    *merged = (struct zset_merged){0};
    if (merge->merging == ZSET_DIFFERENCE) {
        status = merge_difference(merge, merged);
    } else {
        sort_sources(merge->sources, merge->source_count);
        status = merge->merging == ZSET_UNION ? merge_union(merge, merged)
                                              : merge_intersection(merge, merged);
    }
    if (status == OK) status = merged_sort(merged);
    if (status != OK) zset_merged_fini(merged);
    return status;
}
