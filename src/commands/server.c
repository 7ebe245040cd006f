/* server: the process that serves: its clock and its end. */
#include "coatcheck/commands/table.h"

static void cmd_time(struct call *call)
{
    int64_t now_us = clock_wall_us();

    reply_array(call->reply, 2);
    reply_bulk_int(call->reply, now_us / 1000000);
    reply_bulk_int(call->reply, now_us % 1000000);
}

static const struct command_row rows[] = {
    {.name = "time", .run = cmd_time, .arity = 1, .flags = COMMAND_LOADING | COMMAND_STALE | COMMAND_FAST,
     .since = "2.6.0", .cost = "O(1)", .syntax = "", .summary = "Returns the server's time in seconds and microseconds.",
     .tips = "nondeterministic_output"},
};

const struct command_family server_commands = COMMAND_FAMILY("server", rows);
