/* auth: who a client is, and which protocol it speaks: AUTH and HELLO. */
#include "client_internal.h"
#include "coatcheck/acl/journal.h"
#include "coatcheck/acl/throttle.h"
#include "coatcheck/acl/user.h"
#include "coatcheck/version.h"

/* False: the client has been answered. */
static bool authenticate(struct call *call, struct bytes user, struct bytes password)
{
    /* Part of a transaction it cannot wait, and thousands of guesses fit into one. */
    bool looked_at = !call->may_not_block || throttle_permits(call->session);

    if (looked_at && users_login(call->session, user, password)) {
        if (session_set_text(call->session, SESSION_USER, user_name(session_user(call->session)))) return true;
        /* It is that user's now, and would be listed as another's. */
        reply_error(call->reply, ERR_NO_MEMORY);
        session_host->close_after_reply(call->session);
        return false;
    }
    METRIC_ADD(session, acl_access_denied_auth, 1);
    throttle_failed(call->session);
    denial_add(call->session, DENIED_LOGIN, session_flags(call->session) & SESSION_MULTI ? DENIED_IN_MULTI : DENIED_AT_TOP,
               call_arg(call, 0), user);
    reply_error(call->reply, ERR_WRONGPASS);
    return false;
}

static void cmd_auth(struct call *call)
{
    bool named = call_argc(call) == 3;

    if (call_argc(call) > 3) {
        call_syntax_error(call);
        return;
    }
    if (!named && !users_default_needs_password()) {
        reply_error(call->reply, ERR_NO_PASSWORD);
        return;
    }
    if (!authenticate(call, named ? call_arg(call, 1) : BYTES("default"),
                      call_arg(call, named ? 2 : 1)))
        return;
    reply_ok(call->reply);
}

/* AUTH and SETNAME take effect one by one, as redis-server has it: those before a mistake stay. */
static bool take_hello_options(struct call *call)
{
    for (unsigned i = 2; i < call_argc(call); i++) {
        unsigned more = call_argc(call) - 1 - i;

        if (call_arg_is(call, i, "AUTH") && more >= 2) {
            if (!authenticate(call, call_arg(call, i + 1), call_arg(call, i + 2))) return false;
            i += 2;
        } else if (call_arg_is(call, i, "SETNAME") && more >= 1) {
            if (!client_take_name(call, i + 1)) return false;
            i++;
        } else {
            client_refuse(call, "ERR Syntax error in HELLO option", call_arg(call, i));
            return false;
        }
    }
    return true;
}

static void reply_greeting(struct call *call)
{
    struct reply *reply = call->reply;

    reply_map(reply, 7);
    reply_bulk_text(reply, "server");
    reply_bulk_text(reply, "redis");
    reply_bulk_text(reply, "version");
    reply_bulk_text(reply, COATCHECK_REDIS_VERSION);
    reply_bulk_text(reply, "proto");
    reply_int(reply, session_resp(call->session));
    reply_bulk_text(reply, "id");
    reply_int(reply, (int64_t)call->session->id);
    reply_bulk_text(reply, "mode");
    reply_bulk_text(reply, "standalone");
    reply_bulk_text(reply, "role");
    reply_bulk_text(reply, "master");
    reply_bulk_text(reply, "modules");
    reply_array(reply, 0);
}

static void cmd_hello(struct call *call)
{
    int64_t version = session_resp(call->session);

    if (call_argc(call) > 1) {
        if (!call_read_int_between(call, 1, INT64_MIN, INT64_MAX, &version,
                                   "Protocol version is not an integer or out of range")) {
            return;
        }
        if (version < 2 || version > 3) {
            reply_error(call->reply, ERR_NO_PROTO);
            return;
        }
    }
    if (!take_hello_options(call)) return;
    if (!session_is_trusted(call->session)) {
        reply_errorf(
            call->reply,
            "NOAUTH HELLO must be called with the client already authenticated, otherwise the "
            "HELLO "
            "AUTH <user> <pass> option can be used to authenticate the client and select the RESP "
            "protocol version at the same time");
        return;
    }
    if (version == 3) {
        session_set(call->session, SESSION_RESP3);
    } else {
        session_unset(call->session, SESSION_RESP3);
    }
    call->reply->resp = (uint8_t)version;
    reply_greeting(call);
}

#define ALWAYS                                                                                     \
    (COMMAND_NOSCRIPT | COMMAND_LOADING | COMMAND_STALE | COMMAND_FAST | COMMAND_NO_AUTH |         \
     COMMAND_ALLOW_BUSY)

static const struct command_row rows[] = {
    {.name = "auth",
     .run = cmd_auth,
     .arity = -2,
     .flags = ALWAYS | COMMAND_CONNECTION,
     .since = "1.0.0",
     .cost = "O(1)",
     .syntax = "[username] password",
     .summary = "Gives the password that the server asks for.",
     .history = "6.0.0: Added ACL style (username and password)."},
    {.name = "hello",
     .run = cmd_hello,
     .arity = -1,
     .flags = ALWAYS | COMMAND_CONNECTION,
     .since = "6.0.0",
     .cost = "O(1)",
     .syntax = "[protover [AUTH username password] [SETNAME clientname]]",
     .summary =
         "Tells who the server is, and chooses the protocol, RESP2 or RESP3, for what follows.",
     .history = "6.2.0: `protover` made optional; when called without arguments the command "
                "reports the current "
                "connection's context."},
};

const struct command_family auth_commands = COMMAND_FAMILY("connection", rows);
