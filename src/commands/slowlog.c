/* slowlog: the slow log, told to clients. */
#include "coatcheck/engine/slowlog.h"

#include "coatcheck/base/mem.h"
#include "coatcheck/commands/subcommand.h"
#include "coatcheck/commands/table.h"

static void reply_slow_entry(struct reply *reply, const struct slow_entry *entry)
{
    reply_array(reply, 6);
    reply_int(reply, (int64_t)entry->id);
    reply_int(reply, entry->at_s);
    reply_int(reply, entry->us);
    reply_array(reply, entry->count);
    for (unsigned i = 0; i < entry->count; i++) reply_bulk(reply, entry->words[i]);
    reply_bulk(reply, entry->peer);
    reply_bulk(reply, entry->name);
}

static void cmd_slowlog_get(struct call *call)
{
    const struct slow_entry **entries;
    int64_t wanted = 10;
    size_t count = slowlog_len();

    if (call_argc(call) > 3) {
        subcommand_error(call);
        return;
    }
    if (call_argc(call) == 3 &&
        !call_read_int_between(call, 2, -1, INT64_MAX, &wanted,
                               "count should be greater than or equal to -1")) {
        return;
    }
    if (wanted >= 0 && (size_t)wanted < count) count = (size_t)wanted;
    entries = mem_alloc(count * sizeof(*entries));
    if (!call_ok(call, entries ? OK : NO_MEMORY)) return;
    count = slowlog_hold(entries, count);
    reply_array(call->reply, count);
    for (size_t i = 0; i < count; i++) reply_slow_entry(call->reply, entries[i]);
    slowlog_release(entries, count);
    mem_free((void *)entries);
}

static void cmd_slowlog_len(struct call *call)
{
    reply_int(call->reply, (int64_t)slowlog_len());
}

static void cmd_slowlog_reset(struct call *call)
{
    slowlog_reset();
    reply_ok(call->reply);
}

static void cmd_slowlog_help(struct call *call)
{
    static const char *const lines[] = {
        "GET [<count>]",
        "    Return the latest entries, 10 unless told, all for -1. Each is: a number of its own, "
        "when (seconds",
        "    since 1970), how long (microseconds), the words, the client's address, the client's "
        "name.",
        "LEN",
        "    Return how many entries there are.",
        "RESET",
        "    Forget all entries.",
        NULL,
    };

    call_reply_help(call, lines);
}

#define SLOWLOG_FLAGS (COMMAND_ADMIN | COMMAND_LOADING | COMMAND_STALE)

static const struct command_row subs[] = {
    {.name = "get",
     .run = cmd_slowlog_get,
     .arity = -2,
     .flags = SLOWLOG_FLAGS,
     .since = "2.2.12",
     .cost = "O(N) where N is the number of entries returned",
     .syntax = "[count]",
     .summary = "Returns the latest entries of the slow log.",
     .tips = "request_policy:all_nodes nondeterministic_output",
     .history = "4.0.0: Added client IP address, port and name to the reply."},
    {.name = "len",
     .run = cmd_slowlog_len,
     .arity = 2,
     .flags = SLOWLOG_FLAGS,
     .since = "2.2.12",
     .cost = "O(1)",
     .syntax = "",
     .summary = "Returns how many entries the slow log has.",
     .tips = "request_policy:all_nodes response_policy:agg_sum nondeterministic_output"},
    {.name = "reset",
     .run = cmd_slowlog_reset,
     .arity = 2,
     .flags = SLOWLOG_FLAGS,
     .since = "2.2.12",
     .cost = "O(N) where N is the number of entries",
     .syntax = "",
     .summary = "Forgets all entries of the slow log.",
     .tips = "request_policy:all_nodes response_policy:all_succeeded"},
    {.name = "help",
     .run = cmd_slowlog_help,
     .arity = 2,
     .flags = COMMAND_LOADING | COMMAND_STALE,
     .since = "6.2.0",
     .cost = "O(1)",
     .syntax = "",
     .summary = "Tells what SLOWLOG can do."},
    {0},
};

static const struct command_row rows[] = {
    {.name = "slowlog",
     .arity = -2,
     .since = "2.2.12",
     .cost = "Depends on subcommand.",
     .syntax = "",
     .summary = "The commands that took longest.",
     .subs = subs},
};

const struct command_family slowlog_commands = COMMAND_FAMILY("server", rows);
