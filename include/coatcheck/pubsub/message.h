/* message: what somebody has published, in the form in which clients get it: one block, made once by its publisher,
 * shared by all workers that deliver it, never changed. */
#ifndef COATCHECK_PUBSUB_MESSAGE_H
#define COATCHECK_PUBSUB_MESSAGE_H

#include <stdatomic.h>
#include "coatcheck/base/text.h"
#include "coatcheck/pubsub/channel.h"

/*  frame:  *3\r\n $7\r\nmessage\r\n  $2\r\nch\r\n  $5\r\nhello\r\n        what RESP2 listeners of the channel get
 *          |-------- head --------|------------ tail ------------|       and those of a pattern, behind another head */
struct message {
    _Atomic uint32_t refs;
    uint8_t kind; /* CHANNEL_PLAIN or CHANNEL_SHARD */
    uint8_t head;
    size_t channel_at, channel_len, len;
    char frame[];
};

/* With `refs` references. NULL: no memory. */
struct message *message_new(enum channel_kind kind, struct bytes channel, struct bytes payload, uint32_t refs);
void message_release(struct message *message);

static inline struct bytes message_channel(const struct message *message)
{
    return bytes_of(message->frame + message->channel_at, message->channel_len);
}
static inline struct bytes message_tail(const struct message *message)
{
    return bytes_of(message->frame + message->head, message->len - message->head);
}

/* What stands before the tail, for a session that speaks RESP 2 or 3 and listens to the channel itself; static. */
struct bytes message_head(const struct message *message, unsigned resp);

/* For one that listens by a pattern. */
void message_add_pattern_head(struct bytes pattern, unsigned resp, struct text *into);

#endif
