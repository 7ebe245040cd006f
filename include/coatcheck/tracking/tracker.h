/* tracker: a session that has a cache of its own and is told which keys in it are no longer true (CLIENT TRACKING).
 * A worker has its trackers to itself. Others know them by their item, a number that tells the worker and is never
 * another tracker's: it stands in the tables of keys (remembered.h) and in the news that workers send each other
 * (parcel.h). A session keeps its tracker, once it has one, until it ends; whether it tracks, and how, stands in its
 * flags. */
#ifndef COATCHECK_TRACKING_TRACKER_H
#define COATCHECK_TRACKING_TRACKER_H

#include "coatcheck/base/metric.h"
#include "coatcheck/engine/session.h"
#include "coatcheck/tracking/receiver.h"

struct prefix;

/*  item: | generation 31 | slot 24 | lane 8 | 0 |      even and never 0, as a pointerset wants its members */
typedef uintptr_t tracker_item;

struct tracker {
    struct session *session;
    tracker_item item;
    struct receiver *receiver; /* who hears for it, a reference; NULL: it does */
    struct prefix **prefixes;  /* of BCAST, by name; owned are the array and a place in each */
    unsigned prefix_count;
};

/* What CLIENT TRACKING ON asks for. Zero is the default mode. */
struct tracker_wish {
    unsigned flags; /* of SESSION_TRACKS_ALL, _OPTIN, _OPTOUT, _NOLOOP */
    struct receiver *receiver;
    const struct bytes *prefixes; /* none with SESSION_TRACKS_ALL: all keys */
    unsigned prefix_count;
};

/* All of these: the session's own worker. */

/* NULL: it never tracked anything. */
static inline struct tracker *tracker_of(const struct session *session)
{
    return session->extras ? session->extras->tracker : NULL;
}
static inline unsigned tracker_item_lane(tracker_item item)
{
    return (unsigned)(item >> 1) & 255;
}

/* Begins to track, or goes on in another way; prefixes are added to those that it has. Takes the receiver, on OK only.
 * NO_MEMORY: nothing has changed but for some of the prefixes. */
enum status tracker_begin(struct session *session, const struct tracker_wish *wish);

/* Tracks nothing from now on. */
void tracker_end(struct session *session);

/* The session ends. */
void tracker_free(struct session *session);

/* This worker's tracker of that item; NULL: it is gone. */
struct tracker *tracker_find(tracker_item item);

/* Calls `see` with each session of this worker that tracks. */
void tracker_each(void (*see)(struct tracker *tracker, void *context), void *context);

/* Is it told of every key with one of its prefixes, or of those that it has read? */
static inline bool tracker_is_told_of_reads(const struct tracker *tracker)
{
    return (session_flags(tracker->session) & (SESSION_TRACKS | SESSION_TRACKS_ALL)) == SESSION_TRACKS;
}

/* Any thread: sessions of that lane that track; those of them with BCAST. */
uint32_t trackers_in(unsigned lane);
uint32_t trackers_of_all_in(unsigned lane);

/* Any thread: how many; are there any at all? One load each. */
uint32_t trackers_count(void);
bool trackers_exist(void);
bool trackers_of_all_exist(void);

/* The worker's thread ends, after its sessions. */
void trackers_stop(void);

#endif
