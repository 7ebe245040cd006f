/* persistence: saving, which is not there yet. An OK here would cost somebody his data. */
#include "coatcheck/commands/absent.h"
#include "coatcheck/commands/table.h"

static void cmd_save(struct call *call)
{
    reply_absent(call, "data is kept in memory only");
}

static void cmd_bgsave(struct call *call)
{
    if (call_argc(call) > 2 || (call_argc(call) == 2 && !call_arg_is(call, 1, "schedule"))) {
        call_syntax_error(call);
    } else {
        cmd_save(call);
    }
}

#define SAVE_FLAGS (COMMAND_ADMIN | COMMAND_NOSCRIPT | COMMAND_NO_ASYNC_LOADING)

static const struct command_row rows[] = {
    {.name = "save",
     .run = cmd_save,
     .arity = 1,
     .flags = SAVE_FLAGS | COMMAND_NO_MULTI,
     .since = "1.0.0",
     .cost = "O(1)",
     .syntax = "",
     .summary = "Answers an error: nothing can be saved yet."},
    {.name = "bgsave",
     .run = cmd_bgsave,
     .arity = -1,
     .flags = SAVE_FLAGS,
     .since = "1.0.0",
     .cost = "O(1)",
     .syntax = "[SCHEDULE]",
     .summary = "Answers an error: nothing can be saved yet.",
     .history = "3.2.2: Added the `SCHEDULE` option."},
    {.name = "bgrewriteaof",
     .run = cmd_save,
     .arity = 1,
     .flags = SAVE_FLAGS,
     .since = "1.0.0",
     .cost = "O(1)",
     .syntax = "",
     .summary = "Answers an error: there is no append-only file yet."},
    {.name = "lastsave",
     .run = cmd_save,
     .arity = 1,
     .flags =
         COMMAND_LOADING | COMMAND_STALE | COMMAND_FAST | COMMAND_ADMINISTERS | COMMAND_DANGEROUS,
     .since = "1.0.0",
     .cost = "O(1)",
     .syntax = "",
     .summary = "Answers an error: nothing was ever saved.",
     .tips = "nondeterministic_output"},
};

const struct command_family persistence_commands = COMMAND_FAMILY("server", rows);
