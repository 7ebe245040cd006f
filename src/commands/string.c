/* string: one value as a whole: got, set, exchanged, deleted. */
#include "coatcheck/commands/effect.h"
#include "coatcheck/commands/string_options.h"
#include "coatcheck/commands/table.h"

static void reply_value(struct call *call, const struct entry *entry)
{
    if (entry) {
        reply_entry(call, entry);
    } else {
        reply_null(call->reply);
    }
}

/* For commands that answer the value they are about to change. Looks twice, since only who reads is counted
 * as a hit or a miss, and only who finds may change. False: it is no string; answered. */
static bool find_to_read(struct call *call, struct spot *spot)
{
    struct entry *entry;

    if (!call_read_type(call, 0, VALUE_STRING, &entry)) return false;
    key_find(&call->keys[0], spot);
    return true;
}

static void remove_key(struct call *call, struct spot *spot)
{
    key_remove(&call->keys[0], spot, REMOVED_BY_CLIENT);
    effect_deleted(&call->keys[0]);
}

/* It was there for a moment, whatever was there before. */
static void pass_by(const struct key *key, struct spot *spot)
{
    bool was_there = spot->entry != NULL;

    if (was_there) key_remove(key, spot, REMOVED_BY_CLIENT);
    if (!was_there && unlikely(change_anyone_asks_more)) change_publish_more(key->db, key->name, "new");
    effect_passed_by(key, was_there);
}

/* With a deadline that is over already the key is gone the moment it is set. */
static enum status put_value(struct call *call, struct spot *spot, struct bytes value, int64_t deadline_ms)
{
    const struct key *key = &call->keys[0];
    enum status status;

    if (unlikely(deadline_is_over(deadline_ms))) {
        pass_by(key, spot);
        return OK;
    }
    status = call_put_string(call, key, spot, value, deadline_ms);
    if (likely(status == OK)) effect_set(key, "set", value, deadline_ms);
    return status;
}

/* Answers the old value first: afterwards its memory may be the new one's. A client who cannot be told, for
 * want of memory, changes nothing. */
static void exchange(struct call *call, struct spot *spot, struct bytes value, int64_t deadline_ms)
{
    struct reply_mark mark = reply_mark(call->reply);
    enum status status;

    reply_value(call, spot->entry);
    if (unlikely(call->reply->failed)) return;
    status = put_value(call, spot, value, deadline_ms);
    if (status == OK) return;
    reply_take_back(call->reply, mark);
    call_ok(call, status);
}

/* ---- SET ---- */

/* A missing key equals nothing. */
static bool equals(const struct entry *entry, struct bytes value)
{
    char scratch[NUMBER_MAX_TEXT];

    return entry && bytes_equal(entry_string(entry, scratch), value);
}

static bool condition_holds(const struct string_options *options, const struct entry *entry)
{
    if (options->flags & STRING_NX) return !entry;
    if (options->flags & STRING_XX) return entry;
    if (options->flags & STRING_IFEQ) return equals(entry, options->expected);
    return true;
}

static void set_with_options(struct call *call)
{
    struct string_options options;
    struct bytes value = call_arg(call, 2);
    struct entry *old;
    struct spot spot;
    int64_t deadline_ms;
    bool holds;

    if (!string_options_read(call, 3, STRING_FOR_SET, &options)) return;
    if (!string_options_deadline(call, &options, &deadline_ms)) return;
    if (options.flags & STRING_GET && !call_read_type(call, 0, VALUE_STRING, &old)) return;
    if (options.flags & STRING_IFEQ) {
        if (!call_find_type(call, 0, VALUE_STRING, &spot)) return;
    } else {
        key_find(&call->keys[0], &spot);
    }
    holds = condition_holds(&options, spot.entry);
    if (options.flags & STRING_GET) {
        if (holds) {
            exchange(call, &spot, value, deadline_ms);
        } else {
            reply_value(call, spot.entry);
        }
        return;
    }
    if (!holds) {
        reply_null(call->reply);
        return;
    }
    if (call_ok(call, put_value(call, &spot, value, deadline_ms))) reply_ok(call->reply);
}

