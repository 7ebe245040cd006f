/* list: what the commands of lists share: the list at a key, elements as replies, and what LPOP,
 * LMPOP and LMOVE do, and those that wait until there is something to take. */
#ifndef COATCHECK_COMMANDS_LIST_H
#define COATCHECK_COMMANDS_LIST_H

#include "coatcheck/engine/call.h"
#include "coatcheck/values/list.h"

/* The list at key `k`; NULL: there is no such key. False: it holds another type, and that has been
 * answered. */
bool call_read_list(struct call *call, unsigned k, const struct list **list);
/* For writing commands. */
bool call_find_list(struct call *call, unsigned k, struct spot *spot, struct list **list);

/* Deletes a key whose list has become empty, and tells of it. */
void list_drop_if_empty(const struct key *key, struct spot *spot);

/* "LEFT" or "RIGHT" as word `i`. False: answered. */
bool call_read_list_end(struct call *call, unsigned i, enum list_end *end);

/* An element as a bulk reply: copied, or by reference when it is large. */
void reply_element(struct reply *reply, const struct list_walk *walk);
/* `count` elements from `at` on, as an array. */
void reply_elements(struct reply *reply, const struct list *list, uint64_t at, uint64_t count,
                    bool backwards);

/* Takes up to `count` elements from this end of the list at `spot`, outermost first, into the
 * reply: as an array, or (`alone`, count 1) as it is. The key is deleted with its last element.
 * Tells the change: "lpop" or "rpop", and "del". A reply that fails takes none: a client that
 * cannot be told changes nothing. The key's shard is entered; the spot is empty afterwards when the
 * key is. */
void list_pop(const struct key *key, struct spot *spot, enum list_end end, uint64_t count,
              bool alone, struct reply *reply);

/* What LMPOP and BLMPOP ask for. */
struct list_mpop {
    unsigned keys; /* how many are named */
    enum list_end end;
    int64_t count; /* at most so many elements, at least 1 */
};

/* Reads the words from the number of keys on, which is word `at`. False: answered. */
bool list_read_mpop(struct call *call, unsigned at, struct list_mpop *asked);

/* Their reply: the key's name, and the elements. As list_pop(). */
void list_mpop(const struct key *key, struct spot *spot, const struct list_mpop *asked,
               struct reply *reply);

/* Takes an element from one end of the list at `source`, puts it to one of the list `to`, which may
 * be the same, and replies it; WRONGTYPE where there is something else, and no memory. Tells of
 * both keys. Both shards are entered; the source's spot is empty afterwards when the key is. */
void list_move(const struct key *from, struct spot *source, enum list_end wherefrom,
               const struct key *to, enum list_end whereto, struct reply *reply);

#endif
