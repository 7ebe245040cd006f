/* client: what a client says and asks about its own connection and those of others: CLIENT. */
#include "client_internal.h"
#include "coatcheck/engine/blocking.h"
#include "coatcheck/engine/pause.h"

void client_refuse(struct call *call, const char *text, struct bytes word)
{
    struct text error = {0};

    text_add(&error, bytes_of_text(text));
    text_add(&error, BYTES(" '"));
    text_add(&error, bytes_of(word.at, strnlen(word.at, word.len)));
    text_add_char(&error, '\'');
    if (text_failed(&error)) {
        reply_error(call->reply, ERR_NO_MEMORY);
    } else {
        reply_error_text(call->reply, text_bytes(&error));
    }
    text_fini(&error);
}

/* Such a text stands in the lines of CLIENT LIST: nothing in it may end a field. */
static bool is_one_word(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] < '!' || text.at[i] > '~') return false;
    }
    return true;
}

bool client_take_name(struct call *call, unsigned i)
{
    if (!is_one_word(call_arg(call, i))) {
        reply_errorf(call->reply,
                     "ERR Client names cannot contain spaces, newlines or special characters.");
        return false;
    }
    return call_ok(
        call, session_set_text(call->session, SESSION_NAME, call_arg(call, i)) ? OK : NO_MEMORY);
}

static void cmd_client_id(struct call *call)
{
    reply_int(call->reply, (int64_t)call->session->id);
}

static void cmd_client_getname(struct call *call)
{
    struct bytes name = session_own_text(call->session, SESSION_NAME);

    if (name.len > 0) {
        reply_bulk(call->reply, name);
    } else {
        reply_null(call->reply);
    }
}

static void cmd_client_setname(struct call *call)
{
    if (client_take_name(call, 2)) reply_ok(call->reply);
}

static void cmd_client_setinfo(struct call *call)
{
    bool is_name = call_arg_is(call, 2, "LIB-NAME");
    enum session_text which = is_name ? SESSION_LIBRARY_NAME : SESSION_LIBRARY_VERSION;

    if (!is_name && !call_arg_is(call, 2, "LIB-VER")) {
        client_refuse(call, "ERR Unrecognized option", call_arg(call, 2));
        return;
    }
    if (!is_one_word(call_arg(call, 3))) {
        reply_errorf(call->reply, "ERR %s cannot contain spaces, newlines or special characters.",
                     is_name ? "lib-name" : "lib-ver");
        return;
    }
    if (!call_ok(call, session_set_text(call->session, which, call_arg(call, 3)) ? OK : NO_MEMORY))
        return;
    reply_ok(call->reply);
}

/* OFF and SKIP answer nothing themselves, and ON always answers. */
static void cmd_client_reply(struct call *call)
{
    struct session *session = call->session;

    if (call_arg_is(call, 2, "ON")) {
        session_unset(session, SESSION_MUTED);
        reply_ok(call->reply);
    } else if (call_arg_is(call, 2, "OFF")) {
        session_set(session, SESSION_REPLY_OFF);
    } else if (call_arg_is(call, 2, "SKIP")) {
        if (!(session_flags(session) & SESSION_REPLY_OFF))
            session_set(session, SESSION_REPLY_SKIP_NEXT);
    } else {
        call_syntax_error(call);
    }
}

static void call_wrong_count(struct call *call)
{
    struct bytes sub = call_arg(call, 1);

    reply_errorf(call->reply,
                 "ERR unknown subcommand or wrong number of arguments for '%.*s'. Try CLIENT HELP.",
                 (int)(sub.len < 128 ? sub.len : 128), sub.at);
}

static void cmd_client_pause(struct call *call)
{
    enum pause_mode mode = PAUSE_ALL;
    int64_t duration_ms;

    if (call_argc(call) > 4) {
        call_wrong_count(call);
        return;
    }
    if (call_argc(call) == 4) {
        if (call_arg_is(call, 3, "WRITE")) {
            mode = PAUSE_WRITES;
        } else if (!call_arg_is(call, 3, "ALL")) {
            reply_errorf(call->reply, "ERR CLIENT PAUSE mode must be WRITE or ALL");
            return;
        }
    }
    if (!call_read_int_between(call, 2, INT64_MIN, INT64_MAX, &duration_ms,
                               "timeout is not an integer or out of range")) {
        return;
    }
    if (duration_ms < 0) {
        reply_errorf(call->reply, "ERR timeout is negative");
        return;
    }
    /* A time that cannot be added to the clock would lock everybody out for good, UNPAUSE too. */
    if (duration_ms > INT64_MAX - clock_now_ms()) {
        reply_errorf(call->reply, "ERR timeout is out of range");
        return;
    }
    pause_begin(mode, duration_ms);
    reply_ok(call->reply);
}

