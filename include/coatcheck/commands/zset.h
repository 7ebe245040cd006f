/* zset: the sorted set at a key, as the commands of the family find it and leave it. */
#ifndef COATCHECK_COMMANDS_ZSET_H
#define COATCHECK_COMMANDS_ZSET_H

#include "coatcheck/engine/call.h"
#include "coatcheck/values/zset.h"

/* Of key `k`, for a command that reads: NULL when there is none. False: ERR_WRONGTYPE has been
 * answered. */
bool call_read_zset(struct call *call, unsigned k, const struct zset **zset);

/* For one that changes it. */
bool call_find_zset(struct call *call, unsigned k, struct spot *spot, struct zset **zset);

/* Members were taken out of the set at the spot, and news of that was told: a key whose set is
 * empty goes. */
void zset_drop_if_empty(const struct key *key, struct spot *spot);

/* Puts a new set, a result, in the place of whatever is at the key; an empty one deletes the key.
 * Takes *zset, always. Tells `event`, or "del". False: no memory, nothing has changed; answered. */
bool call_put_zset(struct call *call, const struct key *key, struct zset **zset, const char *event);

/* Words from `first` on, `each` of them for a member: what its score is made of, then the member.
 * read_score: from word `i` on; false: answered. */
struct zset_words {
    unsigned first, each;
    bool (*read_score)(struct call *call, unsigned i, double *score);
};

enum zset_add_flags {
    ZSET_ADD_NX = 1,
    ZSET_ADD_XX = 2,
    ZSET_ADD_GT = 4,
    ZSET_ADD_LT = 8,
    ZSET_ADD_CH = 16,
    ZSET_ADD_INCR = 32
};

/* ZADD, once its options have been looked at. Key 0 is the set's. */
void zset_add(struct call *call, unsigned flags, const struct zset_words *words);

/* A member and, `with_score`, its score: in RESP3 a pair, in RESP2 one after the other. */
void reply_member(struct reply *reply, struct bytes member, double score, bool with_score);
/* The head of an array of `count` of them. */
void reply_members(struct reply *reply, uint64_t count, bool with_scores);

#endif
