/* channel_internal: what the directory and its patterns share. */
#ifndef COATCHECK_CHANNEL_INTERNAL_H
#define COATCHECK_CHANNEL_INTERNAL_H

#include <stdatomic.h>
#include <stddef.h>
#include "coatcheck/pubsub/channel.h"

/* A channel of the kind CHANNEL_PATTERN, which stands in its worker's list besides. */
struct pattern {
    uint32_t at;                 /* its place in the list */
    uint32_t literal;            /* so many bytes at its front stand for themselves */
    _Atomic uint32_t receivers;  /* how many listeners, for other workers: they do not hold its part's lock */
    struct channel channel;
};

static inline struct pattern *pattern_of(struct channel *channel)
{
    return (struct pattern *)((char *)channel - offsetof(struct pattern, channel));
}

/* Its worker: in the list, out of it. False: no memory. */
bool pattern_list(struct pattern *pattern);
void pattern_unlist(struct pattern *pattern);

/* Its worker: the listeners have changed. */
void pattern_count(struct pattern *pattern);

/* Any thread: adds the receivers by patterns. */
void pattern_audience(struct bytes name, struct audience *audience);
void pattern_check(void);

void audience_add(struct audience *audience, unsigned lane, uint32_t receivers);

#endif
