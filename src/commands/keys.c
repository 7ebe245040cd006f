/* keys: keys of any type: are they there, what are they, away with them. */
#include "coatcheck/commands/table.h"

static void remove_keys(struct call *call)
{
    int64_t removed = 0;

    for (unsigned k = 0; k < call->key_count; k++) {
        struct spot spot;

        if (!key_find(&call->keys[k], &spot)) continue;
        key_remove(&call->keys[k], &spot, REMOVED_BY_CLIENT);
        call_changed(call, &call->keys[k], "del");
        removed++;
    }
    reply_int(call->reply, removed);
}

static void cmd_exists(struct call *call)
{
    int64_t found = 0;

    for (unsigned k = 0; k < call->key_count; k++) found += key_read_quietly(&call->keys[k]) != NULL;
    reply_int(call->reply, found);
}

static void cmd_dbsize(struct call *call)
{
    reply_int(call->reply, (int64_t)keyspace_count(call->keyspace, session_db(call->session)));
}

static void cmd_flushall(struct call *call)
{
    for (unsigned db = 0; db < keyspace_databases(call->keyspace); db++) keyspace_flush_entered(call->keyspace, db);
    reply_ok(call->reply);
}

static const struct command_row rows[] = {
    {.name = "del", .run = remove_keys, .arity = -2, .flags = COMMAND_WRITE, .keys = KEYS_ALL,
     .since = "1.0.0", .cost = "O(N) where N is the number of keys; large values are freed later, in slices",
     .syntax = "key [key ...]", .summary = "Deletes one or more keys."},
    {.name = "unlink", .run = remove_keys, .arity = -2, .flags = COMMAND_WRITE | COMMAND_FAST,
     .keys = KEYS_ALL, .since = "4.0.0", .cost = "O(N) where N is the number of keys",
     .syntax = "key [key ...]", .summary = "Deletes one or more keys; here the same as DEL, which never blocks."},
    {.name = "exists", .run = cmd_exists, .arity = -2, .flags = COMMAND_READ | COMMAND_FAST, .keys = KEYS_ALL,
     .since = "1.0.0", .cost = "O(N) where N is the number of keys", .syntax = "key [key ...]",
     .summary = "Counts how many of the keys exist; one named twice counts twice."},
    {.name = "dbsize", .run = cmd_dbsize, .arity = 1, .flags = COMMAND_READ | COMMAND_FAST | COMMAND_KEYSPACE,
     .since = "1.0.0", .cost = "O(1)", .syntax = "", .summary = "Returns the number of keys in the database."},
    {.name = "flushall", .run = cmd_flushall, .arity = -1,
     .flags = COMMAND_WRITE | COMMAND_KEYSPACE | COMMAND_DANGEROUS | COMMAND_EVERY_SHARD, .since = "1.0.0",
     .cost = "O(S) where S is the number of shards; memory is freed later, in slices",
     .syntax = "[ASYNC | SYNC]", .summary = "Removes all keys from all databases."},
};

const struct command_family keys_commands = COMMAND_FAMILY("generic", rows);
