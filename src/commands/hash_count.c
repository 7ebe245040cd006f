/* hash_count: fields that are numbers, counted up and down. They keep their deadlines. */
#include <math.h>
#include "coatcheck/commands/effect.h"
#include "coatcheck/commands/hash.h"
#include "coatcheck/commands/table.h"

/* Puts a sum. False: answered. */
static bool put_sum(struct call *call, struct spot *spot, struct hash *hash, struct bytes sum)
{
    struct bytes words[2] = {call_arg(call, 2), sum};
    unsigned added;

    return call_put_fields(call, spot, hash, words, 1, HASH_KEEP_DEADLINE, &added);
}

static void cmd_hincrby(struct call *call)
{
    struct hash_field field = {.value = {NULL, 0}};
    char digits[NUMBER_MAX_TEXT];
    int64_t amount, number = 0;
    struct spot spot;
    struct hash *hash;

    if (!call_read_int(call, 3, &amount) || !call_find_hash(call, &spot, &hash)) return;
    if (hash && hash_get(hash, call_arg(call, 2), &field) && !number_read_int(field.value, &number)) {
        reply_errorf(call->reply, "ERR hash value is not an integer");
        return;
    }
    if (__builtin_add_overflow(number, amount, &number)) {
        reply_error(call->reply, ERR_OVERFLOW);
        return;
    }
    if (!put_sum(call, &spot, hash, bytes_of(digits, number_print_int(digits, number)))) return;
    call_changed(call, &call->keys[0], "hincrby");
    reply_int(call->reply, number);
}

/* Another machine might round otherwise: it is told the sum. */
static void tell_sum(const struct call *call, struct bytes sum)
{
    struct bytes words[] = {BYTES("HSETEX"), call->keys[0].name, BYTES("KEEPTTL"), BYTES("FIELDS"), BYTES("1"),
                            call_arg(call, 2), sum};

    key_touched(&call->keys[0]);
    if (likely(!change_anyone_listens)) return;
    change_publish(&(struct change){.db = call->keys[0].db, .key = call->keys[0].name, .event = "hincrbyfloat",
                                    .effect = words, .effect_words = sizeof words / sizeof words[0]});
}

static void cmd_hincrbyfloat(struct call *call)
{
    struct hash_field field = {.value = {NULL, 0}};
    char digits[NUMBER_MAX_FLOAT_TEXT];
    struct bytes sum = {digits, 0};
    long double amount, number = 0;
    struct spot spot;
    struct hash *hash;

    if (!call_read_long_double(call, 3, &amount)) return;
    if (isnan(amount) || isinf(amount)) {
        reply_errorf(call->reply, "ERR value is NaN or Infinity");
        return;
    }
    if (!call_find_hash(call, &spot, &hash)) return;
    if (hash && hash_get(hash, call_arg(call, 2), &field) && !number_read_long_double(field.value, &number)) {
        reply_errorf(call->reply, "ERR hash value is not a float");
        return;
    }
    number += amount;
    if (isnan(number) || isinf(number)) {
        reply_error(call->reply, ERR_NAN_OR_INFINITY);
        return;
    }
    sum.len = number_print_long_double(digits, sizeof digits, number);
    if (!put_sum(call, &spot, hash, sum)) return;
    tell_sum(call, sum);
    reply_bulk(call->reply, sum);
}

#define COUNTS                                                                                     \
    .arity = 4, .element = 2, .flags = COMMAND_WRITE | COMMAND_DENYOOM | COMMAND_FAST, .keys = KEYS_ONE,         \
    .access = KEY_RW | KEY_ACCESS | KEY_UPDATE, .cost = "O(1)", .syntax = "key field increment"

static const struct command_row rows[] = {
    {.name = "hincrby", .run = cmd_hincrby, COUNTS, .since = "2.0.0",
     .summary = "Adds to the integer in a field; a missing one counts as 0."},
    {.name = "hincrbyfloat", .run = cmd_hincrbyfloat, COUNTS, .since = "2.6.0",
     .summary = "Adds to the decimal number in a field; a missing one counts as 0."},
};

const struct command_family hash_count_commands = COMMAND_FAMILY("hash", rows);
