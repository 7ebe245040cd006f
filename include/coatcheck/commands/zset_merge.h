/* zset_merge: several sorted sets made into one: all members, those that are everywhere, those that
 * are only in the first; all at once or a few members at a time. The sources do not change meanwhile,
 * and the result's members are slices of theirs. Sets are sources too: their members have the score 1. */
#ifndef COATCHECK_COMMANDS_ZSET_MERGE_H
#define COATCHECK_COMMANDS_ZSET_MERGE_H

#include <stddef.h>
#include "coatcheck/base/status.h"
#include "coatcheck/values/set.h"
#include "coatcheck/values/zset.h"

enum zset_merging { ZSET_UNION, ZSET_INTERSECTION, ZSET_DIFFERENCE };
enum zset_aggregate { ZSET_SUM, ZSET_MIN, ZSET_MAX };

struct zset_source {
    const struct zset *zset;
    const struct set *set; /* in its place, and no intset; both NULL: empty */
    double weight;

    struct set *texts; /* owned by who opened it: a copy of an intset; or NULL */
    unsigned place;    /* of the merge: as it was named */
};
uint64_t zset_source_count(const struct zset_source *source);

/* ---- zset_merged: members with their scores, in the order of a sorted set at the end ---- */

struct zset_scored {
    struct bytes member;
    double score;
};

struct zset_merged {
    struct zset_scored *of; /* owned */
    size_t count, room;
    size_t longest; /* bytes of the longest member */

    /* of zset_merged.c: the array that takes the place of the first, for it is larger, or in order */
    struct zset_scored *other;
    size_t other_room, copied;
    /* and two neighbouring runs on their way there: begin … middle-1 and middle … end-1, of which those before a and b
     * have been moved */
    size_t begin, middle, end, a, b, runs;
    enum { MERGED_TO_MIDDLE, MERGED_TO_END, MERGED_MOVES } doing;
};

/* For an empty one. False: no memory, here and below. */
bool zset_merged_reserve(struct zset_merged *merged, size_t room);

/* Makes it larger, in steps, of which it takes `left` at the most, and takes them off. *done: it has room for more. */
bool zset_merged_widen(struct zset_merged *merged, size_t *left, bool *done);

/* There is room. */
static inline void zset_merged_add(struct zset_merged *merged, struct bytes member, double score)
{
    merged->of[merged->count++] = (struct zset_scored){member, score};
    if (member.len > merged->longest) merged->longest = member.len;
}

/* Likewise in steps. *done: it is in order. */
bool zset_merged_sort(struct zset_merged *merged, size_t *left, bool *done);

/* What it holds. */
size_t zset_merged_bytes(const struct zset_merged *merged);
void zset_merged_fini(struct zset_merged *merged);

/* ---- the merge ---- */

/* Where members stand in the array: 32 bits of hash and the place + 1, by open addressing; 0 is empty. */
struct zset_places {
    uint64_t *of;
    uint64_t room;
    uint64_t *older; /* on their way from there; NULL: all are here */
    uint64_t older_room, moved;
};

struct zset_source_walk {
    struct bytes member;
    double score;

    bool is_set;
    union {
        struct zset_walk zset;
        struct set_walk set;
    };
};

struct zset_merge {
    enum zset_merging merging;
    enum zset_aggregate aggregate;
    struct zset_source *sources; /* put in order by the merge */
    unsigned source_count;
    bool only_counts; /* the members of an intersection, up to `limit`; 0 counts all */
    uint64_t limit;

    /* the result */
    struct zset_merged merged;
    uint64_t counted;

    /* of zset_merge.c */
    bool is_gathered, is_walking;
    unsigned at; /* the source that is walked through */
    struct zset_source_walk walk;
    struct zset_places places;
};

/* The first fields are filled in, the others 0. NO_MEMORY: as below. */
enum status zset_merge_begin(struct zset_merge *merge);

/* As much as looking for `some` members takes. *done: that was all. */
enum status zset_merge_some(struct zset_merge *merge, size_t some, bool *done);

/* All of it. */
enum status zset_merge_run(struct zset_merge *merge);

/* What it holds, and frees; also one that was not begun. */
size_t zset_merge_bytes(const struct zset_merge *merge);
void zset_merge_fini(struct zset_merge *merge);

#endif
