/* tls_conn: the encrypted bytes of one connection.
 *
 * OpenSSL reads from the socket itself, by a BIO of ours that stops after a read which emptied the socket: no second
 * call to hear that there is nothing. What it writes gathers on the worker's desk, many records, and goes with one
 * send. What the socket refuses of that is kept with the connection (conn_work.sealed), and nothing more is
 * encrypted before it is gone. */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <sys/socket.h>
#include "coatcheck/base/clock.h"
#include "coatcheck/base/held.h"
#include "coatcheck/base/log.h"
#include "coatcheck/base/mem.h"
#include "coatcheck/base/must.h"
#include "coatcheck/net/tls.h"
#include "tls_internal.h"

/* Who has not said by then who he is does not want to come in. */
#define HANDSHAKE_MOST_US (10 * 1000 * 1000)

/* One handshake takes about a millisecond. So much of them between two looks at the other clients. */
#define SHAKES_SLICE_US 500

#define RECORD_PLAIN SSL3_RT_MAX_PLAIN_LENGTH
/* With its header, padding, tag, and a message of the protocol before it. */
#define RECORD_MOST (RECORD_PLAIN + 1024)
#define DESK_RECORDS 8

/* A read ends that has taken more than this from the socket beyond what it gave: what has no data in it, such as changes
 * of keys, costs us more than the peer, and the others wait meanwhile. The begin of a record is no more than this. */
#define BARREN_MOST RECORD_PLAIN

/* A record without data, which is a change of keys, a new handshake or an alert, costs us some twenty microseconds. So many
 * may come at once, then one a second, or one with so much data; who sends more is cut off. Clients change keys by the
 * hour or by the gigabyte. */
#define BARREN_RECORDS 32
#define BARREN_EACH_US 1000000
#define BARREN_US_A_BYTE (BARREN_EACH_US / RECORD_PLAIN + 1)

struct tls_desk {
    bool drained; /* the socket gave less than was asked for: nothing is left in it */
    bool ended;   /* the peer sends no more */
    size_t taken, given; /* of one read: encrypted bytes, and the plain ones that came of them */
    size_t filled;
    char records[DESK_RECORDS * RECORD_MOST]; /* to be sent */
    char pieces[RECORD_PLAIN];                /* gathered for one record */
};

/* ---- what OpenSSL reads from and writes to */

static bool desk_flush(struct conn *conn);

static void desk_clear(struct tls_desk *desk)
{
    desk->drained = desk->ended = false;
    desk->taken = desk->given = 0;
}

static struct tls_desk *desk_of(struct conn *conn)
{
    return conn_worker(conn)->desk;
}

static int bio_read(BIO *bio, char *into, int room)
{
    struct conn *conn = BIO_get_data(bio);
    struct tls_desk *desk = desk_of(conn);
    ssize_t n;

    BIO_clear_retry_flags(bio);
    /* What is left in the socket then, the loop tells again. */
    if (desk->drained || desk->taken > desk->given + BARREN_MOST) {
        BIO_set_retry_read(bio);
        return -1;
    }
    do {
        n = recv(conn_fd(conn), into, (size_t)room, 0);
    } while (n < 0 && errno == EINTR);
    desk->drained = n < room;
    desk->ended = n == 0;
    if (n > 0) desk->taken += (size_t)n;
    if (n < 0 && errno == EAGAIN) BIO_set_retry_read(bio);
    return (int)n;
}

static int bio_write(BIO *bio, const char *from, int len)
{
    struct conn *conn = BIO_get_data(bio);
    struct tls_desk *desk = desk_of(conn);

    BIO_clear_retry_flags(bio);
    if ((size_t)len > sizeof desk->records) return -1;
    if (desk->filled + (size_t)len > sizeof desk->records && !desk_flush(conn)) return -1;
    memcpy(desk->records + desk->filled, from, (size_t)len);
    desk->filled += (size_t)len;
    return len;
}

static long bio_control(BIO *bio, int what, long number, void *pointer)
{
    (void)number;
    (void)pointer;
    if (what == BIO_CTRL_EOF) return desk_of(BIO_get_data(bio))->ended;
    return what == BIO_CTRL_FLUSH;
}

