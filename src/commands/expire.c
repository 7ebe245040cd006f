/* expire: deadlines of keys. */
#include "coatcheck/commands/table.h"

static void cmd_expire(struct call *call)
{
    struct spot spot;
    int64_t seconds;

    if (!call_read_int(call, 2, &seconds)) return;
    if (!key_find(&call->keys[0], &spot)) {
        reply_int(call->reply, 0);
        return;
    }
    if (!call_ok(call, key_set_deadline(&call->keys[0], &spot, clock_now_ms() + seconds * 1000))) return;
    reply_int(call->reply, 1);
}

static void cmd_ttl(struct call *call)
{
    struct entry *entry = key_read_quietly(&call->keys[0]);
    int64_t deadline;

    if (!entry) {
        reply_int(call->reply, -2);
        return;
    }
    deadline = entry_deadline_ms(entry);
    reply_int(call->reply, deadline == NEVER ? -1 : (deadline - clock_now_ms() + 500) / 1000);
}

static const struct command_row rows[] = {
    {.name = "expire", .run = cmd_expire, .arity = -3, .flags = COMMAND_WRITE | COMMAND_FAST, .keys = KEYS_ONE,
     .since = "1.0.0", .cost = "O(1)", .syntax = "key seconds [NX | XX | GT | LT]",
     .summary = "Sets the expiration time of a key in seconds."},
    {.name = "ttl", .run = cmd_ttl, .arity = 2, .flags = COMMAND_READ | COMMAND_FAST, .keys = KEYS_ONE,
     .since = "1.0.0", .cost = "O(1)", .syntax = "key",
     .summary = "Returns the expiration time in seconds of a key."},
};

const struct command_family expire_commands = COMMAND_FAMILY("generic", rows);
