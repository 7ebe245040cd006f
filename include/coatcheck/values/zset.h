/* zset: a sorted set: members, each once, in the order of their scores and, where those are equal, of their
 * bytes. Small ones are one packed block; large ones a counted B+ tree whose leaves are such blocks, with a
 * hash index from member to leaf.
 * Ranks count from 0 at the lowest score. Scores are never NaN. Members are copied in, and handed out as
 * slices that live until the set changes. Callers have entered the shard of the set's key. */
#ifndef COATCHECK_VALUES_ZSET_H
#define COATCHECK_VALUES_ZSET_H

#include <stdbool.h>
#include <stdint.h>
#include "coatcheck/base/bytes.h"
#include "coatcheck/base/option.h"
#include "coatcheck/base/status.h"
#include "coatcheck/structs/scoreblock.h"

struct zset;

/* Empty. NULL: no memory. */
struct zset *zset_new(void);

/* Empty as well, to be filled with `count` members of at most `longest` bytes: where those make a large one, it is
 * one from the start. */
struct zset *zset_new_for(uint64_t count, size_t longest);

/* Frees all of it now; *zset is NULL afterwards. Those of keys are freed in slices, by their kind. */
void zset_free(struct zset **zset);

/* Frees some `steps` blocks of it; true once all is gone. The first call ends the set's use. */
bool zset_free_some(struct zset **zset, size_t steps);

uint64_t zset_count(const struct zset *zset);

/* Of a large one: while it is the same, all that was handed out of this set is still good (base/version.h). 0: it is a
 * small one, and nobody keeps account. */
uint64_t zset_version(const struct zset *zset);

/* False: there is no such member. */
bool zset_score(const struct zset *zset, struct bytes member, double *score);
bool zset_rank(const struct zset *zset, struct bytes member, uint64_t *rank, double *score);

/* A hint to the processor, for who will ask for several members: all their hints first, then the questions. */
void zset_prefetch(const struct zset *zset, struct bytes member);

enum zset_change { ZSET_SAME, ZSET_ADDED, ZSET_MOVED };

/* Adds the member or gives it another score. NO_MEMORY: nothing has changed. */
enum status zset_put(struct zset *zset, struct bytes member, double score, enum zset_change *change);

/* Members for an empty set all at once, TWINS_MOST at most; where the scores are -0 they are made 0. MALFORMED: two are the
 * same; TOO_BIG: it would not be a packed one, or they are not in order, so they are to be put one by one. Then, and for
 * want of memory, the set stays empty. */
enum status zset_fill(struct zset *zset, struct scoreitem *items, unsigned count);

/* What becomes of a member depends on the score it has: `decide` is called once with it (or with false and
 * 0), and leaves the new one in *score; false: leave everything as it is. One search for ZADD's conditions
 * and for ZINCRBY. */
struct zset_edit {
    bool (*decide)(struct zset_edit *edit, bool there, double *score);
};
enum status zset_edit(struct zset *zset, struct bytes member, struct zset_edit *edit, enum zset_change *change);

/* True: it was there. */
bool zset_remove(struct zset *zset, struct bytes member);

/* One end of a range. Of scores: `score`, all members at it included or not. Of members, which says something
 * only where all scores are equal: `member`, or before the first or after the last of all. */
enum zset_bound_kind { ZSET_BY_SCORE, ZSET_BY_MEMBER, ZSET_BEFORE_ALL, ZSET_AFTER_ALL };
struct zset_bound {
    enum zset_bound_kind kind;
    bool exclusive;
    double score;
    struct bytes member;
};

/* How many members come before the range that begins at `bound`; and how many come up to the end of the one
 * that ends there. So a range is first … end-1 in ranks, and empty when end <= first. */
uint64_t zset_rank_of_first(const struct zset *zset, const struct zset_bound *bound);
uint64_t zset_rank_of_end(const struct zset *zset, const struct zset_bound *bound);

/* A walk over neighbours, in either direction, from a rank on. The set must not change meanwhile. */
struct zset_walk {
    struct bytes member;
    double score;

    /* of values/ */
    const struct zset *zset;
    struct scorewalk next;
    struct ranknode *node;
    unsigned slot;
    bool backwards;
    bool over;
};
void zset_walk_from(struct zset_walk *walk, const struct zset *zset, uint64_t rank, bool backwards);
/* False: there are no more. */
bool zset_walk_next(struct zset_walk *walk);

/* Takes the members of ranks first … end-1 away; `see` (or NULL) gets each before it goes, lowest first. */
void zset_remove_range(struct zset *zset, uint64_t first, uint64_t end,
                       void (*see)(void *context, struct bytes member, double score), void *context);

/* ZSCAN: calls `see` with members from `cursor` (0 starts) on, some `budget` of them, and returns the cursor
 * to go on with, 0 at the end. A member that is there from the first call to the last is seen at least once,
 * whatever happens to the set meanwhile. */
uint64_t zset_scan(const struct zset *zset, uint64_t cursor, uint64_t budget,
                   void (*see)(void *context, struct bytes member, double score), void *context);

/* A small one is packed (OBJECT ENCODING "listpack"), a large one is not ("skiplist"). */
bool zset_is_packed(const struct zset *zset);

/* One that came packed is so still, however long its members are, if the options allow so many of them: as
 * redis-server judges what it restores. */
void zset_keep_packed(struct zset *zset);

/* Every invariant; must() tells which one broke. For tests. */
void zset_check(const struct zset *zset);

/* Registers the kind. At start. */
void zset_setup(void);

#define ZSET_OPTIONS(BOOL, INT, SIZE, WORD, TEXT)                                                  \
    INT(zset_max_listpack_entries, "zset-max-listpack-entries", 128, 0, INT64_MAX, OPTION_LIVE,    \
        "members up to which a sorted set is one packed block")                                    \
    SIZE(zset_max_listpack_value, "zset-max-listpack-value", 64, 0, INT64_MAX, OPTION_LIVE,        \
         "bytes of the longest member that a packed sorted set may hold")
OPTION_STRUCT(zset, ZSET_OPTIONS);

#endif
