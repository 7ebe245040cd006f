/* zset_bound: the words that say where a range of a sorted set begins and ends: ranks from either
 * side, scores "5", "(5", "-inf", members "[a", "(a", "-", "+". */
#ifndef COATCHECK_COMMANDS_ZSET_BOUND_H
#define COATCHECK_COMMANDS_ZSET_BOUND_H

#include "coatcheck/engine/call.h"
#include "coatcheck/values/zset.h"

enum zset_range_kind { ZSET_RANGE_OF_RANKS, ZSET_RANGE_OF_SCORES, ZSET_RANGE_OF_MEMBERS };

struct zset_range {
    enum zset_range_kind kind;
    int64_t start, stop;        /* ranks: both included, below 0 from the end */
    struct zset_bound min, max; /* the others */
};

/* Words `min` and `max` as a range of that kind. False: answered. Members stay the words' bytes. */
bool zset_range_read(struct call *call, enum zset_range_kind kind, unsigned min, unsigned max,
                     struct zset_range *range);

/* Which ranks those are in this set: *first … *end-1, counted from the lowest score, or with
 * `backwards`, which only ranks feel, from the highest. Returns how many; 0 for no set (NULL) as
 * well. */
uint64_t zset_range_find(const struct zset *zset, const struct zset_range *range, bool backwards,
                         uint64_t *first, uint64_t *end);

#endif
