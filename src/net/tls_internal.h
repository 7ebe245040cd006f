/* tls_internal: a TLS connection as conn.c and worker.c see it.
 * While it shakes hands it is in the worker's list of those that do, and the door does not know of it. */
#ifndef COATCHECK_NET_TLS_INTERNAL_H
#define COATCHECK_NET_TLS_INTERNAL_H

#include <openssl/ssl.h>
#include "worker_internal.h"

/* Behind the door's room in a connection with CONN_TLS. */
struct tls {
    SSL *ssl; /* made when the client's first bytes are there: who is silent costs no more than a plain one */
    int64_t until_us; /* the handshake's time is over */
    int64_t barren_us; /* later than now by what its records without data have cost, a second each; 0: there were none */
    bool floods; /* too many of them */
    _Atomic uint32_t held; /* bytes that OpenSSL has got for it less those it gave back; any thread may look */
};

/* What one worker needs to move encrypted bytes, whoever's they are. */
struct tls_desk;

static inline size_t tls_offset(const struct worker *worker)
{
    return (worker->door->conn_room + 7) & ~(size_t)7;
}

static inline struct tls *conn_tls(const struct conn *conn)
{
    return (struct tls *)((char *)conn->room + tls_offset(conn_worker(conn)));
}

/* Bytes that OpenSSL holds for it. Any thread. */
size_t tls_held(const struct conn *conn);

/* A session of its own in the context of now. NULL: there is none, or no memory. */
SSL *tls_session_new(void);

/* At the begin of a connection, and at its end. False: no memory. */
bool tls_begin(struct conn *conn);
void tls_end(struct conn *conn);

/* Goes on with the handshake. True: it is done. False: there is more to come, or the connection ends. */
bool tls_shake(struct conn *conn);

/* As recv: -1 with errno, 0 at the end. Sets CONN_HELD when there is more that the socket will not tell of. */
ssize_t tls_read(struct conn *conn, char *into, size_t room);

/* Sends what was encrypted and not sent, then the outbox, then the output, of which the rest is left in place. Sets
 * CONN_SEALED when encrypted bytes are left. False: the connection is dead. */
bool tls_send(struct conn *conn, struct outbox *outbox, struct bytes *output);

/* Closes those whose handshake takes too long. Returns when to look again, at most in `wait_us`. */
int64_t tls_sweep(struct worker *worker, int64_t wait_us);

void tls_desk_free(struct worker *worker);

#endif
