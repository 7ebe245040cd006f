/* dump: values as bytes that another server takes, redis-server too, and back. */
#include "coatcheck/commands/deadline.h"
#include "coatcheck/commands/effect.h"
#include "coatcheck/commands/table.h"
#include "coatcheck/keyspace/change.h"
#include "coatcheck/persist/rdb.h"

/* ---- DUMP ---- */

struct reply_sink {
    struct sink sink;
    struct reply *reply;
};

static enum status write_to_reply(struct sink *sink, struct bytes bytes)
{
    struct reply *reply = ((struct reply_sink *)sink)->reply;

    reply_raw(reply, bytes);
    return reply->failed ? NO_MEMORY : OK;
}

static void cmd_dump(struct call *call)
{
    struct entry *entry = call_read(call, 0);
    struct reply_nested nested;
    struct reply_sink to = {.reply = &nested.reply};

    if (!entry) {
        reply_null(call->reply);
        return;
    }
    reply_nest(call->reply, &nested);
    sink_init(&to.sink, write_to_reply);
    rdb_write_dump(&to.sink, entry);
    reply_raw(&nested.reply, BYTES("\r\n"));
    reply_unnest(call->reply, &nested, reply_bulk_head, to.sink.bytes);
}

/* ---- RESTORE ---- */

struct restoring {
    bool replace, absolute;
    int64_t idle_seconds, frequency; /* -1: not told */
    int64_t deadline_ms;
    bool is_over; /* the deadline has passed */
};

/* Of redis-server's eight bits, which count some powers of ten, what is told of a key here (key_frequency): a new key
 * has 5 there. */
static int frequency_of(int64_t told)
{
    if (told < 0) return -1;
    return told <= 5 ? 0 : told < 10 ? 1 : told < 18 ? 2 : told < 142 ? 3 : 4;
}

/* False: answered. */
static bool read_options(struct call *call, struct restoring *restoring)
{
    *restoring = (struct restoring){.idle_seconds = -1, .frequency = -1, .deadline_ms = NEVER};
    for (unsigned i = 4; i < call_argc(call); i++) {
        bool more = i + 1 < call_argc(call);

        if (call_arg_is(call, i, "REPLACE")) {
            restoring->replace = true;
        } else if (call_arg_is(call, i, "ABSTTL")) {
            restoring->absolute = true;
        } else if (call_arg_is(call, i, "IDLETIME") && more && restoring->frequency < 0) {
            if (!call_read_int(call, ++i, &restoring->idle_seconds)) return false;
            if (restoring->idle_seconds < 0) {
                reply_errorf(call->reply, "ERR Invalid IDLETIME value, must be >= 0");
                return false;
            }
        } else if (call_arg_is(call, i, "FREQ") && more && restoring->idle_seconds < 0) {
            if (!call_read_int(call, ++i, &restoring->frequency)) return false;
            if (restoring->frequency < 0 || restoring->frequency > 255) {
                reply_errorf(call->reply, "ERR Invalid FREQ value, must be >= 0 and <= 255");
                return false;
            }
        } else {
            call_syntax_error(call);
            return false;
        }
    }
    return true;
}

/* False: answered. */
static bool read_deadline(struct call *call, struct restoring *restoring)
{
    int64_t ttl;

    if (!call_read_int(call, 2, &ttl)) return false;
    if (ttl < 0) {
        reply_errorf(call->reply, "ERR Invalid TTL value, must be >= 0");
        return false;
    }
    if (ttl == 0) return true;
    /* Later than can be told is over at once, for redis-server too. */
    if (!restoring->absolute && __builtin_add_overflow(ttl, clock_now_ms(), &ttl)) ttl = 1;
    restoring->deadline_ms = ttl == NEVER ? NEVER - 1 : ttl;
    restoring->is_over = deadline_is_over(restoring->deadline_ms);
    return true;
}

/* NULL: answered. */
static struct rdb_value *read_payload(struct call *call)
{
    struct rdb_value *value;
    struct source source;
    struct bytes payload;

