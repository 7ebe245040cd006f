/* zset_merge: several sorted sets made into one: all members, those that are everywhere, those that
 * are only in the first. The sources do not change meanwhile, and the result's members are slices
 * of theirs. Sets are sources too: their members have the score 1. */
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

struct zset_merge {
    enum zset_merging merging;
    enum zset_aggregate aggregate;
    struct zset_source *sources; /* put in order by the merge */
    unsigned source_count;
};

struct zset_scored {
    struct bytes member;
    double score;
};

/* In the order of a sorted set. */
struct zset_merged {
    struct zset_scored *of; /* owned */
    size_t count, room;
};

enum status zset_merge_run(struct zset_merge *merge, struct zset_merged *merged);
void zset_merged_fini(struct zset_merged *merged);

/* How many members are in all sources, counted up to `limit`; 0 counts all. */
uint64_t zset_merge_count(struct zset_merge *merge, uint64_t limit);

#endif