static BIO_METHOD *method;

/* Workers begin their first connections at the same time. */
static void method_setup(void)
{
    method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "a connection of a worker");
    if (!method) return;
    BIO_meth_set_read(method, bio_read);
    BIO_meth_set_write(method, bio_write);
    BIO_meth_set_ctrl(method, bio_control);
}

/* ---- what it costs us */

/* OpenSSL works on this thread, and only when it is called: what the thread has got more since `before` is the
 * connection's. Sessions that it keeps for resumption are among that until the connection ends. */
static inline void note_held(struct conn *conn, int64_t before)
{
    _Atomic uint32_t *held = &conn_tls(conn)->held;
    int64_t more = held_own() - before, was, now;

    if (more == 0) return;
    was = atomic_load_explicit(held, memory_order_relaxed);
    now = was + more > 0 ? was + more : 0;
    atomic_store_explicit(held, (uint32_t)now, memory_order_relaxed);
    METRIC_ADD(tls, mem_tls, now - was);
}

size_t tls_held(const struct conn *conn)
{
    return atomic_load_explicit(&conn_tls(conn)->held, memory_order_relaxed);
}

static SSL *session_of(struct conn *conn)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct tls *tls = conn_tls(conn);
    int64_t before;
    BIO *bio;

    if (tls->ssl) return tls->ssl;
    pthread_once(&once, method_setup);
    before = held_own();
    tls->ssl = tls_session_new();
    bio = tls->ssl && method ? BIO_new(method) : NULL;
    if (!bio) return NULL;
    BIO_set_data(bio, conn);
    BIO_set_init(bio, 1);
    SSL_set_bio(tls->ssl, bio, bio);
    SSL_set_accept_state(tls->ssl);
    note_held(conn, before);
    return tls->ssl;
}

/* ---- sending */

/* What the socket refuses of `bytes` is kept, behind what it has refused before. */
static bool send_or_keep(struct conn *conn, struct bytes bytes)
{
    ssize_t sent = 0;

    if (!(conn->flags & CONN_SEALED)) {
        METRIC_ADD(net, total_writes_processed, 1);
        do {
            sent = send(conn_fd(conn), bytes.at, bytes.len, MSG_NOSIGNAL);
        } while (sent < 0 && errno == EINTR);
        if (sent < 0 && errno != EAGAIN) return false;
        if (sent == (ssize_t)bytes.len) return true;
        if (sent < 0) sent = 0;
    }
    conn->flags |= CONN_SEALED;
    return conn_begin_work(conn) &&
           outbox_add(&conn->work->sealed, bytes_of(bytes.at + sent, bytes.len - (size_t)sent));
}

static bool desk_flush(struct conn *conn)
{
    struct tls_desk *desk = desk_of(conn);
    size_t filled = desk->filled;

    if (filled == 0) return true;
    desk->filled = 0;
    return send_or_keep(conn, bytes_of(desk->records, filled));
}

static bool send_sealed(struct conn *conn)
{
    struct outbox *sealed = &conn->work->sealed;

    while (sealed->first) {
        const struct outbox_chunk *chunk = sealed->first;
        ssize_t sent = send(conn_fd(conn), chunk->at + chunk->sent, chunk->len - chunk->sent, MSG_NOSIGNAL);

        METRIC_ADD(net, total_writes_processed, 1);
        if (sent < 0 && errno == EINTR) continue;
        if (sent < 0) return errno == EAGAIN;
        conn->flags |= CONN_MOVED;
        outbox_sent(sealed, (size_t)sent);
    }
    conn->flags &= ~CONN_SEALED;
    return true;
}

/* The next record's plain bytes: where they lie when that is one place, else copied together. */
static struct bytes next_piece(struct tls_desk *desk, const struct outbox *outbox, struct bytes output)
{
    const struct outbox_chunk *chunk = outbox->first;
    size_t len = 0;

