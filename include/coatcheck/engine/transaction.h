/* transaction: what a session has queued since MULTI, and the keys that it watches.
 * EXEC enters the shards of all keys of all its commands, and of all watched keys, at once and in rising order;
 * so whoever looks, on any worker, sees all of it or nothing, and nobody comes between. A command that works on the
 * whole key space makes it enter all shards.
 *
 * A watched key stands in a list of its shard (keyspace/touch.h). Whoever changes the key flags the session, inside
 * the shard; EXEC asks for the flag inside the same shard. So a transaction aborts when a key of its own was changed,
 * and never because of another one.
 *
 * The owner's thread, outside of shards unless it is said otherwise. */
#ifndef COATCHECK_ENGINE_TRANSACTION_H
#define COATCHECK_ENGINE_TRANSACTION_H

#include "coatcheck/base/metric.h"
#include "coatcheck/engine/call.h"
#include "coatcheck/engine/gate.h"

/* Queues the call, whose keys are hashed, and answers. What is queued in vain is not kept: when the transaction
 * will not run anyhow. No memory, or more in the queue than client-query-buffer-limit: the transaction is spoiled,
 * or the client is closed. */
void transaction_queue(struct call *call);

/* A command was refused: EXEC will abort. Nothing outside of MULTI. */
void transaction_spoil(struct session *session);

/* EXEC. */
void transaction_exec(struct call *call);

/* The queue and the watched keys are forgotten: DISCARD, RESET, the end of the session. */
void transaction_end(struct session *session);

/* EXEC was refused for what stands in the reply since the mark: says so instead, and ends the transaction. */
void transaction_refuse(struct call *call, struct reply_mark mark);

/* WATCH: its keys' shards are entered. NO_MEMORY: not all of them are watched. */
enum status transaction_watch(struct call *call);
void transaction_unwatch(struct session *session);

/* The flags of the call's row; for EXEC also those of all that is queued. */
uint32_t transaction_flags(const struct call *call);

/* Inside MULTI some commands cannot be queued. */
enum gate_answer gate_transaction(struct call *call);

/* Before any worker runs. */
void transaction_setup(void);

#define TRANSACTION_METRICS(ROW)                                                                   \
    ROW(transactions_executed, COUNTER, "transactions that EXEC has run")                          \
    ROW(transactions_aborted, COUNTER,                                                             \
        "transactions that EXEC has not run: a watched key was changed or a command was refused")  \
    ROW(watched_keys, GAUGE, "keys that clients watch, each counted for each client")
METRIC_STRUCT(transaction, TRANSACTION_METRICS);

#endif
