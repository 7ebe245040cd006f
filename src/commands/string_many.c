/* string_many: strings at many keys, at one instant. */
#include "coatcheck/base/mem.h"
#include "coatcheck/commands/effect.h"
#include "coatcheck/commands/table.h"
#include "coatcheck/keyspace/many.h"

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

/* A value for each key? Answers the client when one is missing. */
static bool has_pairs(struct call *call)
{
    if (call_argc(call) % 2 == 1) return true;
    call_arity_error(call);
    return false;
}

static bool put_pairs(struct call *call)
{
    bool *was_absent = NULL;
    enum status status = OK;

    if (unlikely(change_anyone_asks_more)) {
        was_absent = mem_alloc(call->key_count);
        if (!was_absent) status = NO_MEMORY;
    }
    if (status == OK) {
        status = keys_put_strings(call->keys, call->key_count, &call->args.of[2], 2, was_absent);
    }
    for (unsigned k = 0; status == OK && k < call->key_count; k++) {
        const struct key *key = &call->keys[k];

        if (was_absent && was_absent[k]) change_publish_more(key->db, key->name, "new");
        if (k == 0) {
            call_changed(call, key, "set");
        } else {
            effect_more(key, "set");
        }
    }
    mem_free(was_absent);
    return call_ok(call, status);
}

static void cmd_mset(struct call *call)
{
    if (has_pairs(call) && put_pairs(call)) reply_ok(call->reply);
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

#define COST "O(N) where N is the number of keys"

static const struct command_row rows[] = {
    {.name = "mget", .run = cmd_mget, .arity = -2, .flags = COMMAND_READ | COMMAND_FAST, .keys = KEYS_ALL,
     .access = KEY_RO | KEY_ACCESS, .since = "1.0.0", .cost = COST, .syntax = "key [key ...]",
     .tips = "request_policy:multi_shard",
     .summary = "Answers the strings at several keys, as they are at one instant."},
    {.name = "mset", .run = cmd_mset, .arity = -3, .flags = COMMAND_WRITE | COMMAND_DENYOOM, .keys = {1, -1, 2},
     .access = KEY_OW | KEY_UPDATE, .since = "1.0.1", .cost = COST, .syntax = "key value [key value ...]",
     .tips = "request_policy:multi_shard response_policy:all_succeeded",
     .summary = "Puts strings at several keys at one instant, all of them or none."},
    {.name = "msetnx", .run = cmd_msetnx, .arity = -3, .flags = COMMAND_WRITE | COMMAND_DENYOOM,
     .keys = {1, -1, 2}, .access = KEY_OW | KEY_INSERT, .since = "1.0.1", .cost = COST,
     .syntax = "key value [key value ...]", .tips = "request_policy:multi_shard response_policy:agg_min",
     .summary = "Puts strings at several keys at one instant, if none of them is there yet."},
};

const struct command_family string_many_commands = COMMAND_FAMILY("string", rows);
