/* string: whole values: get them, set them, many at once. */
#include "coatcheck/commands/deadline.h"
#include "coatcheck/commands/table.h"

static void cmd_get(struct call *call)
{
    struct entry *entry;

    if (!call_read_type(call, 0, VALUE_STRING, &entry)) return;
    if (entry) {
        reply_entry(call, entry);
    } else {
        reply_null(call->reply);
    }
}

/* ---- SET and its options ---- */

enum set_flags {
    SET_NX = 1,
    SET_XX = 2,
    SET_GET = 4,
    SET_KEEPTTL = 8,
    SET_EX = 16,
    SET_PX = 32,
    SET_EXAT = 64,
    SET_PXAT = 128,
    SET_IFEQ = 256
};
#define SET_DEADLINES (SET_KEEPTTL | SET_EX | SET_PX | SET_EXAT | SET_PXAT)
#define SET_CONDITIONS (SET_NX | SET_XX | SET_IFEQ)

struct set_option {
    const char *word;
    unsigned flag;
    unsigned excludes; /* others that may not stand beside it */
    bool takes_word;
    struct deadline_unit unit;
};

static const struct set_option set_options[] = {
    {"NX", SET_NX, SET_XX | SET_IFEQ, false, {0}},
    {"XX", SET_XX, SET_NX | SET_IFEQ, false, {0}},
    {"GET", SET_GET, 0, false, {0}},
    {"KEEPTTL", SET_KEEPTTL, SET_DEADLINES & ~SET_KEEPTTL, false, {0}},
    {"EX", SET_EX, SET_DEADLINES & ~SET_EX, true, {.seconds = true}},
    {"PX", SET_PX, SET_DEADLINES & ~SET_PX, true, {0}},
    {"EXAT", SET_EXAT, SET_DEADLINES & ~SET_EXAT, true, {.seconds = true, .absolute = true}},
    {"PXAT", SET_PXAT, SET_DEADLINES & ~SET_PXAT, true, {.absolute = true}},
    {"IFEQ", SET_IFEQ, SET_NX | SET_XX | SET_IFEQ, true, {0}},
};

struct set_request {
    unsigned flags;
    int64_t deadline_ms;
    struct bytes expected; /* IFEQ */
};

static const struct set_option *find_set_option(struct bytes word)
{
    for (size_t i = 0; i < sizeof set_options / sizeof set_options[0]; i++) {
        if (bytes_is(word, set_options[i].word)) return &set_options[i];
    }
    return NULL;
}

static bool read_set_options(struct call *call, struct set_request *set)
{
    const struct set_option *deadline = NULL;
    unsigned deadline_word = 0;

    set->flags = 0;
    set->deadline_ms = NEVER;
    for (unsigned i = 3; i < call_argc(call); i++) {
        const struct set_option *option = find_set_option(call_arg(call, i));

        if (!option || set->flags & option->excludes || (option->takes_word && i + 1 == call_argc(call))) {
            call_syntax_error(call);
            return false;
        }
        set->flags |= option->flag;
        if (!option->takes_word) continue;
        i++;
        if (option->flag == SET_IFEQ) {
            set->expected = call_arg(call, i);
        } else {
            deadline = option;
            deadline_word = i;
        }
    }
    if (set->flags & SET_KEEPTTL) set->deadline_ms = KEEP_DEADLINE;
    return !deadline || deadline_read(call, deadline_word, deadline->unit, &set->deadline_ms);
}

/* A deadline that is over already: the key is gone the moment it is set. */
static bool is_over(int64_t deadline_ms)
{
    return deadline_ms != NEVER && deadline_ms != KEEP_DEADLINE && deadline_ms <= clock_now_ms();
}

static bool put_value(struct call *call, const struct key *key, struct spot *spot, struct bytes value,
                      int64_t deadline_ms)
{
    if (unlikely(is_over(deadline_ms))) {
        if (spot->entry) {
            key_remove(key, spot, REMOVED_BY_CLIENT);
            call_changed(call, key, "del");
        }
        return true;
    }
    if (!call_ok(call, key_put_string(key, spot, value, deadline_ms))) return false;
    call_changed(call, key, "set");
    return true;
}

/* Does the condition hold? False with *answered: the client has been told of a wrong type. */
static bool set_condition_holds(struct call *call, const struct set_request *set, const struct spot *spot,
                                bool *answered)
{
    char scratch[NUMBER_MAX_TEXT];

    *answered = false;
    if (set->flags & SET_NX) return !spot->entry;
    if (set->flags & SET_XX) return spot->entry;
    if (!spot->entry) return false;
    if (entry_type(spot->entry) != VALUE_STRING) {
        reply_error(call->reply, ERR_WRONGTYPE);
        *answered = true;
        return false;
    }
    return bytes_equal(entry_string(spot->entry, scratch), set->expected);
}

