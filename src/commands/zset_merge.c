/* zset_merge: a walk through the sources, one after the other or the first alone, from member to member. */
#include "coatcheck/commands/zset_merge.h"

#include <math.h>
#include "coatcheck/base/hash.h"
#include "coatcheck/base/mem.h"
#include "coatcheck/base/must.h"

/* ---- sources ---- */

/* These and who opens a source are all that know what a source is. */
uint64_t zset_source_count(const struct zset_source *source)
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

static void source_walk(const struct zset_source *source, struct zset_source_walk *walk)
{
    walk->is_set = source->set != NULL;
    if (walk->is_set) {
        set_walk_begin(&walk->set, source->set);
    } else {
        zset_walk_from(&walk->zset, source->zset, 0, false);
    }
}

static bool source_walk_next(struct zset_source_walk *walk)
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
    uint64_t a_count = zset_source_count(a), b_count = zset_source_count(b);

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

/* ---- places ---- */

#define PLACES_MAX (UINT32_MAX / 2)

static uint64_t first_place(const struct zset_places *places, uint32_t hash)
{
    return hash * places->room >> 32;
}

/* Those that are there are on their way from now on. */
static bool places_grow(struct zset_places *places, uint64_t room)
{
    uint64_t *of = room <= PLACES_MAX ? mem_alloc_zeroed(room * sizeof *of) : NULL;

    if (!of) return false;
    *places = (struct zset_places){.of = of, .room = room, .older = places->of, .older_room = places->room};
    return true;
}

/* True: all are here. */
static bool places_move(struct zset_places *places, size_t *left)
{
    for (; *left > 0 && places->moved < places->older_room; (*left)--) {
        uint64_t place = places->older[places->moved++], at;

        if (place == 0) continue;
        at = first_place(places, (uint32_t)(place >> 32));
        while (places->of[at] != 0) at = at + 1 < places->room ? at + 1 : 0;
        places->of[at] = place;
    }
    if (places->moved < places->older_room) return false;
    mem_free(places->older);
    places->older = NULL;
    places->older_room = 0;
    return true;
}

/* The slot of the member, or the empty one where it would go. */
static uint64_t *places_find(const struct zset_places *places, const struct zset_merged *merged, uint32_t hash,
                             struct bytes member)
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

/* ---- room for one more ---- */

static enum status room_in_merged(struct zset_merge *merge, size_t *left, bool *there)
{
    struct zset_merged *merged = &merge->merged;

    *there = merged->count < merged->room;
    if (likely(*there)) return OK;
    return zset_merged_widen(merged, left, there) ? OK : NO_MEMORY;
}

static enum status room_in_places(struct zset_merge *merge, size_t *left, bool *there)
{
    struct zset_places *places = &merge->places;

    *there = true;
    if (likely(merge->merged.count < places->room / 4 * 3 && !places->older)) return OK;
    if (!places->older && !places_grow(places, places->room * 2)) return NO_MEMORY;
    *there = places_move(places, left);
    return OK;
}

/* ---- union ---- */

static enum status begin_union(struct zset_merge *merge)
{
    uint64_t largest = zset_source_count(&merge->sources[merge->source_count - 1]);

    merge->is_gathered = largest == 0;
    if (largest == 0) return OK;
    /* One more, so that it is not widened before it is seen that there is no more. */
    if (!zset_merged_reserve(&merge->merged, largest + 1)) return NO_MEMORY;
    if (merge->source_count > 1 && !places_grow(&merge->places, largest + largest / 2 + 8)) return NO_MEMORY;
    return OK;
}

/* Of all sources. False: there are no more. */
static bool next_of_all(struct zset_merge *merge)
{
    while (!merge->is_walking || !source_walk_next(&merge->walk)) {
        if (merge->is_walking) merge->at++;
        while (merge->at < merge->source_count && zset_source_count(&merge->sources[merge->at]) == 0) merge->at++;
        merge->is_walking = merge->at < merge->source_count;
        if (!merge->is_walking) return false;
        source_walk(&merge->sources[merge->at], &merge->walk);
    }
    return true;
}

