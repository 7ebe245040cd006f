/* conn_internal: what conn.c and worker.c share of a connection. */
#ifndef COATCHECK_NET_CONN_INTERNAL_H
#define COATCHECK_NET_CONN_INTERNAL_H

#include <event2/event.h>
#include <event2/event_struct.h>
#include "coatcheck/net/conn.h"

/* So much is read or sent for one connection in one turn at the most, and less when it takes long (bulk_internal.h): a
 * reader as fast as we are would keep the kernel at one call for tens of milliseconds, and everybody else waiting. */
#define CONN_SHARE ((size_t)512 * 1024)

/* As wire/ wants it: input may be looked at in steps of 16 bytes. */
#define INPUT_PADDING 16

/* Input that waits for more, or for its turn. */
struct saved_input {
    size_t start, len, room; /* the unused bytes are at[start … start+len-1] */
    size_t wants;            /* so many of them before they are delivered again; 0: any */
    char *direct; /* else there are none, and these bytes of the door's are to be filled first */
    size_t direct_left, direct_got;
    char at[];
};

enum conn_flags {
    CONN_LISTED = 1,     /* in the worker's ready list */
    CONN_READABLE = 2,   /* libevent says: there is input */
    CONN_RESUMED = 4,    /* deliver saved input, or none, without reading */
    CONN_CHOKED = 8,     /* too much unsent: no reading, no delivery */
    CONN_ENDING = 16,    /* close when all is sent */
    CONN_DEAD = 32,      /* close at the end of the turn */
    CONN_PEER_GONE = 64, /* the peer will send no more */
    CONN_DIRTY = 128,    /* the outbox got something: send it */
    CONN_MOVED = 256,    /* bytes have come or gone; see conn_has_moved() */
    CONN_TLS = 512,      /* encrypted: a struct tls lies behind the door's room */
    CONN_SHAKING = 1024, /* its handshake is not done: not a client yet */
    CONN_HELD = 2048,    /* TLS: there is input that the socket will not tell of */
    CONN_SEALED = 4096,  /* TLS: encrypted bytes wait in the work's `sealed` */
    CONN_BEGUN = 8192,   /* what it asked is half done: that goes on, whatever it leaves unread */
};

enum conn_origin { CONN_REMOTE, CONN_LOOPBACK, CONN_UNIX };

/* What only a connection at work has: input that waits, here or with the door, output that could not be sent. Made when
 * there is one of them, freed at the end of the turn that leaves neither. */
struct conn_work {
    struct saved_input *saved;
    size_t door_keeps, door_keeps_beside; /* as the last delivery said; they count as input */
    struct outbox outbox;
    struct outbox sealed;  /* TLS: encrypted before, to be sent before the outbox */
    uint32_t soft_since_s; /* when the outbox went over its soft limit; 0: it is not */
};

/* Ten thousand of these sit idle: every field counts. With the door's room it is to fit 224 bytes.
 */
struct conn {
    struct event event;                         /* its ev_fd is the socket */
    struct conn *next, *prev;                   /* under the worker's conns lock */
    struct conn *next_ready;                    /* while CONN_LISTED */
    struct conn_work *work;                     /* or NULL */
    _Atomic uint32_t shown_input, shown_output; /* bytes kept, for any thread that lists clients */
    uint16_t flags;
    uint8_t home; /* the worker's index */
    uint8_t class;
    uint8_t watching; /* EV_READ, EV_WRITE: what the event waits for */
    uint8_t origin;   /* enum conn_origin; never changes */
    bool is_tls;      /* as CONN_TLS; never changes, so any thread may look */
    char room[] __attribute__((aligned(8)));
};

static inline int conn_fd(const struct conn *conn)
{
    return conn->event.ev_fd;
}

static inline struct saved_input *conn_saved(const struct conn *conn)
{
    return conn->work ? conn->work->saved : NULL;
}

static inline size_t conn_unsent(const struct conn *conn)
{
    return conn->work ? conn->work->outbox.bytes + conn->work->sealed.bytes : 0;
}

/* Its work, made now when there was none. NULL: no memory. */
struct conn_work *conn_begin_work(struct conn *conn);

/* Frees the work when there is nothing left to do. */
void conn_rest(struct conn *conn);

/* Frees it whatever is left. */
void conn_drop_work(struct conn *conn);

/* Sends what was unsent, then `fresh` (taken: empty afterwards), then `output`; keeps what the
 * socket refuses. False: the connection is dead. */
bool conn_send(struct conn *conn, struct outbox *fresh, struct bytes output);

/* After a send: be told when there is room for what it left, and read no more above a bound. False: it is over
 * client-output-buffer-limit, and is to be closed. */
bool conn_hold_back(struct conn *conn);

/* Makes the event wait for what the flags and the outbox ask. */
void conn_watch(struct conn *conn);

/* Keeps the unused tail of an input for later. False: no memory. */
bool conn_keep_input(struct conn *conn, struct bytes input, size_t used, size_t wants);

/* The door keeps what the delivery says of a request. False: no memory. */
bool conn_note_kept(struct conn *conn, const struct delivery *delivery);

/* What it has sent that has not been executed: for those that list and weigh clients. */
void conn_show_input(struct conn *conn);

/* The next bytes go to the delivery's `direct`. False: no memory. */
bool conn_keep_direct(struct conn *conn, const struct delivery *delivery);

/* What it leaves unread has changed; for those that list clients, and for the sum over all. */
void conn_note_unread(struct conn *conn, size_t bytes);

/* A client that leaves so many bytes unread is read from no more, until it has taken half of them. */
size_t conn_unread_most(const struct conn *conn);

/* Any thread: the limits have changed, and each worker is to look who is over them now. */
void unread_order_look(void);

/* It leaves too much unread, but what it has asked is half done, and may go on now. */
static inline bool conn_goes_on(const struct conn *conn)
{
    return conn->flags & CONN_RESUMED && conn->flags & CONN_BEGUN;
}

/* Puts it in its worker's list of the turn. */
void conn_list_ready(struct conn *conn);

#endif
