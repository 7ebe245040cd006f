/* keys: keys of any type: are they there, what are they, away with them, to another name or database. */
#include "coatcheck/commands/database.h"
#include "coatcheck/commands/effect.h"
#include "coatcheck/commands/table.h"

/* ---- counting and removing ---- */

static void remove_keys(struct call *call)
{
    int64_t removed = 0;

    for (unsigned k = 0; k < call->key_count; k++) {
        struct spot spot;

        if (!key_find(&call->keys[k], &spot)) continue;
        key_remove(&call->keys[k], &spot, REMOVED_BY_CLIENT);
        if (removed++ == 0) {
            call_changed(call, &call->keys[k], "del");
        } else {
            effect_more(&call->keys[k], "del");
        }
    }
    reply_int(call->reply, removed);
}

static void cmd_exists(struct call *call)
{
    int64_t found = 0;

    for (unsigned k = 0; k < call->key_count; k++) found += key_read_quietly(&call->keys[k]) != NULL;
    reply_int(call->reply, found);
}

static void cmd_touch(struct call *call)
{
    int64_t found = 0;

    for (unsigned k = 0; k < call->key_count; k++) found += key_read(&call->keys[k]) != NULL;
    reply_int(call->reply, found);
}

static void cmd_type(struct call *call)
{
    struct entry *entry = key_read_quietly(&call->keys[0]);

    reply_simple(call->reply, entry ? value_type_name(entry_type(entry)) : "none");
}

/* ---- another name ---- */

/* Moves keys[0] to keys[1] and tells both. False: no memory; answered. */
static bool move_key(struct call *call, struct spot *source, const struct key *from, const struct key *to,
                     const char *left, const char *arrived)
{
    if (!call_ok(call, key_move(from, source, to))) return false;
    call_changed(call, from, left);
    effect_more(to, arrived);
    return true;
}

/* False: there is no such key, or no memory; answered. */
static bool rename_key(struct call *call, bool only_to_free, bool *renamed)
{
    const struct key *from = &call->keys[0], *to = &call->keys[1];
    struct spot source, target;

    *renamed = false;
    if (!key_find(from, &source)) {
        reply_error(call->reply, ERR_NO_SUCH_KEY);
        return false;
    }
    if (bytes_equal(from->name, to->name)) return true;
    if (only_to_free && key_find(to, &target)) return true;
    *renamed = move_key(call, &source, from, to, "rename_from", "rename_to");
    return *renamed;
}

static void cmd_rename(struct call *call)
{
    bool renamed;

    if (rename_key(call, false, &renamed)) reply_ok(call->reply);
}

static void cmd_renamenx(struct call *call)
{
    bool renamed;

    if (rename_key(call, true, &renamed)) reply_int(call->reply, renamed);
}

/* ---- another database ---- */

static void cmd_move(struct call *call)
{
    const struct key *from = &call->keys[0];
    struct key to = *from;
    struct spot source, target;

    if (!database_read(call, 2, &to.db)) return;
    if (to.db == from->db) {
        reply_error(call->reply, ERR_SAME_OBJECT);
        return;
    }
    if (!key_find(from, &source) || key_find(&to, &target)) {
        reply_int(call->reply, 0);
        return;
    }
    if (move_key(call, &source, from, &to, "move_from", "move_to")) reply_int(call->reply, 1);
}

/* A key stands in the same shard in every database: what was entered for the one serves for the other. */
static bool read_copy_options(struct call *call, struct key *to, bool *replace)
{
    *replace = false;
    for (unsigned i = 3; i < call_argc(call); i++) {
        if (call_arg_is(call, i, "REPLACE")) {
            *replace = true;
        } else if (call_arg_is(call, i, "DB") && i + 1 < call_argc(call)) {
            if (!database_read(call, ++i, &to->db)) return false;
        } else {
            call_syntax_error(call);
            return false;
        }
    }
    return true;
}

static void cmd_copy(struct call *call)
{
    const struct key *from = &call->keys[0];
    struct key *to = &call->keys[1];
    struct spot source, target;
    bool replace;

    if (!read_copy_options(call, to, &replace)) return;
    if (from->db == to->db && bytes_equal(from->name, to->name)) {
        reply_error(call->reply, ERR_SAME_OBJECT);
        return;
    }
    if (!call_read(call, 0) || !key_find(from, &source) || (key_find(to, &target) && !replace)) {
        reply_int(call->reply, 0);
        return;
    }
    if (!call_ok(call, key_copy(from, &source, to))) return;
    effect_alone(call, from);
    effect_more(to, "copy_to");
    reply_int(call->reply, 1);
}

#define MANY_COST "O(N) where N is the number of keys"
#define MANY_TIPS "request_policy:multi_shard response_policy:agg_sum"

