/* client_kill: CLIENT KILL: closes the connections that fit what is asked, on whichever worker they
 * are. */
#include "client_internal.h"
#include "coatcheck/acl/user.h"

struct kill {
    struct session *asker;
    bool spares_asker;
    int64_t id;                          /* 0: any */
    struct bytes address, local_address; /* without bytes: any */
    bool by_type;
    enum client_type type;
    int64_t max_age_s; /* 0: any */
    bool by_user;
    const struct user *user; /* NULL: the default one */
    struct bytes user_name;  /* without bytes: `user` is meant, who may have no name any more */

    int64_t killed;
    bool kills_asker;
};

static bool is_of_user(struct session *session, const struct kill *kill)
{
    struct text name = {0};
    bool same;

    if (!kill->user_name.at) return session_is_of(session, kill->user);
    session_add_text(session, SESSION_USER, &name);
    same = bytes_equal(kill->user_name, name.len > 0 ? text_bytes(&name) : BYTES("default"));
    text_fini(&name);
    return same;
}

static bool fits(struct session *session, const struct kill *kill)
{
    struct session_facts facts;

    if (kill->id != 0 && session->id != (uint64_t)kill->id) return false;
    if (kill->by_type && client_type_of(session) != kill->type) return false;
    if (kill->by_user && !is_of_user(session, kill)) return false;
    if (kill->max_age_s != 0) {
        uint32_t age =
            session_now_s() - atomic_load_explicit(&session->created_s, memory_order_relaxed);

        if (age < kill->max_age_s) return false;
    }
    if (!kill->address.at && !kill->local_address.at) return true;
    session_host->facts(session, &facts);
    if (kill->address.at && !bytes_equal(kill->address, bytes_of_text(facts.peer))) return false;
    return !kill->local_address.at || bytes_equal(kill->local_address, bytes_of_text(facts.local));
}

/* Runs while the session's worker may be at work with it: from here on it executes nothing more,
 * and no other KILL counts it. */
static void see_session(struct session *session, void *context)
{
    struct kill *kill = context;

    if (session == kill->asker && kill->spares_asker) return;
    if (session_flags(session) & SESSION_KILLED || !fits(session, kill)) return;
    if (session == kill->asker) {
        kill->kills_asker = true;
        kill->killed++;
        return;
    }
    if (session_set(session, SESSION_KILLED | SESSION_CLOSING) & SESSION_KILLED) return;
    kill->killed++;
}

static void close_if_killed(struct session *session, void *context)
{
    (void)context;
    if (session_flags(session) & SESSION_KILLED) session_host->close(session);
}

static void close_killed(struct bytes text)
{
    (void)text;
    session_host->each_own(close_if_killed, NULL);
}

static void kill_all(struct kill *kill)
{
    session_host->each(see_session, kill);
    if (kill->killed > kill->kills_asker) sessions_post_all(close_killed, (struct bytes){0});
}

/* ---- what is asked ---- */

static bool read_skipme(struct call *call, unsigned i, struct kill *kill)
{
    if (call_arg_is(call, i, "yes")) {
        kill->spares_asker = true;
    } else if (call_arg_is(call, i, "no")) {
        kill->spares_asker = false;
    } else {
        call_syntax_error(call);
        return false;
    }
    return true;
}

static bool read_user(struct call *call, unsigned i, struct kill *kill)
{
    kill->by_user = true;
    kill->user_name = call_arg(call, i);
    if (users_know(kill->user_name)) return true;
    client_refuse(call, "ERR No such user", call_arg(call, i));
    return false;
}

static bool read_max_age(struct call *call, unsigned i, struct kill *kill)
{
    if (!call_read_int_between(call, i, INT64_MIN, INT64_MAX, &kill->max_age_s,
                               "maxage is not an integer or out of range")) {
        return false;
    }
    if (kill->max_age_s > 0) return true;
    reply_errorf(call->reply, "ERR maxage should be greater than 0");
    return false;
}

/* Word `i` and its value after it. False: the client has been answered. */
static bool read_filter(struct call *call, unsigned i, struct kill *kill)
{
    if (i + 1 < call_argc(call)) {
        if (call_arg_is(call, i, "ID")) {
            return call_read_int_between(call, i + 1, 1, INT64_MAX, &kill->id,
                                         "client-id should be greater than 0");
        }
        if (call_arg_is(call, i, "ADDR")) {
            kill->address = call_arg(call, i + 1);
            return true;
        }
        if (call_arg_is(call, i, "LADDR")) {
            kill->local_address = call_arg(call, i + 1);
            return true;
        }
        if (call_arg_is(call, i, "TYPE")) {
            kill->by_type = true;
            return client_read_type(call, i + 1, &kill->type);
        }
        if (call_arg_is(call, i, "USER")) return read_user(call, i + 1, kill);
        if (call_arg_is(call, i, "SKIPME")) return read_skipme(call, i + 1, kill);
        if (call_arg_is(call, i, "MAXAGE")) return read_max_age(call, i + 1, kill);
    }
    call_syntax_error(call);
    return false;
}

void client_kill_user(struct session *asker, const struct user *user)
{
    struct kill kill = {.asker = asker, .by_user = true, .user = user};

    kill_all(&kill);
    if (kill.kills_asker) session_host->close_after_reply(asker);
}

void cmd_client_kill(struct call *call)
{
    bool old_form = call_argc(call) == 3;
    struct kill kill = {.asker = call->session, .spares_asker = !old_form};

    if (old_form) {
        kill.address = call_arg(call, 2);
    } else {
        for (unsigned i = 2; i < call_argc(call); i += 2) {
            if (!read_filter(call, i, &kill)) return;
        }
    }
    kill_all(&kill);
    if (!old_form) {
        reply_int(call->reply, kill.killed);
    } else if (kill.killed > 0) {
        reply_ok(call->reply);
    } else {
        reply_errorf(call->reply, "ERR No such client");
    }
    if (kill.kills_asker) session_host->close_after_reply(call->session);
}
