/* database: whole databases: counted, exchanged, emptied. */
#include "coatcheck/commands/database.h"
#include "coatcheck/commands/effect.h"
#include "coatcheck/commands/table.h"

bool call_read_int32(struct call *call, unsigned i, const char *message, int32_t *number)
{
    int64_t wide;
    bool is_int = number_read_int(call_arg(call, i), &wide);

    if (is_int && wide >= INT32_MIN && wide <= INT32_MAX) {
        *number = (int32_t)wide;
        return true;
    }
    if (message) {
        reply_errorf(call->reply, "ERR %s", message);
    } else if (is_int) {
        reply_errorf(call->reply, "ERR value is out of range, value must between %d and %d", INT32_MIN,
                     INT32_MAX);
    } else {
        reply_error(call->reply, ERR_NOT_AN_INTEGER);
    }
    return false;
}

static bool is_database(struct call *call, int32_t number)
{
    if (number >= 0 && (unsigned)number < keyspace_databases(call->keyspace)) return true;
    reply_error(call->reply, ERR_DB_OUT_OF_RANGE);
    return false;
}

bool database_read(struct call *call, unsigned i, unsigned *db)
{
    int32_t number;

    if (!call_read_int32(call, i, NULL, &number) || !is_database(call, number)) return false;
    *db = (unsigned)number;
    return true;
}

static void cmd_dbsize(struct call *call)
{
    reply_int(call->reply, (int64_t)keyspace_count(call->keyspace, session_db(call->session)));
}

static void cmd_swapdb(struct call *call)
{
    int32_t a, b;

    if (!call_read_int32(call, 1, "invalid first DB index", &a)) return;
    if (!call_read_int32(call, 2, "invalid second DB index", &b)) return;
    if (!is_database(call, a) || !is_database(call, b)) return;
    if (!call_ok(call, keyspace_swap_entered(call->keyspace, (unsigned)a, (unsigned)b))) return;
    if (a != b) touch_tell_all(call->keyspace);
    effect_of_database(call, (unsigned)a, false);
    effect_of_database(call, (unsigned)b, true);
    reply_ok(call->reply);
}

/* False: answered. */
static bool read_flush_mode(struct call *call, bool *now)
{
    bool sync;

    *now = false;
    if (call_argc(call) == 1) return true;
    sync = call_arg_is(call, 1, "SYNC");
    /* A transaction stays inside its shards to the end. */
    *now = sync && !call->may_not_block;
    if (call_argc(call) == 2 && (sync || call_arg_is(call, 1, "ASYNC"))) return true;
    call_syntax_error(call);
    return false;
}

/* Empties the databases from `first` to `last` at one instant. With SYNC the client waits until the memory is
 * back; the others need not: they may enter the shards meanwhile. */
static void flush(struct call *call, unsigned first, unsigned last)
{
    bool now;

    if (!read_flush_mode(call, &now)) return;
    for (unsigned db = first; db <= last; db++) {
        keyspace_flush_entered(call->keyspace, db);
        effect_of_database(call, db, db > first);
    }
    touch_tell_all(call->keyspace);
    if (now) {
        keyspace_leave_all(call->keyspace);
        keyspace_reclaim_all(call->keyspace);
        keyspace_enter_all(call->keyspace);
    }
    reply_ok(call->reply);
}

static void cmd_flushdb(struct call *call)
{
    flush(call, session_db(call->session), session_db(call->session));
}

static void cmd_flushall(struct call *call)
{
    flush(call, 0, keyspace_databases(call->keyspace) - 1);
}

#define EMPTIES                                                                                    \
    .arity = -1, .flags = COMMAND_WRITE | COMMAND_KEYSPACE | COMMAND_DANGEROUS | COMMAND_EVERY_SHARD, \
    .since = "1.0.0", .syntax = "[ASYNC | SYNC]",                                                  \
    .cost = "O(S) where S is the number of shards, not of keys; with SYNC O(N) where N is the number of keys", \
    .tips = "request_policy:all_shards response_policy:all_succeeded",                             \
    .history = "4.0.0: Added the `ASYNC` flushing mode modifier.\n"                                \
               "6.2.0: Added the `SYNC` flushing mode modifier."

static const struct command_row rows[] = {
    {.name = "dbsize", .run = cmd_dbsize, .arity = 1, .flags = COMMAND_READ | COMMAND_FAST | COMMAND_KEYSPACE,
     .since = "1.0.0", .cost = "O(S) where S is the number of shards, not of keys", .syntax = "",
     .tips = "request_policy:all_shards response_policy:agg_sum",
     .summary = "Answers how many keys the database has."},
    {.name = "swapdb", .run = cmd_swapdb, .arity = 3,
     .flags = COMMAND_WRITE | COMMAND_FAST | COMMAND_KEYSPACE | COMMAND_DANGEROUS | COMMAND_EVERY_SHARD,
     .since = "4.0.0", .cost = "O(S) where S is the number of shards, not of keys", .syntax = "index1 index2",
     .summary = "Exchanges two databases, for all clients at one instant."},
    {.name = "flushdb", .run = cmd_flushdb, EMPTIES, .summary = "Deletes all keys of the database."},
    {.name = "flushall", .run = cmd_flushall, EMPTIES, .summary = "Deletes all keys of every database."},
};

const struct command_family database_commands = COMMAND_FAMILY("server", rows);
