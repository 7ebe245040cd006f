/* connection: what a client says about itself and its connection. */
#include "coatcheck/commands/table.h"

static void cmd_ping(struct call *call)
{
    if (call_argc(call) > 2) {
        call_arity_error(call);
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

static void cmd_quit(struct call *call)
{
    reply_ok(call->reply);
    session_host->close_after_reply(call->session);
}

static const struct command_row rows[] = {
    {.name = "ping", .run = cmd_ping, .arity = -1, .flags = COMMAND_FAST | COMMAND_CONNECTION, .since = "1.0.0",
     .cost = "O(1)", .syntax = "[message]", .summary = "Returns the server's liveliness response."},
    {.name = "echo", .run = cmd_echo, .arity = 2, .flags = COMMAND_FAST | COMMAND_CONNECTION, .since = "1.0.0",
     .cost = "O(1)", .syntax = "message", .summary = "Returns the given string."},
    {.name = "quit", .run = cmd_quit, .arity = -1,
     .flags = COMMAND_FAST | COMMAND_CONNECTION | COMMAND_NO_AUTH | COMMAND_NOSCRIPT | COMMAND_LOADING |
              COMMAND_STALE | COMMAND_ALLOW_BUSY,
     .since = "1.0.0", .cost = "O(1)", .syntax = "", .summary = "Closes the connection."},
};

const struct command_family connection_commands = COMMAND_FAMILY("connection", rows);
