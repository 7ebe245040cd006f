/* subscriber: what one session listens to. The session's own worker. */
#ifndef COATCHECK_PUBSUB_SUBSCRIBER_H
#define COATCHECK_PUBSUB_SUBSCRIBER_H

#include "coatcheck/engine/gate.h"
#include "coatcheck/pubsub/channel.h"

struct subscriber {
    struct pointerset channels[CHANNEL_KINDS]; /* struct channel */
    uint64_t since; /* messages of its worker before this one are not for it, or it has them */
};

/* Before the first join of a command. False: no memory. */
bool subscriber_begin(struct session *session);

/* NO_MEMORY: nothing has changed. OK also when it listens to it already. */
enum status subscriber_join(struct session *session, enum channel_kind kind, struct bytes name);

/* False: it does not listen to it. */
bool subscriber_leave(struct session *session, enum channel_kind kind, struct bytes name);

/* Leaves all of a kind; `told` (or NULL) is called before with each name and how many of the kind are left then. */
void subscriber_leave_all(struct session *session, enum channel_kind kind,
                          void (*told)(struct bytes name, uint32_t left, void *context), void *context);

/* Is this true of everything that it listens to? Of nothing everything is. */
bool subscriber_every(const struct session *session,
                      bool (*holds)(enum channel_kind kind, struct bytes name, void *context), void *context);

/* Leaves everything and gives back what was kept for it: RESET, the end of the session. */
void subscriber_end(struct session *session);

/* With RESP2, who listens may do little else. */
enum gate_answer gate_subscriber(struct call *call);

#endif