static void cmd_client_unpause(struct call *call)
{
    pause_end();
    reply_ok(call->reply);
}

static void set_by_word(struct call *call, unsigned flag)
{
    if (call_arg_is(call, 2, "ON")) {
        session_set(call->session, flag);
    } else if (call_arg_is(call, 2, "OFF")) {
        session_unset(call->session, flag);
    } else {
        call_syntax_error(call);
        return;
    }
    reply_ok(call->reply);
}

static void cmd_client_no_evict(struct call *call)
{
    set_by_word(call, SESSION_NO_EVICT);
}

static void cmd_client_no_touch(struct call *call)
{
    set_by_word(call, SESSION_NO_TOUCH);
}

static void cmd_client_unblock(struct call *call)
{
    bool with_error = false;
    int64_t id;

    if (call_argc(call) > 4) {
        call_wrong_count(call);
        return;
    }
    if (call_argc(call) == 4) {
        with_error = call_arg_is(call, 3, "ERROR");
        if (!with_error && !call_arg_is(call, 3, "TIMEOUT")) {
            reply_errorf(call->reply, "ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR");
            return;
        }
    }
    if (!call_read_int(call, 2, &id)) return;
    reply_int(call->reply, blocking_unblock((uint64_t)id, with_error));
}

/* ---- the rows ---- */

#define ORDINARY (COMMAND_NOSCRIPT | COMMAND_LOADING | COMMAND_STALE | COMMAND_CONNECTION)
#define ADMINISTERS (ORDINARY | COMMAND_ADMIN)

