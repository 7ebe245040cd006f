/* config: the options, read and changed while the server runs. */
#include "coatcheck/commands/table.h"

#include "coatcheck/base/log.h"
#include "coatcheck/base/mem.h"
#include "coatcheck/config/file.h"
#include "coatcheck/config/registry.h"
#include "coatcheck/engine/options.h"
#include "coatcheck/engine/stats.h"
#include "coatcheck/observe/registry.h"
#include "coatcheck/structs/glob.h"

/* Options of our own and facts about those of Redis, numbered together. */
#define OPTIONS_MAX 512

struct getting {
    struct reply *reply;
    size_t found;
    bool seen[OPTIONS_MAX];
};

/* ---- GET ---- */

static bool is_pattern(struct bytes name)
{
    for (size_t i = 0; i < name.len; i++) {
        if (strchr("[*?", name.at[i])) return true;
    }
    return false;
}

/* A name without a pattern is answered as it was asked for, in whatever case. */
static bool fits(struct bytes asked, bool pattern, const char *name)
{
    return pattern ? glob_match_nocase(asked, bytes_of_text(name)) : bytes_is(asked, name);
}

static void answer(struct getting *getting, unsigned number, struct bytes name, struct bytes value)
{
    must(number < OPTIONS_MAX);
    if (getting->seen[number]) return;
    getting->seen[number] = true;
    getting->found++;
    reply_bulk(getting->reply, name);
    reply_bulk(getting->reply, value);
}

static void answer_row(struct getting *getting, unsigned number, struct bytes name, const struct option_row *row)
{
    struct text value = {0};

    config_print(row, &value);
    answer(getting, number, name, text_bytes(&value));
    text_fini(&value);
}

static void get_matching(struct getting *getting, struct bytes asked)
{
    bool pattern = is_pattern(asked);
    const struct option_row *row;
    struct config_fact fact;
    const char *former;
    unsigned rows;

    for (rows = 0; (row = config_row(rows)); rows++) {
        if (fits(asked, pattern, row->name)) answer_row(getting, rows, pattern ? bytes_of_text(row->name) : asked, row);
    }
    for (unsigned i = 0; (row = config_former(i, &former)); i++, rows++) {
        if (fits(asked, pattern, former)) answer_row(getting, rows, pattern ? bytes_of_text(former) : asked, row);
    }
    for (unsigned i = 0; config_fact(i, &fact); i++) {
        if (!fits(asked, pattern, fact.name)) continue;
        answer(getting, rows + i, pattern ? bytes_of_text(fact.name) : asked, fact.value);
    }
}

static void cmd_config_get(struct call *call)
{
    struct reply_nested nested;
    struct getting getting = {.reply = &nested.reply};

    reply_nest(call->reply, &nested);
    for (unsigned i = 2; i < call_argc(call); i++) get_matching(&getting, call_arg(call, i));
    reply_unnest(call->reply, &nested, reply_map, getting.found);
}

/* ---- SET ---- */

static void cmd_config_set(struct call *call)
{
    unsigned count = (call_argc(call) - 2) / 2;
    struct config_pair *pairs;
    struct text why = {0};

    if (call_argc(call) % 2 != 0) {
        call_syntax_error(call);
        return;
    }
    pairs = mem_alloc(count * sizeof *pairs);
    if (!pairs) {
        reply_error(call->reply, ERR_NO_MEMORY);
        return;
    }
    for (unsigned i = 0; i < count; i++) {
        pairs[i] = (struct config_pair){.name = call_arg(call, 2 + 2 * i),
                                        .value = call_arg(call, 3 + 2 * i)};
    }
    if (call_is_enabled(call, option_int(&engine_options.enable_protected_configs))
            ? config_set_protected(pairs, count, &why)
            : config_set(pairs, count, &why)) {
        reply_ok(call->reply);
    } else {
        reply_errorf(call->reply, "ERR %.*s", (int)why.len, why.at);
    }
    text_fini(&why);
    mem_free(pairs);
}

/* ---- REWRITE and RESETSTAT ---- */

static void cmd_config_rewrite(struct call *call)
{
    struct text why = {0};

    if (config_rewrite(&why)) {
        log_notice("CONFIG REWRITE wrote %s", config_path());
        reply_ok(call->reply);
    } else {
        if (*config_path()) log_warning("CONFIG REWRITE failed: %.*s", (int)why.len, why.at);
        reply_errorf(call->reply, "ERR %.*s", (int)why.len, why.at);
    }
    text_fini(&why);
}

static void cmd_config_resetstat(struct call *call)
{
    observe_reset();
    stats_reset();
    reply_ok(call->reply);
}

static void cmd_config_help(struct call *call)
{
    static const char *const lines[] = {
        "GET <pattern> [<pattern> ...]",
        "    Return parameters whose names match a pattern, with their values.",
        "SET <directive> <value> [<directive> <value> ...]",
        "    Set the parameters to these values, all of them or none.",
        "RESETSTAT",
        "    Set the counters that INFO reports back to zero.",
        "REWRITE",
        "    Write the parameters as they are now to the configuration file.",
        NULL,
    };

    call_reply_help(call, lines);
}

#define CONFIG_FLAGS (COMMAND_ADMIN | COMMAND_NOSCRIPT | COMMAND_LOADING | COMMAND_STALE)

static const struct command_row subs[] = {
    {.name = "get",
     .run = cmd_config_get,
     .arity = -3,
     .flags = CONFIG_FLAGS,
     .since = "2.0.0",
     .cost = "O(N) where N is the number of options, for each pattern",
     .syntax = "parameter [parameter ...]",
     .summary = "Returns the values of the options whose names match.",
     .history = "7.0.0: Added the ability to pass multiple pattern parameters in one call"},
    {.name = "set",
     .run = cmd_config_set,
     .arity = -4,
     .flags = CONFIG_FLAGS,
     .since = "2.0.0",
     .cost = "O(N) where N is the number of options set",
     .syntax = "parameter value [parameter value ...]",
     .summary = "Sets options while the server runs, all of those named or none.",
     .tips = "request_policy:all_nodes response_policy:all_succeeded",
     .history = "7.0.0: Added the ability to set multiple parameters in one call."},
    {.name = "resetstat",
     .run = cmd_config_resetstat,
     .arity = 2,
     .flags = CONFIG_FLAGS,
     .since = "2.0.0",
     .cost = "O(C) where C is the number of commands and counters",
     .syntax = "",
     .summary = "Sets the counters that INFO reports back to zero."},
    {.name = "rewrite",
     .run = cmd_config_rewrite,
     .arity = 2,
     .flags = CONFIG_FLAGS,
     .since = "2.8.0",
     .cost = "O(N) where N is the number of lines of the file",
     .syntax = "",
     .summary =
         "Writes the options as they are now to the configuration file, and keeps its comments."},
    {.name = "help",
     .run = cmd_config_help,
     .arity = 2,
     .flags = COMMAND_LOADING | COMMAND_STALE,
     .since = "5.0.0",
     .cost = "O(1)",
     .syntax = "",
     .summary = "Tells what CONFIG can do."},
    {0},
};

static const struct command_row rows[] = {
    {.name = "config",
     .arity = -2,
     .since = "2.0.0",
     .cost = "Depends on subcommand.",
     .syntax = "",
     .summary = "Reads and changes the options of the server.",
     .subs = subs},
};

const struct command_family config_commands = COMMAND_FAMILY("server", rows);
