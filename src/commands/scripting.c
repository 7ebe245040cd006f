/* scripting: scripts and functions, which are not there yet. Nothing is stored, so flushing is
 * true, and so is that no script exists. */
#include "coatcheck/commands/absent.h"
#include "coatcheck/commands/subcommand.h"
#include "coatcheck/commands/table.h"

static void cmd_absent(struct call *call)
{
    reply_absent(call, "scripts cannot be run");
}

static void flush(struct call *call, const char *refusal)
{
    if (call_argc(call) == 2 ||
        (call_argc(call) == 3 && (call_arg_is(call, 2, "sync") || call_arg_is(call, 2, "async")))) {
        reply_ok(call->reply);
    } else {
        reply_errorf(call->reply, "ERR %s", refusal);
    }
}

static void cmd_script_flush(struct call *call)
{
    flush(call, "SCRIPT FLUSH only support SYNC|ASYNC option");
}

static void cmd_function_flush(struct call *call)
{
    if (call_argc(call) > 3) {
        subcommand_error(call);
        return;
    }
    flush(call, "FUNCTION FLUSH only supports SYNC|ASYNC option");
}

static void cmd_script_exists(struct call *call)
{
    reply_array(call->reply, call_argc(call) - 2);
    for (unsigned i = 2; i < call_argc(call); i++) reply_int(call->reply, 0);
}

static void cmd_script_help(struct call *call)
{
    static const char *const lines[] = {
        "EXISTS <sha1> [<sha1> ...]",
        "    Tell of each script whether it is stored: none is.",
        "FLUSH [ASYNC|SYNC]",
        "    Forget all scripts: there are none.",
        "DEBUG, KILL, LOAD",
        "    Not there yet.",
        NULL,
    };

    call_reply_help(call, lines);
}

static void cmd_function_help(struct call *call)
{
    static const char *const lines[] = {
        "FLUSH [ASYNC|SYNC]",
        "    Forget all libraries: there are none.",
        "DELETE, DUMP, KILL, LIST, LOAD, RESTORE, STATS",
        "    Not there yet.",
        NULL,
    };

    call_reply_help(call, lines);
}

/* ---- keys that would be theirs: for COMMAND GETKEYS, since proxies route by it ---- */

#define COUNTED_KEYS(access_, notes_)                                                              \
    {                                                                                              \
        {.access = access_,                                                                        \
         .index = 2,                                                                               \
         .counted = true,                                                                          \
         .number = 0,                                                                              \
         .first = 1,                                                                               \
         .step = 1,                                                                                \
         .notes = notes_},                                                                         \
        {                                                                                          \
            0                                                                                      \
        }                                                                                          \
    }
static const struct command_key_spec eval_keys[] =
    COUNTED_KEYS(KEY_RW | KEY_ACCESS | KEY_UPDATE,
                 "We cannot tell how the keys will be used so we assume the worst, RW and UPDATE");
static const struct command_key_spec eval_ro_keys[] =
    COUNTED_KEYS(KEY_RO | KEY_ACCESS,
                 "We cannot tell how the keys will be used so we assume the worst, RO and ACCESS");
static const struct command_key_spec evalsha_keys[] =
    COUNTED_KEYS(KEY_RW | KEY_ACCESS | KEY_UPDATE, NULL);
static const struct command_key_spec evalsha_ro_keys[] = COUNTED_KEYS(KEY_RO | KEY_ACCESS, NULL);

#define RUN_FLAGS                                                                                  \
    (COMMAND_NOSCRIPT | COMMAND_STALE | COMMAND_SKIP_MONITOR | COMMAND_NO_MANDATORY_KEYS |         \
     COMMAND_MOVABLE_KEYS)
#define RUN_ROW(name_, flags_, keys_, since_, syntax_)                                             \
    {                                                                                              \
        .name = name_, .run = cmd_absent, .arity = -3, .flags = flags_, .key_specs = keys_,        \
        .since = since_, .cost = "O(1)", .syntax = syntax_,                                        \
        .summary = "Answers an error: scripts cannot be run yet."                                  \
    }
#define ABSENT_SUB(name_, arity_, flags_, since_, syntax_, tips_)                                  \
    {                                                                                              \
        .name = name_, .run = cmd_absent, .arity = arity_, .flags = flags_, .since = since_,       \
        .cost = "O(1)", .syntax = syntax_,                                                         \
        .summary = "Answers an error: scripts cannot be run yet.", .tips = tips_                   \
    }
#define EVERYWHERE "request_policy:all_shards response_policy:all_succeeded"
#define SOMEWHERE "request_policy:all_shards response_policy:one_succeeded"

