/* turn: what one worker executes at a time: requests of many sessions, read, their keys prefetched, run in
 * the order in which each session asked.
 * Up to TURN_BATCH commands are in flight: all are parsed, then the groups of their keys are prefetched, then the
 * entries, then they run. One turn for each worker, its thread only. */
#ifndef COATCHECK_ENGINE_TURN_H
#define COATCHECK_ENGINE_TURN_H

#include "coatcheck/base/outbox.h"
#include "coatcheck/engine/session.h"

#define TURN_BATCH 32

/* After so much execution the turn ends, so that one client's thousands delay the others by no more. */
#define TURN_BUDGET_US 200

struct turn;
struct keyspace;

/* What a session has sent, and what becomes of it. */
struct feed {
    struct session *session;
    struct bytes input;
    struct outbox *outbox;
    bool filled; /* the `direct` of last time is full */
    size_t unread_most; /* with so much in the outbox it produces no more */

    size_t used;         /* of the input */
    size_t wants;        /* 0, or the length of input below which coming back is of no use */
    bool later;          /* a command was interrupted; with `again`: others go first */
    bool again;          /* work is left that needs no more input */
    char *direct;        /* all input is used; the next direct_len bytes are to be read to here */
    size_t direct_len, direct_had; /* so many bytes before them came with the input */
    size_t keeps, keeps_beside; /* of a request that cannot run yet: bytes of a large word, and of all else */
    bool close;          /* close once `output` is sent */
    struct bytes output; /* in the area */
};

struct turn *turn_new(struct keyspace *keyspace);
void turn_free(struct turn **turn);

/* Serves the feeds in order. Replies go to `area`; when it runs low, `send` is called with a feed that is
 * done, in order, so that the area before the present feed is free again. */
void turn_run(struct turn *turn, struct feed *feeds, unsigned count, char *area, size_t area_room,
              void (*send)(void *context, unsigned feed), void *context);

/* The command at work on this thread, for a crash report; async-signal-safe. NULL: none. */
const struct call *turn_call_at_work(void);

#endif