static const struct command_key_spec rename_specs[] = {
    {.access = KEY_RW | KEY_ACCESS | KEY_DELETE, .index = 1, .step = 1},
    {.access = KEY_OW | KEY_UPDATE, .index = 2, .step = 1},
    {0},
};
static const struct command_key_spec renamenx_specs[] = {
    {.access = KEY_RW | KEY_ACCESS | KEY_DELETE, .index = 1, .step = 1},
    {.access = KEY_OW | KEY_INSERT, .index = 2, .step = 1},
    {0},
};
static const struct command_key_spec copy_specs[] = {
    {.access = KEY_RO | KEY_ACCESS, .index = 1, .step = 1},
    {.access = KEY_OW | KEY_UPDATE, .index = 2, .step = 1},
    {0},
};

static const struct command_row rows[] = {
    {.name = "del", .run = remove_keys, .arity = -2, .flags = COMMAND_WRITE | COMMAND_KEYSPACE, .keys = KEYS_ALL,
     .access = KEY_RM | KEY_DELETE, .since = "1.0.0",
     .cost = MANY_COST "; large values are freed afterwards, in slices", .syntax = "key [key ...]",
     .tips = MANY_TIPS, .summary = "Deletes keys, and answers how many there were."},
    {.name = "unlink", .run = remove_keys, .arity = -2, .flags = COMMAND_WRITE | COMMAND_FAST | COMMAND_KEYSPACE,
     .keys = KEYS_ALL, .access = KEY_RM | KEY_DELETE, .since = "4.0.0",
     .cost = MANY_COST "; large values are freed afterwards, in slices", .syntax = "key [key ...]",
     .tips = MANY_TIPS, .summary = "Deletes keys: the same as DEL, which blocks nobody here either."},
    {.name = "exists", .run = cmd_exists, .arity = -2, .flags = COMMAND_READ | COMMAND_FAST | COMMAND_KEYSPACE,
     .keys = KEYS_ALL, .access = KEY_RO, .since = "1.0.0", .cost = MANY_COST, .syntax = "key [key ...]",
     .tips = MANY_TIPS, .summary = "Answers how many of the keys are there; one named twice counts twice.",
     .history = "3.0.3: Accepts multiple `key` arguments."},
    {.name = "touch", .run = cmd_touch, .arity = -2, .flags = COMMAND_READ | COMMAND_FAST | COMMAND_KEYSPACE,
     .keys = KEYS_ALL, .access = KEY_RO, .since = "3.2.1", .cost = MANY_COST, .syntax = "key [key ...]",
     .tips = MANY_TIPS, .summary = "Marks keys as used just now, and answers how many there are."},
    {.name = "type", .run = cmd_type, .arity = 2, .flags = COMMAND_READ | COMMAND_FAST | COMMAND_KEYSPACE,
     .keys = KEYS_ONE, .access = KEY_RO, .since = "1.0.0", .cost = "O(1)", .syntax = "key",
     .summary = "Names the type of what is at a key."},
    {.name = "rename", .run = cmd_rename, .arity = 3, .flags = COMMAND_WRITE | COMMAND_KEYSPACE,
     .keys = {1, 2, 1}, .key_specs = rename_specs, .since = "1.0.0", .cost = "O(1)", .syntax = "key newkey",
     .summary = "Gives a key another name, in the place of what was there."},
    {.name = "renamenx", .run = cmd_renamenx, .arity = 3,
     .flags = COMMAND_WRITE | COMMAND_FAST | COMMAND_KEYSPACE, .keys = {1, 2, 1}, .key_specs = renamenx_specs,
     .since = "1.0.0", .cost = "O(1)", .syntax = "key newkey",
     .summary = "Gives a key another name that is not taken yet.",
     .history = "3.2.0: The command no longer returns an error when source and destination names are the same."},
    {.name = "copy", .run = cmd_copy, .arity = -3, .flags = COMMAND_WRITE | COMMAND_DENYOOM | COMMAND_KEYSPACE,
     .keys = {1, 2, 1}, .key_specs = copy_specs, .since = "6.2.0",
     .cost = "O(N) where N is the number of elements; O(1) for strings",
     .syntax = "source destination [DB destination-db] [REPLACE]",
     .summary = "Copies what is at a key, with its deadline, to another name or database."},
    {.name = "move", .run = cmd_move, .arity = 3, .flags = COMMAND_WRITE | COMMAND_FAST | COMMAND_KEYSPACE,
     .keys = KEYS_ONE, .access = KEY_RW | KEY_ACCESS | KEY_UPDATE, .since = "1.0.0", .cost = "O(1)",
     .syntax = "key db", .summary = "Moves a key to another database where its name is not taken."},
};

const struct command_family keys_commands = COMMAND_FAMILY("generic", rows);
