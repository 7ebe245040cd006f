/* blocking: commands that wait until something comes to one of their keys: BZPOPMIN and the like.
 *
 * Such a command first looks for itself. When it finds nothing it calls call_block() and returns
 * without an answer: the session's further requests stay unread, and a waiter stands in line for
 * each of its keys, in the order in which they came, across workers. What comes to a key is handed
 * out when the command that brought it has run and its shards are still entered, by the worker that
 * ran it: nobody can take it in between. The answer goes to the waiter's own worker by mail.
 *
 * Whoever ends a wait claims the session first, by one compare-and-swap: something came, the time
 * is over, CLIENT UNBLOCK, or the client went away. So it is ended once, whatever happens at the
 * same instant. */
#ifndef COATCHECK_ENGINE_BLOCKING_H
#define COATCHECK_ENGINE_BLOCKING_H

#include "coatcheck/base/metric.h"
#include "coatcheck/engine/call.h"

struct mail;
struct worker;

/* What it is to wait for one thing; a constant of the command's. */
struct wait_kind {
    enum value_type type; /* what has to come to the key; other types are let be */

    /* It has come, to `spot`: takes what was asked for out of it, into the reply, and tells the
     * change, as the command would have done. Runs on the thread of whoever brought it, with the
     * key's shard entered, and that of the key that `reaches` names. */
    void (*serve)(const void *wanted, const struct key *key, struct spot *spot,
                  struct reply *reply);

    /* The answer when the time is over. */
    void (*give_up)(struct reply *reply);

    /* NULL, or: serving puts something to another key: this one. Its name lives as long as `wanted`. */
    void (*reaches)(const void *wanted, struct key *key);
};

/* False inside a transaction or a script: the command answers at once as if its time were over. */
bool call_may_block(const struct call *call);

/* Word `i`, seconds with a fraction, as a deadline of clock_steady_us(); 0: none. False: answered.
 */
bool call_read_timeout(struct call *call, unsigned i, int64_t *deadline_us);

/* Waits for the first `keys` of the call's keys, whose shards are entered. Copies the keys' names
 * and `wanted_size` bytes at `wanted`. The command returns at once after it. Where it may not wait,
 * or there is no memory, the client has been answered. */
void call_block(struct call *call, const struct wait_kind *kind, unsigned keys, const void *wanted,
                size_t wanted_size, int64_t deadline_us);

/* As call_block(), but the first of these keys that is there serves at once; one of another type is
 * answered as an error. */
void call_serve_or_block(struct call *call, const struct wait_kind *kind, unsigned keys,
                         const void *wanted, size_t wanted_size, int64_t deadline_us);

/* A command brought more to a key whose value was there before: for kinds of wait that end with
 * that. The put of a new value tells by itself. */
void call_came(const struct key *key);

/* ---- CLIENT ---- */

/* Any thread: ends the wait of the session with this number, as if its time were over or,
 * `with_error`, with an error. False: there is none such, or it does not wait. */
bool blocking_unblock(uint64_t session_id, bool with_error);

/* ---- for dispatch, turn and session ---- */

/* Something came to a key that somebody waits for: this thread's command has brought it. */
extern _Thread_local struct wait_line *blocking_came;

/* While the shards of the command are entered, when blocking_came is set: hands it out. True: there
 * are answers to be sent, after the shards are left. */
bool blocking_serve(void);
void blocking_send(void);

/* Waits of kinds that reach other keys, of all threads. */
extern _Atomic unsigned blocking_reaching;

/* What comes to these keys may be handed on to others, by those who wait to do so (BLMOVE), and so on. The keys'
 * shards are entered; enters those of all the others too, for which it leaves and comes back to these in the right
 * order, as often as it must. To be called before the command runs, when blocking_reaching is not 0.
 * False: the keys' shards are enough. True: blocking_leave_reach() takes the place of shards_leave(). */
bool blocking_reach(struct keyspace *keyspace, const struct key *keys, unsigned count);
void blocking_leave_reach(struct keyspace *keyspace);

/* The owner: has its wait ended? Then blocking_answer() writes the answer, and it waits no more. */
bool blocking_has_ended(const struct session *session);
void blocking_answer(struct session *session, struct reply *reply);

/* The owner: the session goes away. */
void blocking_leave(struct session *session);

/* Each worker calls it among its chores: answers whose time is over. Returns in how many
 * microseconds it wants to be called again at the latest, INT64_MAX while nobody waits for a time.
 */
int64_t blocking_look_after(int64_t now_us);

/* Before any worker runs. */
void blocking_setup(void);

#define BLOCKING_METRICS(ROW)                                                                      \
    ROW(clients_in_timeout_table, GAUGE, "clients that wait in a command with a timeout")          \
    ROW(blocked_served, COUNTER, "waits in commands that ended because something came")            \
    ROW(blocked_timeouts, COUNTER, "waits in commands that ended because their time was over")
METRIC_STRUCT(blocking, BLOCKING_METRICS);

#endif
