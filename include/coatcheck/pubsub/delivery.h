/* delivery: how messages come from those who publish to those who listen.
 *
 * A publisher's worker finds the audience, makes one message, and puts a reference to it aside for each worker that
 * has listeners; between two turns, before the replies of the turn are sent, those go out in one mail a worker. The
 * listeners' worker takes its messages in order and hands them to its own sessions. So the messages of a publisher
 * come in their order, each once, and whoever has heard the reply of PUBLISH and then asks any worker finds the
 * message there before him.
 *
 * A message is for those who listened when it was published: a session that comes later, while it waits for its
 * delivery, does not get it, and one that goes gets what was waiting for it before it is told that it has gone
 * (delivery_catch_up). */
#ifndef COATCHECK_PUBSUB_DELIVERY_H
#define COATCHECK_PUBSUB_DELIVERY_H

#include "coatcheck/engine/gate.h"
#include "coatcheck/pubsub/message.h"

/* How much may wait for one worker before publishers have to wait themselves: in bytes, each receiver counted as
 * DELIVERY_COST of them. */
#define DELIVERY_MOST (8 * 1024 * 1024)
#define DELIVERY_COST 256

/* Any worker, inside shards too. Returns the number of receivers; -1: no memory, nobody gets it. */
int64_t delivery_publish(enum channel_kind kind, struct bytes channel, struct bytes payload);

/* A slice of it: others wait no longer. */
#define DELIVERY_SLICE_US 200

enum hand_out {
    HAND_OUT_JOIN, /* in the middle of things: what comes yet to the same listeners goes with it */
    HAND_OUT_SEND, /* the turn is over: the last of it is sent at once */
};

/* While nothing of a reply is written: hands out what has come to this worker, for about `budget_us`. True: all of
 * it. */
bool delivery_hand_out(int64_t budget_us, enum hand_out how);

/* This worker, outside of shards: sends off what was put aside for others. */
void delivery_send_off(void);

/* While the call's reply is being written: what waits for its session goes into the reply, before anything else. */
void delivery_catch_up(struct call *call);

/* Each worker between two turns: publishers that had to wait go on. Returns in how many microseconds to come
 * back. */
int64_t delivery_look_after(void);

/* The session ends: it waits no more. */
void delivery_forget(struct session *session);

/* What else one worker is on the way to tell another's clients waits beside the messages, and counts as they do: its
 * cost is owed to that lane by whoever sends it, any thread, and settled there once it is handed out. While
 * delivery_tell_writes is not 0, writes make such news: whoever writes waits too while delivery is behind. */
void delivery_owe(unsigned lane, uint64_t cost);
void delivery_settle(uint64_t cost);
extern _Atomic unsigned delivery_tell_writes;

/* Is there so much to deliver that nothing should be added to it without need? */
bool delivery_is_behind(void);

/* Who publishes waits while delivery is behind. */
enum gate_answer gate_delivery(struct call *call);

/* The worker's thread ends: what waits is dropped. */
void delivery_stop(void);

#define PUBSUB_METRICS(ROW)                                                                        \
    ROW(pubsub_clients, GAUGE, "clients that listen to a channel or a pattern")                    \
    ROW(pubsub_subscriptions, GAUGE, "channels, patterns and shard channels that clients listen to, each counted " \
        "for each client")                                                                         \
    ROW(messages_published, COUNTER, "messages that were published to somebody")                   \
    ROW(messages_delivered, COUNTER, "messages handed to clients, each counted for each receiver") \
    ROW(messages_waiting, GAUGE, "messages on their way to the clients of a worker")               \
    ROW(publish_waits, COUNTER, "times that a client had to wait with PUBLISH because delivery was behind") \
    ROW(keyspace_events, COUNTER, "events of keys that were published, see notify-keyspace-events")
METRIC_STRUCT(pubsub, PUBSUB_METRICS);

#endif
