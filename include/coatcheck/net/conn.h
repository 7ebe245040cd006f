/* conn: one connection of a worker: its socket, the input that could not be used yet, the output that could
 * not be sent yet. An idle one owns neither.
 * The worker's thread only, but for the few that say otherwise. */
#ifndef COATCHECK_NET_CONN_H
#define COATCHECK_NET_CONN_H

#include "coatcheck/base/text.h"
#include "coatcheck/net/worker.h"

/* The door's own bytes, as many as worker_door.conn_room says. And back. */
void *conn_room(struct conn *conn);
struct conn *conn_of_room(void *room);

struct worker *conn_worker(const struct conn *conn);

/* Bytes outside of the connection's own delivery, to be sent this turn after all that is unsent. False: no
 * memory. */
bool conn_push(struct conn *conn, struct bytes bytes);

/* As conn_push, without a copy of more than a little: `release(holder)` is called on the worker's thread when they
 * are sent or dropped; on false it is not. */
bool conn_push_held(struct conn *conn, struct bytes bytes, void (*release)(void *holder), void *holder);

/* The same between two turns, when nothing is expected to join these bytes: what the socket takes goes at once. */
bool conn_send_held(struct conn *conn, struct bytes bytes, void (*release)(void *holder), void *holder);

/* Its unused input may be worked on now, or what the door kept of it: a delivery this turn, without reading. */
void conn_resume(struct conn *conn);

/* No more input is delivered; the socket is closed once the outbox and this turn's output are sent. */
void conn_close_after_reply(struct conn *conn);

/* Closed at the end of this turn, whatever is unsent. */
void conn_close(struct conn *conn);

/* Have bytes come or gone since this was last asked? A large request may be under way for long before there is
 * anything to deliver. */
bool conn_has_moved(struct conn *conn);

/* How many bytes of the door's memory wait to be read to. */
size_t conn_direct_left(const struct conn *conn);

/* Any thread, inside worker_each_conn(). */
struct conn_facts {
    int fd;
    bool unix_socket;
    size_t input_bytes, output_bytes; /* kept for it */
    size_t tls_bytes;                 /* what OpenSSL has got for it; 0 where the allocator does not count for each thread */
};
void conn_read_facts(const struct conn *conn, struct conn_facts *facts);

/* "127.0.0.1:6379", "[::1]:6379" or "/path/of/socket:0", as CLIENT LIST prints them. Zero-terminated. */
#define CONN_NAME_MAX 128
void conn_print_peer(const struct conn *conn, char into[CONN_NAME_MAX]);
void conn_print_local(const struct conn *conn, char into[CONN_NAME_MAX]);

/* Does the peer sit on this machine: loopback or Unix socket? */
bool conn_is_local(const struct conn *conn);

/* The common name in the certificate that the client has shown, any bytes; the worker's thread. 0: there is none, or it
 * does not fit. */
size_t conn_print_certified_name(struct conn *conn, char *into, size_t room);

/* Which limit of client-output-buffer-limit holds for it. */
enum conn_class { CONN_NORMAL, CONN_REPLICA, CONN_PUBSUB, CONN_CLASSES };
void conn_set_class(struct conn *conn, enum conn_class class);

/* Takes client-output-buffer-limit over from the options: at start, and after it has changed. */
void conn_read_output_limits(void);
/* Is that a value for it? Else `why` says what is wrong. */
bool conn_check_output_limits(struct bytes value, struct text *why);
/* All classes with their limits in bytes, as CONFIG GET shows them. */
void conn_print_output_limits(struct text *into);

#endif
