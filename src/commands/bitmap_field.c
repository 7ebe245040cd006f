/* bitmap_field: BITFIELD and BITFIELD_RO: numbers of 1 to 64 bits anywhere in a string, got, set and counted up. */
#include "coatcheck/commands/bitmap.h"
#include "coatcheck/commands/effect.h"
#include "coatcheck/commands/table.h"
#include "coatcheck/structs/bits.h"

enum overflow { OVERFLOW_WRAP, OVERFLOW_SAT, OVERFLOW_FAIL };
enum operation { FIELD_GET, FIELD_SET, FIELD_INCRBY };

/* The words are walked through twice: first to know that they make sense and how far they reach, and then to do what
 * they say. */
struct field_walk {
    unsigned at; /* the next word */
    enum overflow overflow;

    enum operation operation;
    bool is_signed;
    unsigned width;
    uint64_t place;
    int64_t number; /* to be set, or to be added */
};

#define WALK_BEGIN ((struct field_walk){.at = 2})

/* ---- words ---- */

static bool read_type(struct call *call, struct field_walk *walk)
{
    struct bytes word = call_arg(call, walk->at + 1);
    int64_t width;

    walk->is_signed = word.len > 0 && word.at[0] == 'i';
    if (word.len > 0 && (walk->is_signed || word.at[0] == 'u') &&
        number_read_int(bytes_of(word.at + 1, word.len - 1), &width) && width >= 1 &&
        width <= (walk->is_signed ? 64 : 63)) {
        walk->width = (unsigned)width;
        return true;
    }
    reply_errorf(call->reply, "ERR Invalid bitfield type. Use something like i16 u8. "
                              "Note that u64 is not supported but i64 is.");
    return false;
}

static bool read_overflow(struct call *call, struct field_walk *walk)
{
    static const char *const names[] = {
        [OVERFLOW_WRAP] = "WRAP", [OVERFLOW_SAT] = "SAT", [OVERFLOW_FAIL] = "FAIL"};

    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (!call_arg_is(call, walk->at + 1, names[i])) continue;
        walk->overflow = (enum overflow)i;
        walk->at += 2;
        return true;
    }
    reply_errorf(call->reply, "ERR Invalid OVERFLOW type specified");
    return false;
}

/* Is the next word this one, with enough words behind it? */
static inline bool next_is(const struct call *call, const struct field_walk *walk, const char *name, unsigned words)
{
    return call_argc(call) - walk->at > words && call_arg_is(call, walk->at, name);
}

/* To the next operation. False: there is none, or the words make no sense: that has been answered, and *good is
 * false. */
static bool walk_next(struct call *call, struct field_walk *walk, bool *good)
{
    unsigned words;

    *good = false;
    while (walk->at < call_argc(call) && next_is(call, walk, "OVERFLOW", 1)) {
        if (!read_overflow(call, walk)) return false;
    }
    if (walk->at == call_argc(call)) {
        *good = true;
        return false;
    }
    if (next_is(call, walk, "GET", 2)) {
        walk->operation = FIELD_GET;
    } else if (next_is(call, walk, "SET", 3)) {
        walk->operation = FIELD_SET;
    } else if (next_is(call, walk, "INCRBY", 3)) {
        walk->operation = FIELD_INCRBY;
    } else {
        call_syntax_error(call);
        return false;
    }
    words = walk->operation == FIELD_GET ? 3 : 4;
    if (!read_type(call, walk) || !call_read_bit_place(call, walk->at + 2, walk->width, &walk->place)) return false;
    if (words == 4 && !call_read_int(call, walk->at + 3, &walk->number)) return false;
    walk->at += words;
    *good = true;
    return true;
}

/* What all of the words ask for. */
struct field_plan {
    unsigned count;
    bool writes;
    uint64_t last; /* the last bit that is written to */
};

/* False: answered. */
static bool plan_read(struct call *call, struct field_plan *plan)
{
    struct field_walk walk = WALK_BEGIN;
    bool good;

    *plan = (struct field_plan){0};
    while (walk_next(call, &walk, &good)) {
        uint64_t last = walk.place + walk.width - 1;

        plan->count++;
        if (walk.operation == FIELD_GET) continue;
        plan->writes = true;
        if (last > plan->last) plan->last = last;
    }
    return good;
}

/* ---- numbers ---- */

/* `bits` as a number of this width. */
static inline int64_t number_of(uint64_t bits, unsigned width, bool is_signed)
{
    if (!is_signed) return (int64_t)bits;
    return (int64_t)(bits << (64 - width)) >> (64 - width);
}

/* The sum within `width` bits, or what the overflow makes of it. True: it did overflow. */
static bool add_signed(int64_t number, int64_t more, const struct field_walk *walk, int64_t *sum)
{
    int64_t max = INT64_MAX >> (64 - walk->width), min = -max - 1;
    bool above, below;

    if (__builtin_add_overflow(number, more, sum)) {
        above = more > 0;
        below = !above;
    } else {
        above = *sum > max;
        below = *sum < min;
    }
    if (!above && !below) return false;
    if (walk->overflow == OVERFLOW_SAT) {
        *sum = above ? max : min;
    } else {
        *sum = number_of((uint64_t)number + (uint64_t)more, walk->width, true);
    }
    return true;
}

