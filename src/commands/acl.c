/* acl: who may do what. And modules, of which there are none. */
#include "acl_internal.h"
#include "coatcheck/base/random.h"
#include "coatcheck/commands/absent.h"
#include "coatcheck/commands/subcommand.h"
#include "coatcheck/commands/table.h"
#include "coatcheck/engine/category.h"

static void reply_category(struct call *call, enum category category)
{
    struct reply_nested nested;
    size_t count = 0;

    reply_nest(call->reply, &nested);
    for (unsigned n = 0; n < commands_count(); n++) {
        if (!(command_categories(commands_at(n)) & 1u << category)) continue;
        reply_bulk_text(&nested.reply, commands_at(n)->full_name);
        count++;
    }
    reply_unnest(call->reply, &nested, reply_array, count);
}

static void cmd_acl_cat(struct call *call)
{
    if (call_argc(call) > 3) {
        subcommand_error(call);
    } else if (call_argc(call) == 3) {
        struct bytes name = call_arg(call, 2);
        enum category category = category_find(name);

        if (category == CATEGORY_COUNT) {
            reply_errorf(call->reply, "ERR Unknown category '%.*s'",
                         (int)(name.len < 128 ? name.len : 128), name.at);
        } else {
            reply_category(call, category);
        }
    } else {
        reply_array(call->reply, CATEGORY_COUNT);
        for (unsigned i = 0; category_names[i]; i++)
            reply_bulk_text(call->reply, category_names[i]);
    }
}

#define GENPASS_MAX_BITS 4096

static void cmd_acl_genpass(struct call *call)
{
    static const char digits[] = "0123456789abcdef";
    unsigned char secret[GENPASS_MAX_BITS / 8];
    char text[GENPASS_MAX_BITS / 4];
    int64_t bits = 256;
    size_t len;

    if (call_argc(call) > 3) {
        subcommand_error(call);
        return;
    }
    if (call_argc(call) == 3 && !call_read_int(call, 2, &bits)) return;
    if (bits <= 0 || bits > GENPASS_MAX_BITS) {
        reply_errorf(
            call->reply,
            "ERR ACL GENPASS argument must be the number of bits for the output password, a "
            "positive number up to 4096");
        return;
    }
    len = (size_t)(bits + 3) / 4;
    random_secret(secret, (len + 1) / 2);
    for (size_t i = 0; i < len; i++) text[i] = digits[secret[i / 2] >> (i % 2 ? 4 : 0) & 15];
    reply_bulk(call->reply, bytes_of(text, len));
}

static void cmd_acl_help(struct call *call)
{
    static const char *const lines[] = {
        "CAT [<category>]",
        "    List the commands of a category, or all categories.",
        "DELUSER <username> [<username> ...]",
        "    Remove users and close their connections.",
        "DRYRUN <username> <command> [<arg> ...]",
        "    Tell whether a user could run a command, without running it.",
        "GENPASS [<bits>]",
        "    Draw a password, of 256 bits when none are named.",
        "GETUSER <username>",
        "    Return the rules of a user.",
        "LIST",
        "    Return all users and their rules, as the users' file has them.",
        "LOAD",
        "    Read the users' file again, all of it or nothing.",
        "LOG [<count> | RESET]",
        "    Return what was refused lately, or forget it.",
        "SAVE",
        "    Write all users to the users' file.",
        "SETUSER <username> [<rule> ...]",
        "    Make a user, or change its rules.",
        "USERS",
        "    List the names of all users.",
        "WHOAMI",
        "    Return the name of this connection's user.",
        NULL,
    };

    call_reply_help(call, lines);
}

static void cmd_module_list(struct call *call)
{
    reply_array(call->reply, 0);
}

static void cmd_module_absent(struct call *call)
{
    reply_absent(call, "there are no modules");
}

static void cmd_module_help(struct call *call)
{
    static const char *const lines[] = {
        "LIST", "    Return the modules: none.", "LOAD, LOADEX, UNLOAD", "    Not there.", NULL,
    };

    call_reply_help(call, lines);
}

#define ACL_FLAGS (COMMAND_NOSCRIPT | COMMAND_LOADING | COMMAND_STALE)
#define SUB(name_, run_, arity_, flags_, since_, cost_, syntax_, summary_)                         \
    {                                                                                              \
        .name = name_, .run = run_, .arity = arity_, .flags = ACL_FLAGS | (flags_), .since = since_, \
        .cost = cost_, .syntax = syntax_, .summary = summary_                                      \
    }
