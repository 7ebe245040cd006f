/* acl: who may do what: everyone is the user "default", who may do everything. And modules, of
 * which there are none. */
#include "coatcheck/base/random.h"
#include "coatcheck/commands/absent.h"
#include "coatcheck/commands/subcommand.h"
#include "coatcheck/commands/table.h"
#include "coatcheck/engine/category.h"

static void cmd_acl_whoami(struct call *call)
{
    reply_bulk_text(call->reply, "default");
}

static void cmd_acl_users(struct call *call)
{
    reply_array(call->reply, 1);
    reply_bulk_text(call->reply, "default");
}

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

static void cmd_acl_absent(struct call *call)
{
    reply_absent(
        call, "there are no users but the default one, whose password is the option requirepass");
}

static void cmd_acl_help(struct call *call)
{
    static const char *const lines[] = {
        "CAT [<category>]",
        "    List the commands of a category, or all categories.",
        "GENPASS [<bits>]",
        "    Draw a password, of 256 bits when none are named.",
        "USERS",
        "    List the names of all users.",
        "WHOAMI",
        "    Return the name of this connection's user.",
        "DELUSER, DRYRUN, GETUSER, LIST, LOAD, LOG, SAVE, SETUSER",
        "    Not there yet.",
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
#define ABSENT_SUB(name_, arity_, since_, syntax_)                                                 \
    {                                                                                              \
        .name = name_, .run = cmd_acl_absent, .arity = arity_, .flags = ACL_FLAGS | COMMAND_ADMIN, \
        .since = since_, .cost = "O(1)", .syntax = syntax_,                                        \
        .summary = "Answers an error: there is only one user yet."                                 \
    }
#define ABSENT_MODULE(name_, arity_, since_, syntax_)                                              \
    {                                                                                              \
        .name = name_, .run = cmd_module_absent, .arity = arity_,                                  \
        .flags = COMMAND_ADMIN | COMMAND_NOSCRIPT | COMMAND_NO_ASYNC_LOADING, .since = since_,     \
        .cost = "O(1)", .syntax = syntax_, .summary = "Answers an error: there are no modules."    \
    }

static const struct command_row acl_subs[] = {
    {.name = "cat",
     .run = cmd_acl_cat,
     .arity = -2,
     .flags = ACL_FLAGS,
     .since = "6.0.0",
     .cost = "O(N) where N is the number of commands",
     .syntax = "[category]",
     .summary = "Lists the categories of commands, or the commands of one."},
    {.name = "genpass",
     .run = cmd_acl_genpass,
     .arity = -2,
     .flags = ACL_FLAGS,
     .since = "6.0.0",
     .cost = "O(1)",
     .syntax = "[bits]",
     .summary = "Draws a password from the kernel's random numbers."},
    {.name = "users",
     .run = cmd_acl_users,
     .arity = 2,
     .flags = ACL_FLAGS | COMMAND_ADMIN,
     .since = "6.0.0",
     .cost = "O(1)",
     .syntax = "",
     .summary = "Lists the names of all users: \"default\"."},
    {.name = "whoami",
     .run = cmd_acl_whoami,
     .arity = 2,
     .flags = ACL_FLAGS,
     .since = "6.0.0",
     .cost = "O(1)",
     .syntax = "",
     .summary = "Returns the name of this connection's user: \"default\"."},
    ABSENT_SUB("deluser", -3, "6.0.0", "username [username ...]"),
    ABSENT_SUB("dryrun", -4, "7.0.0", "username command [arg [arg ...]]"),
    ABSENT_SUB("getuser", 3, "6.0.0", "username"),
    ABSENT_SUB("list", 2, "6.0.0", ""),
    ABSENT_SUB("load", 2, "6.0.0", ""),
    ABSENT_SUB("log", -2, "6.0.0", "[count | RESET]"),
    ABSENT_SUB("save", 2, "6.0.0", ""),
    ABSENT_SUB("setuser", -3, "6.0.0", "username [rule [rule ...]]"),
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
     .summary = "Who may do what: one user, who may do everything.",
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
