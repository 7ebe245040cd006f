/* within: deadlines of what a container holds: a group's hint stands for them as for those of its keys. */
#ifndef COATCHECK_WITHIN_INTERNAL_H
#define COATCHECK_WITHIN_INTERNAL_H

#include "hint_internal.h"
#include "spot_internal.h"

/* Elements that a reader or writer drops before it looks; a container of which more are due hides the others until
 * the sweep has been there. */
#define WITHIN_AT_ONCE 512

/* Of one that is not a string. */
int64_t container_soonest_ms(const struct entry *entry);

/* Never later than the first deadline within; NEVER: there is none. */
static inline int64_t entry_soonest_within(const struct entry *entry)
{
    return likely((entry->head & HEAD_TYPE) == VALUE_STRING) ? NEVER : container_soonest_ms(entry);
}

/* As that, and the deadline of its own. */
static inline int64_t entry_soonest_ms(const struct entry *entry)
{
    int64_t within_ms = entry_soonest_within(entry);
    int64_t deadline_ms = entry_has_deadline(entry) ? entry_deadline_read(entry) : NEVER;

    return within_ms < deadline_ms ? within_ms : deadline_ms;
}

/* Drops elements that are due, until *steps of work are done, with the news of it; a key of which nothing is left
 * goes: the spot is empty then. True: none is left that is due. */
bool within_expire(struct shard *shard, unsigned db, struct table *table, uint64_t hash, struct spot *spot,
                   int64_t now_ms, size_t *steps);

/* The same for a key that was found, as far as expired ones may be dropped. True: the key is gone. */
bool within_expire_found(const struct key *key, struct spot *spot);

/* Of most kinds no element can ever fall due. */
static inline bool within_is_gone(const struct key *key, struct spot *spot)
{
    unsigned type = spot->entry->head & HEAD_TYPE;

    return unlikely(type != VALUE_STRING) && value_kinds[type]->soonest_ms && within_expire_found(key, spot);
}

#endif