#define ABSENT_MODULE(name_, arity_, since_, syntax_)                                              \
    {                                                                                              \
        .name = name_, .run = cmd_module_absent, .arity = arity_,                                  \
        .flags = COMMAND_ADMIN | COMMAND_NOSCRIPT | COMMAND_NO_ASYNC_LOADING, .since = since_,     \
        .cost = "O(1)", .syntax = syntax_, .summary = "Answers an error: there are no modules."    \
    }

static const struct command_row acl_subs[] = {
    SUB("cat", cmd_acl_cat, -2, 0, "6.0.0", "O(N) where N is the number of commands", "[category]",
        "Lists the categories of commands, or the commands of one."),
    SUB("deluser", cmd_acl_deluser, -3, COMMAND_ADMIN, "6.0.0", "O(N) where N is the number of clients",
        "username [username ...]", "Removes users, and closes their connections."),
    SUB("dryrun", cmd_acl_dryrun, -4, COMMAND_ADMIN, "7.0.0", "O(1)", "username command [arg [arg ...]]",
        "Tells whether a user could run a command, without running it."),
    SUB("genpass", cmd_acl_genpass, -2, 0, "6.0.0", "O(1)", "[bits]",
        "Draws a password from the kernel's random numbers."),
    SUB("getuser", cmd_acl_getuser, 3, COMMAND_ADMIN, "6.0.0", "O(N) where N is the number of the user's rules",
        "username", "Returns the rules of a user."),
    SUB("list", cmd_acl_list, 2, COMMAND_ADMIN, "6.0.0", "O(N) where N is the number of users", "",
        "Returns all users and their rules."),
    SUB("load", cmd_acl_load, 2, COMMAND_ADMIN, "6.0.0", "O(N) where N is the number of users", "",
        "Reads the users' file again, all of it or nothing."),
    SUB("log", cmd_acl_log, -2, COMMAND_ADMIN, "6.0.0", "O(N) where N is the number of entries", "[count | RESET]",
        "Returns what was refused lately, or forgets it."),
    SUB("save", cmd_acl_save, 2, COMMAND_ADMIN, "6.0.0", "O(N) where N is the number of users", "",
        "Writes all users to the users' file."),
    SUB("setuser", cmd_acl_setuser, -3, COMMAND_ADMIN, "6.0.0", "O(N) where N is the number of rules",
        "username [rule [rule ...]]", "Makes a user, or changes its rules."),
    SUB("users", cmd_acl_users, 2, COMMAND_ADMIN, "6.0.0", "O(N) where N is the number of users", "",
        "Lists the names of all users."),
    SUB("whoami", cmd_acl_whoami, 2, 0, "6.0.0", "O(1)", "", "Returns the name of this connection's user."),
    {.name = "help",
     .run = cmd_acl_help,
     .arity = 2,
     .flags = COMMAND_LOADING | COMMAND_STALE,
     .since = "6.0.0",
     .cost = "O(1)",
     .syntax = "",
     .summary = "Tells what ACL can do."},
    {0},
};

static const struct command_row module_subs[] = {
    {.name = "list",
     .run = cmd_module_list,
     .arity = 2,
     .flags = COMMAND_ADMIN | COMMAND_NOSCRIPT,
     .since = "4.0.0",
     .cost = "O(1)",
     .syntax = "",
     .summary = "Lists the modules: none.",
     .tips = "nondeterministic_output_order"},
    ABSENT_MODULE("load", -3, "4.0.0", "path [arg [arg ...]]"),
    ABSENT_MODULE("loadex", -3, "7.0.0",
                  "path [CONFIG name value [CONFIG name value ...]] [ARGS arg [arg ...]]"),
    ABSENT_MODULE("unload", 3, "4.0.0", "name"),
    {.name = "help",
     .run = cmd_module_help,
     .arity = 2,
     .flags = COMMAND_LOADING | COMMAND_STALE,
     .since = "5.0.0",
     .cost = "O(1)",
     .syntax = "",
     .summary = "Tells what MODULE can do."},
    {0},
};

static const struct command_row rows[] = {
    {.name = "acl",
     .arity = -2,
     .since = "6.0.0",
     .cost = "Depends on subcommand.",
     .syntax = "",
     .summary = "Who may do what: users, their passwords and rules.",
     .subs = acl_subs},
    {.name = "module",
     .arity = -2,
     .since = "4.0.0",
     .cost = "Depends on subcommand.",
     .syntax = "",
     .summary = "Additions to the server, which are not there.",
     .subs = module_subs},
};

const struct command_family acl_commands = COMMAND_FAMILY("server", rows);
