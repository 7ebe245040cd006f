/* acl_users: ACL's subcommands that change and show users. */
#include "coatcheck/acl/options.h"
#include "coatcheck/acl/user.h"
#include "acl_internal.h"
#include "client_internal.h"
#include "coatcheck/base/mem.h"
#include "coatcheck/pubsub/subscriber.h"

/* "<before>'<name>'<after>" of any length. */
static void refuse_name(struct call *call, const char *before, struct bytes name, const char *after)
{
    struct text text = {0};

    text_addf(&text, "ERR %s'", before);
    text_add(&text, name);
    text_addf(&text, "'%s", after);
    reply_error_text(call->reply, text_bytes(&text));
    text_fini(&text);
}

static void refuse_text(struct call *call, const struct text *why)
{
    struct text text = {0};

    text_addf(&text, "ERR ");
    text_add(&text, text_bytes(why));
    if (text_failed(&text)) {
        reply_error(call->reply, ERR_NO_MEMORY);
    } else {
        reply_error_text(call->reply, text_bytes(&text));
    }
    text_fini(&text);
}

/* ---- who listens to what it may not any more */

static bool may_listen(enum channel_kind kind, struct bytes name, void *context)
{
    return rules_permit_listening(context, name, kind == CHANNEL_PATTERN);
}

static void close_if_beyond(struct session *session, void *context)
{
    const struct rules *rules = user_rules(session_user(session));

    (void)context;
    if (!(session_flags(session) & SESSION_LISTENS) || subscriber_every(session, may_listen, (void *)rules)) return;
    session_host->close_after_reply(session);
}

static void close_those_beyond(struct bytes text)
{
    (void)text;
    session_host->each_own(close_if_beyond, NULL);
}

/* ---- changes */

void cmd_acl_setuser(struct call *call)
{
    struct text why = {0};

    switch (users_set(call_arg(call, 2), call->args.of + 3, call_argc(call) - 3, &why)) {
    case USERS_CHANGED:
        sessions_post_all(close_those_beyond, (struct bytes){0});
        reply_ok(call->reply);
        break;
    case USERS_REFUSED:
        refuse_text(call, &why);
        break;
    case USERS_NO_MEMORY:
        reply_error(call->reply, ERR_NO_MEMORY);
        break;
    }
    text_fini(&why);
}

/* ---- one user told */

static void reply_text(struct reply *reply, struct text *text)
{
    reply_bulk(reply, text_bytes(text));
    text_fini(text);
}

static void reply_selector(struct reply *reply, const struct selector *selector)
{
    struct text text = {0};

    reply_bulk_text(reply, "commands");
    selector_print_commands(selector, &text);
    reply_text(reply, &text);
    reply_bulk_text(reply, "keys");
    selector_print_keys(selector, &text);
    reply_text(reply, &text);
    reply_bulk_text(reply, "channels");
    selector_print_channels(selector, &text);
    reply_text(reply, &text);
}

static void reply_flags(struct reply *reply, unsigned flags)
{
    static const struct {
        unsigned flag;
        const char *name;
    } names[] = {{RULES_NO_PASSWORD, "nopass"},
                 {RULES_SKIP_SANITIZE, "skip-sanitize-payload"},
                 {RULES_SANITIZE, "sanitize-payload"}};
    size_t count = 1;

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) count += (flags & names[i].flag) != 0;
    reply_set(reply, count);
    reply_bulk_text(reply, flags & RULES_ON ? "on" : "off");
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (flags & names[i].flag) reply_bulk_text(reply, names[i].name);
    }
}

static void see_user(struct bytes name, const struct rules *rules, void *context)
{
    struct reply *reply = context;

    (void)name;
    reply_map(reply, 6);
    reply_bulk_text(reply, "flags");
    reply_flags(reply, rules->flags);
    reply_bulk_text(reply, "passwords");
    reply_array(reply, rules->password_count);
    for (unsigned i = 0; i < rules->password_count; i++) {
        reply_bulk(reply, bytes_of(rules->passwords[i].digits, PASSWORD_DIGITS));
    }
    reply_selector(reply, &rules->selectors[0]);
    reply_bulk_text(reply, "selectors");
    reply_array(reply, rules->count - 1);
    for (unsigned i = 1; i < rules->count; i++) {
        reply_map(reply, 3);
        reply_selector(reply, &rules->selectors[i]);
    }
}

void cmd_acl_getuser(struct call *call)
{
    if (!users_look(call_arg(call, 2), see_user, call->reply)) reply_null(call->reply);
}

/* ---- all of them told */

struct listing {
    struct reply *reply;
    bool names_only;
    size_t count;
};

