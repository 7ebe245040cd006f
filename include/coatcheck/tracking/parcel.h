/* parcel: what a worker has to tell the trackers of others, and its own, in the order in which it happened: collected
 * while commands run, sent off in one mail a worker before their replies, opened between two turns.
 * What cannot be written down, for want of memory, is lost, and the lane is told so: its trackers are told then that
 * anything may have changed. */
#ifndef COATCHECK_TRACKING_PARCEL_H
#define COATCHECK_TRACKING_PARCEL_H

#include "coatcheck/tracking/tracker.h"

enum news_kind {
    NEWS_KEY,    /* a key was changed that `count` trackers have read: its name, and behind it their items */
    NEWS_KEYS,   /* `count` keys were changed, for whom it may concern: struct changed_key one behind the other, by name */
    NEWS_ALL,    /* any key may have been changed; `who` has been told already */
    NEWS_FORWARD /* for the receiver `who`, a reference: what stands behind the head of an invalidation */
};

/*  | kind 4 | count 4 | len 8 | size 8 | who 8 | len bytes, then up to the next multiple of 8 | items |     size: of all */
struct news {
    uint32_t kind, count;
    uint64_t len, size;
    uintptr_t who;
    char at[];
};

struct changed_key {
    tracker_item who; /* alone has changed it; 0: several, or nobody who tracks */
    uint64_t len;
    char name[]; /* up to a multiple of 8 */
};

#define PARCEL_PAD(len) (((uint64_t)(len) + 7) & ~(uint64_t)7)

static inline const tracker_item *news_items(const struct news *news)
{
    return (const tracker_item *)(news->at + PARCEL_PAD(news->len));
}

/* Any place of a worker's thread: news to that lane (its own too) with room for `len` bytes, for the caller to fill before
 * he adds anything else. NULL: no memory; the lane has lost something. */
struct news *parcel_add(unsigned lane, enum news_kind kind, uintptr_t who, uint64_t len);

/* As parcel_add: the key was changed, and this tracker has read it. Calls for one change follow each other, with nothing
 * between them; the first of them says so. */
void parcel_add_reader(bool is_first, struct bytes key, tracker_item item);

/* Outside of shards: off with it. */
void parcels_send_off(void);

/* Between two turns: `tell` is called with all news that have come, in order, for about `budget_us`; before that `lost`
 * if something was. True: that was all. */
bool parcels_open(int64_t budget_us, void (*tell)(const struct news *news), void (*lost)(void));

/* The worker's thread ends. */
void parcels_stop(void);

#endif
