/* handout: messages to the sessions of one worker that listen: the bytes are written once for all of them, and each
 * holds a reference until it has sent them. */
#include "coatcheck/base/mem.h"
#include "coatcheck/base/must.h"
#include "coatcheck/pubsub/subscriber.h"
#include "delivery_internal.h"

/* A message from this size on is not copied: what stands before it goes as a piece of its own. */
#define SHARED_FROM (16 * 1024)

/* Bytes that several sessions of one worker are sent; its thread only. */
struct piece {
    uint32_t refs;
    struct message *message; /* held: the tail goes after the bytes; or NULL */
    size_t len;
    char bytes[];
};

/* One list of listeners and what they get: by RESP version, made when somebody first needs it. */
struct handout {
    const struct waiting *run;
    uint32_t count;
    uint64_t number;
    enum hand_out how;
    struct channel *pattern; /* or NULL: they listen to the channel itself */
    struct piece *pieces[2];
};

static void piece_release(void *holder)
{
    struct piece *piece = holder;

    if (--piece->refs > 0) return;
    if (piece->message) message_release(piece->message);
    mem_free(piece);
}

static struct piece *piece_new(struct bytes head, const struct waiting *run, uint32_t count)
{
    struct message *first = run[0].message;
    bool shares = first->len >= SHARED_FROM;
    size_t len = head.len;
    struct piece *piece;
    char *at;

    if (!shares) {
        len = 0;
        for (uint32_t i = 0; i < count; i++) len += head.len + message_tail(run[i].message).len;
    }
    piece = mem_alloc(sizeof *piece + len);
    if (!piece) return NULL;
    *piece = (struct piece){.refs = 1, .len = len};
    at = piece->bytes;
    if (shares) {
        must(count == 1);
        memcpy(at, head.at, head.len);
        atomic_fetch_add_explicit(&first->refs, 1, memory_order_relaxed);
        piece->message = first;
        return piece;
    }
    for (uint32_t i = 0; i < count; i++) {
        struct bytes tail = message_tail(run[i].message);

        memcpy(at, head.at, head.len);
        memcpy(at + head.len, tail.at, tail.len);
        at += head.len + tail.len;
    }
    return piece;
}

static struct piece *piece_for(struct handout *handout, unsigned resp)
{
    struct piece **piece = &handout->pieces[resp == 3];
    struct text head = {0};

    if (likely(*piece != NULL)) return *piece;
    if (!handout->pattern) {
        *piece = piece_new(message_head(handout->run[0].message, resp), handout->run, handout->count);
        return *piece;
    }
    message_add_pattern_head(channel_name(handout->pattern), resp, &head);
    if (!text_failed(&head)) *piece = piece_new(text_bytes(&head), handout->run, handout->count);
    text_fini(&head);
    return *piece;
}

static bool push(struct session *session, struct piece *piece, struct bytes bytes, enum hand_out how)
{
    bool done;

    piece->refs++;
    if (how == HAND_OUT_SEND) {
        done = session_host->send_held(session, bytes, piece_release, piece);
    } else {
        done = session_host->push_held(session, bytes, piece_release, piece);
    }
    if (unlikely(!done)) piece->refs--;
    return done;
}

static bool push_all(struct session *session, struct piece *piece, enum hand_out how)
{
    struct bytes bytes = bytes_of(piece->bytes, piece->len);

    if (likely(!piece->message)) return push(session, piece, bytes, how);
    /* Head and tail in one call. */
    return push(session, piece, bytes, HAND_OUT_JOIN) &&
           push(session, piece, message_tail(piece->message), HAND_OUT_JOIN);
}

static void hand_to(struct handout *handout, struct session *session)
{
    struct piece *piece;

    if (unlikely(session_flags(session) & SESSION_CLOSING)) return;
    /* It came later, or has been given it already. */
    if (unlikely(handout->number < inbox_here.newest) &&
        handout->number < session->extras->subscriber->since) {
        return;
    }
    piece = piece_for(handout, (uint8_t)session_resp(session));
    /* A message that is left out would never be missed by whoever relies on it: rather no connection. */
    if (unlikely(!piece) || !push_all(session, piece, handout->how)) {
        session_host->close(session);
        return;
    }
    METRIC_ADD(pubsub, messages_delivered, handout->count);
}

static void hand_to_all(struct handout *handout, const struct pointerset *listeners)
{
    uint32_t at = 0;
    struct session *session;

    while ((session = pointerset_next(listeners, &at))) hand_to(handout, session);
    for (unsigned i = 0; i < 2; i++) {
        if (handout->pieces[i]) piece_release(handout->pieces[i]);
    }
}

static void hand_by_pattern(struct channel *pattern, void *context)
{
    struct handout handout = *(const struct handout *)context;

    handout.pattern = pattern;
    hand_to_all(&handout, &pattern->listeners);
}

void handout_run(const struct waiting *run, uint32_t count, uint64_t number, enum hand_out how)
{
    struct bytes name = message_channel(run[0].message);
    enum channel_kind kind = run[0].message->kind;
    bool look_at_patterns = kind == CHANNEL_PLAIN && channel_names(CHANNEL_PATTERN) > 0;
    struct handout handout = {.run = run, .count = count, .number = number, .how = how};
    struct channel *channel = channel_find(kind, name);

    /* Who hears it in several ways gets all of them in one call. */
    if (look_at_patterns) handout.how = HAND_OUT_JOIN;
    if (channel) {
        struct handout by_name = handout;

        hand_to_all(&by_name, &channel->listeners);
    }
    if (look_at_patterns) channel_match(name, hand_by_pattern, &handout);
}