static const struct command_row script_subs[] = {
    {.name = "exists",
     .run = cmd_script_exists,
     .arity = -3,
     .flags = COMMAND_NOSCRIPT,
     .since = "2.6.0",
     .cost = "O(N) where N is the number of digests",
     .syntax = "sha1 [sha1 ...]",
     .summary = "Tells of each script whether it is stored: none is.",
     .tips = "request_policy:all_shards response_policy:agg_logical_and"},
    {.name = "flush",
     .run = cmd_script_flush,
     .arity = -2,
     .flags = COMMAND_NOSCRIPT,
     .since = "2.6.0",
     .cost = "O(1)",
     .syntax = "[ASYNC | SYNC]",
     .summary = "Forgets all scripts: there are none.",
     .tips = "request_policy:all_nodes response_policy:all_succeeded",
     .history = "6.2.0: Added the `ASYNC` and `SYNC` flushing mode modifiers."},
    ABSENT_SUB("load", 3, COMMAND_NOSCRIPT | COMMAND_STALE, "2.6.0", "script",
               "request_policy:all_nodes response_policy:all_succeeded"),
    ABSENT_SUB("kill", 2, COMMAND_NOSCRIPT | COMMAND_ALLOW_BUSY, "2.6.0", "", SOMEWHERE),
    ABSENT_SUB("debug", 3, COMMAND_NOSCRIPT, "3.2.0", "<YES | SYNC | NO>", NULL),
    {.name = "help",
     .run = cmd_script_help,
     .arity = 2,
     .flags = COMMAND_LOADING | COMMAND_STALE,
     .since = "5.0.0",
     .cost = "O(1)",
     .syntax = "",
     .summary = "Tells what SCRIPT can do."},
    {0},
};

static const struct command_row function_subs[] = {
    {.name = "flush",
     .run = cmd_function_flush,
     .arity = -2,
     .flags = COMMAND_WRITE | COMMAND_NOSCRIPT,
     .since = "7.0.0",
     .cost = "O(1)",
     .syntax = "[ASYNC | SYNC]",
     .summary = "Forgets all libraries: there are none.",
     .tips = EVERYWHERE},
    ABSENT_SUB("list", -2, COMMAND_NOSCRIPT, "7.0.0",
               "[LIBRARYNAME library-name-pattern] [WITHCODE]", "nondeterministic_output_order"),
    ABSENT_SUB("load", -3, COMMAND_WRITE | COMMAND_DENYOOM | COMMAND_NOSCRIPT, "7.0.0",
               "[REPLACE] function-code", EVERYWHERE),
    ABSENT_SUB("delete", 3, COMMAND_WRITE | COMMAND_NOSCRIPT, "7.0.0", "library-name", EVERYWHERE),
    ABSENT_SUB("dump", 2, COMMAND_NOSCRIPT, "7.0.0", "", NULL),
    ABSENT_SUB("restore", -3, COMMAND_WRITE | COMMAND_DENYOOM | COMMAND_NOSCRIPT, "7.0.0",
               "serialized-value [FLUSH | APPEND | REPLACE]", EVERYWHERE),
    ABSENT_SUB("kill", 2, COMMAND_NOSCRIPT | COMMAND_ALLOW_BUSY, "7.0.0", "", SOMEWHERE),
    ABSENT_SUB("stats", 2, COMMAND_NOSCRIPT | COMMAND_ALLOW_BUSY, "7.0.0", "",
               "nondeterministic_output request_policy:all_shards response_policy:special"),
    {.name = "help",
     .run = cmd_function_help,
     .arity = 2,
     .flags = COMMAND_LOADING | COMMAND_STALE,
     .since = "7.0.0",
     .cost = "O(1)",
     .syntax = "",
     .summary = "Tells what FUNCTION can do."},
    {0},
};

static const struct command_row rows[] = {
    RUN_ROW("eval", RUN_FLAGS, eval_keys, "2.6.0",
            "script numkeys [key [key ...]] [arg [arg ...]]"),
    RUN_ROW("eval_ro", RUN_FLAGS | COMMAND_READ, eval_ro_keys, "7.0.0",
            "script numkeys [key [key ...]] [arg [arg ...]]"),
    RUN_ROW("evalsha", RUN_FLAGS, evalsha_keys, "2.6.0",
            "sha1 numkeys [key [key ...]] [arg [arg ...]]"),
    RUN_ROW("evalsha_ro", RUN_FLAGS | COMMAND_READ, evalsha_ro_keys, "7.0.0",
            "sha1 numkeys [key [key ...]] [arg [arg ...]]"),
    RUN_ROW("fcall", RUN_FLAGS, eval_keys, "7.0.0",
            "function numkeys [key [key ...]] [arg [arg ...]]"),
    RUN_ROW("fcall_ro", RUN_FLAGS | COMMAND_READ, eval_ro_keys, "7.0.0",
            "function numkeys [key [key ...]] [arg [arg ...]]"),
    {.name = "script",
     .arity = -2,
     .since = "2.6.0",
     .cost = "Depends on subcommand.",
     .syntax = "",
     .summary = "Stored scripts, which are not there yet.",
     .subs = script_subs},
    {.name = "function",
     .arity = -2,
     .since = "7.0.0",
     .cost = "Depends on subcommand.",
     .syntax = "",
     .summary = "Stored functions, which are not there yet.",
     .subs = function_subs},
};

const struct command_family scripting_commands = COMMAND_FAMILY("scripting", rows);
