/* session: what the server knows of one client: its protocol, database, name, and what it waits
 * for. Lives inside the connection's memory and belongs to its worker; what other threads may look
 * at says so. */
#ifndef COATCHECK_ENGINE_SESSION_H
#define COATCHECK_ENGINE_SESSION_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include "coatcheck/base/bytes.h"
#include "coatcheck/base/metric.h"
#include "coatcheck/base/outbox.h"
#include "coatcheck/base/text.h"

struct half;
struct mail;
struct subscriber;
struct tracker;
struct task;
struct transaction;
struct user;
struct waiter;

enum session_flags {
    SESSION_AUTHENTICATED = 1,
    SESSION_REPLY_OFF = 2,
    SESSION_REPLY_SKIP = 4,      /* the reply of the command at work is dropped */
    SESSION_REPLY_SKIP_NEXT = 8, /* and that of the one after it */
    SESSION_MONITOR = 16,
    SESSION_CLOSING = 32, /* executes nothing more */
    SESSION_NO_EVICT = 64,
    SESSION_NO_TOUCH = 128,
    SESSION_POSTPONED = 256, /* its request waits: for CLIENT UNPAUSE, or for its turn */
    SESSION_INLINE = 512,    /* its last request was a plain line: a person, perhaps */
    SESSION_BLOCKED = 1024,
    SESSION_KILLED = 2048, /* counted by a CLIENT KILL already; its worker closes it in a moment */
    SESSION_MULTI = 4096,
    SESSION_SPOILED = 8192, /* a command of the transaction could not be queued: EXEC aborts */
    SESSION_TOUCHED = 16384, /* a key that it watches was changed, by whoever sets this: EXEC does nothing */
    SESSION_LISTENS = 32768,  /* to a channel or a pattern */
    SESSION_RESTRICTED = 65536, /* its user may not do everything; set by whoever changes the user's rules */
    SESSION_RESP3 = 131072,

    /* CLIENT TRACKING; the room tracking/ sets these. */
    SESSION_TRACKS = 262144,
    SESSION_TRACKS_ALL = 524288, /* BCAST */
    SESSION_OPTIN = 1048576,
    SESSION_OPTOUT = 2097152,
    SESSION_NOLOOP = 4194304,
    SESSION_CACHING = 8388608,      /* CLIENT CACHING holds for the next command */
    SESSION_REDIRECT_BROKEN = 16777216,
    SESSION_RECEIVES = 33554432,    /* what others track, or has done; set by any thread */

    SESSION_SLICED = 67108864,  /* between two slices of a command: call_interrupt() */
    SESSION_IN_LINE = 134217728 /* waits until others are done with theirs: call_wait_in_line() */
};
/* With one of these the gates have to be asked. */
#define SESSION_ATTENTION                                                                          \
    (SESSION_REPLY_OFF | SESSION_REPLY_SKIP | SESSION_REPLY_SKIP_NEXT | SESSION_MONITOR |          \
     SESSION_CLOSING | SESSION_POSTPONED | SESSION_BLOCKED | SESSION_LISTENS)

/* Its replies are dropped. */
#define SESSION_MUTED (SESSION_REPLY_OFF | SESSION_REPLY_SKIP | SESSION_REPLY_SKIP_NEXT)

/* To channels, patterns, shard channels. */
#define SESSION_SUBSCRIPTIONS 3

/* What most sessions never set; made when first needed, kept until the session ends.
 * Texts are replaced under the extras lock: session_set_text(). */
struct session_extras {
    char *name, *library_name, *library_version, *user_name; /* owned, or NULL */
    struct user *user; /* a reference, dropped by session_drop_user(); NULL: the default one */
    int64_t login_at_us; /* the owner's: when the login that it waits with is looked at; 0: it does not */

    struct task *task;               /* the owner's: of a command between two slices, or NULL */
    size_t task_counted;             /* the owner's: what of its bytes session_count_task() has counted */
    struct session *line_before, *line_behind; /* the owner's: with SESSION_IN_LINE */
    _Atomic size_t task_bytes;       /* what has been gathered for its reply; any thread may look */
    struct transaction *transaction; /* the owner's: what it has queued and watches, or NULL */
    _Atomic size_t queue_bytes;      /* of the transaction; any thread may look at these two */
    _Atomic uint32_t queued;         /* its commands */

