/* counter: strings that are numbers, counted up and down in place. */
#include <math.h>
#include "coatcheck/commands/effect.h"
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

static bool read_float(struct call *call, const struct spot *spot, long double *number)
{
    char scratch[NUMBER_MAX_TEXT];

    *number = 0;
    if (!spot->entry || number_read_long_double(entry_string(spot->entry, scratch), number)) return true;
    reply_error(call->reply, ERR_NOT_A_FLOAT);
    return false;
}

static void cmd_incrbyfloat(struct call *call)
{
    char digits[NUMBER_MAX_FLOAT_TEXT];
    struct bytes value = {digits, 0};
    struct spot spot;
    long double number, amount;

    if (!call_find_type(call, 0, VALUE_STRING, &spot) || !read_float(call, &spot, &number)) return;
    if (!call_read_long_double(call, 2, &amount)) return;
    number += amount;
    if (isnan(number) || isinf(number)) {
        reply_error(call->reply, ERR_NAN_OR_INFINITY);
        return;
    }
    value.len = number_print_long_double(digits, sizeof digits, number);
    if (!call_ok(call, key_put_text(&call->keys[0], &spot, value, KEEP_DEADLINE))) return;
    /* Another machine might round otherwise: it is told the sum. */
    effect_set(&call->keys[0], "incrbyfloat", value, KEEP_DEADLINE);
    reply_bulk(call->reply, value);
}

#define COUNTS                                                                                     \
    .flags = COMMAND_WRITE | COMMAND_DENYOOM | COMMAND_FAST, .keys = KEYS_ONE,                     \
    .access = KEY_RW | KEY_ACCESS | KEY_UPDATE, .cost = "O(1)"

static const struct command_row rows[] = {
    {.name = "incr", .run = cmd_incr, .arity = 2, COUNTS, .since = "1.0.0", .syntax = "key",
     .summary = "Adds one to the integer at a key; a missing one counts as 0."},
    {.name = "decr", .run = cmd_decr, .arity = 2, COUNTS, .since = "1.0.0", .syntax = "key",
     .summary = "Takes one from the integer at a key; a missing one counts as 0."},
    {.name = "incrby", .run = cmd_incrby, .arity = 3, COUNTS, .since = "1.0.0", .syntax = "key increment",
     .summary = "Adds to the integer at a key; a missing one counts as 0."},
    {.name = "decrby", .run = cmd_decrby, .arity = 3, COUNTS, .since = "1.0.0", .syntax = "key decrement",
     .summary = "Takes from the integer at a key; a missing one counts as 0."},
    {.name = "incrbyfloat", .run = cmd_incrbyfloat, .arity = 3, COUNTS, .since = "2.6.0",
     .syntax = "key increment", .summary = "Adds to the decimal number at a key; a missing one counts as 0."},
};

const struct command_family counter_commands = COMMAND_FAMILY("string", rows);
