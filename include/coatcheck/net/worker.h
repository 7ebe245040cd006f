/* worker: one thread, one libevent loop, the connections that it owns, and the turn that serves them.
 *
 * A turn: libevent tells which connections have news; callbacks only note them. Then for as many of them as
 * fit the input area: read, hand all of it to the door at once, write what the door answered. Then chores.
 * No buffer belongs to an idle connection. Everything here is touched by the worker's own thread only, but
 * for what says otherwise; others reach it through its mailbox. */
#ifndef COATCHECK_NET_WORKER_H
#define COATCHECK_NET_WORKER_H

#include <stdbool.h>
#include <stdint.h>
#include "coatcheck/base/bytes.h"
#include "coatcheck/base/metric.h"
#include "coatcheck/base/option.h"
#include "coatcheck/base/outbox.h"
#include "coatcheck/base/status.h"

struct conn;
struct worker;

/* What one connection brings to a turn, and what becomes of it. */
struct delivery {
    struct conn *conn;
    struct bytes input; /* all that is not used yet, readable for 16 bytes past its end */
    bool filled;        /* the `direct` of last time is full; the input is what came after it */
    struct outbox *outbox; /* for replies that do not fit the area; may hold what was unsent before */
    size_t unread_most;    /* once so much is in the outbox, nothing more is to be added in this turn */

    /* answered by the door */
    size_t used;         /* of the input; the rest is kept for the connection */
    size_t wants;        /* no use to come back before there are so many bytes of input; 0: any */
    bool later;          /* what it asked is half done; with `again`: it had its share of this turn, though it used nothing */
    bool again;          /* more to do, with the rest or with what the door kept: next turn, without reading */
    char *direct;        /* all input is used, and the next direct_len bytes are to be read to here: the */
    size_t direct_len;   /* door's memory, until it is `filled` or the connection is closed; NULL: no. The door has
                          * said held_expect() of them; who reads them takes that back. */
    size_t direct_had;   /* of the same argument came with the input: it counts for client-query-buffer-limit */
    size_t keeps;        /* the door keeps so many bytes of a request whose end has not come: they count for the same limit, */
    size_t keeps_beside; /* and so many besides: these do not */
    struct bytes output; /* in the reply area, to be sent after the outbox */
};

/* The floor above, as net/ sees it. All verbs run on the worker's thread. */
struct worker_door {
    size_t conn_room; /* bytes of the door's own in every connection, zeroed: conn_room() */

    void (*started)(struct worker *worker); /* on the new thread, before its loop */
    void (*stopped)(struct worker *worker);
    void (*opened)(struct conn *conn);
    void (*shaken)(struct conn *conn); /* after `opened` for one of TLS, whose certificate can be read; no lock is held */
    void (*closed)(struct conn *conn); /* the last call about it */

    /* Serve these; each conn once. `area` is for replies. May send early with worker_send(). */
    void (*turn)(struct worker *worker, struct delivery *deliveries, unsigned count, char *area,
                 size_t area_room);

    /* After each turn and at least each `tick_us`; returns in how many microseconds it wants to be called
     * again at the latest. */
    int64_t (*housekeep)(struct worker *worker);
};

/* Not started yet. NULL: no memory or no descriptors (errno). `index` counts from 0. */
struct worker *worker_new(unsigned index, const struct worker_door *door);
enum status worker_start(struct worker *worker);

/* Any thread: no more reading; replies under way are delivered for at most `grace_ms`; then all is closed
 * and the thread ends. */
void worker_stop(struct worker *worker, int64_t grace_ms);
void worker_join(struct worker *worker);
void worker_free(struct worker **worker);

unsigned worker_index(const struct worker *worker);

/* The door's own per worker. */
void worker_set_room(struct worker *worker, void *room);
void *worker_room(const struct worker *worker);

/* Sends a delivery's output now instead of at the end of the turn, so that its bytes in the area are free. */
void worker_send(struct worker *worker, struct delivery *delivery);

/* Any thread: grows each time the worker's loop comes round, some ten times a second at the least. */
uint64_t worker_beats(const struct worker *worker);

/* Any thread: how many connections it owns or is about to own, the accepting loop's measure of load. */
unsigned worker_load(const struct worker *worker);

/* Any thread. Hands over an accepted socket; its fd is the worker's from here on. The door hears of one of TLS when
 * its handshake is done. */