    /* The room pubsub/ fills these. */
    struct subscriber *subscriber;      /* the owner's, or NULL */
    _Atomic uint32_t subscriptions[SESSION_SUBSCRIPTIONS]; /* any thread may look */

    /* The room tracking/ fills these. */
    struct tracker *tracker;  /* the owner's, or NULL */
    _Atomic uint64_t redirect; /* whom it is redirected to, 0: nobody; any thread may look */
};

struct session {
    uint64_t id; /* never changes */

    struct half *half;                    /* a request whose end has not come yet, or NULL */
    struct session_extras *extras;        /* or NULL; other threads: session_add_text() */
    struct waiter *waiter;                /* while SESSION_BLOCKED; others: who has claimed it */
    _Atomic uint32_t created_s, active_s; /* since the server's start; any thread may look */
    _Atomic uint32_t flags; /* the owner's, but for KILLED, CLOSING, TOUCHED, RESTRICTED; any thread may look */
    _Atomic uint16_t last;  /* command's number + 1; 0: none, or an unknown one; any thread */
    _Atomic uint8_t db;
    _Atomic uint8_t wait; /* who ends its wait claims it: blocking.c; any thread */
};

/* Ten thousand of these sit idle, each behind the connection in one block of 224 bytes. */
_Static_assert(sizeof(struct session) <= 48, "what most sessions never set belongs to the extras");

/* A new client. Ids count up from 1. */
void session_init(struct session *session);
/* `to_come` bytes were still to be read to where its feed's `direct` said. */
void session_fini(struct session *session, size_t to_come);

static inline unsigned session_flags(const struct session *session)
{
    return atomic_load_explicit(&session->flags, memory_order_relaxed);
}
/* Returns the flags as they were. */
static inline unsigned session_set(struct session *session, unsigned flags)
{
    return atomic_fetch_or_explicit(&session->flags, flags, memory_order_relaxed);
}
static inline void session_unset(struct session *session, unsigned flags)
{
    atomic_fetch_and_explicit(&session->flags, ~flags, memory_order_relaxed);
}
/* The protocol that it speaks: 2 or 3. */
static inline unsigned session_resp(const struct session *session)
{
    return session_flags(session) & SESSION_RESP3 ? 3 : 2;
}
static inline unsigned session_db(const struct session *session)
{
    return atomic_load_explicit(&session->db, memory_order_relaxed);
}

/* Does it wait in a blocking command, and has nobody ended that yet? Any thread. */
bool session_is_waiting(const struct session *session);

/* May it run what asks for a password? It has given one, or none is asked for (any more). */
bool session_is_trusted(const struct session *session);

/* The owner: made when there are none. NULL: no memory. */
struct session_extras *session_need_extras(struct session *session);

/* The owner's worker: what its task holds now, for call_has_to_wait(). */
void session_count_task(struct session_extras *extras, size_t bytes);

/* The owner. */
static inline struct transaction *session_transaction(const struct session *session)
{
    return session->extras ? session->extras->transaction : NULL;
}

/* Any thread, while the session cannot go away: what its transaction has queued, and what a command between two slices
 * has gathered for its reply. */
struct session_queue {
    uint32_t commands;
    size_t bytes;
    size_t gathered;
};
struct session_queue session_queue(const struct session *session);

/* Any thread, while the session cannot go away: how many of each it has. */
void session_read_subscriptions(const struct session *session, uint32_t counts[SESSION_SUBSCRIPTIONS]);

/* Any thread, while the session cannot go away: the session that hears what it tracks, 0 for itself; -1: it does not. */
int64_t session_redirect(const struct session *session);

/* Flags of sessions that begin from now on, of AUTHENTICATED (no password is asked) and RESTRICTED. */
void session_newcomers(unsigned flags);

/* May everyone in who comes, without a password? */
bool session_is_open(void);

/* The owner: whose session it is. Takes the reference, and drops the one that it had. NULL is the default user.
 * False: no memory, and nothing is changed. */
bool session_set_user(struct session *session, struct user *user);
extern void (*session_drop_user)(struct user *user);

/* Is it this user's? NULL is the default one. Any thread, while the session cannot go away. */
bool session_is_of(const struct session *session, const struct user *user);

