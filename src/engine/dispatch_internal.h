/* dispatch_internal: what turn.c and dispatch.c share: one call, found, gated, run and counted. */
#ifndef COATCHECK_ENGINE_DISPATCH_INTERNAL_H
#define COATCHECK_ENGINE_DISPATCH_INTERNAL_H

#include "coatcheck/engine/call.h"

/* Scratch for the keys of one command; grows, kept by the turn. */
struct key_room {
    struct key *keys;
    unsigned *places;
    unsigned room;
};

enum dispatch_end {
    DISPATCHED,
    DISPATCH_WAITS /* the request stays unread */
};

/* Finds the command (call->command stays NULL when there is none) and, when its row names one key only,
 * hashes that key and asks for its group. */
void dispatch_prepare(struct call *call);

/* Runs it; `ticks` is when it began, replaced by when it ended. */
enum dispatch_end dispatch_run(struct call *call, struct key_room *room, uint64_t *ticks);

#endif
