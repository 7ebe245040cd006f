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
    DISPATCH_WAITS, /* the request stays unread */
    DISPATCH_INTERRUPTED /* likewise, and it goes on in the next turn, or rests until it is resumed */
};

/* Finds the command (call->command stays NULL when there is none) and, when its row names one key only,
 * hashes that key and asks for the head of its shard. */
void dispatch_prepare(struct call *call);

/* Runs it; `ticks` is when it began, replaced by when it ended. */
enum dispatch_end dispatch_run(struct call *call, struct key_room *room, uint64_t *ticks);

/* A command of a transaction, whose shards are entered: runs and is counted; nothing is asked. */
void dispatch_run_within(struct call *call, uint64_t *ticks);

/* Whether one that took so many clock_ticks() is to be told to who looks for such, and telling it, outside of
 * shards. */
bool dispatch_is_slow(const struct command *command, uint64_t took);
void dispatch_tell_slow(struct call *call, uint64_t took);

/* turn.c: what this thread is at, for a crash report. */
extern _Thread_local const struct call *turn_at_work;

#endif
