/* zset_large_internal: the large form and its verbs; each does what the one of zset.h does. */
#ifndef COATCHECK_ZSET_LARGE_INTERNAL_H
#define COATCHECK_ZSET_LARGE_INTERNAL_H

#include "coatcheck/structs/memberindex.h"
#include "coatcheck/structs/ranktree.h"
#include "zset_internal.h"

struct zset_large {
    struct memberindex index;
    struct ranktree tree;
    uint64_t version; /* base/version.h: another one after each change */
    bool is_packed; /* by the options it still is: OBJECT ENCODING says so */
};

struct compaction;

struct zset_large *zset_large_new(void);
bool zset_large_free_some(struct zset_large **large, size_t steps);
/* *moving may be elsewhere afterwards. True: it is through. */
bool zset_large_compact(struct zset_large **moving, struct compaction *compaction);
struct zset_large *zset_large_copy(const struct zset_large *large);
size_t zset_large_used_bytes(const struct zset_large *large);

void zset_large_prefetch(const struct zset_large *large, struct bytes member);
/* In steps, from 1 on: the group of the index, the leaf's place in the book, the leaf. */
bool zset_large_prefetch_some(const struct zset_large *large, struct bytes member, unsigned step,
                              uint64_t *memo);
bool zset_large_score(const struct zset_large *large, struct bytes member, double *score);
bool zset_large_rank(const struct zset_large *large, struct bytes member, uint64_t *rank,
                     double *score);
/* The member is not there. */
enum status zset_large_add(struct zset_large *large, struct bytes member, double score);
enum status zset_large_edit(struct zset_large *large, struct bytes member, struct zset_edit *edit,
                            enum zset_change *change);
bool zset_large_remove(struct zset_large *large, struct bytes member);
void zset_large_remove_range(struct zset_large *large, uint64_t first, uint64_t end,
                             void (*see)(void *context, struct bytes member, double score),
                             void *context);
uint64_t zset_large_scan(const struct zset_large *large, uint64_t cursor, uint64_t budget,
                         void (*see)(void *context, struct bytes member, double score),
                         void *context);
void zset_large_check(const struct zset_large *large);

#endif
