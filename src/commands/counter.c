/* counter: strings that are numbers, counted up and down in place. */
#include "coatcheck/commands/table.h"

/* The number at the spot, 0 for no key. False: the client has been answered. */
static bool read_number(struct call *call, const struct spot *spot, int64_t *number)
{
    char scratch[NUMBER_MAX_TEXT];

    *number = 0;
    if (!spot->entry) return true;
    if (likely(entry_form(spot->entry) == ENTRY_INT)) {
        *number = entry_int(spot->entry);
        return true;
    }
    if (number_read_int(entry_string(spot->entry, scratch), number)) return true;
    reply_error(call->reply, ERR_NOT_AN_INTEGER);
    return false;
}

static void count_by(struct call *call, int64_t amount)
{
    struct spot spot;
    int64_t number;

    if (!call_find_type(call, 0, VALUE_STRING, &spot) || !read_number(call, &spot, &number)) return;
    if (__builtin_add_overflow(number, amount, &number)) {
        reply_error(call->reply, ERR_OVERFLOW);
        return;
    }
    if (!call_ok(call, key_put_int(&call->keys[0], &spot, number, KEEP_DEADLINE))) return;
    call_changed(call, &call->keys[0], "incrby");
    reply_int(call->reply, number);
}

static void cmd_incr(struct call *call)
{
    count_by(call, 1);
}

static void cmd_decr(struct call *call)
{
    count_by(call, -1);
}

static void cmd_incrby(struct call *call)
{
    int64_t amount;

    if (call_read_int(call, 2, &amount)) count_by(call, amount);
}

static void cmd_decrby(struct call *call)
{
    int64_t amount;

    if (!call_read_int(call, 2, &amount)) return;
    if (amount == INT64_MIN) {
        reply_errorf(call->reply, "ERR decrement would overflow");
        return;
    }
    count_by(call, -amount);
}

#define COUNTER_FLAGS (COMMAND_WRITE | COMMAND_DENYOOM | COMMAND_FAST)

static const struct command_row rows[] = {
    {.name = "incr", .run = cmd_incr, .arity = 2, .flags = COUNTER_FLAGS, .keys = KEYS_ONE, .since = "1.0.0",
     .cost = "O(1)", .syntax = "key",
     .summary = "Increments the integer value of a key by one. Uses 0 as initial value if the key doesn't exist."},
    {.name = "decr", .run = cmd_decr, .arity = 2, .flags = COUNTER_FLAGS, .keys = KEYS_ONE, .since = "1.0.0",
     .cost = "O(1)", .syntax = "key",
     .summary = "Decrements the integer value of a key by one. Uses 0 as initial value if the key doesn't exist."},
    {.name = "incrby", .run = cmd_incrby, .arity = 3, .flags = COUNTER_FLAGS, .keys = KEYS_ONE,
     .since = "1.0.0", .cost = "O(1)", .syntax = "key increment",
     .summary = "Increments the integer value of a key by a number. Uses 0 as initial value if the key doesn't exist."},
    {.name = "decrby", .run = cmd_decrby, .arity = 3, .flags = COUNTER_FLAGS, .keys = KEYS_ONE,
     .since = "1.0.0", .cost = "O(1)", .syntax = "key decrement",
     .summary = "Decrements the integer value of a key by a number. Uses 0 as initial value if the key doesn't exist."},
};

const struct command_family counter_commands = COMMAND_FAMILY("string", rows);