/* A number below 0 that is to be set is one above all. */
static bool add_unsigned(uint64_t number, int64_t more, const struct field_walk *walk, int64_t *sum)
{
    uint64_t max = UINT64_MAX >> (64 - walk->width), result = number + (uint64_t)more;
    bool above = number > max || (more > 0 && (uint64_t)more > max - number);
    bool below = !above && more < 0 && 0 - (uint64_t)more > number;

    if (above || below) {
        result = walk->overflow == OVERFLOW_SAT ? (above ? max : 0) : result & max;
    }
    *sum = (int64_t)result;
    return above || below;
}

static bool add(int64_t number, int64_t more, const struct field_walk *walk, int64_t *sum)
{
    return walk->is_signed ? add_signed(number, more, walk, sum) : add_unsigned((uint64_t)number, more, walk, sum);
}

/* ---- doing it ---- */

static int64_t read_field(const struct field_walk *walk, struct bytes bytes)
{
    return number_of(bits_read(bytes, walk->place, walk->width), walk->width, walk->is_signed);
}

static void run_reads(struct call *call, unsigned count, struct bytes bytes)
{
    struct field_walk walk = WALK_BEGIN;
    bool good;

    reply_array(call->reply, count);
    while (walk_next(call, &walk, &good)) reply_int(call->reply, read_field(&walk, bytes));
}

/* True: it was written. */
static bool write_field(struct call *call, const struct field_walk *walk, const struct bits_edit *edit, bool *differs)
{
    int64_t was = read_field(walk, bytes_of(edit->at, edit->len)), is;
    bool overflows = walk->operation == FIELD_SET ? add(walk->number, 0, walk, &is)
                                                  : add(was, walk->number, walk, &is);

    if (overflows && walk->overflow == OVERFLOW_FAIL) {
        reply_null(call->reply);
        return false;
    }
    reply_int(call->reply, walk->operation == FIELD_SET ? was : is);
    *differs |= was != is;
    if (was != is) bits_write(edit->at, walk->place, walk->width, (uint64_t)is);
    return true;
}

static void run_writes(struct call *call, const struct field_plan *plan)
{
    struct field_walk walk = WALK_BEGIN;
    bool good, written = false, differs;
    struct bits_edit edit;

    if (!call_edit_bits(call, plan->last, &edit)) return;
    differs = edit.grown;
    reply_array(call->reply, plan->count);
    while (walk_next(call, &walk, &good)) {
        if (walk.operation == FIELD_GET) {
            reply_int(call->reply, read_field(&walk, bytes_of(edit.at, edit.len)));
        } else {
            written |= write_field(call, &walk, &edit, &differs);
        }
    }
    if (written && differs) {
        call_changed(call, &call->keys[0], "setbit");
    } else if (edit.grown) {
        /* All of it overflowed, and it is longer nevertheless: no event, but copies of the data have to know. */
        effect_alone(call, &call->keys[0]);
    }
}

static void cmd_bitfield(struct call *call)
{
    char scratch[NUMBER_MAX_TEXT];
    struct field_plan plan;
    struct bytes bytes;

    if (!plan_read(call, &plan)) return;
    if (plan.writes) {
        run_writes(call, &plan);
    } else if (call_read_bits(call, 0, scratch, &bytes)) {
        run_reads(call, plan.count, bytes);
    }
}

static void cmd_bitfield_ro(struct call *call)
{
    char scratch[NUMBER_MAX_TEXT];
    struct field_plan plan;
    struct bytes bytes;

    if (!plan_read(call, &plan)) return;
    if (plan.writes) {
        reply_errorf(call->reply, "ERR BITFIELD_RO only supports the GET subcommand");
    } else if (call_read_bits(call, 0, scratch, &bytes)) {
        run_reads(call, plan.count, bytes);
    }
}

/* Words that make no sense count as a change. */
static uint16_t bitfield_access(const struct args *args, unsigned k)
{
    (void)k;
    for (unsigned i = 2; i < args->n;) {
        if (args->n - i > 2 && bytes_is(args->of[i], "GET")) {
            i += 3;
        } else if (args->n - i > 1 && bytes_is(args->of[i], "OVERFLOW")) {
            i += 2;
        } else {
            return KEY_RW | KEY_ACCESS | KEY_UPDATE;
        }
    }
    return KEY_RO | KEY_ACCESS;
}

#define FIELD_COST "O(1) for each operation, or O(N) where the string grows by N bytes"

static const struct command_row rows[] = {
    {.name = "bitfield", .run = cmd_bitfield, .arity = -2, .flags = COMMAND_WRITE | COMMAND_DENYOOM, .keys = KEYS_ONE,
     .access = KEY_RW | KEY_ACCESS | KEY_UPDATE | KEY_VARIABLE, .find_access = bitfield_access,
     .key_notes = "This command allows both access and modification of the key", .since = "3.2.0",
     .cost = FIELD_COST,
     .syntax = "key [<GET encoding offset | [OVERFLOW <WRAP | SAT | FAIL>] "
               "<SET encoding offset value | INCRBY encoding offset increment>> [operation ...]]",
     .summary = "Gets, sets and counts up numbers of any width that stand anywhere in a string."},
    {.name = "bitfield_ro", .run = cmd_bitfield_ro, .arity = -2, .flags = COMMAND_READ | COMMAND_FAST,
     .keys = KEYS_ONE, .access = KEY_RO | KEY_ACCESS, .since = "6.0.0", .cost = "O(1) for each number",
     .syntax = "key [GET encoding offset [GET encoding offset ...]]",
     .summary = "Gets numbers of any width that stand anywhere in a string."},
};

const struct command_family bitmap_field_commands = COMMAND_FAMILY("bitmap", rows);
