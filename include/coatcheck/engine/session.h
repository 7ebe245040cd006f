/* session: what the server knows of one client: its protocol, database, name, and what it waits for.
 * Lives inside the connection's memory and belongs to its worker; what other threads may look at says so. */
#ifndef COATCHECK_ENGINE_SESSION_H
#define COATCHECK_ENGINE_SESSION_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include "coatcheck/base/bytes.h"
#include "coatcheck/base/outbox.h"
#include "coatcheck/base/text.h"

struct command;
struct request;

enum session_flags {
    SESSION_AUTHENTICATED = 1,
    SESSION_REPLY_OFF = 2,
    SESSION_REPLY_SKIP = 4,      /* the next command's reply is dropped */
    SESSION_MONITOR = 16,
    SESSION_CLOSING = 32,        /* executes nothing more */
    SESSION_NO_EVICT = 64,
    SESSION_NO_TOUCH = 128,
    SESSION_POSTPONED = 256,     /* waits for CLIENT UNPAUSE */
    SESSION_INLINE = 512,        /* its last request was a plain line: a person, perhaps */
    SESSION_BLOCKED = 1024
};
/* With one of these the gates have to be asked. */
#define SESSION_ATTENTION                                                                          \
    (SESSION_REPLY_OFF | SESSION_REPLY_SKIP | SESSION_MONITOR | SESSION_CLOSING |                  \
     SESSION_POSTPONED | SESSION_BLOCKED)

/* What most sessions never set; made when first needed, kept until the session ends.
 * Texts are replaced under the extras lock: session_set_text(). */
struct session_extras {
    char *name, *library_name, *library_version, *user; /* owned, or NULL */
};

struct session {
    uint64_t id; /* never changes */

    struct request *half;           /* a request whose end has not come yet, or NULL */
    struct session_extras *extras;  /* or NULL; see session_lock() */
    _Atomic(const struct command *) last; /* any thread may look */
    _Atomic uint32_t created_s, active_s; /* since the server's start; any thread may look */
    _Atomic uint16_t flags;               /* written by the owner; any thread may look */
    uint8_t resp;                         /* 2 or 3 */
    _Atomic uint8_t db;
};

/* A new client. Ids count up from 1. */
void session_init(struct session *session);
void session_fini(struct session *session);

static inline unsigned session_flags(const struct session *session)
{
    return atomic_load_explicit(&session->flags, memory_order_relaxed);
}
static inline void session_set(struct session *session, unsigned flags)
{
    atomic_store_explicit(&session->flags, (uint16_t)(session_flags(session) | flags), memory_order_relaxed);
}
static inline void session_unset(struct session *session, unsigned flags)
{
    atomic_store_explicit(&session->flags, (uint16_t)(session_flags(session) & ~flags), memory_order_relaxed);
}
static inline unsigned session_db(const struct session *session)
{
    return atomic_load_explicit(&session->db, memory_order_relaxed);
}

/* As it was when it connected (RESET). */
void session_reset(struct session *session);

enum session_text { SESSION_NAME, SESSION_LIBRARY_NAME, SESSION_LIBRARY_VERSION, SESSION_USER };

/* Replaces a text by a copy; an empty one removes it. False: no memory. The owner only. */
bool session_set_text(struct session *session, enum session_text which, struct bytes value);

/* Adds the text, or nothing, to `into`. Any thread that keeps the session from going away. */
void session_add_text(const struct session *session, enum session_text which, struct text *into);
struct bytes session_own_text(const struct session *session, enum session_text which); /* the owner only */

/* ---- what a session asks of the floors above, filled at start by serve/ ---- */

struct session_facts {
    int fd;
    size_t input_bytes, output_bytes;
    unsigned worker;
    bool unix_socket;
    char peer[128], local[128]; /* "127.0.0.1:1234", "/path:0" */
};

struct session_host {
    /* Calls `see` with every session of all workers while none can come or go; any thread. `see` takes no
     * locks but the extras' one. */
    void (*each)(void (*see)(struct session *session, void *context), void *context);

    /* Any thread, inside each() or by the owner. */
    void (*facts)(struct session *session, struct session_facts *facts);

    /* By the owner: after this turn's replies are sent. */
    void (*close_after_reply)(struct session *session);

    /* Any thread: closes the session with this id if it is still there. */
    void (*kill)(uint64_t id);

    /* By the owner: its unread input is looked at again, now that it no longer waits. */
    void (*resume)(struct session *session);

    /* By the owner: bytes outside of a reply of its own (a push, a monitor line). */
    bool (*push)(struct session *session, struct bytes bytes);

    /* Any thread: `run` is called on every worker's thread soon, with each of that worker's sessions and a
     * copy of `text`. */
    void (*everywhere)(void (*run)(struct session *session, struct bytes text), struct bytes text);

    bool (*is_local)(struct session *session);

    /* Any thread: ends the server, gracefully. */
    void (*shut_down)(void);
};
extern const struct session_host *session_host;

uint32_t session_now_s(void); /* seconds since the server's start, from the clock of the turn */

#endif
