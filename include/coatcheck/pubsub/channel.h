/* channel: who listens to what: channels, patterns and shard channels, each with the sessions of one worker that
 * listen to it. All of them stand in one directory that any worker may look into; the sessions of a worker are
 * its own, and no other thread touches them.
 * Workers are told apart by their metric lane. The sessions here are nameless: what a session listens to is kept
 * by subscriber.h, how a message reaches it is delivery's. */
#ifndef COATCHECK_PUBSUB_CHANNEL_H
#define COATCHECK_PUBSUB_CHANNEL_H

#include "coatcheck/base/bytes.h"
#include "coatcheck/base/metric.h"
#include "coatcheck/base/status.h"
#include "coatcheck/structs/pointerset.h"

struct session;

enum channel_kind { CHANNEL_PLAIN, CHANNEL_PATTERN, CHANNEL_SHARD, CHANNEL_KINDS };

/* One name with the listeners of one worker. It lives as long as it has one. */
struct channel {
    struct channel *next;         /* in its bucket, under the lock */
    struct pointerset listeners;  /* sessions; changed by its worker under the lock, read by it without */
    uint32_t hash, len;
    uint8_t lane, kind;
    char name[];
};

static inline struct bytes channel_name(const struct channel *channel)
{
    return bytes_of(channel->name, channel->len);
}

/* The session's own worker. *channel is what it listens to now. NOT_FOUND … never; NO_MEMORY: nothing has changed.
 * *joined: it did not listen to it before. */
enum status channel_join(enum channel_kind kind, struct bytes name, struct session *session, struct channel **channel,
                         bool *joined);

/* Its worker; it listens to it. The channel may be gone afterwards. */
void channel_leave(struct channel *channel, struct session *session);

/* This worker's channel of that name, or NULL. */
struct channel *channel_find(enum channel_kind kind, struct bytes name);

/* Who is to get a message, by worker. */
struct audience {
    uint64_t total; /* receivers: a session counts once for its channel and once for each of its patterns */
    unsigned count;
    struct {
        unsigned lane;
        uint32_t receivers;
    } workers[METRIC_LANES];
};

/* Any thread. `kind` is CHANNEL_PLAIN, with all patterns that match the name, or CHANNEL_SHARD. */
void channel_audience(enum channel_kind kind, struct bytes name, struct audience *audience);

/* Calls `see` with each pattern of this worker that matches the name; those are not changed meanwhile. */
void channel_match(struct bytes name, void (*see)(struct channel *pattern, void *context), void *context);

/* Any thread: how many sessions listen to it by name, on all workers. */
uint64_t channel_listeners(enum channel_kind kind, struct bytes name);

/* Any thread: different names of that kind that somebody listens to. One load. */
uint64_t channel_names(enum channel_kind kind);

/* Any thread: each name once; what comes and goes meanwhile may be seen or not. `see` takes no locks. */
void channel_each_name(enum channel_kind kind, void (*see)(struct bytes name, void *context), void *context);

/* Every invariant that this worker may look at; must() tells which one broke. */
void channel_check(void);

#endif
