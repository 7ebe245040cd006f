/* set_combine_internal: what is combined by SUNION and its like, for the two ways it is done: at once, or in slices. */
#ifndef COATCHECK_SET_COMBINE_INTERNAL_H
#define COATCHECK_SET_COMBINE_INTERNAL_H

#include "coatcheck/commands/set.h"
#include "coatcheck/commands/set_merge.h"

/* Sources that need no memory of their own to be listed. */
#define SET_FEW 16

/* How the result is used. */
enum set_combine_use { SET_ANSWERED, SET_STORED, SET_COUNTED };

struct set_combination {
    struct set_merge merge;
    enum set_combine_use use;
    unsigned tries; /* to do it in slices, before this one */
    const struct set *few[SET_FEW];
};
void set_combination_fini(struct set_combination *combination);

/* All words have been read: the keys behind a target's are the sources. Those that were looked at in an earlier try are not
 * counted again. */
void set_combination_run(struct call *call, enum set_merging merging, enum set_combine_use use, uint64_t limit,
                         unsigned tries);

/* Puts the result in its place, and answers. */
void set_combination_store(struct call *call, struct set_combination *combination);

/* ---- set_combine_slices ---- */

/* Is it so much that it has to wait until others are done? Then it is postponed, or answered. */
bool set_combination_waits(struct call *call, enum set_merging merging, enum set_combine_use use);

/* Is it so much that it is to be done in slices, and may it be? */
bool set_combination_is_much(struct call *call, const struct set_combination *combination);

/* Takes what the combination holds, and begins; or answers. */
void set_combination_begin_slices(struct call *call, struct set_combination *combination);

#endif