    if (!chunk) return bytes_of(output.at, output.len < RECORD_PLAIN ? output.len : RECORD_PLAIN);
    if (chunk->len - chunk->sent >= RECORD_PLAIN) return bytes_of(chunk->at + chunk->sent, RECORD_PLAIN);
    if (!chunk->next && output.len == 0) return bytes_of(chunk->at + chunk->sent, chunk->len - chunk->sent);
    for (; chunk && len < RECORD_PLAIN; chunk = chunk->next) {
        size_t left = chunk->len - chunk->sent, fits = RECORD_PLAIN - len;

        if (left > fits) left = fits;
        memcpy(desk->pieces + len, chunk->at + chunk->sent, left);
        len += left;
    }
    if (len < RECORD_PLAIN && output.len > 0) {
        size_t left = output.len < RECORD_PLAIN - len ? output.len : RECORD_PLAIN - len;

        memcpy(desk->pieces + len, output.at, left);
        len += left;
    }
    return bytes_of(desk->pieces, len);
}

/* Encrypts a desk full. Returns how many plain bytes that were; 0: it is broken. */
static size_t seal(struct conn *conn, struct outbox *outbox, struct bytes *output)
{
    struct tls_desk *desk = desk_of(conn);
    SSL *ssl = conn_tls(conn)->ssl;
    size_t sealed = 0;

    while (outbox->bytes + output->len > 0 && desk->filled + RECORD_MOST <= sizeof desk->records) {
        struct bytes piece = next_piece(desk, outbox, *output);
        size_t queued = outbox->bytes, taken;
        int64_t before = held_own();

        if (!SSL_write_ex(ssl, piece.at, piece.len, &taken)) {
            ERR_clear_error();
            /* The desk is everybody's: the next one would send these as its own. */
            desk->filled = 0;
            return 0;
        }
        note_held(conn, before);
        sealed += taken;
        if (taken > queued) {
            output->at += taken - queued;
            output->len -= taken - queued;
        }
        if (queued > 0) outbox_sent(outbox, taken < queued ? taken : queued);
    }
    return sealed;
}

bool tls_send(struct conn *conn, struct outbox *outbox, struct bytes *output)
{
    uint64_t until_ticks = outbox->bytes > BULK_PIECE_SENT ? bulk_begin(&conn_worker(conn)->bulk) : 0;

    for (size_t gone = 0; gone < CONN_SHARE;) {
        size_t sealed;

        if (conn->flags & CONN_SEALED) {
            if (!send_sealed(conn)) return false;
            if (conn->flags & CONN_SEALED) return true;
        }
        if (outbox->bytes + output->len == 0 || conn->flags & CONN_SHAKING) return true;
        sealed = seal(conn, outbox, output);
        if (sealed == 0 || !desk_flush(conn)) return false;
        METRIC_ADD(net, total_net_output_bytes, sealed);
        conn->flags |= CONN_MOVED;
        gone += sealed;
        if (until_ticks && !bulk_goes_on(until_ticks)) break;
    }
    return true;
}

/* ---- reading */

/* Of all that OpenSSL reads after the handshake: it would not return before all that has come is worked off. A record's head
 * tells its type; that of TLS 1.3 says data always, and the true one comes decrypted. */
static void note_record(int sent, int version, int what, const void *bytes, size_t len, SSL *ssl, void *context)
{
    struct tls *tls = context;
    int64_t now_us;

    (void)version;
    if (sent || len == 0 || (what != SSL3_RT_HEADER && what != SSL3_RT_INNER_CONTENT_TYPE)) return;
    if (likely(*(const unsigned char *)bytes == SSL3_RT_APPLICATION_DATA)) return;
    now_us = clock_steady_us();
    if (tls->barren_us < now_us) tls->barren_us = now_us;
    tls->barren_us += BARREN_EACH_US;
    if (tls->barren_us - now_us <= (int64_t)BARREN_RECORDS * BARREN_EACH_US) return;
    tls->floods = true;
    /* It reads nothing more, of what it has already either. */
    SSL_set_shutdown(ssl, SSL_get_shutdown(ssl) | SSL_RECEIVED_SHUTDOWN);
}

