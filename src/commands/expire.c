/* expire: deadlines of keys: set, told, taken away. */
#include "coatcheck/commands/deadline.h"
#include "coatcheck/commands/effect.h"
#include "coatcheck/commands/table.h"

enum expire_condition { EXPIRE_NX = 1, EXPIRE_XX = 2, EXPIRE_GT = 4, EXPIRE_LT = 8 };

/* Redis shows the word up to its first zero byte, and no line break at its end. */
static void refuse_option(struct call *call, struct bytes word)
{
    const char *zero = memchr(word.at, '\0', word.len);
    struct text text = {0};

    if (zero) word.len = (size_t)(zero - word.at);
    while (word.len > 0 && (word.at[word.len - 1] == '\r' || word.at[word.len - 1] == '\n')) word.len--;
    text_add(&text, BYTES("ERR Unsupported option "));
    text_add(&text, word);
    if (text_failed(&text)) {
        reply_error(call->reply, ERR_NO_MEMORY);
    } else {
        reply_error_text(call->reply, text_bytes(&text));
    }
    text_fini(&text);
}

/* False: answered. */
static bool read_conditions(struct call *call, unsigned *conditions)
{
    static const struct {
        const char *word;
        unsigned condition;
    } table[] = {{"NX", EXPIRE_NX}, {"XX", EXPIRE_XX}, {"GT", EXPIRE_GT}, {"LT", EXPIRE_LT}};

    *conditions = 0;
    for (unsigned i = 3; i < call_argc(call); i++) {
        unsigned t = 0;

        while (t < 4 && !call_arg_is(call, i, table[t].word)) t++;
        if (t == 4) {
            refuse_option(call, call_arg(call, i));
            return false;
        }
        *conditions |= table[t].condition;
    }
    if (*conditions & EXPIRE_NX && *conditions != EXPIRE_NX) {
        reply_errorf(call->reply, "ERR NX and XX, GT or LT options at the same time are not compatible");
        return false;
    }
    if (*conditions & EXPIRE_GT && *conditions & EXPIRE_LT) {
        reply_errorf(call->reply, "ERR GT and LT options at the same time are not compatible");
        return false;
    }
    return true;
}

/* No deadline counts as the latest of all. */
static bool conditions_hold(unsigned conditions, int64_t present_ms, int64_t wanted_ms)
{
    if (conditions & EXPIRE_NX && present_ms != NEVER) return false;
    if (conditions & EXPIRE_XX && present_ms == NEVER) return false;
    if (conditions & EXPIRE_GT && wanted_ms <= present_ms) return false;
    if (conditions & EXPIRE_LT && wanted_ms >= present_ms) return false;
    return true;
}

static void expire(struct call *call, struct deadline_unit unit)
{
    const struct key *key = &call->keys[0];
    unsigned conditions;
    int64_t deadline_ms;
    struct spot spot;

    if (!read_conditions(call, &conditions)) return;
    if (!deadline_read_past(call, 2, unit, &deadline_ms)) return;
    if (!key_find(key, &spot) ||
        !conditions_hold(conditions, entry_deadline_ms(spot.entry), deadline_ms)) {
        reply_int(call->reply, 0);
        return;
    }
    if (deadline_is_over(deadline_ms)) {
        key_remove(key, &spot, REMOVED_BY_CLIENT);
        effect_deleted(key);
    } else {
        if (!call_ok(call, key_set_deadline(key, &spot, deadline_ms))) return;
        effect_deadline(key, deadline_ms);
    }
    reply_int(call->reply, 1);
}

static void cmd_expire(struct call *call)
{
    expire(call, (struct deadline_unit){.seconds = true});
}

static void cmd_pexpire(struct call *call)
{
    expire(call, (struct deadline_unit){0});
}

static void cmd_expireat(struct call *call)
{
    expire(call, (struct deadline_unit){.seconds = true, .absolute = true});
}

static void cmd_pexpireat(struct call *call)
{
    expire(call, (struct deadline_unit){.absolute = true});
}