/* As it was when it connected (RESET); what it told of its library stays. */
void session_reset(struct session *session);

enum session_text { SESSION_NAME, SESSION_LIBRARY_NAME, SESSION_LIBRARY_VERSION, SESSION_USER };

/* Replaces a text by a copy; an empty one removes it. False: no memory. The owner only. */
bool session_set_text(struct session *session, enum session_text which, struct bytes value);

/* Adds the text, or nothing, to `into`. Any thread that keeps the session from going away. */
void session_add_text(const struct session *session, enum session_text which, struct text *into);
/* Good until it is replaced; the owner only. */
struct bytes session_own_text(const struct session *session, enum session_text which);

/* ---- what a session asks of the floors above, filled at start by serve/ ---- */

struct session_facts {
    int fd;
    size_t input_bytes;  /* kept of requests that have not run */
    size_t output_bytes; /* of replies that it has not read */
    size_t memory_bytes; /* all that is held for it, those two included */
    unsigned worker;
    bool unix_socket;
    char peer[128], local[128]; /* "127.0.0.1:1234", "/path:0" */
};

/* What it may leave unread: the classes of client-output-buffer-limit. */
enum session_class { SESSION_NORMAL, SESSION_REPLICA, SESSION_SUBSCRIBER };

struct session_host {
    /* Calls `see` with every session of all workers while none can come or go; any thread. `see`
     * takes no locks but the extras' one. */
    void (*each)(void (*see)(struct session *session, void *context), void *context);

    /* A worker's thread: the same with the sessions that it owns. */
    void (*each_own)(void (*see)(struct session *session, void *context), void *context);

    /* Any thread, inside each() or by the owner. */
    void (*facts)(struct session *session, struct session_facts *facts);

    /* As facts(), but for the two addresses, which it leaves alone: the kernel is not asked. */
    void (*weigh)(struct session *session, struct session_facts *facts);

    /* By the owner: after this turn's replies are sent; at once, whatever is unsent. */
    void (*close_after_reply)(struct session *session);
    void (*close)(struct session *session);

    /* By the owner: its unread input is looked at again, now that it no longer waits. */
    void (*resume)(struct session *session);

    /* By the owner, not while a reply of its own is being written: bytes outside of any reply (a
     * push, a line for a monitor). */
    bool (*push)(struct session *session, struct bytes bytes);

    /* As push, without a copy: `release(holder)` is called on the owner's thread when they are sent or dropped. On
     * false it is not. */
    bool (*push_held)(struct session *session, struct bytes bytes, void (*release)(void *holder), void *holder);

    /* As push_held, between two turns: sent at once if nothing stands before them. */
    bool (*send_held)(struct session *session, struct bytes bytes, void (*release)(void *holder), void *holder);

    /* By the owner. */
    void (*set_class)(struct session *session, enum session_class class);

    /* Any thread: `run` is called once on the thread of worker 0 … workers()-1, soon, with a copy
     * of `text`. False: no memory. */
    unsigned (*workers)(void);
    bool (*post)(unsigned worker, void (*run)(struct bytes text), struct bytes text);

    /* Any thread, outside of shards: to be opened on the thread of that worker. Takes the mail. */
    void (*mail)(unsigned worker, struct mail *mail);

    bool (*is_local)(struct session *session);

    /* Any thread: ends the server, gracefully. */
    void (*shut_down)(void);
};
extern const struct session_host *session_host;

/* ---- what floors above keep for a session, filled at start ---- */

struct session_hooks {
    /* The owner: what it listens to, tracks or waits for is forgotten: it ends, or begins again. Called for sessions
     * with SESSION_LISTENS, _POSTPONED, _TRACKS or _RECEIVES, and when one with a tracker ends. */
    void (*forget)(struct session *session, bool ends);
};
extern struct session_hooks session_hooks;

/* post() to every worker. */
void sessions_post_all(void (*run)(struct bytes text), struct bytes text);

uint32_t session_now_s(void); /* seconds since the server's start, of a clock that never jumps */

#define SESSION_METRICS(ROW)                                                                       \
    ROW(acl_access_denied_auth, COUNTER,                                                           \
        "times that AUTH or HELLO brought a wrong name or password")
METRIC_STRUCT(session, SESSION_METRICS);

#endif
