/* remembered: which keys which trackers may have in their caches: for each shard a hash table of names, each with the
 * items of those who have read it since it was last changed. Databases are not told apart.
 * A table is its shard's: looked at and changed by whoever has entered that, so a read and its being remembered, a
 * change and its being told, are one. Items of trackers that are gone stay until the key changes or has to make room; more of them than there are trackers
 * make it do so. */
#ifndef COATCHECK_TRACKING_REMEMBERED_H
#define COATCHECK_TRACKING_REMEMBERED_H

#include "coatcheck/base/status.h"
#include "coatcheck/keyspace/key.h"
#include "coatcheck/structs/pointerset.h"
#include "coatcheck/tracking/tracker.h"

struct remembered {
    struct remembered *next;
    struct pointerset items; /* never empty */
    uint32_t hash, len;
    char name[];
};

static inline struct bytes remembered_name(const struct remembered *remembered)
{
    return bytes_of(remembered->name, remembered->len);
}
/* One after the other; 0 after the last. *at is 0 for the first. */
static inline tracker_item remembered_next(const struct remembered *remembered, uint32_t *at)
{
    return (tracker_item)pointerset_next(&remembered->items, at);
}

/* Inside the key's shard. NO_MEMORY, and TOO_BIG for a key that has `items_most` items: it is not remembered for this one. */
enum status remembered_add(const struct key *key, tracker_item item, uint64_t items_most);

/* Inside the key's shard: takes it out, for the caller to free. NULL: nobody has read it. */
struct remembered *remembered_take(const struct key *key);
void remembered_free(struct remembered **remembered);

/* Outside of shards: takes out any of them. NULL: there are none. */
struct remembered *remembered_take_any(struct keyspace *keyspace);

/* All shards are entered: forgets everything. What it took is given back in slices, by this thread. */
void remembered_forget_all(struct keyspace *keyspace);

/* False: there is more to give back than time. */
bool remembered_reclaim(uint64_t until_ticks);

/* Any thread: how many keys, in one load. */
uint64_t remembered_count(void);

/* The shard is entered: every invariant of its table. */
void remembered_check(const struct shard *shard);

#endif
