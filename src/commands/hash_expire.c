/* hash_expire: deadlines of fields: set, told, taken away. */
#include "coatcheck/commands/deadline.h"
#include "coatcheck/commands/hash.h"
#include "coatcheck/commands/table.h"

enum outcome { NO_FIELD = -2, NO_DEADLINE = -1, KEPT = 0, SET = 1, GONE = 2 };

enum condition { ALWAYS, WHEN_NONE, WHEN_SOME, WHEN_LATER, WHEN_EARLIER };

static void reply_all(struct call *call, unsigned count, enum outcome outcome)
{
    reply_array(call->reply, count);
    while (count-- > 0) reply_int(call->reply, outcome);
}

/* ---- HEXPIRE, HPEXPIRE, HEXPIREAT, HPEXPIREAT ---- */

static enum condition read_condition(const struct call *call, unsigned i)
{
    if (call_arg_is(call, i, "NX")) return WHEN_NONE;
    if (call_arg_is(call, i, "XX")) return WHEN_SOME;
    if (call_arg_is(call, i, "GT")) return WHEN_LATER;
    return call_arg_is(call, i, "LT") ? WHEN_EARLIER : ALWAYS;
}

/* No deadline counts as the latest of all. */
static bool condition_holds(enum condition condition, int64_t present_ms, int64_t wanted_ms)
{
    switch (condition) {
    case WHEN_NONE:
        return present_ms == NEVER;
    case WHEN_SOME:
        return present_ms != NEVER;
    case WHEN_LATER:
        return wanted_ms > present_ms;
    case WHEN_EARLIER:
        return wanted_ms < present_ms;
    default:
        return true;
    }
}

/* What the fields of a call are to be given, and which events have been told. */
struct expiring {
    const struct key *key;
    struct hash *hash;
    enum condition condition;
    int64_t deadline_ms;
    bool told_set, told_gone;
};

static enum outcome expire_field(struct expiring *expiring, struct bytes name)
{
    struct hash_field field;

    if (!hash_get(expiring->hash, name, &field)) return NO_FIELD;
    if (!condition_holds(expiring->condition, field.deadline_ms, expiring->deadline_ms)) return KEPT;
    if (deadline_is_over(expiring->deadline_ms)) {
        hash_remove(expiring->hash, name);
        effect_field_gone(expiring->key, expiring->told_gone ? NULL : "hdel", name);
        expiring->told_gone = true;
        return GONE;
    }
    must(hash_set_deadline(expiring->hash, name, expiring->deadline_ms) == OK);
    effect_field_deadline(expiring->key, expiring->told_set ? NULL : "hexpire", name, expiring->deadline_ms);
    expiring->told_set = true;
    return SET;
}

/* So that none of them fails when others have been changed already. */
static bool make_ready(struct call *call, struct hash *hash, unsigned first)
{
    for (unsigned i = first; i < call_argc(call); i++) {
        if (!call_ok(call, hash_ready_deadline(hash, call_arg(call, i)))) return false;
    }
    return true;
}

static void expire(struct call *call, struct deadline_unit unit)
{
    struct expiring expiring = {.key = &call->keys[0]};
    unsigned first, count;
    struct spot spot;

    if (!call_find_hash(call, &spot, &expiring.hash)) return;
    if (!call_read_field_deadline(call, 2, unit, &expiring.deadline_ms)) return;
    expiring.condition = read_condition(call, 3);
    if (!call_read_fields(call, expiring.condition == ALWAYS ? 3 : 4,
                          "Parameter `numFields` should be greater than 0", &first, &count)) {
        return;
    }
    if (!expiring.hash) {
        reply_all(call, count, NO_FIELD);
        return;
    }
    if (!deadline_is_over(expiring.deadline_ms) && !make_ready(call, expiring.hash, first)) return;
    reply_array(call->reply, count);
    for (unsigned i = 0; i < count; i++) {
        reply_int(call->reply, expire_field(&expiring, call_arg(call, first + i)));
    }
    if (expiring.told_set) key_note_elements(expiring.key, &spot);
    if (expiring.told_gone) hash_drop_if_empty(expiring.key, &spot);
}

static void cmd_hexpire(struct call *call)
{
    expire(call, (struct deadline_unit){.seconds = true});
}

static void cmd_hpexpire(struct call *call)
{
    expire(call, (struct deadline_unit){0});
}

static void cmd_hexpireat(struct call *call)
{
    expire(call, (struct deadline_unit){.seconds = true, .absolute = true});
}

static void cmd_hpexpireat(struct call *call)
{
    expire(call, (struct deadline_unit){.absolute = true});
}

/* ---- HPERSIST ---- */

