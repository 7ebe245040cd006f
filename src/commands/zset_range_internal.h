/* zset_range_internal: a range of a sorted set that is to be stored, for the two ways it is done: at once, or in slices. */
#ifndef COATCHECK_ZSET_RANGE_INTERNAL_H
#define COATCHECK_ZSET_RANGE_INTERNAL_H

#include "coatcheck/commands/zset.h"

struct zset_part {
    const struct zset *zset; /* at key 1; NULL: there is none */
    uint64_t first, end;     /* in ranks */
    bool backwards, of_ranks;
    unsigned tries; /* to do it in slices, before this one */
};

/* ZRANGESTORE from its words on. A key that was looked at in an earlier try is not counted again. */
void zset_range_store(struct call *call, unsigned tries);

/* Empty, for a copy. In the order in which members would be answered they come to it, and only of ranks is their number
 * known beforehand: so it is in redis-server, and what is a small set meanwhile keeps no -0. NULL: no memory. */
struct zset *zset_part_new(const struct zset_part *part);

/* The part is not empty. */
void zset_part_walk(const struct zset_part *part, struct zset_walk *walk);

/* Puts the copy in its place, and answers. Takes *copy. */
void zset_part_store(struct call *call, const struct zset_part *part, struct zset **copy);

/* ---- zset_range_slices ---- */

/* Is it so much that it is to be done in slices, and may it be? */
bool zset_part_is_much(const struct call *call, const struct zset_part *part);

/* Begins, or answers. */
void zset_part_begin_slices(struct call *call, const struct zset_part *part);

#endif
