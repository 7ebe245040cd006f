/* call: one command of one client, from its words to its reply; what every command function gets.
 * The keys that the row names are hashed and their shards entered before run() and left after it. */
#ifndef COATCHECK_ENGINE_CALL_H
#define COATCHECK_ENGINE_CALL_H

#include <stdbool.h>
#include <stdint.h>
#include "coatcheck/engine/command.h"
#include "coatcheck/engine/session.h"
#include "coatcheck/keyspace/change.h"
#include "coatcheck/keyspace/key.h"
#include "coatcheck/keyspace/shard.h"
#include "coatcheck/keyspace/touch.h"
#include "coatcheck/wire/reply.h"

struct feed;
struct half;

struct call {
    struct session *session;
    struct reply *reply;
    struct keyspace *keyspace;
    const struct command *command; /* the subcommand's, where there is one */
    struct args args;
    unsigned key_count;
    struct key *keys; /* key_count of them, in the order of the words */
    bool is_inline;
    bool may_not_block; /* part of a transaction or a script: call_may_block() */
    bool pushes; /* its reply is news, which CLIENT REPLY OFF does not take back */
    bool interrupted; /* it comes back: call_interrupt(), call_wait_in_line() */
    bool rests; /* likewise, when its session is resumed: call_rest() */
    uint64_t sliced_ticks; /* what its slices before this one took */
    unsigned errors_told; /* of EXEC: errors in its reply that count for the commands within */

    /* dispatch's own */
    struct key first_key;
    bool keys_hashed;
    struct feed *feed;
    size_t start;               /* where the request begins in the feed's input */
    struct bytes *args_on_heap; /* owned, or NULL */
    char *unquoted;             /* owned, or NULL */
    struct half *half;          /* owned: the words came in pieces; or NULL */
};

/* Word `i`, counted from the command's name, 0; for a subcommand too. */
static inline struct bytes call_arg(const struct call *call, unsigned i)
{
    return call->args.of[i];
}
static inline unsigned call_argc(const struct call *call)
{
    return call->args.n;
}
static inline bool call_arg_is(const struct call *call, unsigned i, const char *word)
{
    return bytes_is(call->args.of[i], word);
}
static inline unsigned call_db(const struct call *call)
{
    return call->keys ? call->keys[0].db : session_db(call->session);
}

/* Word `i` as a number; on false the client has been answered (ERR_NOT_AN_INTEGER, ERR_NOT_A_FLOAT). */
bool call_read_int(struct call *call, unsigned i, int64_t *number);
bool call_read_double(struct call *call, unsigned i, double *number);
bool call_read_long_double(struct call *call, unsigned i, long double *number);
/* Within min … max; else `message` is answered (without "ERR "), or ERR_OUT_OF_RANGE's when it is NULL. */
bool call_read_int_between(struct call *call, unsigned i, int64_t min, int64_t max, int64_t *number,
                           const char *message);

/* ---- commands that take long, and hold nothing that others want: they work in slices, between which the others of their
 * worker are served. A slice ends by call_interrupt(); the command is then run again, with the same words. The shards of its
 * keys are entered for its first slice only: what it wants of them it takes then. Unless its task wants them: then they are
 * entered for each of its slices, and it looks whether they are what they were. */

/* After so long those who wait for this worker are served. */
#define CALL_SLICE_US 200

/* The beginning of what such a command keeps between two slices. */
struct task {
    void (*free)(struct task *task);
    bool wants_keys;
    size_t aside; /* of its bytes, those of a value to be: they are not held against the client */
    uint64_t ticks; /* of all slices until now; dispatch's own */
};

/* May this one be interrupted? Not within a transaction; and not, if it reads keys, for a client that tracks: it would hear
 * of a change of them before the answer that does not know of it yet, and keep that. */
static inline bool call_may_interrupt(const struct call *call)
{
    return !call->may_not_block && !(call->key_count > 0 && session_flags(call->session) & SESSION_TRACKS);
}

/* Before it begins to work in slices, with much to keep between them: does it have to wait, as others of its worker keep this much
 * already, or wait themselves? All of them go on together, and as many as there are clients could. To be asked before its keys are
 * looked at in a way that counts; then call_wait_in_line() ends the call, which runs anew when its turn has come; nothing must
 * have been answered. False: no memory. */
#define CALL_TASKS_MOST (16 * 1024 * 1024)
bool call_has_to_wait(const struct call *call);
bool call_wait_in_line(struct call *call);

/* When a slice that begins now has to end, in steady microseconds. */
int64_t call_slice_end_us(const struct call *call);

/* The session keeps *task, which is taken, and is known to hold `bytes` for it; nothing must have been answered. False: no
 * memory, and *task is freed. */
bool call_interrupt(struct call *call, struct task **task, size_t bytes);

/* As call_interrupt(), of a command that can't go on yet: its next slice comes when its session is resumed, which is for the
 * caller to see to. */
bool call_rest(struct call *call, struct task **task, size_t bytes);

/* What the last slice of this command has kept, the caller's from here on; NULL: it begins. */
struct task *call_resumed(struct call *call);

/* The entry of key `k` for a reading command (counted as hit or miss), or NULL when it is absent.
 * NO-TOUCH clients leave no trace. */
struct entry *call_read(struct call *call, unsigned k);

/* As call_read; false when it holds another type, and ERR_WRONGTYPE has been answered. */
bool call_read_type(struct call *call, unsigned k, enum value_type type, struct entry **entry);
/* For writing commands. */
bool call_find_type(struct call *call, unsigned k, enum value_type type, struct spot *spot);

/* As key_put_string(), for a value that is a word of the call: one that was read straight into the block that
 * will hold it is handed over without a copy. */
enum status call_put_string(struct call *call, const struct key *key, struct spot *spot, struct bytes word,
                            int64_t deadline_ms);

/* A string value as a bulk reply: copied, or by reference when it is large. */
void reply_entry(struct call *call, const struct entry *entry);
/* A part of the bytes that entry_string() gave. */
void reply_entry_part(struct call *call, const struct entry *entry, struct bytes part);

/* Of enable-debug-command and others that say no, yes or local: what such a word means for this client. */
bool call_is_enabled(const struct call *call, int64_t word);

/* Answers for a status: ERR_NO_MEMORY unless it is OK. True: it was OK. */
bool call_ok(struct call *call, enum status status);

/* ERR syntax error; and "ERR wrong number of arguments for 'x' command". */
void call_syntax_error(struct call *call);
void call_arity_error(struct call *call);

/* "ERR unknown subcommand or wrong number of arguments for …" as Redis 7 says for containers. */
void call_unknown_sub(struct call *call);

/* News of a key that this call changed: event is Redis's word for it. */
void call_changed(struct call *call, const struct key *key, const char *event);

/* As a RESP reply of HELP subcommands: an array of simple strings, Redis's framing lines around `lines`
 * (NULL-ended). */
void call_reply_help(struct call *call, const char *const *lines);

#endif
