/* receiver: a session that hears what others track (CLIENT TRACKING … REDIRECT). It may sit on any worker and end at any
 * time; those who redirect to it hold a reference, and see when it has gone. */
#ifndef COATCHECK_TRACKING_RECEIVER_H
#define COATCHECK_TRACKING_RECEIVER_H

#include <stdatomic.h>
#include "coatcheck/engine/session.h"

struct receiver {
    uint64_t id;             /* of the session */
    struct session *session; /* for its own worker only, and while it has not gone */
    unsigned lane;           /* its worker's */
    _Atomic bool gone;
    _Atomic uint32_t refs; /* one is its place among all receivers, while it has not gone */
    struct receiver *next; /* under the lock */
};

/* The session of that number, with a reference. NOT_FOUND: there is none. */
enum status receiver_find(uint64_t id, struct receiver **receiver);

void receiver_hold(struct receiver *receiver);
void receiver_release(struct receiver **receiver);

static inline bool receiver_is_gone(const struct receiver *receiver)
{
    return atomic_load_explicit(&receiver->gone, memory_order_acquire);
}

/* A session with SESSION_RECEIVES ends, on its own worker. */
void receiver_leave(struct session *session);

#endif
