/* transaction: MULTI … EXEC: several commands at one instant; WATCH: if nobody has changed what they build on. */
#include "coatcheck/engine/transaction.h"

#include "coatcheck/commands/table.h"

static void cmd_multi(struct call *call)
{
    if (session_set(call->session, SESSION_MULTI) & SESSION_MULTI) {
        reply_errorf(call->reply, "ERR MULTI calls can not be nested");
    } else {
        reply_ok(call->reply);
    }
}

static void cmd_discard(struct call *call)
{
    if (!(session_flags(call->session) & SESSION_MULTI)) {
        reply_errorf(call->reply, "ERR DISCARD without MULTI");
        return;
    }
    transaction_end(call->session);
    reply_ok(call->reply);
}

static void cmd_watch(struct call *call)
{
    if (session_flags(call->session) & SESSION_MULTI) {
        reply_errorf(call->reply, "ERR WATCH inside MULTI is not allowed");
    } else if (call_ok(call, transaction_watch(call))) {
        reply_ok(call->reply);
    }
}

static void cmd_unwatch(struct call *call)
{
    transaction_unwatch(call->session);
    reply_ok(call->reply);
}

#define OF_TRANSACTIONS (COMMAND_NOSCRIPT | COMMAND_LOADING | COMMAND_STALE)
#define AT_ONCE (OF_TRANSACTIONS | COMMAND_FAST | COMMAND_ALLOW_BUSY)

static const struct command_row rows[] = {
    {.name = "multi",
     .run = cmd_multi,
     .arity = 1,
     .flags = AT_ONCE | COMMAND_IN_MULTI,
     .since = "1.2.0",
     .cost = "O(1)",
     .syntax = "",
     .summary = "Begins a transaction: commands are queued until EXEC or DISCARD."},
    {.name = "exec",
     .run = transaction_exec,
     .arity = 1,
     .flags = OF_TRANSACTIONS | COMMAND_SKIP_SLOWLOG | COMMAND_IN_MULTI | COMMAND_ENDS_MULTI | COMMAND_EXECUTES,
     .since = "1.2.0",
     .cost = "that of the queued commands",
     .syntax = "",
     .summary = "Runs the queued commands at one instant, unless a watched key was changed."},
    {.name = "discard",
     .run = cmd_discard,
     .arity = 1,
     .flags = AT_ONCE | COMMAND_IN_MULTI | COMMAND_ENDS_MULTI,
     .since = "2.0.0",
     .cost = "O(N) where N is the number of queued commands",
     .syntax = "",
     .summary = "Forgets the queued commands and the watched keys."},
    {.name = "watch",
     .run = cmd_watch,
     .arity = -2,
     .flags = AT_ONCE | COMMAND_IN_MULTI,
     .keys = KEYS_ALL,
     .access = KEY_RO,
     .since = "2.2.0",
     .cost = "O(1) for every key",
     .syntax = "key [key ...]",
     .summary = "Lets the next EXEC do nothing if one of the keys was changed by then."},
    {.name = "unwatch",
     .run = cmd_unwatch,
     .arity = 1,
     .flags = AT_ONCE,
     .since = "2.2.0",
     .cost = "O(N) where N is the number of watched keys",
     .syntax = "",
     .summary = "Forgets the watched keys."},
};

const struct command_family transaction_commands = COMMAND_FAMILY("transactions", rows);