static void cmd_set(struct call *call)
{
    struct spot spot;

    if (call_argc(call) > 3) {
        set_with_options(call);
        return;
    }
    key_find(&call->keys[0], &spot);
    if (!call_ok(call, call_put_string(call, &call->keys[0], &spot, call_arg(call, 2), NEVER))) return;
    call_changed(call, &call->keys[0], "set");
    reply_ok(call->reply);
}

/* With GET it is read as well; without, nobody asks what was there. */
static uint16_t set_access(const struct args *args, unsigned k)
{
    (void)k;
    for (unsigned i = 3; i < args->n; i++) {
        if (bytes_is(args->of[i], "GET")) return KEY_RW | KEY_ACCESS | KEY_UPDATE;
    }
    return KEY_OW | KEY_UPDATE;
}

/* ---- the older ways to set ---- */

static void cmd_setnx(struct call *call)
{
    struct spot spot;

    if (key_find(&call->keys[0], &spot)) {
        reply_int(call->reply, 0);
        return;
    }
    if (call_ok(call, put_value(call, &spot, call_arg(call, 2), NEVER))) reply_int(call->reply, 1);
}

static void set_until(struct call *call, struct deadline_unit unit)
{
    struct spot spot;
    int64_t deadline_ms;

    if (!deadline_read(call, 2, unit, &deadline_ms)) return;
    key_find(&call->keys[0], &spot);
    if (call_ok(call, put_value(call, &spot, call_arg(call, 3), deadline_ms))) reply_ok(call->reply);
}

static void cmd_setex(struct call *call)
{
    set_until(call, (struct deadline_unit){.seconds = true});
}

static void cmd_psetex(struct call *call)
{
    set_until(call, (struct deadline_unit){0});
}

static void cmd_getset(struct call *call)
{
    struct spot spot;

    if (find_to_read(call, &spot)) exchange(call, &spot, call_arg(call, 2), NEVER);
}

/* ---- reading ---- */

static void cmd_get(struct call *call)
{
    struct entry *entry;

    if (!call_read_type(call, 0, VALUE_STRING, &entry)) return;
    reply_value(call, entry);
}

static void cmd_getdel(struct call *call)
{
    struct spot spot;

    if (!find_to_read(call, &spot)) return;
    reply_value(call, spot.entry);
    if (spot.entry && likely(!call->reply->failed)) remove_key(call, &spot);
}

/* Moves the deadline of a value that has been answered. */
static enum status move_deadline(struct call *call, struct spot *spot, int64_t deadline_ms)
{
    enum status status;

    if (deadline_is_over(deadline_ms)) {
        remove_key(call, spot);
        return OK;
    }
    if (deadline_ms == NEVER && entry_deadline_ms(spot->entry) == NEVER) return OK;
    status = key_set_deadline(&call->keys[0], spot, deadline_ms);
    if (status == OK) effect_deadline(&call->keys[0], deadline_ms);
    return status;
}

static void cmd_getex(struct call *call)
{
    struct string_options options;
    struct spot spot;
    struct reply_mark mark;
    int64_t deadline_ms;
    enum status status;

    if (!string_options_read(call, 2, STRING_FOR_GETEX, &options) || !find_to_read(call, &spot)) return;
    if (!spot.entry) {
        reply_null(call->reply);
        return;
    }
    if (!string_options_deadline(call, &options, &deadline_ms)) return;
    mark = reply_mark(call->reply);
    reply_entry(call, spot.entry);
    if (options.flags == 0 || unlikely(call->reply->failed)) return;
    status = move_deadline(call, &spot, deadline_ms);
    if (status == OK) return;
    reply_take_back(call->reply, mark);
    call_ok(call, status);
}

static void cmd_delifeq(struct call *call)
{
    struct spot spot;

    if (!call_find_type(call, 0, VALUE_STRING, &spot)) return;
    if (!equals(spot.entry, call_arg(call, 2))) {
        reply_int(call->reply, 0);
        return;
    }
    remove_key(call, &spot);
    reply_int(call->reply, 1);
}

#define SETS (COMMAND_WRITE | COMMAND_DENYOOM)