enum conn_kind { CONN_OF_TCP, CONN_OF_UNIX, CONN_OF_TLS };
void worker_adopt(struct worker *worker, int fd, enum conn_kind kind);

/* Mail: something to run on the worker's thread between two turns. Owned by the worker once posted, until
 * `open` is called, which frees it; with NULL for a worker that came to its end before, and then it only
 * frees. Any thread posts; many posts wake the worker once. */
struct mail {
    struct mail *next;
    void (*open)(struct worker *worker, struct mail *mail);
};
void worker_post(struct worker *worker, struct mail *mail);

/* Any thread. What clients of all workers may leave unread before each of them is kept shorter, in bytes: the less is
 * left of it, the sooner a client that does not read its replies is read from no more. 0: no bound. `workers` are how
 * many there are. */
void workers_bound_unread(int64_t bytes, unsigned workers);

/* Any thread: what they leave unread, in bytes; while no bound was told it may be less than that. */
int64_t workers_unread(void);

/* Any thread: calls `see` with each connection while none can come or go. */
void worker_each_conn(struct worker *worker, void (*see)(struct conn *conn, void *context), void *context);

#define NET_METRICS(ROW)                                                                           \
    ROW(total_connections_received, COUNTER, "connections that were accepted")                     \
    ROW(rejected_connections, COUNTER, "connections turned away because of maxclients")            \
    ROW(connected_clients, GAUGE, "connections open now")                                          \
    ROW(total_net_input_bytes, COUNTER, "bytes read from clients")                                 \
    ROW(total_net_output_bytes, COUNTER, "bytes sent to clients")                                  \
    ROW(total_reads_processed, COUNTER, "reads from sockets that brought something")               \
    ROW(total_writes_processed, COUNTER, "writes to sockets")                                      \
    ROW(turns, COUNTER, "turns of all workers: rounds of read, execute, write")                    \
    ROW(client_query_buffer_limit_disconnections, COUNTER,                                         \
        "clients closed because a request grew over client-query-buffer-limit")                    \
    ROW(client_output_buffer_limit_disconnections, COUNTER,                                        \
        "clients closed because unread replies grew over client-output-buffer-limit")              \
    ROW(unread_pauses, COUNTER, "times reading from a client stopped because it did not read")
METRIC_STRUCT(net, NET_METRICS);

#define NET_OPTIONS(BOOL, INT, SIZE, WORD, TEXT)                                                   \
    INT(port, "port", 6379, 0, 65535, OPTION_AT_START, "TCP port to listen on; 0 listens on none") \
    TEXT(bind, "bind", "127.0.0.1 -::1", OPTION_AT_START | OPTION_LIST,                                          \
         "addresses to listen on; one with a '-' before it may be missing on this machine; '*' is all") \
    TEXT(unixsocket, "unixsocket", "", OPTION_AT_START, "path of a Unix socket to listen on besides") \
    TEXT(unixsocketperm, "unixsocketperm", "0", OPTION_AT_START,                                   \
         "permissions of the Unix socket in octal, such as 770; 0 leaves them to the umask")       \
    INT(tcp_backlog, "tcp-backlog", 511, 1, INT32_MAX, OPTION_AT_START,                            \
        "connections that the kernel may hold for us before they are accepted")                    \
    INT(tcp_keepalive, "tcp-keepalive", 300, 0, INT32_MAX, OPTION_LIVE,                            \
        "seconds after which a silent connection is asked for a sign of life; 0 never asks")       \
    INT(timeout, "timeout", 0, 0, INT32_MAX, OPTION_LIVE,                                          \
        "seconds after which an idle client is closed; 0 never")                                   \
    INT(maxclients, "maxclients", 10000, 1, 4294967295, OPTION_LIVE,                               \
        "connections that may be open at once; one more is told so and closed")                    \
    SIZE(client_query_buffer_limit, "client-query-buffer-limit", 1073741824, 1048576, INT64_MAX,   \
         OPTION_LIVE, "bytes that one unfinished request may hold; beyond, the client is closed")  \
    TEXT(client_output_buffer_limit, "client-output-buffer-limit",                                 \
         "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60",                    \
         OPTION_LIVE | OPTION_REPEATS,                                                             \
         "class, hard limit, soft limit and seconds above it, of bytes a client leaves unread; 0 is no limit")
OPTION_STRUCT(net, NET_OPTIONS);

#endif
