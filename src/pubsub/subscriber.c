#include "coatcheck/pubsub/subscriber.h"

#include "coatcheck/base/mem.h"
#include "coatcheck/base/must.h"
#include "coatcheck/pubsub/delivery.h"

_Static_assert(SESSION_SUBSCRIPTIONS == CHANNEL_KINDS, "a count for each kind");

static uint32_t count_of(const struct session *session, enum channel_kind kind)
{
    return atomic_load_explicit(&session->extras->subscriptions[kind], memory_order_relaxed);
}

static uint32_t count_all(const struct session *session)
{
    return count_of(session, CHANNEL_PLAIN) + count_of(session, CHANNEL_PATTERN) + count_of(session, CHANNEL_SHARD);
}

static void count_add(struct session *session, enum channel_kind kind, int amount)
{
    atomic_store_explicit(&session->extras->subscriptions[kind], count_of(session, kind) + (uint32_t)amount,
                          memory_order_relaxed);
    METRIC_ADD(pubsub, pubsub_subscriptions, amount);
}

static struct subscriber *subscriber_of(const struct session *session)
{
    return session->extras ? session->extras->subscriber : NULL;
}

bool subscriber_begin(struct session *session)
{
    struct session_extras *extras = session_need_extras(session);

    if (!extras) return false;
    if (!extras->subscriber) extras->subscriber = mem_alloc_zeroed(sizeof(struct subscriber));
    return extras->subscriber != NULL;
}

/* Whoever listens to nothing keeps nothing. */
static void rest(struct session *session)
{
    if (!subscriber_of(session) || count_all(session) > 0) return;
    mem_free(session->extras->subscriber);
    session->extras->subscriber = NULL;
    if (!(session_flags(session) & SESSION_LISTENS)) return;
    session_unset(session, SESSION_LISTENS);
    METRIC_ADD(pubsub, pubsub_clients, -1);
    if (!(session_flags(session) & SESSION_MONITOR)) session_host->set_class(session, SESSION_NORMAL);
}

enum status subscriber_join(struct session *session, enum channel_kind kind, struct bytes name)
{
    struct subscriber *subscriber = subscriber_of(session);
    struct channel *channel;
    enum status status;
    bool joined;

    status = channel_join(kind, name, session, &channel, &joined);
    if (status == OK && joined && !pointerset_add(&subscriber->channels[kind], channel)) {
        channel_leave(channel, session);
        status = NO_MEMORY;
    }
    if (status != OK) {
        rest(session);
        return status;
    }
    if (!joined) return OK;
    count_add(session, kind, 1);
    if (session_set(session, SESSION_LISTENS) & SESSION_LISTENS) return OK;
    METRIC_ADD(pubsub, pubsub_clients, 1);
    session_host->set_class(session, SESSION_SUBSCRIBER);
    return OK;
}

bool subscriber_leave(struct session *session, enum channel_kind kind, struct bytes name)
{
    struct subscriber *subscriber = subscriber_of(session);
    struct channel *channel = subscriber ? channel_find(kind, name) : NULL;

    if (!channel || !pointerset_remove(&subscriber->channels[kind], channel)) return false;
    channel_leave(channel, session);
    count_add(session, kind, -1);
    rest(session);
    return true;
}

void subscriber_leave_all(struct session *session, enum channel_kind kind,
                          void (*told)(struct bytes name, uint32_t left, void *context), void *context)
{
    struct subscriber *subscriber = subscriber_of(session);
    struct channel *channel;
    uint32_t at = 0;

    if (!subscriber) return;
    while ((channel = pointerset_next(&subscriber->channels[kind], &at))) {
        count_add(session, kind, -1);
        if (told) told(channel_name(channel), count_of(session, kind), context);
        channel_leave(channel, session);
    }
    pointerset_clear(&subscriber->channels[kind]);
    rest(session);
}

bool subscriber_every(const struct session *session,
                      bool (*holds)(enum channel_kind kind, struct bytes name, void *context), void *context)
{
    struct subscriber *subscriber = subscriber_of(session);

    for (unsigned kind = 0; subscriber && kind < CHANNEL_KINDS; kind++) {
        struct channel *channel;
        uint32_t at = 0;

        while ((channel = pointerset_next(&subscriber->channels[kind], &at))) {
            if (!holds((enum channel_kind)kind, channel_name(channel), context)) return false;
        }
    }
    return true;
}

void subscriber_end(struct session *session)
{
    for (enum channel_kind kind = CHANNEL_PLAIN; kind < CHANNEL_KINDS; kind++) {
        subscriber_leave_all(session, kind, NULL, NULL);
    }
}

enum gate_answer gate_subscriber(struct call *call)
{
    const struct command_row *row = call->command->row;

    if (likely(!(session_flags(call->session) & SESSION_LISTENS)) || session_resp(call->session) != 2) return GATE_PASS;
    /* SUBSCRIBE and its kin may not be scripted; PUBLISH may. */
    if (row->flags & COMMAND_PUBSUB && row->flags & COMMAND_NOSCRIPT) return GATE_PASS;
    if (!strcmp(row->name, "ping") || !strcmp(row->name, "quit") || !strcmp(row->name, "reset")) return GATE_PASS;
    reply_errorf(call->reply,
                 "ERR Can't execute '%s': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in "
                 "this context",
                 call->command->full_name);
    return GATE_REFUSED;
}