static void list_user(struct bytes name, const struct rules *rules, void *context)
{
    struct listing *listing = context;
    struct text line = {0};

    listing->count++;
    if (listing->names_only) {
        reply_bulk(listing->reply, name);
        return;
    }
    text_addf(&line, "user ");
    text_add(&line, name);
    text_add_char(&line, ' ');
    rules_print(rules, &line);
    reply_text(listing->reply, &line);
}

static void list_users(struct call *call, bool names_only)
{
    struct reply_nested nested;
    struct listing listing = {.reply = &nested.reply, .names_only = names_only};

    reply_nest(call->reply, &nested);
    users_each(list_user, &listing);
    reply_unnest(call->reply, &nested, reply_array, listing.count);
}

void cmd_acl_list(struct call *call)
{
    list_users(call, false);
}

void cmd_acl_users(struct call *call)
{
    list_users(call, true);
}

void cmd_acl_whoami(struct call *call)
{
    reply_bulk(call->reply, user_name(session_user(call->session)));
}

/* ---- users that go */

static void close_sessions_of(struct user *user, void *context)
{
    struct call *call = context;

    client_kill_user(call->session, user);
    user_drop(user);
}

void cmd_acl_deluser(struct call *call)
{
    int64_t count = 0;

    for (unsigned i = 2; i < call_argc(call); i++) {
        if (bytes_equal(call_arg(call, i), BYTES("default"))) {
            reply_errorf(call->reply, "ERR The 'default' user cannot be removed");
            return;
        }
    }
    for (unsigned i = 2; i < call_argc(call); i++) {
        struct user *user = users_remove(call_arg(call, i));

        if (!user) continue;
        count++;
        close_sessions_of(user, call);
    }
    reply_int(call->reply, count);
}

static bool has_file(struct call *call)
{
    if (*option_text(&acl_options.aclfile)) return true;
    reply_errorf(call->reply,
                 "ERR This Redis instance is not configured to use an ACL file. You may want to specify users via "
                 "the ACL SETUSER command and then issue a CONFIG REWRITE (assuming you have a Redis configuration "
                 "file set) in order to store users in the Redis configuration.");
    return false;
}

void cmd_acl_load(struct call *call)
{
    struct text why = {0};

    if (!has_file(call)) return;
    if (users_load(close_sessions_of, call, &why)) {
        sessions_post_all(close_those_beyond, (struct bytes){0});
        reply_ok(call->reply);
    } else {
        text_addf(&why, ". No change to the users was made.");
        refuse_text(call, &why);
    }
    text_fini(&why);
}

void cmd_acl_save(struct call *call)
{
    struct text why = {0};

    if (!has_file(call)) return;
    if (users_save(&why)) {
        reply_ok(call->reply);
    } else {
        refuse_text(call, &why);
    }
    text_fini(&why);
}

/* ---- what if */

struct trial {
    struct call *call;
    const struct command *command;
    struct args args;
};

static void try_command(struct bytes name, const struct rules *rules, void *context)
{
    const struct trial *trial = context;
    struct text text = {0};
    unsigned place;

    (void)name;
    switch (rules_permit(rules, trial->command, &trial->args, &place)) {
    case PERMITTED:
        reply_ok(trial->call->reply);
        return;
    case NO_COMMAND:
        text_addf(&text, "This user has no permissions to run the '%s' command", trial->command->full_name);
        break;
    case NO_KEY:
        text_addf(&text, "This user has no permissions to access the '");
        text_add(&text, trial->args.of[place]);
        text_addf(&text, "' key");
        break;
    case NO_CHANNEL:
        text_addf(&text, "This user has no permissions to access the '");
        text_add(&text, trial->args.of[place]);
        text_addf(&text, "' channel");
        break;
    }
    reply_text(trial->call->reply, &text);
}

void cmd_acl_dryrun(struct call *call)
{
    struct trial trial = {.call = call, .args = {.n = call_argc(call) - 3, .of = call->args.of + 3}};
    struct bytes name = call_arg(call, 2);

    if (!users_know(name)) {
        refuse_name(call, "User ", name, " not found");
        return;
    }
    trial.command = commands_find(trial.args.of[0]);
    if (trial.command && trial.command->subs && trial.args.n > 1) {
        trial.command = commands_find_sub(trial.command, trial.args.of[1]);
    }
    if (!trial.command) {
        refuse_name(call, "Command ", trial.args.of[0], " not found");
        return;
    }
    if (!command_arity_fits(trial.command->row, trial.args.n)) {
        refuse_name(call, "wrong number of arguments for ", bytes_of_text(trial.command->full_name), " command");
        return;
    }
    if (!users_look(name, try_command, &trial)) refuse_name(call, "User ", name, " not found");
}
