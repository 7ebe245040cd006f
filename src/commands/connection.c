/* connection: is anybody there, which database, back to the beginning, goodbye. */
#include "coatcheck/commands/table.h"
#include "coatcheck/engine/options.h"

static void cmd_ping(struct call *call)
{
    if (call_argc(call) > 2) {
        call_arity_error(call);
    } else if (session_flags(call->session) & SESSION_LISTENS && call->reply->resp == 2) {
        reply_array(call->reply, 2);
        reply_bulk_text(call->reply, "pong");
        reply_bulk(call->reply, call_argc(call) == 2 ? call_arg(call, 1) : bytes_of("", 0));
    } else if (call_argc(call) == 2) {
        reply_bulk(call->reply, call_arg(call, 1));
    } else {
        reply_simple(call->reply, "PONG");
    }
}

static void cmd_echo(struct call *call)
{
    reply_bulk(call->reply, call_arg(call, 1));
}

static void cmd_select(struct call *call)
{
    int64_t db;

    if (!call_read_int(call, 1, &db)) return;
    if (db < INT32_MIN || db > INT32_MAX) {
        reply_errorf(call->reply, "ERR value is out of range, value must between %d and %d",
                     INT32_MIN, INT32_MAX);
        return;
    }
    if (db < 0 || db >= option_int(&engine_options.databases)) {
        reply_error(call->reply, ERR_DB_OUT_OF_RANGE);
        return;
    }
    atomic_store_explicit(&call->session->db, (uint8_t)db, memory_order_relaxed);
    reply_ok(call->reply);
}

static void cmd_reset(struct call *call)
{
    session_reset(call->session);
    call->reply->resp = 2;
    reply_simple(call->reply, "RESET");
}

static void cmd_quit(struct call *call)
{
    reply_ok(call->reply);
    session_host->close_after_reply(call->session);
}

#define ALWAYS                                                                                     \
    (COMMAND_NOSCRIPT | COMMAND_LOADING | COMMAND_STALE | COMMAND_FAST | COMMAND_NO_AUTH |         \
     COMMAND_ALLOW_BUSY)

static const struct command_row rows[] = {
    {.name = "ping",
     .run = cmd_ping,
     .arity = -1,
     .flags = COMMAND_FAST | COMMAND_CONNECTION,
     .since = "1.0.0",
     .cost = "O(1)",
     .syntax = "[message]",
     .tips = "request_policy:all_shards response_policy:all_succeeded",
     .summary = "Answers PONG, or the message: the server is there and has got this far."},
    {.name = "echo",
     .run = cmd_echo,
     .arity = 2,
     .flags = COMMAND_LOADING | COMMAND_STALE | COMMAND_FAST | COMMAND_CONNECTION,
     .since = "1.0.0",
     .cost = "O(1)",
     .syntax = "message",
     .summary = "Hands the message back."},
    {.name = "select",
     .run = cmd_select,
     .arity = 2,
     .flags = COMMAND_LOADING | COMMAND_STALE | COMMAND_FAST | COMMAND_CONNECTION,
     .since = "1.0.0",
     .cost = "O(1)",
     .syntax = "index",
     .summary = "Chooses the database of this connection."},
    {.name = "reset",
     .run = cmd_reset,
     .arity = 1,
     .flags = ALWAYS | COMMAND_CONNECTION | COMMAND_IN_MULTI | COMMAND_ENDS_MULTI,
     .since = "6.2.0",
     .cost = "O(1)",
     .syntax = "",
     .summary = "Brings the connection back to how it began: database 0, RESP2, no name."},
    {.name = "quit",
     .run = cmd_quit,
     .arity = -1,
     .flags = ALWAYS | COMMAND_CONNECTION | COMMAND_IN_MULTI | COMMAND_ENDS_MULTI,
     .since = "1.0.0",
     .cost = "O(1)",
     .syntax = "",
     .summary = "Closes the connection once its replies are sent."},
};

const struct command_family connection_commands = COMMAND_FAMILY("connection", rows);
