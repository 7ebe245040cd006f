/* set: the set at a key, as the commands of the family find it and leave it. */
#ifndef COATCHECK_COMMANDS_SET_H
#define COATCHECK_COMMANDS_SET_H

#include "coatcheck/engine/call.h"
#include "coatcheck/values/set.h"

/* Of key `k`, for a command that reads: NULL when there is none. False: ERR_WRONGTYPE has been answered. */
bool call_read_set(struct call *call, unsigned k, const struct set **set);

/* For one that changes it. */
bool call_find_set(struct call *call, unsigned k, struct spot *spot, struct set **set);

/* Members were taken out of the set at the spot, and news of that was told: a key whose set is empty goes. */
void set_drop_if_empty(const struct key *key, struct spot *spot);

/* Puts a new set, a result, in the place of whatever is at the key; an empty one deletes the key. Takes *set, always.
 * Tells `event`, or "del". False: no memory, nothing has changed; answered. */
bool call_put_set(struct call *call, const struct key *key, struct set **set, const char *event);

/* All members. */
void reply_members_of(struct reply *reply, const struct set *set);

/* Some members that a walk comes to, kept so that all of them can be hinted at before any is asked for. */
#define SET_BATCH 16
struct set_batch {
    struct bytes members[SET_BATCH];
    unsigned count;
    char digits[SET_BATCH][NUMBER_MAX_TEXT];
};
/* False: there are no more. */
bool set_batch_fill(struct set_batch *batch, struct set_walk *walk);

#endif