static const struct command_row subs[] = {
    {.name = "caching",
     .run = cmd_client_caching,
     .arity = 3,
     .flags = ORDINARY,
     .since = "6.0.0",
     .cost = "O(1)",
     .syntax = "<YES | NO>",
     .summary =
         "Chooses whether the keys that the next command reads are tracked."},
    {.name = "getname",
     .run = cmd_client_getname,
     .arity = 2,
     .flags = ORDINARY,
     .since = "2.6.9",
     .cost = "O(1)",
     .syntax = "",
     .summary = "Returns the name of this connection."},
    {.name = "getredir",
     .run = cmd_client_getredir,
     .arity = 2,
     .flags = ORDINARY,
     .since = "6.0.0",
     .cost = "O(1)",
     .syntax = "",
     .summary = "Answers the number of the connection that hears what this one tracks; 0 is itself, -1 nobody."},
    {.name = "help",
     .run = cmd_client_help,
     .arity = 2,
     .flags = COMMAND_LOADING | COMMAND_STALE | COMMAND_CONNECTION,
     .since = "5.0.0",
     .cost = "O(1)",
     .syntax = "",
     .summary = "Tells the subcommands."},
    {.name = "id",
     .run = cmd_client_id,
     .arity = 2,
     .flags = ORDINARY,
     .since = "5.0.0",
     .cost = "O(1)",
     .syntax = "",
     .summary = "Returns the number of this connection; later ones have higher numbers."},
    {.name = "info",
     .run = cmd_client_info,
     .arity = 2,
     .flags = ORDINARY,
     .since = "6.2.0",
     .cost = "O(1)",
     .syntax = "",
     .tips = "nondeterministic_output",
     .summary = "Tells of this connection in the fields of CLIENT LIST."},
    {.name = "kill",
     .run = cmd_client_kill,
     .arity = -3,
     .flags = ADMINISTERS,
     .since = "2.4.0",
     .cost = "O(N) where N is the number of connections",
     .syntax = "<ip:port | [ID client-id] [TYPE <NORMAL | MASTER | SLAVE | REPLICA | PUBSUB>] "
               "[USER username] "
               "[ADDR ip:port] [LADDR ip:port] [SKIPME <YES | NO>] [MAXAGE seconds]>",
     .summary = "Closes the connection from an address, or those that all filters fit.",
     .history = "2.8.12: Added new filter format.\n2.8.12: `ID` option.\n3.2.0: Added `master` "
                "type in for `TYPE` "
                "option.\n5.0.0: Replaced `slave` `TYPE` with `replica`. `slave` still supported "
                "for backward "
                "compatibility.\n6.2.0: `LADDR` option.\n7.4.0: `MAXAGE` option."},
    {.name = "list",
     .run = cmd_client_list,
     .arity = -2,
     .flags = ADMINISTERS,
     .since = "2.4.0",
     .cost = "O(N) where N is the number of connections",
     .syntax = "[TYPE <NORMAL | MASTER | REPLICA | PUBSUB>] [ID client-id [client-id ...]]",
     .tips = "nondeterministic_output",
     .summary = "Tells of the connections, a line each.",
     .history =
         "2.8.12: Added unique client `id` field.\n5.0.0: Added optional `TYPE` filter.\n6.0.0: "
         "Added `user` "
         "field.\n6.2.0: Added `argv-mem`, `tot-mem`, `laddr` and `redir` fields and the optional "
         "`ID` "
         "filter.\n7.0.0: Added `resp`, `multi-mem`, `rbs` and `rbp` fields.\n7.0.3: Added `ssub` "
         "field.\n7.2.0: Added `lib-name` and `lib-ver` fields."},
    {.name = "no-evict",
     .run = cmd_client_no_evict,
     .arity = 3,
     .flags = ADMINISTERS,
     .since = "7.0.0",
     .cost = "O(1)",
     .syntax = "<ON | OFF>",
     .summary = "Asks that this connection is not closed to make room for others."},
    {.name = "no-touch",
     .run = cmd_client_no_touch,
     .arity = 3,
     .flags = ORDINARY | COMMAND_IS_OURS,
     .since = "7.2.0",
     .cost = "O(1)",
     .syntax = "<ON | OFF>",
     .summary = "Reads of this connection leave no trace of use on the keys."},
    {.name = "pause",
     .run = cmd_client_pause,
     .arity = -3,
     .flags = ADMINISTERS,
     .since = "2.9.50",
     .cost = "O(1)",
     .syntax = "timeout [WRITE | ALL]",
     .summary = "Lets all clients, or those that write, wait for so many milliseconds.",
     .history = "6.2.0: `CLIENT PAUSE WRITE` mode added along with the `mode` option."},
    {.name = "reply",
     .run = cmd_client_reply,
     .arity = 3,
     .flags = ORDINARY,
     .since = "3.2.0",
     .cost = "O(1)",
     .syntax = "<ON | OFF | SKIP>",
     .summary = "Chooses whether this connection is answered."},
    {.name = "setinfo",
     .run = cmd_client_setinfo,
     .arity = 4,
     .flags = ORDINARY | COMMAND_IS_OURS,
     .since = "7.2.0",
     .cost = "O(1)",
     .syntax = "<LIB-NAME libname | LIB-VER libver>",
     .summary = "Tells which library this client uses, for CLIENT LIST."},
    {.name = "setname",
     .run = cmd_client_setname,
     .arity = 3,
     .flags = ORDINARY,
     .since = "2.6.9",
     .cost = "O(1)",
     .syntax = "connection-name",
     .summary = "Names this connection, for CLIENT LIST."},
    {.name = "tracking",
     .run = cmd_client_tracking,
     .arity = -3,
     .flags = ORDINARY,
     .since = "6.0.0",
     .cost = "O(1)",
     .syntax = "<ON | OFF> [REDIRECT client-id] [PREFIX prefix [PREFIX prefix ...]] [BCAST] "
               "[OPTIN] [OPTOUT] [NOLOOP]",
     .summary = "Tells this client, or another one, when keys change that it has read, or that begin in some way."},
    {.name = "trackinginfo",
     .run = cmd_client_trackinginfo,
     .arity = 2,
     .flags = ORDINARY,
     .since = "6.2.0",
     .cost = "O(1)",
     .syntax = "",
     .summary = "Tells whether this connection tracks keys, and how."},
    {.name = "unblock",
     .run = cmd_client_unblock,
     .arity = -3,
     .flags = ADMINISTERS,
     .since = "5.0.0",
     .cost = "O(N) where N is the number of connections",
     .syntax = "client-id [TIMEOUT | ERROR]",
     .summary = "Ends another connection's wait in a blocking command."},
    {.name = "unpause",
     .run = cmd_client_unpause,
     .arity = 2,
     .flags = ADMINISTERS,
     .since = "6.2.0",
     .cost = "O(N) where N is the number of connections of the workers that have some waiting",
     .syntax = "",
     .summary = "Ends a CLIENT PAUSE."},
    {0},
};

static const struct command_row rows[] = {
    {.name = "client",
     .arity = -2,
     .since = "2.4.0",
     .cost = "Depends on subcommand.",
     .syntax = "",
     .summary = "What a client says and asks about connections.",
     .subs = subs},
};

const struct command_family client_commands = COMMAND_FAMILY("connection", rows);
