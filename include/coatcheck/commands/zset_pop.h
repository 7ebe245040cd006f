/* zset_pop: members taken from an end of a sorted set: what ZPOPMIN, ZPOPMAX and ZMPOP do, and what
 * those do that wait until there is something to take. */
#ifndef COATCHECK_COMMANDS_ZSET_POP_H
#define COATCHECK_COMMANDS_ZSET_POP_H

#include <stdint.h>
#include "coatcheck/engine/call.h"

enum zset_end { ZSET_LOWEST, ZSET_HIGHEST };

/* How the members are told: each followed by its score, as parts of an array that the caller has
 * begun; in an array of their own; or in an array of pairs. */
enum zset_pop_shape { ZSET_POP_BARE, ZSET_POP_FLAT, ZSET_POP_PAIRS };

/* Takes up to `count` members from this end of the sorted set at `spot`, outermost first, into the
 * reply. The key is deleted with its last member. Tells the change: "zpopmin" or "zpopmax", and
 * "del". Returns how many it took. A reply that fails takes none: a client that cannot be told
 * changes nothing. The key's shard is entered; the spot is empty afterwards when the key is. */
uint64_t zset_pop(const struct key *key, struct spot *spot, enum zset_end end, uint64_t count,
                  enum zset_pop_shape shape, struct reply *reply);

/* What ZMPOP and BZMPOP ask for. */
struct zset_mpop {
    unsigned keys; /* how many are named */
    enum zset_end end;
    int64_t count; /* at most so many members, at least 1 */
};

/* Reads the words from the number of keys on, which is word `at`. False: answered. */
bool zset_read_mpop(struct call *call, unsigned at, struct zset_mpop *asked);

/* Their reply: the key's name, and the members in pairs. As zset_pop(). */
uint64_t zset_mpop(const struct key *key, struct spot *spot, const struct zset_mpop *asked,
                   struct reply *reply);

#endif