static void unite_member(struct zset_merge *merge, struct bytes member, double score)
{
    uint32_t hash = (uint32_t)(hash_bytes(member) >> 32);
    uint64_t *place = places_find(&merge->places, &merge->merged, hash, member);

    if (*place != 0) {
        struct zset_scored *scored = &merge->merged.of[(uint32_t)*place - 1];

        scored->score = aggregate(merge->aggregate, scored->score, score);
        return;
    }
    zset_merged_add(&merge->merged, member, score);
    *place = (uint64_t)hash << 32 | (uint32_t)merge->merged.count;
}

static enum status unite(struct zset_merge *merge, size_t *left)
{
    bool alone = merge->source_count == 1;

    while (*left > 0) {
        double score;
        bool there;

        if (room_in_merged(merge, left, &there) != OK) return NO_MEMORY;
        if (there && !alone && room_in_places(merge, left, &there) != OK) return NO_MEMORY;
        if (unlikely(!there)) continue;
        if (!next_of_all(merge)) {
            merge->is_gathered = true;
            return OK;
        }
        score = weighed(merge->walk.score, merge->sources[merge->at].weight);
        if (alone) {
            zset_merged_add(&merge->merged, merge->walk.member, score);
        } else {
            unite_member(merge, merge->walk.member, score);
        }
        if (*left > 0) (*left)--;
    }
    return OK;
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

/* ---- difference ---- */

static bool is_elsewhere(const struct zset_merge *merge, struct bytes member)
{
    double score;

    for (unsigned i = 1; i < merge->source_count; i++) {
        if (source_score(&merge->sources[i], member, &score)) return true;
    }
    return false;
}

static bool has_its_like(const struct zset_merge *merge)
{
    for (unsigned i = 1; i < merge->source_count; i++) {
        if (is_same_source(&merge->sources[i], &merge->sources[0])) return true;
    }
    return false;
}

/* ---- what is in the first source ---- */

static bool belongs(const struct zset_merge *merge, struct bytes member, double *score)
{
    if (merge->merging == ZSET_INTERSECTION) return is_everywhere(merge, member, score);
    return !is_elsewhere(merge, member);
}

/* Of a difference in the order of the first source, whose scores they keep. */
static enum status sift(struct zset_merge *merge, size_t *left)
{
    while (*left > 0) {
        bool there = true;
        double score;

        if (!merge->only_counts && room_in_merged(merge, left, &there) != OK) return NO_MEMORY;
        if (unlikely(!there)) continue;
        if (!source_walk_next(&merge->walk)) {
            merge->is_gathered = true;
            return OK;
        }
        *left -= *left < merge->source_count ? *left : merge->source_count;
        score = merge->walk.score;
        if (!belongs(merge, merge->walk.member, &score)) continue;
        if (!merge->only_counts) {
            zset_merged_add(&merge->merged, merge->walk.member, score);
        } else if (++merge->counted == merge->limit) {
            merge->is_gathered = true;
            return OK;
        }
    }
    return OK;
}

/* ---- all of it ---- */

enum status zset_merge_begin(struct zset_merge *merge)
{
    if (merge->merging != ZSET_DIFFERENCE) sort_sources(merge->sources, merge->source_count);
    if (merge->merging == ZSET_UNION) return begin_union(merge);
    merge->is_gathered = zset_source_count(&merge->sources[0]) == 0 ||
                         (merge->merging == ZSET_DIFFERENCE && has_its_like(merge));
    if (!merge->is_gathered) source_walk(&merge->sources[0], &merge->walk);
    return OK;
}

enum status zset_merge_some(struct zset_merge *merge, size_t some, bool *done)
{
    enum status status = OK;

    *done = false;
    if (!merge->is_gathered) status = merge->merging == ZSET_UNION ? unite(merge, &some) : sift(merge, &some);
    if (status != OK || !merge->is_gathered) return status;
    return zset_merged_sort(&merge->merged, &some, done) ? OK : NO_MEMORY;
}

enum status zset_merge_run(struct zset_merge *merge)
{
    enum status status = zset_merge_begin(merge);
    bool done = false;

    while (status == OK && !done) status = zset_merge_some(merge, SIZE_MAX, &done);
    return status;
}

size_t zset_merge_bytes(const struct zset_merge *merge)
{
    return zset_merged_bytes(&merge->merged) + (merge->places.room + merge->places.older_room) * sizeof *merge->places.of;
}

void zset_merge_fini(struct zset_merge *merge)
{
    zset_merged_fini(&merge->merged);
    mem_free(merge->places.of);
    mem_free(merge->places.older);
    merge->places = (struct zset_places){0};
}
