/* string_range: parts of a string: added, overwritten, cut out, measured. */
#include "coatcheck/commands/effect.h"
#include "coatcheck/commands/table.h"
#include "coatcheck/engine/options.h"

/* May there be a string of `at + added` bytes? Answers the client when not. */
static bool check_length(struct call *call, size_t at, size_t added)
{
    size_t len;

    if (!__builtin_add_overflow(at, added, &len) &&
        len <= (size_t)option_int(&engine_options.proto_max_bulk_len)) {
        return true;
    }
    reply_error(call->reply, ERR_TOO_LONG);
    return false;
}

/* Writes `value` into the string at the spot from `offset` on, which makes it longer where needed. False:
 * no memory; answered. */
static bool write_at(struct call *call, struct spot *spot, size_t offset, struct bytes value, size_t *len)
{
    char *at;

    if (*len < offset + value.len) *len = offset + value.len;
    at = key_edit_string(&call->keys[0], spot, *len);
    if (!at) {
        reply_error(call->reply, ERR_NO_MEMORY);
        return false;
    }
    if (value.len > 0) memcpy(at + offset, value.at, value.len);
    return true;
}

static void cmd_append(struct call *call)
{
    const struct key *key = &call->keys[0];
    struct bytes value = call_arg(call, 2);
    struct spot spot;
    size_t len = 0;

    if (!call_find_type(call, 0, VALUE_STRING, &spot)) return;
    if (!spot.entry) {
        len = value.len;
        if (!call_ok(call, key_put_string(key, &spot, value, NEVER))) return;
    } else {
        len = entry_string_len(spot.entry);
        if (!check_length(call, len, value.len)) return;
        if (!write_at(call, &spot, len, value, &len)) return;
    }
    call_changed(call, key, "append");
    reply_int(call->reply, (int64_t)len);
}

static void cmd_setrange(struct call *call)
{
    struct bytes value = call_arg(call, 3);
    struct spot spot;
    int64_t offset;
    size_t len;

    if (!call_read_int(call, 2, &offset)) return;
    if (offset < 0) {
        reply_errorf(call->reply, "ERR offset is out of range");
        return;
    }
    if (!call_find_type(call, 0, VALUE_STRING, &spot)) return;
    len = spot.entry ? entry_string_len(spot.entry) : 0;
    if (value.len > 0) {
        if (!check_length(call, (size_t)offset, value.len)) return;
        if (!write_at(call, &spot, (size_t)offset, value, &len)) return;
        call_changed(call, &call->keys[0], "setrange");
    }
    reply_int(call->reply, (int64_t)len);
}

static void cmd_strlen(struct call *call)
{
    struct entry *entry;

    if (!call_read_type(call, 0, VALUE_STRING, &entry)) return;
    reply_int(call->reply, entry ? (int64_t)entry_string_len(entry) : 0);
}

/* The bytes from `start` to `end`, both included, negative ones counted from the end. An end before the first
 * byte means the first byte: GETRANGE has always done so. */
static struct bytes cut(struct bytes text, int64_t start, int64_t end)
{
    int64_t len = (int64_t)text.len;

    if (len == 0 || (start < 0 && end < 0 && start > end)) return BYTES("");
    if (start < 0) start += len;
    if (end < 0) end += len;
    if (start < 0) start = 0;
    if (end < 0) end = 0;
    if (end >= len) end = len - 1;
    if (start > end) return BYTES("");
    return bytes_of(text.at + start, (size_t)(end - start + 1));
}

static void cmd_getrange(struct call *call)
{
    char scratch[NUMBER_MAX_TEXT];
    struct entry *entry;
    int64_t start, end;

    if (!call_read_int(call, 2, &start) || !call_read_int(call, 3, &end)) return;
    if (!call_read_type(call, 0, VALUE_STRING, &entry)) return;
    if (entry) {
        reply_entry_part(call, entry, cut(entry_string(entry, scratch), start, end));
    } else {
        reply_bulk(call->reply, BYTES(""));
    }
}

#define RANGE_COST "O(N) where N is the length of the answer; O(1) from 64 KB on, as it is sent from where it lies"

static const struct command_row rows[] = {
    {.name = "append", .run = cmd_append, .arity = 3,
     .flags = COMMAND_WRITE | COMMAND_DENYOOM | COMMAND_FAST, .keys = KEYS_ONE, .access = KEY_RW | KEY_INSERT,
     .since = "2.0.0", .cost = "O(N) where N is the length of what is added, over many calls",
     .syntax = "key value", .summary = "Adds to the end of a string, which is made when there is none."},
    {.name = "strlen", .run = cmd_strlen, .arity = 2, .flags = COMMAND_READ | COMMAND_FAST, .keys = KEYS_ONE,
     .access = KEY_RO, .since = "2.2.0", .cost = "O(1)", .syntax = "key",
     .summary = "Answers how many bytes the string at a key has."},
    {.name = "setrange", .run = cmd_setrange, .arity = 4, .flags = COMMAND_WRITE | COMMAND_DENYOOM,
     .keys = KEYS_ONE, .access = KEY_RW | KEY_UPDATE, .since = "2.2.0",
     .cost = "O(N) where N is the length of what is written, and of the gap before it",
     .syntax = "key offset value",
     .summary = "Overwrites a string from an offset on; a gap before it is filled with zero bytes."},
    {.name = "getrange", .run = cmd_getrange, .arity = 4, .flags = COMMAND_READ, .keys = KEYS_ONE,
     .access = KEY_RO | KEY_ACCESS, .since = "2.4.0", .cost = RANGE_COST, .syntax = "key start end",
     .summary = "Answers the part of a string between two indexes, both included."},
    {.name = "substr", .run = cmd_getrange, .arity = 4, .flags = COMMAND_READ, .keys = KEYS_ONE,
     .access = KEY_RO | KEY_ACCESS, .since = "1.0.0", .cost = RANGE_COST, .syntax = "key start end",
     .summary = "Answers the part of a string between two indexes: the old name of GETRANGE.",
     .replaced_by = "`GETRANGE`", .deprecated_since = "2.0.0"},
};

const struct command_family string_range_commands = COMMAND_FAMILY("string", rows);
