/* delivery_internal: what the files of delivery share. */
#ifndef COATCHECK_DELIVERY_INTERNAL_H
#define COATCHECK_DELIVERY_INTERNAL_H

#include "coatcheck/net/worker.h"
#include "coatcheck/pubsub/delivery.h"

struct waiting {
    struct message *message;
    uint64_t cost;
};

/* Messages on their way to one worker: put aside by the publisher's, then a mail, then part of the inbox. */
struct batch {
    struct mail mail;
    struct batch *next; /* in the inbox */
    uint32_t at, count, room;
    struct waiting of[];
};

/* What has come for this worker. Messages have numbers, counted up as they come. */
struct inbox {
    struct batch *first, *last;
    struct batch *own;  /* the last one, when it is this worker's own messages and more of them may be added */
    uint64_t next, end; /* numbers: of the first one that waits, and of the one that will come next */
    uint64_t newest;    /* no session's `since` is later */
};
extern _Thread_local struct inbox inbox_here;

/* To all listeners of this worker, `count` messages of one channel. */
void handout_run(const struct waiting *run, uint32_t count, uint64_t number, enum hand_out how);

#endif
