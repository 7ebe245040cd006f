/* zset_combine_internal: what is combined by ZUNION and its like, for the two ways it is done: at once, or in slices. */
#ifndef COATCHECK_ZSET_COMBINE_INTERNAL_H
#define COATCHECK_ZSET_COMBINE_INTERNAL_H

#include "coatcheck/commands/zset.h"
#include "coatcheck/commands/zset_merge.h"

/* Sources that need no memory of their own to be listed. */
#define COMBINE_FEW 16

/* How the result is used. */
enum zset_combine_use { COMBINE_ANSWERED, COMBINE_STORED, COMBINE_COUNTED };

struct zset_combination {
    struct zset_merge merge;
    enum zset_combine_use use;
    bool with_scores;
    unsigned tries; /* to do it in slices, before this one */
    struct zset_source few[COMBINE_FEW];
};
void zset_combination_fini(struct zset_combination *combination);

/* From its words on; keys that were looked at in an earlier try are not counted again. */
void zset_combination_run(struct call *call, enum zset_merging merging, enum zset_combine_use use, unsigned tries);

/* Puts the result in its place, and answers. Takes *zset. */
void zset_combination_store(struct call *call, const struct zset_combination *combination, struct zset **zset);

/* ---- zset_combine_slices ---- */

/* Is it so much that it has to wait until others are done? Then it is postponed, or answered. */
bool zset_combination_waits(struct call *call, enum zset_merging merging, enum zset_combine_use use);

/* Is it so much that it is to be done in slices, and may it be? Its words have been read. */
bool zset_combination_is_much(struct call *call, const struct zset_combination *combination);

/* Takes what the combination holds, and begins; or answers. */
void zset_combination_begin_slices(struct call *call, struct zset_combination *combination);

#endif