static void watch_records(struct conn *conn)
{
    SSL_set_msg_callback(conn_tls(conn)->ssl, note_record);
    SSL_set_msg_callback_arg(conn_tls(conn)->ssl, conn_tls(conn));
}

/* Why OpenSSL gave up, for the log. */
static const char *why_not(void)
{
    unsigned long error = ERR_peek_error();
    const char *text = error ? ERR_reason_error_string(error) : NULL;

    return text ? text : "the client went away";
}

static void log_trouble(struct conn *conn, const char *what)
{
    char peer[CONN_NAME_MAX];

    conn_print_peer(conn, peer);
    log_verbose("closing %s: %s: %s", peer, what, why_not());
    ERR_clear_error();
}

static ssize_t cut_off(struct conn *conn)
{
    char peer[CONN_NAME_MAX];

    conn_print_peer(conn, peer);
    log_warning("closing %s: it changes keys, shakes hands or sends alerts again and again", peer);
    METRIC_ADD(tls, tls_floods, 1);
    ERR_clear_error();
    errno = ECONNRESET;
    return -1;
}

/* What SSL_read_ex made of it: -1 with errno, or 0 at the end. */
static ssize_t read_nothing(struct conn *conn, int error)
{
    switch (error) {
    case SSL_ERROR_WANT_READ:
        errno = EAGAIN;
        return -1;
    case SSL_ERROR_ZERO_RETURN:
        return 0;
    default:
        log_trouble(conn, "TLS is broken");
        errno = ECONNRESET;
        return -1;
    }
}

ssize_t tls_read(struct conn *conn, char *into, size_t room)
{
    struct tls_desk *desk = desk_of(conn);
    struct tls *tls = conn_tls(conn);
    SSL *ssl = tls->ssl;
    int error = SSL_ERROR_NONE;
    size_t got = 0, n;
    int64_t before = held_own();

    desk_clear(desk);
    conn->flags &= ~CONN_HELD;
    while (got < room) {
        if (!SSL_read_ex(ssl, into + got, room - got, &n)) {
            error = SSL_get_error(ssl, 0);
            break;
        }
        got += n;
        desk->given = got;
        if (desk->drained && !SSL_has_pending(ssl)) break;
    }
    note_held(conn, before);
    if (unlikely(tls->barren_us > 0)) {
        if (tls->floods) {
            desk->filled = 0;
            return cut_off(conn);
        }
        tls->barren_us -= (int64_t)(got * BARREN_US_A_BYTE);
    }
    /* An answer to the peer's change of keys, or a last word about what was wrong. */
    if (unlikely(desk->filled > 0) && !desk_flush(conn)) {
        errno = ECONNRESET;
        return -1;
    }
    /* Who makes us answer and does not read is kept as short as by replies. */
    if (unlikely(conn->flags & CONN_SEALED) && !conn_hold_back(conn)) {
        errno = ECONNRESET;
        return -1;
    }
    if (got == 0) return read_nothing(conn, error);
    /* The socket knows neither of what is decrypted already nor of an end that lies behind it. */
    if (error == SSL_ERROR_NONE ? got == room && SSL_has_pending(ssl) : error != SSL_ERROR_WANT_READ) {
        conn->flags |= CONN_HELD;
    }
    ERR_clear_error();
    return (ssize_t)got;
}

/* ---- the handshake */

static bool shake_failed(struct conn *conn, const char *what)
{
    log_trouble(conn, what);
    METRIC_ADD(tls, tls_failed_handshakes, 1);
    /* What OpenSSL had to say is on its way. */
    conn->flags |= CONN_ENDING;
    return false;
}

/* One step. SSL_ERROR_NONE: it was the last one. */
static int shake_step(struct conn *conn, SSL *ssl)
{
    struct worker *worker = conn_worker(conn);
    int64_t began_us = clock_steady_us(), before = held_own();
    int result, error;

    desk_clear(worker->desk);
    ERR_clear_error();
    result = SSL_do_handshake(ssl);
    error = result == 1 ? SSL_ERROR_NONE : SSL_get_error(ssl, result);
    note_held(conn, before);
    if (!desk_flush(conn)) error = SSL_ERROR_SYSCALL;
    worker->shaken_us += clock_steady_us() - began_us;
    return error;
}

