#include "coatcheck/engine/secret.h"

#include "coatcheck/config/registry.h"
#include "coatcheck/engine/turn.h"

/* A mistyped HELLO hides what stands after AUTH as well: half of it may be a password. */
static bool is_secret_of_hello(const struct call *call, unsigned i)
{
    for (unsigned back = 1; back <= 2 && i > back + 1; back++) {
        if (call_arg_is(call, i - back, "auth")) return true;
    }
    return false;
}

/* CONFIG SET requirepass … */
static bool is_secret_option(const struct call *call, unsigned i)
{
    const struct option_row *row;

    if (i < 3 || i % 2 == 0 || !call_arg_is(call, 1, "set")) return false;
    row = config_find(call_arg(call, i - 1));
    return row && row->flags & OPTION_SECRET;
}

bool call_arg_is_secret(const struct call *call, unsigned i)
{
    const struct command *command = call->command->parent ? call->command->parent : call->command;
    const char *name = command->row->name;

    if (i == 0) return false;
    if (strcmp(name, "auth") == 0) return true;
    if (strcmp(name, "acl") == 0) return i >= 2 && call_arg_is(call, 1, "setuser");
    if (strcmp(name, "hello") == 0) return is_secret_of_hello(call, i);
    return strcmp(name, "config") == 0 && is_secret_option(call, i);
}

/* A plain line with quotes in it was read into memory of its own. */
static void wipe_line(const struct call *call)
{
    char *at = (char *)(uintptr_t)call->feed->input.at + call->start;
    const char *end = call->feed->input.at + call->feed->input.len, *newline;

    while (at < end && (*at == '\r' || *at == '\n')) at++;
    newline = memchr(at, '\n', (size_t)(end - at));
    if (newline) explicit_bzero(at, (size_t)(newline - at));
}

void call_wipe_secrets(const struct call *call)
{
    bool any = false;

    for (unsigned i = 1; i < call_argc(call); i++) {
        if (!call_arg_is_secret(call, i)) continue;
        any = true;
        explicit_bzero((char *)(uintptr_t)call_arg(call, i).at, call_arg(call, i).len);
    }
    if (any && call->unquoted && call->feed) wipe_line(call);
}