    if (!rdb_open_dump(call_arg(call, 3), &payload)) {
        reply_errorf(call->reply, "ERR DUMP payload version or checksum are wrong");
        return NULL;
    }
    source_init(&source, payload);
    value = rdb_read_value(&source);
    if (value && source_left(&source) == 0) return value;
    rdb_value_free(&value);
    if (source.status == NO_MEMORY) {
        reply_error(call->reply, ERR_NO_MEMORY);
    } else {
        reply_errorf(call->reply, "ERR Bad data format");
    }
    return NULL;
}

/* With an absolute deadline, and whatever was there before. */
static void tell_restored(struct call *call, const struct restoring *restoring)
{
    const struct key *key = &call->keys[0];
    bool expires = restoring->deadline_ms != NEVER;
    char digits[NUMBER_MAX_TEXT];
    size_t len = number_print_int(digits, expires ? restoring->deadline_ms : 0);
    struct bytes words[] = {BYTES("RESTORE"), key->name, bytes_of(digits, len), call_arg(call, 3), BYTES("REPLACE"),
                            BYTES("ABSTTL")};

    effect_as(key, "restore", words, expires ? 6 : 5);
}

static void cmd_restore(struct call *call)
{
    const struct key *key = &call->keys[0];
    struct restoring restoring;
    struct rdb_value *value;
    struct spot spot;
    bool replaces;

    if (!read_options(call, &restoring)) return;
    if (key_find(key, &spot) && !restoring.replace) {
        reply_error(call->reply, ERR_BUSY_KEY);
        return;
    }
    if (!read_deadline(call, &restoring)) return;
    value = read_payload(call);
    if (!value) return;
    replaces = spot.entry != NULL;
    if (restoring.is_over || rdb_value_is_over(value)) {
        if (replaces) {
            key_remove(key, &spot, REMOVED_BY_CLIENT);
            effect_deleted(key);
        }
        reply_ok(call->reply);
    } else if (call_ok(call, rdb_value_put(value, key, &spot, restoring.deadline_ms))) {
        key_recall_use(key, &spot, frequency_of(restoring.frequency), restoring.idle_seconds);
        /* What was there counts as deleted first. */
        if (replaces && unlikely(change_anyone_asks_more)) change_publish_more(key->db, key->name, "new");
        tell_restored(call, &restoring);
        reply_ok(call->reply);
    }
    rdb_value_free(&value);
}

static const struct command_row rows[] = {
    {.name = "dump", .run = cmd_dump, .arity = 2, .flags = COMMAND_READ | COMMAND_KEYSPACE, .keys = KEYS_ONE,
     .access = KEY_RO | KEY_ACCESS, .since = "2.6.0",
     .cost = "O(N) where N is the number of bytes and elements of the value", .syntax = "key",
     .tips = "nondeterministic_output",
     .summary = "Answers the value at a key as bytes from which RESTORE makes it again, here or on redis-server."},
    {.name = "restore", .run = cmd_restore, .arity = -4,
     .flags = COMMAND_WRITE | COMMAND_DENYOOM | COMMAND_KEYSPACE | COMMAND_DANGEROUS, .keys = KEYS_ONE,
     .access = KEY_OW | KEY_UPDATE, .since = "2.6.0",
     .cost = "O(N) where N is the number of bytes and elements of the value; O(N*log(N)) for sorted sets",
     .syntax = "key ttl serialized-value [REPLACE] [ABSTTL] [IDLETIME seconds] [FREQ frequency]",
     .summary = "Makes a key of what DUMP has answered, here or on redis-server.",
     .history = "3.0.0: Added the `REPLACE` modifier.\n"
                "5.0.0: Added the `ABSTTL` modifier.\n"
                "5.0.0: Added the `IDLETIME` and `FREQ` options."},
};

const struct command_family dump_commands = COMMAND_FAMILY("generic", rows);
