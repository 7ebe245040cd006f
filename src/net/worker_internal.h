/* worker_internal: what the files of a worker share: its struct, its lists of connections that are ready. */
#ifndef COATCHECK_WORKER_INTERNAL_H
#define COATCHECK_WORKER_INTERNAL_H

#include <event2/event.h>
#include <pthread.h>
#include <stdatomic.h>
#include "coatcheck/base/lock.h"
#include "coatcheck/net/worker.h"
#include "bulk_internal.h"
#include "conn_internal.h"
#include "farewell_internal.h"

/* What one turn may read, over all its connections; and the replies it may keep before they are sent. */
#define INPUT_AREA (256 * 1024)
#define REPLY_AREA (256 * 1024)

/* A connection's part of the input area: all of it is shared by those that are ready. */
#define WINDOW_MIN (16 * 1024)
#define WINDOW_MAX (128 * 1024)

#define TURN_CONNS (INPUT_AREA / WINDOW_MIN)

/* Linked by their next_ready; each conn is in one list at the most (CONN_LISTED). */
struct conn_list {
    struct conn *first, *last;
    unsigned count;
};

struct worker {
    unsigned index;
    const struct worker_door *door;
    void *room;
    pthread_t thread;
    struct event_base *base;
    struct event *mail_event, *chores_event;
    bool chores_armed;
    int64_t chores_at_us; /* while armed */

    /* the turn */
    struct conn_list ready; /* for the rounds to come */
    struct conn_list more;  /* were served and have more to ask: after those that the loop tells of */
    char *input_area, *reply_area;
    struct delivery deliveries[TURN_CONNS];
    struct bulk bulk;
    struct outbox fresh[TURN_CONNS]; /* for deliveries of connections without work; empty between turns */

    /* How much more the clients may leave unread, as far as this worker knows in this round. */
    int64_t unread_room;
    uint32_t looks_done; /* of those ordered with unread_order_look() */

    struct farewells farewells;

    /* TLS */
    struct conn *shaking, *shaking_last; /* whose handshake is not done, the oldest first; linked as the others */
    int64_t shaken_us;                   /* of handshakes since the loop last looked at the sockets */
    struct tls_desk *desk;               /* made with the first TLS connection */

    /* stopping */
    bool stopping;
    int64_t stop_at_us;

    /* whoever holds the lock */
    struct lock conns_lock;
    struct conn *conns;

    /* any thread */
    struct lock mail_lock;
    struct mail *mail_first, *mail_last;
    _Atomic bool has_mail; /* for a look without the lock */
    int mail_fd;
    _Atomic unsigned load;
    _Atomic uint64_t beats;
};

static inline void conn_list_add(struct conn_list *list, struct conn *conn)
{
    if (conn->flags & CONN_LISTED) return;
    conn->flags |= CONN_LISTED;
    conn->next_ready = NULL;
    if (list->count++ == 0) {
        list->first = conn;
    } else {
        list->last->next_ready = conn;
    }
    list->last = conn;
}

static inline struct conn *conn_list_take(struct conn_list *list)
{
    struct conn *conn = list->first;

    list->first = conn->next_ready;
    list->count--;
    return conn;
}

static inline void conn_list_join(struct conn_list *list, struct conn_list *tail)
{
    if (tail->count == 0) return;
    if (list->count == 0) {
        list->first = tail->first;
    } else {
        list->last->next_ready = tail->first;
    }
    list->last = tail->last;
    list->count += tail->count;
    *tail = (struct conn_list){0};
}

/* ---- mailbox.c ---- */

/* Opens all mail that has come: the callback of the mailbox's descriptor. */
void mailbox_open(evutil_socket_t fd, short what, void *worker);

/* The requests of a turn are read: whoever sent them may know of mail that the loop has yet to tell of, and its
 * effects come first. The loop will tell once for nothing. */
void mailbox_open_early(struct worker *worker);

/* Mail that nobody will open any more. */
void mailbox_clear(struct worker *worker);

/* ---- conn_life.c ---- */

/* Closes the socket, or leaves it to the farewells, and frees the connection, which is in no list. */
void conn_end(struct conn *conn);

/* Its handshake is done: a client like the others from here on. */
void conn_admit(struct conn *conn);

/* ---- conn_input.c ---- */

/* What this connection brings: fresh bytes in `window`, or its saved ones; `filled`: the door's memory that it
 * read to is full. False: nothing to deliver. */
bool conn_fetch(struct conn *conn, char *window, size_t room, struct bytes *input, bool *filled);

/* ---- unread.c ---- */

/* At the beginning of a round: what is left for all. */
void unread_look(struct worker *worker);

/* Has a look at all clients that leave something unread, when one was ordered. */
void unread_obey(struct worker *worker);

/* ---- round.c ---- */

/* As many of the ready connections as share the input area: read, deliver, send. */
void worker_round(struct worker *worker);

/* Sends what connections were given between two turns: the loop need not be asked about these. */
void worker_send_pushed(struct worker *worker);

#endif
