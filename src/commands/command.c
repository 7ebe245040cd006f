/* command: what the server can be asked, told to programs. */
#include "command_internal.h"

#include "coatcheck/base/mem.h"
#include "coatcheck/commands/table.h"
#include "coatcheck/engine/category.h"
#include "coatcheck/structs/glob.h"

/* Top-level commands that are there. */
static size_t count_commands(void)
{
    size_t count = 0;

    for (unsigned n = 0; n < commands_count(); n++) {
        count += !commands_at(n)->parent && !command_is_gone(commands_at(n));
    }
    return count;
}

static const struct command *find_by_word(struct bytes word)
{
    const struct command *command = commands_find_full(word);

    return command && !command_is_gone(command) ? command : NULL;
}

static void reply_all(struct call *call,
                      void (*tell)(struct reply *reply, const struct command *command))
{
    for (unsigned n = 0; n < commands_count(); n++) {
        const struct command *command = commands_at(n);

        if (!command->parent && !command_is_gone(command)) tell(call->reply, command);
    }
}

static void cmd_command(struct call *call)
{
    reply_array(call->reply, count_commands());
    reply_all(call, reply_command_info);
}

static void cmd_command_count(struct call *call)
{
    reply_int(call->reply, (int64_t)count_commands());
}

static void cmd_command_info(struct call *call)
{
    if (call_argc(call) == 2) {
        cmd_command(call);
        return;
    }
    reply_array(call->reply, call_argc(call) - 2);
    for (unsigned i = 2; i < call_argc(call); i++) {
        reply_command_info(call->reply, find_by_word(call_arg(call, i)));
    }
}

/* ---- DOCS ---- */

static void reply_named_docs(struct reply *reply, const struct command *command)
{
    reply_bulk_text(reply, command->full_name);
    reply_command_docs(reply, command);
}

static void cmd_command_docs(struct call *call)
{
    size_t count = 0;

    if (call_argc(call) == 2) {
        reply_map(call->reply, count_commands());
        reply_all(call, reply_named_docs);
        return;
    }
    for (unsigned i = 2; i < call_argc(call); i++) count += find_by_word(call_arg(call, i)) != NULL;
    reply_map(call->reply, count);
    for (unsigned i = 2; i < call_argc(call); i++) {
        const struct command *command = find_by_word(call_arg(call, i));

        if (command) reply_named_docs(call->reply, command);
    }
}

/* ---- LIST ---- */

struct filter {
    enum { FILTER_NONE, FILTER_NOTHING, FILTER_CATEGORY, FILTER_PATTERN } kind;
    uint32_t category;
    struct bytes pattern;
};

static bool read_filter(struct call *call, struct filter *filter)
{
    enum category category;

    *filter = (struct filter){FILTER_NONE, 0, {NULL, 0}};
    if (call_argc(call) == 2) return true;
    if (call_argc(call) != 5 || !call_arg_is(call, 2, "filterby")) return false;
    filter->pattern = call_arg(call, 4);
    if (call_arg_is(call, 3, "pattern")) {
        filter->kind = FILTER_PATTERN;
    } else if (call_arg_is(call, 3, "aclcat")) {
        category = category_find(filter->pattern);
        filter->kind = category == CATEGORY_COUNT ? FILTER_NOTHING : FILTER_CATEGORY;
        filter->category = category == CATEGORY_COUNT ? 0 : 1u << category;
    } else if (call_arg_is(call, 3, "module")) {
        filter->kind = FILTER_NOTHING; /* there are no modules that could have brought commands */
    } else {
        return false;
    }
    return true;
}

static bool filter_lets(const struct filter *filter, const struct command *command)
{
    switch (filter->kind) {
    case FILTER_NONE:
        return true;
    case FILTER_NOTHING:
        return false;
    case FILTER_CATEGORY:
        return command_categories(command) & filter->category;
    case FILTER_PATTERN:
        return glob_match_nocase(filter->pattern, bytes_of_text(command->full_name));
    }
    return false;
}

static void cmd_command_list(struct call *call)
{
    struct reply_nested nested;
    struct filter filter;
    size_t count = 0;

    if (!read_filter(call, &filter)) {
        call_syntax_error(call);
        return;
    }
    reply_nest(call->reply, &nested);
    for (unsigned n = 0; n < commands_count(); n++) {
        const struct command *command = commands_at(n);

        if (command_is_gone(command) || !filter_lets(&filter, command)) continue;
        reply_bulk_text(&nested.reply, command->full_name);
        count++;
    }
    reply_unnest(call->reply, &nested, reply_array, count);
}

/* ---- GETKEYS ---- */

static const struct command *find_by_words(const struct args *args)
{
    const struct command *command = commands_find(args->of[0]);

    if (command && command->subs && args->n > 1) return commands_find_sub(command, args->of[1]);
    return command;
}

