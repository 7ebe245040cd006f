/* pubsub: messages to whoever listens: SUBSCRIBE, PUBLISH, PUBSUB and their kin. */
#include "coatcheck/commands/subcommand.h"
#include "coatcheck/commands/table.h"
#include "coatcheck/pubsub/delivery.h"
#include "coatcheck/pubsub/subscriber.h"
#include "coatcheck/structs/glob.h"

/* ---- to listen, and to listen no more ---- */

static const struct {
    const char *join, *leave;
} words[CHANNEL_KINDS] = {
    [CHANNEL_PLAIN] = {"subscribe", "unsubscribe"},
    [CHANNEL_PATTERN] = {"psubscribe", "punsubscribe"},
    [CHANNEL_SHARD] = {"ssubscribe", "sunsubscribe"},
};

/* Of channels and patterns together, or of shard channels. */
static uint32_t count_like(const struct session *session, enum channel_kind kind)
{
    uint32_t counts[SESSION_SUBSCRIPTIONS];

    session_read_subscriptions(session, counts);
    return kind == CHANNEL_SHARD ? counts[CHANNEL_SHARD] : counts[CHANNEL_PLAIN] + counts[CHANNEL_PATTERN];
}

static void reply_news(struct call *call, const char *word, const struct bytes *name, uint32_t count)
{
    reply_push(call->reply, 3);
    reply_bulk_text(call->reply, word);
    if (name) {
        reply_bulk(call->reply, *name);
    } else {
        reply_null(call->reply);
    }
    reply_int(call->reply, count);
}

static void join(struct call *call, enum channel_kind kind)
{
    call->pushes = true;
    for (unsigned i = 1; i < call_argc(call); i++) {
        struct bytes name = call_arg(call, i);

        if (!subscriber_begin(call->session)) {
            reply_error(call->reply, ERR_NO_MEMORY);
            return;
        }
        delivery_catch_up(call);
        if (!call_ok(call, subscriber_join(call->session, kind, name))) return;
        reply_news(call, words[kind].join, &name, count_like(call->session, kind));
    }
}

struct leaving {
    struct call *call;
    enum channel_kind kind;
    uint32_t others; /* of the kind that is counted with this one */
};

static void tell_left(struct bytes name, uint32_t left, void *context)
{
    const struct leaving *leaving = context;

    reply_news(leaving->call, words[leaving->kind].leave, &name, left + leaving->others);
}

static void leave_all(struct call *call, enum channel_kind kind)
{
    uint32_t counts[SESSION_SUBSCRIPTIONS];
    struct leaving leaving = {.call = call, .kind = kind};

    session_read_subscriptions(call->session, counts);
    leaving.others = count_like(call->session, kind) - counts[kind];
    if (counts[kind] == 0) {
        reply_news(call, words[kind].leave, NULL, leaving.others);
    } else {
        subscriber_leave_all(call->session, kind, tell_left, &leaving);
    }
}

static void leave(struct call *call, enum channel_kind kind)
{
    call->pushes = true;
    delivery_catch_up(call);
    if (call_argc(call) == 1) {
        leave_all(call, kind);
        return;
    }
    for (unsigned i = 1; i < call_argc(call); i++) {
        struct bytes name = call_arg(call, i);

        subscriber_leave(call->session, kind, name);
        reply_news(call, words[kind].leave, &name, count_like(call->session, kind));
    }
}

static void cmd_subscribe(struct call *call)
{
    join(call, CHANNEL_PLAIN);
}

static void cmd_psubscribe(struct call *call)
{
    join(call, CHANNEL_PATTERN);
}

static void cmd_ssubscribe(struct call *call)
{
    if (call->may_not_block) {
        reply_errorf(call->reply, "ERR SSUBSCRIBE isn't allowed for a DENY BLOCKING client");
    } else {
        join(call, CHANNEL_SHARD);
    }
}

static void cmd_unsubscribe(struct call *call)
{
    leave(call, CHANNEL_PLAIN);
}

static void cmd_punsubscribe(struct call *call)
{
    leave(call, CHANNEL_PATTERN);
}

static void cmd_sunsubscribe(struct call *call)
{
    leave(call, CHANNEL_SHARD);
}

/* ---- to publish ---- */

static void publish(struct call *call, enum channel_kind kind)
{
    int64_t receivers = delivery_publish(kind, call_arg(call, 1), call_arg(call, 2));

    if (receivers < 0) {
        reply_error(call->reply, ERR_NO_MEMORY);
        return;
    }
    /* Whoever hears himself does so before he is told how many did. */
    if (session_flags(call->session) & SESSION_LISTENS) delivery_catch_up(call);
    reply_int(call->reply, receivers);
}

