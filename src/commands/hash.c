/* hash: fields of a hash: set, told, removed. */
#include "coatcheck/commands/hash.h"

#include "coatcheck/commands/effect.h"
#include "coatcheck/commands/table.h"

/* ---- the hash at a key ---- */

bool call_read_hash(struct call *call, const struct hash **hash)
{
    struct entry *entry;

    if (!call_read_type(call, 0, VALUE_HASH, &entry)) return false;
    *hash = entry ? entry_container(entry) : NULL;
    return true;
}

bool call_find_hash(struct call *call, struct spot *spot, struct hash **hash)
{
    if (!call_find_type(call, 0, VALUE_HASH, spot)) return false;
    *hash = spot->entry ? entry_container(spot->entry) : NULL;
    return true;
}

static enum status put_new(struct call *call, struct spot *spot, const struct bytes *words, unsigned pairs,
                           int64_t deadline_ms, unsigned *added)
{
    struct hash *hash = hash_new();
    void *container = hash;
    enum status status;

    if (!hash) return NO_MEMORY;
    status = hash_put_all(hash, words, pairs, deadline_ms, added);
    if (status == OK) status = key_put_container(&call->keys[0], spot, VALUE_HASH, &container, NEVER);
    if (status != OK) hash_free(&hash);
    return status;
}

bool call_put_fields(struct call *call, struct spot *spot, struct hash *hash, const struct bytes *words,
                     unsigned pairs, int64_t deadline_ms, unsigned *added)
{
    enum status status = hash ? hash_put_all(hash, words, pairs, deadline_ms, added)
                              : put_new(call, spot, words, pairs, deadline_ms, added);

    return call_ok(call, status);
}

void hash_drop_if_empty(const struct key *key, struct spot *spot)
{
    if (likely(hash_count(entry_container(spot->entry)) > 0)) return;
    key_remove(key, spot, REMOVED_BY_CLIENT);
    effect_more(key, "del");
}

void reply_field(struct reply *reply, const struct hash *hash, struct bytes name)
{
    struct hash_field field;

    if (hash && hash_get(hash, name, &field)) {
        reply_bulk(reply, field.value);
    } else {
        reply_null(reply);
    }
}

/* ---- HSET, HMSET, HSETNX ---- */

/* False: answered. */
static bool set_fields(struct call *call, unsigned *added)
{
    unsigned words = call_argc(call) - 2;
    struct spot spot;
    struct hash *hash;

    if (words % 2 != 0) {
        call_arity_error(call);
        return false;
    }
    if (!call_find_hash(call, &spot, &hash)) return false;
    if (!call_put_fields(call, &spot, hash, &call->args.of[2], words / 2, NEVER, added)) return false;
    call_changed(call, &call->keys[0], "hset");
    return true;
}

static void cmd_hset(struct call *call)
{
    unsigned added;

    if (set_fields(call, &added)) reply_int(call->reply, added);
}

static void cmd_hmset(struct call *call)
{
    unsigned added;

    if (set_fields(call, &added)) reply_ok(call->reply);
}

static void cmd_hsetnx(struct call *call)
{
    struct hash_field field;
    struct spot spot;
    struct hash *hash;
    unsigned added;

    if (!call_find_hash(call, &spot, &hash)) return;
    if (hash && hash_get(hash, call_arg(call, 2), &field)) {
        reply_int(call->reply, 0);
        return;
    }
    if (!call_put_fields(call, &spot, hash, &call->args.of[2], 1, NEVER, &added)) return;
    call_changed(call, &call->keys[0], "hset");
    reply_int(call->reply, 1);
}

/* ---- HDEL ---- */

static void cmd_hdel(struct call *call)
{
    struct spot spot;
    struct hash *hash;
    int64_t removed = 0;

    if (!call_find_hash(call, &spot, &hash)) return;
    for (unsigned i = 2; hash && i < call_argc(call); i++) removed += hash_remove(hash, call_arg(call, i));
    if (removed > 0) {
        call_changed(call, &call->keys[0], "hdel");
        hash_drop_if_empty(&call->keys[0], &spot);
    }
    reply_int(call->reply, removed);
}

/* ---- reading ---- */

static void cmd_hget(struct call *call)
{
    const struct hash *hash;

    if (call_read_hash(call, &hash)) reply_field(call->reply, hash, call_arg(call, 2));
}

static void cmd_hmget(struct call *call)
{
    const struct hash *hash;

    if (!call_read_hash(call, &hash)) return;
    reply_array(call->reply, call_argc(call) - 2);
    for (unsigned i = 2; i < call_argc(call); i++) {
        if (hash && (i - 2) % HASH_BATCH == 0) {
            unsigned left = call_argc(call) - i;

            hash_prefetch(hash, &call->args.of[i], left < HASH_BATCH ? left : HASH_BATCH);
        }
        reply_field(call->reply, hash, call_arg(call, i));
    }
}

static void cmd_hlen(struct call *call)
{
    const struct hash *hash;

    if (call_read_hash(call, &hash)) reply_int(call->reply, hash ? (int64_t)hash_count(hash) : 0);
}

static void cmd_hstrlen(struct call *call)
{
    const struct hash *hash;
    struct hash_field field;

    if (!call_read_hash(call, &hash)) return;
    reply_int(call->reply, hash && hash_get(hash, call_arg(call, 2), &field) ? (int64_t)field.value.len : 0);
}

static void cmd_hexists(struct call *call)
{
    const struct hash *hash;
    struct hash_field field;

    if (!call_read_hash(call, &hash)) return;
    reply_int(call->reply, hash && hash_get(hash, call_arg(call, 2), &field));
}