static void reply_keys(struct call *call, bool with_flags)
{
    struct args args = {.n = call_argc(call) - 2, .of = call->args.of + 2};
    const struct command *command = find_by_words(&args);
    unsigned *places;
    int count;

    if (!command) {
        reply_errorf(call->reply, "ERR Invalid command specified");
        return;
    }
    if (!command_has_keys(command->row) || command->row->access & KEY_NOT_KEY) {
        reply_errorf(call->reply, "ERR The command has no key arguments");
        return;
    }
    if (!command_arity_fits(command->row, args.n)) {
        reply_errorf(call->reply, "ERR Invalid number of arguments specified for command");
        return;
    }
    places = mem_alloc(args.n * sizeof *places);
    if (!places) {
        reply_error(call->reply, ERR_NO_MEMORY);
        return;
    }
    count = command_keys_of(command->row, &args, places);
    if (count <= 0 && !(command->row->flags & COMMAND_NO_MANDATORY_KEYS)) {
        reply_errorf(call->reply, "ERR Invalid arguments specified for command");
    } else {
        reply_array(call->reply, count > 0 ? (size_t)count : 0);
        for (int k = 0; k < count; k++) {
            if (with_flags) reply_array(call->reply, 2);
            reply_bulk(call->reply, args.of[places[k]]);
            if (with_flags) {
                reply_key_access(call->reply,
                                 command_key_access(command->row, &args, (unsigned)k, places[k]));
            }
        }
    }
    mem_free(places);
}

static void cmd_command_getkeys(struct call *call)
{
    reply_keys(call, false);
}

static void cmd_command_getkeysandflags(struct call *call)
{
    reply_keys(call, true);
}

static void cmd_command_help(struct call *call)
{
    static const char *const lines[] = {
        "(no subcommand)",
        "    Return details about all commands.",
        "COUNT",
        "    Return how many commands this server has.",
        "LIST [FILTERBY <MODULE|ACLCAT|PATTERN> <word>]",
        "    Return the names of the commands, or of those that fit.",
        "INFO [<command-name> ...]",
        "    Return details about the commands, or about all of them.",
        "DOCS [<command-name> ...]",
        "    Return what the commands do and which arguments they take, or that of all of them.",
        "GETKEYS <full-command>",
        "    Return the keys among the words of a command.",
        "GETKEYSANDFLAGS <full-command>",
        "    Return the keys among the words of a command and what would become of them.",
        NULL,
    };

    call_reply_help(call, lines);
}

#define COMMAND_FLAGS (COMMAND_LOADING | COMMAND_STALE | COMMAND_CONNECTION)
#define IN_ANY_ORDER "nondeterministic_output_order"

static const struct command_row subs[] = {
    {.name = "count",
     .run = cmd_command_count,
     .arity = 2,
     .flags = COMMAND_FLAGS,
     .since = "2.8.13",
     .cost = "O(N) where N is the number of commands",
     .syntax = "",
     .summary = "Returns how many commands there are."},
    {.name = "info",
     .run = cmd_command_info,
     .arity = -2,
     .flags = COMMAND_FLAGS,
     .since = "2.8.13",
     .cost = "O(N) where N is the number of commands asked for",
     .syntax = "[command-name [command-name ...]]",
     .summary = "Returns arity, flags, key positions and categories of commands.",
     .tips = IN_ANY_ORDER,
     .history = "7.0.0: Allowed to be called with no argument to get info on all commands."},
    {.name = "docs",
     .run = cmd_command_docs,
     .arity = -2,
     .flags = COMMAND_FLAGS,
     .since = "7.0.0",
     .cost = "O(N) where N is the number of commands asked for",
     .syntax = "[command-name [command-name ...]]",
     .summary = "Returns what commands do and which arguments they take.",
     .tips = IN_ANY_ORDER},
    {.name = "list",
     .run = cmd_command_list,
     .arity = -2,
     .flags = COMMAND_FLAGS,
     .since = "7.0.0",
     .cost = "O(N) where N is the number of commands",
     .syntax = "[FILTERBY <MODULE module-name | ACLCAT category | PATTERN pattern>]",
     .summary = "Returns the names of commands.",
     .tips = IN_ANY_ORDER},
    {.name = "getkeys",
     .run = cmd_command_getkeys,
     .arity = -4,
     .flags = COMMAND_FLAGS,
     .since = "2.8.13",
     .cost = "O(N) where N is the number of words",
     .syntax = "command [arg [arg ...]]",
     .summary = "Returns the keys among the words of a command."},
    {.name = "getkeysandflags",
     .run = cmd_command_getkeysandflags,
     .arity = -4,
     .flags = COMMAND_FLAGS,
     .since = "7.0.0",
     .cost = "O(N) where N is the number of words",
     .syntax = "command [arg [arg ...]]",
     .summary = "Returns the keys among the words of a command, and what would become of each."},
    {.name = "help",
     .run = cmd_command_help,
     .arity = 2,
     .flags = COMMAND_FLAGS,
     .since = "5.0.0",
     .cost = "O(1)",
     .syntax = "",
     .summary = "Tells what COMMAND can do."},
    {0},
};

static const struct command_row rows[] = {
    {.name = "command",
     .run = cmd_command,
     .arity = -1,
     .flags = COMMAND_FLAGS,
     .since = "2.8.13",
     .cost = "O(N) where N is the number of commands",
     .syntax = "",
     .summary = "Returns arity, flags, key positions and categories of all commands.",
     .tips = IN_ANY_ORDER,
     .subs = subs},
};

const struct command_family command_commands = COMMAND_FAMILY("server", rows);