/* -2 without a key, -1 without a deadline; seconds are rounded, half a second up. */
static void tell(struct call *call, struct deadline_unit unit)
{
    struct entry *entry = key_read_quietly(&call->keys[0]);
    int64_t deadline_ms = entry ? entry_deadline_ms(entry) : NEVER;
    uint64_t ms;

    if (!entry || deadline_ms == NEVER) {
        reply_int(call->reply, entry ? -1 : -2);
        return;
    }
    ms = (uint64_t)(deadline_told(deadline_ms) - (unit.absolute ? 0 : clock_now_ms()));
    reply_int(call->reply, (int64_t)(unit.seconds ? (ms + 500) / 1000 : ms));
}

static void cmd_ttl(struct call *call)
{
    tell(call, (struct deadline_unit){.seconds = true});
}

static void cmd_pttl(struct call *call)
{
    tell(call, (struct deadline_unit){0});
}

static void cmd_expiretime(struct call *call)
{
    tell(call, (struct deadline_unit){.seconds = true, .absolute = true});
}

static void cmd_pexpiretime(struct call *call)
{
    tell(call, (struct deadline_unit){.absolute = true});
}

static void cmd_persist(struct call *call)
{
    const struct key *key = &call->keys[0];
    struct spot spot;

    if (!key_find(key, &spot) || entry_deadline_ms(spot.entry) == NEVER) {
        reply_int(call->reply, 0);
        return;
    }
    if (!call_ok(call, key_set_deadline(key, &spot, NEVER))) return;
    effect_deadline(key, NEVER);
    reply_int(call->reply, 1);
}

#define CHANGES                                                                                    \
    .flags = COMMAND_WRITE | COMMAND_FAST | COMMAND_KEYSPACE, .keys = KEYS_ONE,                    \
    .access = KEY_RW | KEY_UPDATE, .cost = "O(1)"
#define EXPIRES .arity = -3, CHANGES, .history = "7.0.0: Added options: `NX`, `XX`, `GT` and `LT`."
#define TELLS                                                                                      \
    .arity = 2, .flags = COMMAND_READ | COMMAND_FAST | COMMAND_KEYSPACE, .keys = KEYS_ONE,         \
    .access = KEY_RO | KEY_ACCESS, .cost = "O(1)", .syntax = "key"
#define CHANGES_EVERY_MS .tips = "nondeterministic_output", .history = "2.8.0: Added the -2 reply."

static const struct command_row rows[] = {
    {.name = "expire", .run = cmd_expire, EXPIRES, .since = "1.0.0",
     .syntax = "key seconds [NX | XX | GT | LT]", .summary = "Lets a key go after so many seconds."},
    {.name = "pexpire", .run = cmd_pexpire, EXPIRES, .since = "2.6.0",
     .syntax = "key milliseconds [NX | XX | GT | LT]", .summary = "Lets a key go after so many milliseconds."},
    {.name = "expireat", .run = cmd_expireat, EXPIRES, .since = "1.2.0",
     .syntax = "key unix-time-seconds [NX | XX | GT | LT]",
     .summary = "Lets a key go at a Unix time in seconds."},
    {.name = "pexpireat", .run = cmd_pexpireat, EXPIRES, .since = "2.6.0",
     .syntax = "key unix-time-milliseconds [NX | XX | GT | LT]",
     .summary = "Lets a key go at a Unix time in milliseconds."},
    {.name = "ttl", .run = cmd_ttl, TELLS, CHANGES_EVERY_MS, .since = "1.0.0",
     .summary = "Answers for how many more seconds a key will be there."},
    {.name = "pttl", .run = cmd_pttl, TELLS, CHANGES_EVERY_MS, .since = "2.6.0",
     .summary = "Answers for how many more milliseconds a key will be there."},
    {.name = "expiretime", .run = cmd_expiretime, TELLS, .since = "7.0.0",
     .summary = "Answers the Unix time in seconds at which a key goes."},
    {.name = "pexpiretime", .run = cmd_pexpiretime, TELLS, .since = "7.0.0",
     .summary = "Answers the Unix time in milliseconds at which a key goes."},
    {.name = "persist", .run = cmd_persist, .arity = 2, CHANGES, .since = "2.2.0", .syntax = "key",
     .summary = "Takes a key's deadline away, so that it stays."},
};

const struct command_family expire_commands = COMMAND_FAMILY("generic", rows);
