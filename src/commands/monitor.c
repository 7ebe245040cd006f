/* monitor: MONITOR: see every command as it runs. */
#include "coatcheck/engine/monitor.h"

#include "coatcheck/commands/table.h"

static void cmd_monitor(struct call *call)
{
    if (call->may_not_block) {
        reply_errorf(call->reply, "ERR MONITOR isn't allowed for DENY BLOCKING client");
        return;
    }
    /* Asked twice: redis-server says nothing the second time. */
    if (session_flags(call->session) & SESSION_MONITOR) return;
    if (!call_ok(call, monitor_begin(call->session) ? OK : NO_MEMORY)) return;
    reply_ok(call->reply);
}

static const struct command_row rows[] = {
    {.name = "monitor",
     .run = cmd_monitor,
     .arity = 1,
     .flags = COMMAND_ADMIN | COMMAND_NOSCRIPT | COMMAND_LOADING | COMMAND_STALE,
     .since = "1.0.0",
     .cost = "O(1) for each command that is shown",
     .syntax = "",
     .summary = "Shows every command that any client runs, until RESET or QUIT."},
};

const struct command_family monitor_commands = COMMAND_FAMILY("server", rows);