static const struct command_row rows[] = {
    {.name = "get", .run = cmd_get, .arity = 2, .flags = COMMAND_READ | COMMAND_FAST, .keys = KEYS_ONE,
     .access = KEY_RO | KEY_ACCESS, .since = "1.0.0", .cost = "O(1)", .syntax = "key",
     .summary = "Answers the string at a key."},
    {.name = "set", .run = cmd_set, .arity = -3, .flags = SETS, .keys = KEYS_ONE,
     .access = KEY_RW | KEY_ACCESS | KEY_UPDATE | KEY_VARIABLE, .find_access = set_access,
     .key_notes = "RW and ACCESS due to the optional `GET` argument", .since = "1.0.0", .cost = "O(1)",
     .syntax = "key value [NX | XX | IFEQ comparison-value] [GET] [EX seconds | PX milliseconds | "
               "EXAT unix-time-seconds | PXAT unix-time-milliseconds | KEEPTTL]",
     .summary = "Puts a string at a key, in the place of whatever is there, of any type.",
     .history = "2.6.12: Added the `EX`, `PX`, `NX` and `XX` options.\n6.0.0: Added the `KEEPTTL` option.\n"
                "6.2.0: Added the `GET`, `EXAT` and `PXAT` option.\n"
                "7.0.0: Allowed the `NX` and `GET` options to be used together."},
    {.name = "setnx", .run = cmd_setnx, .arity = 3, .flags = SETS | COMMAND_FAST, .keys = KEYS_ONE,
     .access = KEY_OW | KEY_INSERT, .since = "1.0.0", .cost = "O(1)", .syntax = "key value",
     .summary = "Puts a string at a key that is not there yet."},
    {.name = "setex", .run = cmd_setex, .arity = 4, .flags = SETS, .keys = KEYS_ONE,
     .access = KEY_OW | KEY_UPDATE, .since = "2.0.0", .cost = "O(1)", .syntax = "key seconds value",
     .summary = "Puts a string at a key that goes after so many seconds."},
    {.name = "psetex", .run = cmd_psetex, .arity = 4, .flags = SETS, .keys = KEYS_ONE,
     .access = KEY_OW | KEY_UPDATE, .since = "2.6.0", .cost = "O(1)", .syntax = "key milliseconds value",
     .summary = "Puts a string at a key that goes after so many milliseconds."},
    {.name = "getset", .run = cmd_getset, .arity = 3, .flags = SETS | COMMAND_FAST, .keys = KEYS_ONE,
     .access = KEY_RW | KEY_ACCESS | KEY_UPDATE, .since = "1.0.0", .cost = "O(1)", .syntax = "key value",
     .summary = "Puts a string at a key and answers the one that was there.",
     .replaced_by = "`SET` with the `!GET` argument", .deprecated_since = "6.2.0"},
    {.name = "getdel", .run = cmd_getdel, .arity = 2, .flags = COMMAND_WRITE | COMMAND_FAST, .keys = KEYS_ONE,
     .access = KEY_RW | KEY_ACCESS | KEY_DELETE, .since = "6.2.0", .cost = "O(1)", .syntax = "key",
     .summary = "Answers the string at a key and deletes the key."},
    {.name = "getex", .run = cmd_getex, .arity = -2, .flags = COMMAND_WRITE | COMMAND_FAST, .keys = KEYS_ONE,
     .access = KEY_RW | KEY_ACCESS | KEY_UPDATE, .key_notes = "RW and UPDATE because it changes the TTL",
     .since = "6.2.0", .cost = "O(1)",
     .syntax = "key [EX seconds | PX milliseconds | EXAT unix-time-seconds | "
               "PXAT unix-time-milliseconds | PERSIST]",
     .summary = "Answers the string at a key and moves the key's deadline, or takes it away."},
    {.name = "delifeq", .run = cmd_delifeq, .arity = 3, .flags = COMMAND_WRITE | COMMAND_FAST | COMMAND_IS_OURS,
     .keys = KEYS_ONE, .access = KEY_RM | KEY_DELETE, .since = "9.0.0", .cost = "O(1)", .syntax = "key value",
     .summary = "Deletes a key whose string is this one: a lock is given back by who holds it."},
};

const struct command_family string_commands = COMMAND_FAMILY("string", rows);
