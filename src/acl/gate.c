#include "coatcheck/acl/gate.h"

#include "coatcheck/acl/journal.h"
#include "coatcheck/acl/user.h"
#include "coatcheck/base/must.h"

METRIC_DEFINE(acl, ACL_METRICS)

static void count(enum permit permit)
{
    switch (permit) {
    case PERMITTED:
        break;
    case NO_COMMAND:
        METRIC_ADD(acl, acl_access_denied_cmd, 1);
        break;
    case NO_KEY:
        METRIC_ADD(acl, acl_access_denied_key, 1);
        break;
    case NO_CHANNEL:
        METRIC_ADD(acl, acl_access_denied_channel, 1);
        break;
    }
}

static void journal(struct call *call, enum permit permit, unsigned place, enum denial_context context)
{
    const struct user *user = session_user(call->session);
    struct bytes object =
        permit == NO_COMMAND ? bytes_of_text(call->command->full_name) : call_arg(call, place);

    count(permit);
    denial_add(call->session, permit, context, object, user_name(user));
}

enum gate_answer gate_acl(struct call *call)
{
    bool queued = session_flags(call->session) & SESSION_MULTI;
    enum permit permit;
    unsigned place;

    if (likely(!(session_flags(call->session) & SESSION_RESTRICTED))) return GATE_PASS;
    permit = rules_permit(user_rules(session_user(call->session)), call->command, &call->args, &place);
    if (likely(permit == PERMITTED)) return GATE_PASS;
    journal(call, permit, place, queued ? DENIED_IN_MULTI : DENIED_AT_TOP);
    switch (permit) {
    case NO_KEY:
        reply_errorf(call->reply,
                     "NOPERM this user has no permissions to access one of the keys used as arguments");
        break;
    case NO_CHANNEL:
        reply_errorf(call->reply,
                     "NOPERM this user has no permissions to access one of the channels used as arguments");
        break;
    default:
        reply_errorf(call->reply, "NOPERM this user has no permissions to run the '%s' command",
                     call->command->full_name);
    }
    return GATE_REFUSED;
}

bool gate_acl_within(struct call *call)
{
    static const char *const reasons[] = {
        [NO_COMMAND] = "no permission to execute the command or subcommand",
        [NO_KEY] = "no permission to touch the specified keys",
        [NO_CHANNEL] = "no permission to access one of the channels used as arguments to the command",
    };
    enum permit permit;
    unsigned place;

    permit = rules_permit(user_rules(session_user(call->session)), call->command, &call->args, &place);
    if (likely(permit == PERMITTED)) return true;
    count(permit);
    reply_errorf(call->reply,
                 "NOPERM ACLs rules changed between the moment the transaction was accumulated and the EXEC call. "
                 "This command is no longer allowed for the following reason: %s",
                 reasons[permit]);
    return false;
}
