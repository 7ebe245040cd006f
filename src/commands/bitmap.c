/* bitmap: single bits of a string: set and got; and the rows of all commands of bits. */
#include "coatcheck/commands/bitmap.h"

#include "coatcheck/commands/table.h"
#include "coatcheck/engine/options.h"
#include "coatcheck/structs/bits.h"

/* ---- words and bytes ---- */

bool call_read_bit_place(struct call *call, unsigned i, unsigned width, uint64_t *place)
{
    struct bytes word = call_arg(call, i);
    bool counted = width > 0 && word.len > 0 && word.at[0] == '#';
    int64_t number;

    if (counted) word = bytes_of(word.at + 1, word.len - 1);
    if (number_read_int(word, &number) && number >= 0 &&
        !(counted && __builtin_mul_overflow(number, (int64_t)width, &number)) &&
        number >> 3 < option_int(&engine_options.proto_max_bulk_len)) {
        *place = (uint64_t)number;
        return true;
    }
    reply_errorf(call->reply, "ERR bit offset is not an integer or out of range");
    return false;
}

bool call_read_bits(struct call *call, unsigned k, char scratch[NUMBER_MAX_TEXT], struct bytes *bytes)
{
    struct entry *entry;

    if (!call_read_type(call, k, VALUE_STRING, &entry)) return false;
    *bytes = entry ? entry_string(entry, scratch) : bytes_of(NULL, 0);
    return true;
}

bool call_edit_bits(struct call *call, uint64_t place, struct bits_edit *edit)
{
    size_t len = (size_t)(place >> 3) + 1, was;
    struct spot spot;

    if (!call_find_type(call, 0, VALUE_STRING, &spot)) return false;
    was = spot.entry ? entry_string_len(spot.entry) : 0;
    edit->grown = len > was;
    edit->len = edit->grown ? len : was;
    edit->at = key_edit_string(&call->keys[0], &spot, edit->len);
    return call_ok(call, edit->at ? OK : NO_MEMORY);
}

/* ---- SETBIT, GETBIT ---- */

static void cmd_setbit(struct call *call)
{
    struct bits_edit edit;
    uint64_t place;
    int64_t bit;
    bool was;

    if (!call_read_bit_place(call, 2, 0, &place)) return;
    if (!call_read_int_between(call, 3, 0, 1, &bit, "bit is not an integer or out of range")) return;
    if (!call_edit_bits(call, place, &edit)) return;
    was = bits_get(edit.at, place);
    if (was != bit) bits_set(edit.at, place, bit);
    if (was != bit || edit.grown) call_changed(call, &call->keys[0], "setbit");
    reply_int(call->reply, was);
}

static void cmd_getbit(struct call *call)
{
    char scratch[NUMBER_MAX_TEXT];
    struct bytes bytes;
    uint64_t place;

    if (!call_read_bit_place(call, 2, 0, &place)) return;
    if (!call_read_bits(call, 0, scratch, &bytes)) return;
    reply_int(call->reply, place >> 3 < bytes.len && bits_get(bytes.at, place));
}

static const struct command_key_spec bitop_specs[] = {
    {.access = KEY_OW | KEY_UPDATE, .index = 2, .step = 1},
    {.access = KEY_RO | KEY_ACCESS, .index = 3, .last = -1, .step = 1},
    {0},
};

#define READS .flags = COMMAND_READ, .keys = KEYS_ONE, .access = KEY_RO | KEY_ACCESS
#define UNIT_HISTORY "7.0.0: Added the `BYTE|BIT` option."

static const struct command_row rows[] = {
    {.name = "setbit", .run = cmd_setbit, .arity = 4, .flags = COMMAND_WRITE | COMMAND_DENYOOM, .keys = KEYS_ONE,
     .access = KEY_RW | KEY_ACCESS | KEY_UPDATE, .since = "2.2.0",
     .cost = "O(1), or O(N) where the string grows by N bytes", .syntax = "key offset value",
     .summary = "Sets or clears one bit of a string, which grows as far as that, and answers what it was."},
    {.name = "getbit", .run = cmd_getbit, .arity = 3, .flags = COMMAND_READ | COMMAND_FAST, .keys = KEYS_ONE,
     .access = KEY_RO | KEY_ACCESS, .since = "2.2.0", .cost = "O(1)", .syntax = "key offset",
     .summary = "Answers one bit of a string."},
    {.name = "bitcount", .run = cmd_bitcount, .arity = -2, READS, .since = "2.6.0",
     .cost = "O(N) where N is the length of the part", .syntax = "key [start end [BYTE | BIT]]",
     .summary = "Counts the bits that are set in a string, or in a part of it.", .history = UNIT_HISTORY},
    {.name = "bitpos", .run = cmd_bitpos, .arity = -3, READS, .since = "2.8.7",
     .cost = "O(N) where N is the length of the part", .syntax = "key bit [start [end [BYTE | BIT]]]",
     .summary = "Answers where the first bit that is set, or that is clear, stands in a string.",
     .history = UNIT_HISTORY},
    {.name = "bitop", .run = cmd_bitop, .arity = -4, .flags = COMMAND_WRITE | COMMAND_DENYOOM, .keys = {2, -1, 1},
     .key_specs = bitop_specs, .since = "2.6.0", .cost = "O(N) where N is the length of all strings",
     .syntax = "operation destkey key [key ...]",
     .summary = "Combines strings bit by bit (AND, OR, XOR, NOT) into another one."},
};

const struct command_family bitmap_commands = COMMAND_FAMILY("bitmap", rows);