bool tls_shake(struct conn *conn)
{
    struct worker *worker = conn_worker(conn);
    SSL *ssl;

    if (!(conn->flags & (CONN_READABLE | CONN_HELD)) || conn->flags & (CONN_DEAD | CONN_ENDING)) return false;
    if (worker->shaken_us > SHAKES_SLICE_US) {
        conn->flags |= CONN_HELD;
        return false;
    }
    conn->flags &= ~CONN_HELD;
    if (!(ssl = session_of(conn))) return shake_failed(conn, "no TLS for it");
    switch (shake_step(conn, ssl)) {
    case SSL_ERROR_NONE:
        METRIC_ADD(tls, tls_handshakes, 1);
        if (SSL_session_reused(ssl)) METRIC_ADD(tls, tls_resumed_handshakes, 1);
        if (conn->flags & CONN_SEALED) conn_watch(conn);
        watch_records(conn);
        conn_admit(conn);
        return true;
    case SSL_ERROR_WANT_READ:
        conn->flags &= ~CONN_READABLE;
        if (conn->flags & CONN_SEALED) conn_watch(conn);
        return false;
    default:
        return shake_failed(conn, "the TLS handshake failed");
    }
}

int64_t tls_sweep(struct worker *worker, int64_t wait_us)
{
    int64_t now_us = clock_steady_us();
    struct conn *conn;

    while ((conn = worker->shaking) && !(conn->flags & CONN_LISTED)) {
        int64_t left_us = conn_tls(conn)->until_us - now_us;

        if (left_us > 0) return left_us < wait_us ? left_us : wait_us;
        METRIC_ADD(tls, tls_handshake_timeouts, 1);
        conn->flags |= CONN_DEAD;
        conn_end(conn);
    }
    return wait_us;
}

/* ---- life */

bool tls_begin(struct conn *conn)
{
    struct worker *worker = conn_worker(conn);

    if (!worker->desk) worker->desk = mem_alloc(sizeof *worker->desk);
    if (!worker->desk) return false;
    worker->desk->filled = 0;
    conn->flags |= CONN_TLS | CONN_SHAKING;
    conn->is_tls = true;
    conn_tls(conn)->until_us = clock_steady_us() + HANDSHAKE_MOST_US;
    return true;
}

void tls_end(struct conn *conn)
{
    SSL *ssl = conn_tls(conn)->ssl;

    if (!ssl) return;
    if (!(conn->flags & (CONN_SHAKING | CONN_SEALED))) {
        /* It tells the peer that nothing was cut off. When it cannot, nobody waits for that. */
        SSL_shutdown(ssl);
        if (!desk_flush(conn)) conn->flags |= CONN_DEAD;
    }
    ERR_clear_error();
    SSL_free(ssl);
    conn_tls(conn)->ssl = NULL;
    METRIC_ADD(tls, mem_tls, -(int64_t)tls_held(conn));
}

void tls_desk_free(struct worker *worker)
{
    mem_free(worker->desk);
}

size_t conn_print_certified_name(struct conn *conn, char *into, size_t room)
{
    X509 *certificate = conn->flags & CONN_TLS ? SSL_get0_peer_certificate(conn_tls(conn)->ssl) : NULL;
    X509_NAME *subject = certificate ? X509_get_subject_name(certificate) : NULL;
    int at = subject ? X509_NAME_get_index_by_NID(subject, NID_commonName, -1) : -1;
    unsigned char *name = NULL;
    size_t taken = 0;
    int len = -1;

    if (at >= 0) len = ASN1_STRING_to_UTF8(&name, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
    if (len > 0 && (size_t)len <= room) {
        memcpy(into, name, (size_t)len);
        taken = (size_t)len;
    }
    OPENSSL_free(name);
    ERR_clear_error();
    return taken;
}