static void set_with_options(struct call *call)
{
    struct set_request set;
    struct spot spot;
    bool answered = false, holds = true;

    if (!read_set_options(call, &set)) return;
    if (set.flags & SET_GET) {
        struct entry *old;

        if (!call_read_type(call, 0, VALUE_STRING, &old)) return;
    }
    key_find(&call->keys[0], &spot);
    if (set.flags & SET_CONDITIONS) holds = set_condition_holds(call, &set, &spot, &answered);
    if (answered) return;

    /* The old value is answered before the new one may take its place in memory. */
    if (set.flags & SET_GET) {
        struct reply_mark mark = reply_mark(call->reply);

        if (spot.entry) {
            reply_entry(call, spot.entry);
        } else {
            reply_null(call->reply);
        }
        if (holds && !is_over(set.deadline_ms)) {
            enum status status = key_put_string(&call->keys[0], &spot, call_arg(call, 2), set.deadline_ms);

            if (status != OK) {
                reply_take_back(call->reply, mark);
                call_ok(call, status);
                return;
            }
            call_changed(call, &call->keys[0], "set");
        } else if (holds) {
            put_value(call, &call->keys[0], &spot, call_arg(call, 2), set.deadline_ms);
        }
        return;
    }
    if (!holds) {
        reply_null(call->reply);
        return;
    }
    if (put_value(call, &call->keys[0], &spot, call_arg(call, 2), set.deadline_ms)) reply_ok(call->reply);
}

static void cmd_set(struct call *call)
{
    struct spot spot;

    if (call_argc(call) > 3) {
        set_with_options(call);
        return;
    }
    key_find(&call->keys[0], &spot);
    if (!call_ok(call, key_put_string(&call->keys[0], &spot, call_arg(call, 2), NEVER))) return;
    call_changed(call, &call->keys[0], "set");
    reply_ok(call->reply);
}

/* ---- many at once ---- */

static void cmd_mget(struct call *call)
{
    reply_array(call->reply, call->key_count);
    for (unsigned k = 0; k < call->key_count; k++) {
        struct entry *entry = call_read(call, k);

        if (entry && entry_type(entry) == VALUE_STRING) {
            reply_entry(call, entry);
        } else {
            reply_null(call->reply);
        }
    }
}

static bool put_pairs(struct call *call)
{
    for (unsigned k = 0; k < call->key_count; k++) {
        struct spot spot;

        key_find(&call->keys[k], &spot);
        if (!call_ok(call, key_put_string(&call->keys[k], &spot, call_arg(call, 2 + 2 * k), NEVER))) return false;
        call_changed(call, &call->keys[k], "set");
    }
    return true;
}

static bool has_pairs(struct call *call)
{
    if (call_argc(call) % 2 == 1) return true;
    reply_errorf(call->reply, "ERR wrong number of arguments for '%s' command", call->command->full_name);
    return false;
}

static void cmd_mset(struct call *call)
{
    if (!has_pairs(call)) return;
    if (put_pairs(call)) reply_ok(call->reply);
}

static void cmd_msetnx(struct call *call)
{
    if (!has_pairs(call)) return;
    for (unsigned k = 0; k < call->key_count; k++) {
        struct spot spot;

        if (key_find(&call->keys[k], &spot)) {
            reply_int(call->reply, 0);
            return;
        }
    }
    if (put_pairs(call)) reply_int(call->reply, 1);
}

static const struct command_row rows[] = {
    {.name = "get", .run = cmd_get, .arity = 2, .flags = COMMAND_READ | COMMAND_FAST, .keys = KEYS_ONE,
     .since = "1.0.0", .cost = "O(1)", .syntax = "key",
     .summary = "Returns the string value of a key."},
    {.name = "set", .run = cmd_set, .arity = -3, .flags = COMMAND_WRITE | COMMAND_DENYOOM, .keys = KEYS_ONE,
     .since = "1.0.0", .cost = "O(1)",
     .syntax = "key value [NX | XX | IFEQ comparison-value] [GET] [EX seconds | PX milliseconds | "
               "EXAT unix-time-seconds | PXAT unix-time-milliseconds | KEEPTTL]",
     .summary = "Sets the string value of a key, ignoring its type. The key is created if it doesn't exist."},
    {.name = "mget", .run = cmd_mget, .arity = -2, .flags = COMMAND_READ | COMMAND_FAST, .keys = KEYS_ALL,
     .since = "1.0.0", .cost = "O(N) where N is the number of keys", .syntax = "key [key ...]",
     .summary = "Returns the string values of one or more keys, at one instant."},
    {.name = "mset", .run = cmd_mset, .arity = -3, .flags = COMMAND_WRITE | COMMAND_DENYOOM,
     .keys = {1, -1, 2}, .since = "1.0.1", .cost = "O(N) where N is the number of keys",
     .syntax = "key value [key value ...]",
     .summary = "Sets the string values of one or more keys, all at one instant."},
    {.name = "msetnx", .run = cmd_msetnx, .arity = -3, .flags = COMMAND_WRITE | COMMAND_DENYOOM,
     .keys = {1, -1, 2}, .since = "1.0.1", .cost = "O(N) where N is the number of keys",
     .syntax = "key value [key value ...]",
     .summary = "Sets the string values of one or more keys, only when none of them exists."},
};

const struct command_family string_commands = COMMAND_FAMILY("string", rows);