static void cmd_hpersist(struct call *call)
{
    const char *event = "hpersist";
    unsigned first, count;
    struct spot spot;
    struct hash *hash;

    if (!call_find_hash(call, &spot, &hash)) return;
    if (!call_read_fields(call, 2, FIELDS_NOT_POSITIVE, &first, &count)) return;
    if (!hash) {
        reply_all(call, count, NO_FIELD);
        return;
    }
    reply_array(call->reply, count);
    for (unsigned i = first; i < call_argc(call); i++) {
        struct hash_field field;
        enum outcome outcome = NO_FIELD;

        if (hash_get(hash, call_arg(call, i), &field)) outcome = field.deadline_ms == NEVER ? NO_DEADLINE : SET;
        if (outcome == SET) {
            must(hash_set_deadline(hash, call_arg(call, i), NEVER) == OK);
            effect_field_deadline(&call->keys[0], event, call_arg(call, i), NEVER);
            event = NULL;
        }
        reply_int(call->reply, outcome);
    }
}

/* ---- HTTL, HPTTL, HEXPIRETIME, HPEXPIRETIME ---- */

/* Seconds are rounded up. */
static int64_t told(int64_t deadline_ms, struct deadline_unit unit)
{
    int64_t ms = unit.absolute ? deadline_ms : deadline_ms - clock_now_ms();

    return unit.seconds ? (ms + 999) / 1000 : ms;
}

static void tell(struct call *call, struct deadline_unit unit)
{
    const struct hash *hash;
    unsigned first, count;

    if (!call_read_hash(call, &hash)) return;
    if (!call_read_fields(call, 2, FIELDS_NOT_POSITIVE, &first, &count)) return;
    reply_array(call->reply, count);
    for (unsigned i = first; i < call_argc(call); i++) {
        struct hash_field field;

        if (!hash || !hash_get(hash, call_arg(call, i), &field)) {
            reply_int(call->reply, NO_FIELD);
        } else if (field.deadline_ms == NEVER) {
            reply_int(call->reply, NO_DEADLINE);
        } else {
            reply_int(call->reply, told(field.deadline_ms, unit));
        }
    }
}

static void cmd_httl(struct call *call)
{
    tell(call, (struct deadline_unit){.seconds = true});
}

static void cmd_hpttl(struct call *call)
{
    tell(call, (struct deadline_unit){0});
}

static void cmd_hexpiretime(struct call *call)
{
    tell(call, (struct deadline_unit){.seconds = true, .absolute = true});
}

static void cmd_hpexpiretime(struct call *call)
{
    tell(call, (struct deadline_unit){.absolute = true});
}

#define EACH "O(N) where N is the number of fields given"
#define EXPIRES                                                                                    \
    .arity = -6, .flags = COMMAND_WRITE | COMMAND_DENYOOM | COMMAND_FAST | COMMAND_IS_OURS, .keys = KEYS_ONE, \
    .access = KEY_RW | KEY_UPDATE, .since = "7.4.0", .cost = EACH
#define TELLS                                                                                      \
    .arity = -5, .flags = COMMAND_READ | COMMAND_FAST | COMMAND_IS_OURS, .keys = KEYS_ONE,         \
    .access = KEY_RO | KEY_ACCESS, .since = "7.4.0", .cost = EACH, .syntax = "key FIELDS numfields field [field ...]"

static const struct command_row rows[] = {
    {.name = "hexpire", .run = cmd_hexpire, EXPIRES,
     .syntax = "key seconds [NX | XX | GT | LT] FIELDS numfields field [field ...]",
     .summary = "Lets fields of a hash go after so many seconds."},
    {.name = "hpexpire", .run = cmd_hpexpire, EXPIRES,
     .syntax = "key milliseconds [NX | XX | GT | LT] FIELDS numfields field [field ...]",
     .summary = "Lets fields of a hash go after so many milliseconds."},
    {.name = "hexpireat", .run = cmd_hexpireat, EXPIRES,
     .syntax = "key unix-time-seconds [NX | XX | GT | LT] FIELDS numfields field [field ...]",
     .summary = "Lets fields of a hash go at a Unix time in seconds."},
    {.name = "hpexpireat", .run = cmd_hpexpireat, EXPIRES,
     .syntax = "key unix-time-milliseconds [NX | XX | GT | LT] FIELDS numfields field [field ...]",
     .summary = "Lets fields of a hash go at a Unix time in milliseconds."},
    {.name = "hpersist", .run = cmd_hpersist, .arity = -5,
     .flags = COMMAND_WRITE | COMMAND_FAST | COMMAND_IS_OURS, .keys = KEYS_ONE, .access = KEY_RW | KEY_UPDATE,
     .since = "7.4.0", .cost = EACH, .syntax = "key FIELDS numfields field [field ...]",
     .summary = "Takes the deadlines of fields away, so that they stay."},
    {.name = "httl", .run = cmd_httl, TELLS, .tips = "nondeterministic_output",
     .summary = "Answers for how many more seconds fields will be there."},
    {.name = "hpttl", .run = cmd_hpttl, TELLS, .tips = "nondeterministic_output",
     .summary = "Answers for how many more milliseconds fields will be there."},
    {.name = "hexpiretime", .run = cmd_hexpiretime, TELLS,
     .summary = "Answers the Unix times in seconds at which fields go."},
    {.name = "hpexpiretime", .run = cmd_hpexpiretime, TELLS,
     .summary = "Answers the Unix times in milliseconds at which fields go."},
};

const struct command_family hash_expire_commands = COMMAND_FAMILY("hash", rows);