static void cmd_publish(struct call *call)
{
    publish(call, CHANNEL_PLAIN);
}

static void cmd_spublish(struct call *call)
{
    publish(call, CHANNEL_SHARD);
}

/* ---- PUBSUB ---- */

struct naming {
    struct reply *reply;
    const struct bytes *pattern; /* or NULL */
    size_t count;
};

static void see_name(struct bytes name, void *context)
{
    struct naming *naming = context;

    if (naming->pattern && !glob_match(*naming->pattern, name)) return;
    reply_bulk(naming->reply, name);
    naming->count++;
}

static void reply_names(struct call *call, enum channel_kind kind)
{
    struct bytes pattern = call_argc(call) == 3 ? call_arg(call, 2) : bytes_of("", 0);
    struct reply_nested nested;
    struct naming naming = {.reply = &nested.reply, .pattern = call_argc(call) == 3 ? &pattern : NULL};

    if (call_argc(call) > 3) {
        subcommand_error(call);
        return;
    }
    reply_nest(call->reply, &nested);
    channel_each_name(kind, see_name, &naming);
    reply_unnest(call->reply, &nested, reply_array, naming.count);
}

static void reply_counts(struct call *call, enum channel_kind kind)
{
    reply_array(call->reply, 2 * (size_t)(call_argc(call) - 2));
    for (unsigned i = 2; i < call_argc(call); i++) {
        reply_bulk(call->reply, call_arg(call, i));
        reply_int(call->reply, (int64_t)channel_listeners(kind, call_arg(call, i)));
    }
}

static void cmd_pubsub_channels(struct call *call)
{
    reply_names(call, CHANNEL_PLAIN);
}

static void cmd_pubsub_shardchannels(struct call *call)
{
    reply_names(call, CHANNEL_SHARD);
}

static void cmd_pubsub_numsub(struct call *call)
{
    reply_counts(call, CHANNEL_PLAIN);
}

static void cmd_pubsub_shardnumsub(struct call *call)
{
    reply_counts(call, CHANNEL_SHARD);
}

static void cmd_pubsub_numpat(struct call *call)
{
    reply_int(call->reply, (int64_t)channel_names(CHANNEL_PATTERN));
}

static void cmd_pubsub_help(struct call *call)
{
    static const char *const lines[] = {
        "CHANNELS [<pattern>]",
        "    Return the currently active channels matching a <pattern> (default: '*').",
        "NUMPAT",
        "    Return number of subscriptions to patterns.",
        "NUMSUB [<channel> ...]",
        "    Return the number of subscribers for the specified channels, excluding",
        "    pattern subscriptions(default: no channels).",
        "SHARDCHANNELS [<pattern>]",
        "    Return the currently active shard level channels matching a <pattern> (default: '*').",
        "SHARDNUMSUB [<shardchannel> ...]",
        "    Return the number of subscribers for the specified shard level channel(s)",
        NULL,
    };

    call_reply_help(call, lines);
}

/* ---- rows ---- */

#define TO_LISTEN (COMMAND_PUBSUB | COMMAND_NOSCRIPT | COMMAND_LOADING | COMMAND_STALE)
#define TO_ASK (COMMAND_PUBSUB | COMMAND_LOADING | COMMAND_STALE)

static const struct command_row pubsub_rows[] = {
    {.name = "channels",
     .run = cmd_pubsub_channels,
     .arity = -2,
     .flags = TO_ASK,
     .since = "2.8.0",
     .cost = "O(N) where N is the number of channels that somebody listens to",
     .syntax = "[pattern]",
     .summary = "Lists the channels that somebody listens to."},
    {.name = "numpat",
     .run = cmd_pubsub_numpat,
     .arity = 2,
     .flags = TO_ASK,
     .since = "2.8.0",
     .cost = "O(1)",
     .syntax = "",
     .summary = "Returns how many different patterns are listened to."},
    {.name = "numsub",
     .run = cmd_pubsub_numsub,
     .arity = -2,
     .flags = TO_ASK,
     .since = "2.8.0",
     .cost = "O(N) where N is the number of channels asked for",
     .syntax = "[channel [channel ...]]",
     .summary = "Returns how many clients listen to each of the channels."},
    {.name = "shardchannels",
     .run = cmd_pubsub_shardchannels,
     .arity = -2,
     .flags = TO_ASK,
     .since = "7.0.0",
     .cost = "O(N) where N is the number of shard channels that somebody listens to",
     .syntax = "[pattern]",
     .summary = "Lists the shard channels that somebody listens to."},
    {.name = "shardnumsub",
     .run = cmd_pubsub_shardnumsub,
     .arity = -2,
     .flags = TO_ASK,
     .since = "7.0.0",
     .cost = "O(N) where N is the number of shard channels asked for",
     .syntax = "[shardchannel [shardchannel ...]]",
     .summary = "Returns how many clients listen to each of the shard channels."},
    {.name = "help",
     .run = cmd_pubsub_help,
     .arity = 2,
     .flags = COMMAND_LOADING | COMMAND_STALE,
     .since = "6.2.0",
     .cost = "O(1)",
     .syntax = "",
     .summary = "Lists the subcommands."},
    {0},
};