/* How many fields a walk will show. */
static uint64_t count_shown(const struct hash *hash)
{
    struct hash_walk walk;
    uint64_t count = 0;

    if (likely(hash_soonest_ms(hash) > clock_now_ms())) return hash_count(hash);
    for (hash_walk_begin(&walk, hash); hash_walk_next(&walk);) count++;
    return count;
}

static void cmd_hgetall(struct call *call)
{
    const struct hash *hash;
    struct hash_walk walk;

    if (!call_read_hash(call, &hash)) return;
    reply_map(call->reply, hash ? count_shown(hash) : 0);
    if (!hash) return;
    for (hash_walk_begin(&walk, hash); hash_walk_next(&walk);) {
        reply_bulk(call->reply, walk.field.name);
        reply_bulk(call->reply, walk.field.value);
    }
}

static void reply_half(struct call *call, bool names)
{
    const struct hash *hash;
    struct hash_walk walk;

    if (!call_read_hash(call, &hash)) return;
    reply_array(call->reply, hash ? count_shown(hash) : 0);
    if (!hash) return;
    for (hash_walk_begin(&walk, hash); hash_walk_next(&walk);) {
        reply_bulk(call->reply, names ? walk.field.name : walk.field.value);
    }
}

static void cmd_hkeys(struct call *call)
{
    reply_half(call, true);
}

static void cmd_hvals(struct call *call)
{
    reply_half(call, false);
}

#define SETS .flags = COMMAND_WRITE | COMMAND_DENYOOM | COMMAND_FAST, .keys = KEYS_ONE
#define READS .arity = 3, .flags = COMMAND_READ | COMMAND_FAST, .keys = KEYS_ONE, .cost = "O(1)"
#define READS_ALL                                                                                  \
    .arity = 2, .flags = COMMAND_READ, .keys = KEYS_ONE, .element = 1, .access = KEY_RO | KEY_ACCESS, .since = "2.0.0", \
    .cost = "O(N) where N is the number of fields", .syntax = "key",                                \
    .tips = "nondeterministic_output_order"

static const struct command_row rows[] = {
    {.name = "hset", .run = cmd_hset, .element = 2, .arity = -4, SETS, .access = KEY_RW | KEY_UPDATE, .since = "2.0.0",
     .cost = "O(1) for each field given", .syntax = "key field value [field value ...]",
     .summary = "Sets fields of a hash, and answers how many were not there before.",
     .history = "4.0.0: Accepts multiple `field` and `value` arguments."},
    {.name = "hsetnx", .run = cmd_hsetnx, .element = 2, .arity = 4, SETS, .access = KEY_RW | KEY_INSERT, .since = "2.0.0",
     .cost = "O(1)", .syntax = "key field value", .summary = "Sets a field of a hash that is not there yet."},
    {.name = "hmset", .run = cmd_hmset, .element = 2, .arity = -4, SETS, .access = KEY_RW | KEY_UPDATE, .since = "2.0.0",
     .cost = "O(1) for each field given", .syntax = "key field value [field value ...]",
     .summary = "Sets fields of a hash.", .deprecated_since = "4.0.0",
     .replaced_by = "`HSET` with multiple field-value pairs"},
    {.name = "hdel", .run = cmd_hdel, .element = 2, .arity = -3, .flags = COMMAND_WRITE | COMMAND_FAST, .keys = KEYS_ONE,
     .access = KEY_RW | KEY_DELETE, .since = "2.0.0", .cost = "O(1) for each field given",
     .syntax = "key field [field ...]", .summary = "Removes fields of a hash, and the hash with its last one.",
     .history = "2.4.0: Accepts multiple `field` arguments."},
    {.name = "hget", .run = cmd_hget, .element = 2, READS, .access = KEY_RO | KEY_ACCESS, .since = "2.0.0", .syntax = "key field",
     .summary = "Answers the value of a field."},
    {.name = "hmget", .run = cmd_hmget, .element = 2, .arity = -3, .flags = COMMAND_READ | COMMAND_FAST, .keys = KEYS_ONE,
     .access = KEY_RO | KEY_ACCESS, .since = "2.0.0", .cost = "O(1) for each field asked for",
     .syntax = "key field [field ...]", .summary = "Answers the values of several fields."},
    {.name = "hlen", .run = cmd_hlen, .arity = 2, .flags = COMMAND_READ | COMMAND_FAST, .keys = KEYS_ONE,
     .access = KEY_RO, .since = "2.0.0", .cost = "O(1)", .syntax = "key",
     .summary = "Answers how many fields a hash has."},
    {.name = "hstrlen", .run = cmd_hstrlen, .element = 2, READS, .access = KEY_RO, .since = "3.2.0", .syntax = "key field",
     .summary = "Answers how many bytes the value of a field has."},
    {.name = "hexists", .run = cmd_hexists, .element = 2, READS, .access = KEY_RO, .since = "2.0.0", .syntax = "key field",
     .summary = "Tells whether a hash has a field."},
    {.name = "hgetall", .run = cmd_hgetall, READS_ALL,
     .summary = "Answers all fields of a hash with their values."},
    {.name = "hkeys", .run = cmd_hkeys, READS_ALL, .summary = "Answers the names of all fields of a hash."},
    {.name = "hvals", .run = cmd_hvals, READS_ALL, .summary = "Answers the values of all fields of a hash."},
};

const struct command_family hash_commands = COMMAND_FAMILY("hash", rows);
