/* zset_blocking: members taken from an end of a sorted set as soon as there is one. */
#include "coatcheck/commands/counted_keys.h"
#include "coatcheck/commands/table.h"
#include "coatcheck/commands/zset.h"
#include "coatcheck/commands/zset_pop.h"
#include "coatcheck/engine/blocking.h"

/* ---- BZPOPMIN, BZPOPMAX ---- */

static void serve_one(const void *wanted, const struct key *key, struct spot *spot, struct reply *reply)
{
    const enum zset_end *end = wanted;

    reply_array(reply, 3);
    reply_bulk(reply, key->name);
    zset_pop(key, spot, *end, 1, ZSET_POP_BARE, reply);
}

static const struct wait_kind one = {.type = VALUE_ZSET, .serve = serve_one, .give_up = reply_null_array};

static void pop_one(struct call *call, enum zset_end end)
{
    unsigned keys = call_argc(call) - 2;
    int64_t deadline_us;

    if (!call_read_timeout(call, call_argc(call) - 1, &deadline_us)) return;
    call_serve_or_block(call, &one, keys, &end, sizeof end, deadline_us);
}

static void cmd_bzpopmin(struct call *call)
{
    pop_one(call, ZSET_LOWEST);
}

static void cmd_bzpopmax(struct call *call)
{
    pop_one(call, ZSET_HIGHEST);
}

/* ---- BZMPOP ---- */

static void serve_many(const void *wanted, const struct key *key, struct spot *spot, struct reply *reply)
{
    zset_mpop(key, spot, wanted, reply);
}

static const struct wait_kind many = {.type = VALUE_ZSET, .serve = serve_many, .give_up = reply_null_array};

static void cmd_bzmpop(struct call *call)
{
    struct zset_mpop asked;
    int64_t deadline_us;

    if (!zset_read_mpop(call, 2, &asked)) return;
    if (!call_read_timeout(call, 1, &deadline_us)) return;
    call_serve_or_block(call, &many, asked.keys, &asked, sizeof asked, deadline_us);
}

#define WAITS_FOR_ONE                                                                              \
    .arity = -3, .flags = COMMAND_WRITE | COMMAND_NOSCRIPT | COMMAND_BLOCKING | COMMAND_FAST,      \
    .keys = {1, -2, 1}, .access = KEY_RW | KEY_ACCESS | KEY_DELETE, .since = "5.0.0",              \
    .syntax = "key [key ...] timeout",                                                             \
    .cost = "O(log(N)) where N is the number of members; O(K) for K keys when it has to wait",     \
    .history = "6.0.0: `timeout` is interpreted as a double instead of an integer."

static const struct command_row rows[] = {
    {.name = "bzpopmin", .run = cmd_bzpopmin, WAITS_FOR_ONE,
     .summary = "Takes the member with the lowest score out of the first sorted set that is there, "
                "or waits for one."},
    {.name = "bzpopmax", .run = cmd_bzpopmax, WAITS_FOR_ONE,
     .summary = "Takes the member with the highest score out of the first sorted set that is there, "
                "or waits for one."},
    {.name = "bzmpop", .run = cmd_bzmpop, .arity = -5,
     .flags = COMMAND_WRITE | COMMAND_BLOCKING | COMMAND_MOVABLE_KEYS, .find_keys = counted_keys_find_timed,
     .key_specs = counted_keys_popped_timed, .since = "7.0.0",
     .cost = "O(K+M*log(N)) where K is the number of keys, N that of members and M that of those taken",
     .syntax = "timeout numkeys key [key ...] <MIN | MAX> [COUNT count]",
     .summary = "Takes members from one end of the first sorted set that is there, or waits for one."},
};

const struct command_family zset_blocking_commands = COMMAND_FAMILY("sorted-set", rows);