static const struct command_row rows[] = {
    {.name = "subscribe",
     .channels = CHANNELS_ALL,
     .run = cmd_subscribe,
     .arity = -2,
     .flags = TO_LISTEN,
     .since = "2.0.0",
     .cost = "O(N) where N is the number of channels",
     .syntax = "channel [channel ...]",
     .summary = "Listens to the channels: their messages come from now on."},
    {.name = "unsubscribe",
     .run = cmd_unsubscribe,
     .arity = -1,
     .flags = TO_LISTEN,
     .since = "2.0.0",
     .cost = "O(N) where N is the number of channels",
     .syntax = "[channel [channel ...]]",
     .summary = "Listens to the channels no more, or to none of them."},
    {.name = "psubscribe",
     .channels = CHANNEL_PATTERNS,
     .run = cmd_psubscribe,
     .arity = -2,
     .flags = TO_LISTEN,
     .since = "2.0.0",
     .cost = "O(N) where N is the number of patterns",
     .syntax = "pattern [pattern ...]",
     .summary = "Listens to all channels whose names match one of the patterns."},
    {.name = "punsubscribe",
     .run = cmd_punsubscribe,
     .arity = -1,
     .flags = TO_LISTEN,
     .since = "2.0.0",
     .cost = "O(N) where N is the number of patterns",
     .syntax = "[pattern [pattern ...]]",
     .summary = "Listens by the patterns no more, or by none of them."},
    {.name = "ssubscribe",
     .channels = CHANNELS_ALL,
     .run = cmd_ssubscribe,
     .arity = -2,
     .flags = TO_LISTEN,
     .keys = KEYS_ALL,
     .access = KEY_NOT_KEY,
     .since = "7.0.0",
     .cost = "O(N) where N is the number of shard channels",
     .syntax = "shardchannel [shardchannel ...]",
     .summary = "Listens to the shard channels: their messages come from now on."},
    {.name = "sunsubscribe",
     .run = cmd_sunsubscribe,
     .arity = -1,
     .flags = TO_LISTEN,
     .keys = KEYS_ALL,
     .access = KEY_NOT_KEY,
     .since = "7.0.0",
     .cost = "O(N) where N is the number of shard channels",
     .syntax = "[shardchannel [shardchannel ...]]",
     .summary = "Listens to the shard channels no more, or to none of them."},
    {.name = "publish",
     .channels = CHANNEL_FIRST,
     .run = cmd_publish,
     .arity = 3,
     .flags = COMMAND_PUBSUB | COMMAND_LOADING | COMMAND_STALE | COMMAND_FAST,
     .since = "2.0.0",
     .cost = "O(N+M) where N is the number of listeners and M the number of patterns of all clients",
     .syntax = "channel message",
     .summary = "Sends a message to all who listen to the channel; returns how many they are."},
    {.name = "spublish",
     .channels = CHANNEL_FIRST,
     .run = cmd_spublish,
     .arity = 3,
     .flags = COMMAND_PUBSUB | COMMAND_LOADING | COMMAND_STALE | COMMAND_FAST,
     .keys = KEYS_ONE,
     .access = KEY_NOT_KEY,
     .since = "7.0.0",
     .cost = "O(N) where N is the number of listeners",
     .syntax = "shardchannel message",
     .summary = "Sends a message to all who listen to the shard channel; returns how many they are."},
    {.name = "pubsub",
     .arity = -2,
     .since = "2.8.0",
     .cost = "Depends on subcommand.",
     .syntax = "",
     .summary = "Tells who listens to what.",
     .subs = pubsub_rows},
};

const struct command_family pubsub_commands = COMMAND_FAMILY("pubsub", rows);
