/* replication: a master without replicas. What clients ask when they connect is answered, what
 * would make a replica is refused. */
#include "coatcheck/commands/absent.h"
#include "coatcheck/commands/table.h"

static void cmd_role(struct call *call)
{
    reply_array(call->reply, 3);
    reply_bulk_text(call->reply, "master");
    reply_int(call->reply, 0);
    reply_array(call->reply, 0);
}

/* Nobody will ever acknowledge anything, so there is nothing to wait for. */
static void cmd_wait(struct call *call)
{
    int64_t replicas, timeout_ms;

    if (!call_read_int(call, 1, &replicas)) return;
    if (!number_read_int(call_arg(call, 2), &timeout_ms)) {
        reply_errorf(call->reply, "ERR timeout is not an integer or out of range");
    } else if (timeout_ms < 0) {
        reply_errorf(call->reply, "ERR timeout is negative");
    } else {
        reply_int(call->reply, 0);
    }
}

static void cmd_replicaof(struct call *call)
{
    /* It is no replica, so this one asks for what is. */
    if (call_arg_is(call, 1, "no") && call_arg_is(call, 2, "one")) {
        reply_ok(call->reply);
    } else {
        reply_absent(call, "this server is always a master");
    }
}

static void cmd_replicate(struct call *call)
{
    reply_absent(call, "this server has no replicas");
}

/* ---- cluster: switched off, in redis-server's words, which cluster clients know ---- */

static void cmd_cluster(struct call *call)
{
    reply_errorf(call->reply, "ERR This instance has cluster support disabled");
}

#define STREAM_FLAGS (COMMAND_ADMIN | COMMAND_NOSCRIPT | COMMAND_NO_ASYNC_LOADING)
#define CLUSTER_FLAGS (COMMAND_FAST | COMMAND_CONNECTION)

static const struct command_row rows[] = {
    {.name = "role",
     .run = cmd_role,
     .arity = 1,
     .flags = COMMAND_NOSCRIPT | COMMAND_LOADING | COMMAND_STALE | COMMAND_FAST |
              COMMAND_ADMINISTERS | COMMAND_DANGEROUS,
     .since = "2.8.12",
     .cost = "O(1)",
     .syntax = "",
     .summary = "Tells that this is a master without replicas."},
    {.name = "replicaof",
     .run = cmd_replicaof,
     .arity = 3,
     .flags = STREAM_FLAGS | COMMAND_STALE,
     .since = "5.0.0",
     .cost = "O(1)",
     .syntax = "<host port | NO ONE>",
     .summary = "Answers an error, but for NO ONE, which is so already."},
    {.name = "slaveof",
     .run = cmd_replicaof,
     .arity = 3,
     .flags = STREAM_FLAGS | COMMAND_STALE,
     .since = "1.0.0",
     .cost = "O(1)",
     .syntax = "<host port | NO ONE>",
     .summary = "Answers an error, but for NO ONE, which is so already.",
     .replaced_by = "`REPLICAOF`",
     .deprecated_since = "5.0.0"},
    {.name = "sync",
     .run = cmd_replicate,
     .arity = 1,
     .flags = STREAM_FLAGS | COMMAND_NO_MULTI,
     .since = "1.0.0",
     .cost = "O(1)",
     .syntax = "",
     .summary = "Answers an error: no replica can be fed yet."},
    {.name = "psync",
     .run = cmd_replicate,
     .arity = -3,
     .flags = STREAM_FLAGS | COMMAND_NO_MULTI,
     .since = "2.8.0",
     .cost = "O(1)",
     .syntax = "replicationid offset",
     .summary = "Answers an error: no replica can be fed yet."},
    {.name = "replconf",
     .run = cmd_replicate,
     .arity = -1,
     .flags =
         COMMAND_ADMIN | COMMAND_NOSCRIPT | COMMAND_LOADING | COMMAND_STALE | COMMAND_ALLOW_BUSY,
     .since = "3.0.0",
     .cost = "O(1)",
     .syntax = "[arg [arg ...]]",
     .summary = "Answers an error: no replica can be fed yet."},
    {.name = "failover",
     .run = cmd_replicate,
     .arity = -1,
     .flags = COMMAND_ADMIN | COMMAND_NOSCRIPT | COMMAND_STALE,
     .since = "6.2.0",
     .cost = "O(1)",
     .syntax = "[TO host port [FORCE]] [ABORT] [TIMEOUT milliseconds]",
     .summary = "Answers an error: there is no replica to hand over to."},
};

static const struct command_row generic_rows[] = {
    {.name = "wait",
     .run = cmd_wait,
     .arity = 3,
     .flags = COMMAND_NOSCRIPT | COMMAND_CONNECTION,
     .since = "3.0.0",
     .cost = "O(1)",
     .syntax = "numreplicas timeout",
     .summary = "Tells how many replicas have the writes: none, at once.",
     .tips = "request_policy:all_shards response_policy:agg_min"},
};

static const struct command_row cluster_rows[] = {
    {.name = "cluster",
     .run = cmd_cluster,
     .arity = -2,
     .since = "3.0.0",
     .cost = "O(1)",
     .syntax = "subcommand [arg [arg ...]]",
     .summary = "Answers that this is no cluster."},
    {.name = "readonly",
     .run = cmd_cluster,
     .arity = 1,
     .flags = CLUSTER_FLAGS | COMMAND_LOADING | COMMAND_STALE,
     .since = "3.0.0",
     .cost = "O(1)",
     .syntax = "",
     .summary = "Answers that this is no cluster."},
    {.name = "readwrite",
     .run = cmd_cluster,
     .arity = 1,
     .flags = CLUSTER_FLAGS | COMMAND_LOADING | COMMAND_STALE,
     .since = "3.0.0",
     .cost = "O(1)",
     .syntax = "",
     .summary = "Answers that this is no cluster."},
    {.name = "asking",
     .run = cmd_cluster,
     .arity = 1,
     .flags = CLUSTER_FLAGS,
     .since = "3.0.0",
     .cost = "O(1)",
     .syntax = "",
     .summary = "Answers that this is no cluster."},
};

const struct command_family replication_commands = COMMAND_FAMILY("server", rows);
const struct command_family wait_commands = COMMAND_FAMILY("generic", generic_rows);
const struct command_family cluster_commands = COMMAND_FAMILY("cluster", cluster_rows);
