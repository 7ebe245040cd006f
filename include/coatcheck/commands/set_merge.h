/* set_merge: several sets made into one, all at once or a few members at a time. The sources do not change meanwhile. */
#ifndef COATCHECK_COMMANDS_SET_MERGE_H
#define COATCHECK_COMMANDS_SET_MERGE_H

#include "coatcheck/values/set.h"
#include "coatcheck/wire/reply.h"

enum set_merging { SET_INTERSECTION, SET_UNION, SET_DIFFERENCE };

/* The first fields are filled in, the others 0. */
struct set_merge {
    enum set_merging merging;
    const struct set **sources; /* NULL: empty; put in order by the merge */
    unsigned source_count;
    uint64_t limit;     /* members of an intersection; 0: none */
    struct reply *told; /* where members go for which no result is needed, or NULL: they are only counted */

    struct set *result; /* the caller's, who may have made it; or it is made where members cannot be told one by one */
    uint64_t count;     /* of members that were told or counted */
    size_t longest;     /* bytes of the longest of the result or told */

    /* of set_merge.c */
    enum { SET_SIFTS, SET_UNITES, SET_SUBTRACTS } doing;
    bool is_walking, is_done;
    unsigned at; /* the source that is walked through */
    struct set_walk walk;
};

/* NO_MEMORY: as below. */
enum status set_merge_begin(struct set_merge *merge);

/* As much as looking for `some` members takes, or a few more. *done: that was all. */
enum status set_merge_some(struct set_merge *merge, size_t some, bool *done);

/* All of it. */
enum status set_merge_run(struct set_merge *merge);

#endif
