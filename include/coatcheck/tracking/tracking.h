/* tracking: client-side caching: clients that keep values of keys themselves are told when those are no longer true
 * (CLIENT TRACKING). What is told to whom stands in remembered.h (keys that were read) and prefix.h (BCAST), how it gets
 * there in parcel.h, in which words in inform.h.
 *
 * Always: a client that was given a value while it tracked, and was not told that the key has changed, has the value that
 * the key has, but for news under way. News go off before the replies of who has made the change. What cannot be
 * remembered or told becomes "anything may have changed", the key's invalidation at once, or the connection's end. */
#ifndef COATCHECK_TRACKING_TRACKING_H
#define COATCHECK_TRACKING_TRACKING_H

#include "coatcheck/base/metric.h"
#include "coatcheck/base/option.h"

struct keyspace;
struct session;

/* Before any worker runs. */
void tracking_setup(struct keyspace *keyspace);

/* This worker, outside of shards: sends off what others are to be told; before any reply of those who made the changes. */
void tracking_send_off(void);

/* Between two turns of this worker: tells its clients what has come, for about `budget_us`. True: all of it. */
bool tracking_hand_out(int64_t budget_us);

/* Each worker between two turns: what the table holds too much, a slice of it. Returns in how many microseconds to come
 * back. */
int64_t tracking_look_after(void);

/* The session tracks no more; when it ends, nobody knows of it afterwards. The session's worker. */
void tracking_forget(struct session *session, bool ends);

/* The worker's thread ends, after its sessions. */
void tracking_stop(void);

#define TRACKING_METRICS(ROW)                                                                      \
    ROW(tracking_clients, GAUGE, "clients that are told when keys change which they may have in a cache") \
    ROW(tracking_total_keys, GAUGE, "keys of which is remembered who has read them")               \
    ROW(tracking_total_items, GAUGE, "of those keys, the clients that have read each")             \
    ROW(tracking_invalidations, COUNTER, "messages to clients that keys in their caches have changed") \
    ROW(tracking_evicted, COUNTER, "keys that clients were told to forget because of tracking-table-max-keys, or because " \
        "many of those who had read them are gone") \
    ROW(tracking_lost, COUNTER, "times that a worker's clients were told to forget everything for want of memory")
METRIC_STRUCT(tracking, TRACKING_METRICS);

#define TRACKING_OPTIONS(BOOL, INT, SIZE, WORD, TEXT)                                              \
    INT(tracking_table_max_keys, "tracking-table-max-keys", 1000000, 0, INT64_MAX, OPTION_LIVE,    \
        "keys of which is remembered which clients have read them; beyond, clients are told to forget some; 0 is no limit")
OPTION_STRUCT(tracking, TRACKING_OPTIONS);

#endif
