/* conn_life: how connections come to a worker, and how they go. */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>
#include "coatcheck/base/mem.h"
#include "coatcheck/base/must.h"
#include "tls_internal.h"

static void conn_on_event(evutil_socket_t fd, short what, void *context)
{
    struct conn *conn = context;

    (void)fd;
    if (what & EV_READ) conn->flags |= CONN_READABLE;
    if (what & (EV_WRITE | EV_TIMEOUT)) conn->flags |= CONN_DIRTY;
    conn_list_ready(conn);
}

static void set_keepalive(int fd)
{
    int on = 1, seconds = (int)option_int(&net_options.tcp_keepalive);
    int between = seconds / 3 > 0 ? seconds / 3 : 1, probes = 3;

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (seconds <= 0) return;
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &seconds, sizeof seconds);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &between, sizeof between);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
}

static enum conn_origin origin_of(int fd, bool unix_socket)
{
    struct sockaddr_storage peer;
    socklen_t len = sizeof peer;

    if (unix_socket) return CONN_UNIX;
    if (getpeername(fd, (struct sockaddr *)&peer, &len) != 0) return CONN_REMOTE;
    if (peer.ss_family == AF_INET) {
        uint32_t address = ntohl(((struct sockaddr_in *)&peer)->sin_addr.s_addr);

        return address >> 24 == 127 ? CONN_LOOPBACK : CONN_REMOTE;
    }
    if (peer.ss_family == AF_INET6) {
        const struct in6_addr *address = &((struct sockaddr_in6 *)&peer)->sin6_addr;

        if (IN6_IS_ADDR_LOOPBACK(address)) return CONN_LOOPBACK;
        if (IN6_IS_ADDR_V4MAPPED(address) && address->s6_addr[12] == 127) return CONN_LOOPBACK;
    }
    return CONN_REMOTE;
}

static struct conn *conn_new(struct worker *worker, int fd, enum conn_kind kind)
{
    size_t size = worker->door->conn_room;
    struct conn *conn;

    if (kind == CONN_OF_TLS) size = tls_offset(worker) + sizeof(struct tls);
    conn = mem_alloc_zeroed(sizeof *conn + size);
    if (!conn) return NULL;
    conn->home = (uint8_t)worker->index;
    if (kind == CONN_OF_TLS && !tls_begin(conn)) {
        mem_free(conn);
        return NULL;
    }
    conn->origin = (uint8_t)origin_of(fd, kind == CONN_OF_UNIX);
    conn->watching = EV_READ;
    if (kind != CONN_OF_UNIX) set_keepalive(fd);
    event_assign(&conn->event, worker->base, fd, EV_READ | EV_PERSIST, conn_on_event, conn);
    return conn;
}

/* The door hears of it. */
static void conn_enter(struct conn *conn)
{
    struct worker *worker = conn_worker(conn);

    /* Who goes through all connections meets it ready, or has done its work before it got ready. */
    lock_take(&worker->conns_lock, RANK_SESSIONS, worker->index);
    worker->door->opened(conn);
    conn->next = worker->conns;
    if (conn->next) conn->next->prev = conn;
    worker->conns = conn;
    lock_release(&worker->conns_lock, RANK_SESSIONS);
}

static void shaking_add(struct worker *worker, struct conn *conn)
{
    conn->prev = worker->shaking_last;
    if (conn->prev) {
        conn->prev->next = conn;
    } else {
        worker->shaking = conn;
    }
    worker->shaking_last = conn;
}

static void shaking_remove(struct worker *worker, struct conn *conn)
{
    if (conn->next) {
        conn->next->prev = conn->prev;
    } else {
        worker->shaking_last = conn->prev;
    }
    if (conn->prev) {
        conn->prev->next = conn->next;
    } else {
        worker->shaking = conn->next;
    }
    conn->next = conn->prev = NULL;
}

void conn_admit(struct conn *conn)
{
    shaking_remove(conn_worker(conn), conn);
    conn->flags &= ~CONN_SHAKING;
    conn_enter(conn);
    conn_worker(conn)->door->shaken(conn);
}

static void conn_open(struct worker *worker, int fd, enum conn_kind kind)
{
    struct conn *conn = worker->stopping ? NULL : conn_new(worker, fd, kind);

    if (!conn) {
        close(fd);
        atomic_fetch_sub_explicit(&worker->load, 1, memory_order_relaxed);
        METRIC_ADD(net, connected_clients, -1);
        return;
    }
    if (kind == CONN_OF_TLS) {
        shaking_add(worker, conn);
    } else {
        conn_enter(conn);
    }
    if (event_add(&conn->event, NULL) != 0) conn_close(conn);
}

/* All was sent and it is we who close. (The kernel keeps what it has for a Unix socket's peer.) */
static bool conn_is_owed_a_farewell(const struct conn *conn)
{
    return (conn->flags & (CONN_ENDING | CONN_DEAD | CONN_PEER_GONE)) == CONN_ENDING && conn->origin != CONN_UNIX &&
           conn_unsent(conn) == 0;
}

static void conn_leave(struct conn *conn)
{
    struct worker *worker = conn_worker(conn);

    lock_take(&worker->conns_lock, RANK_SESSIONS, worker->index);
    if (conn->next) conn->next->prev = conn->prev;
    if (conn->prev) {
        conn->prev->next = conn->next;
    } else {
        worker->conns = conn->next;
    }
    lock_release(&worker->conns_lock, RANK_SESSIONS);
    worker->door->closed(conn);
}

void conn_end(struct conn *conn)
{
    struct worker *worker = conn_worker(conn);

    must(!(conn->flags & CONN_LISTED));
    if (unlikely(conn->flags & CONN_SHAKING)) {
        shaking_remove(worker, conn);
    } else {
        conn_leave(conn);
    }
    event_del(&conn->event);
    if (unlikely(conn->flags & CONN_TLS)) tls_end(conn);
    if (conn_is_owed_a_farewell(conn)) {
        farewell_begin(&worker->farewells, worker->base, conn_fd(conn));
    } else {
        close(conn_fd(conn));
    }
    conn_note_unread(conn, 0);
    conn_drop_work(conn);
    mem_free(conn);
    atomic_fetch_sub_explicit(&worker->load, 1, memory_order_relaxed);
    METRIC_ADD(net, connected_clients, -1);
}

void worker_each_conn(struct worker *worker, void (*see)(struct conn *conn, void *context), void *context)
{
    lock_take(&worker->conns_lock, RANK_SESSIONS, worker->index);
    for (struct conn *conn = worker->conns; conn; conn = conn->next) see(conn, context);
    lock_release(&worker->conns_lock, RANK_SESSIONS);
}

struct adoption {
    struct mail mail;
    int fd;
    enum conn_kind kind;
};

static void open_adoption(struct worker *worker, struct mail *mail)
{
    struct adoption *adoption = (struct adoption *)mail;

    if (!worker) {
        close(adoption->fd);
        mem_free(adoption);
        return;
    }
    conn_open(worker, adoption->fd, adoption->kind);
    mem_free(adoption);
}

void worker_adopt(struct worker *worker, int fd, enum conn_kind kind)
{
    struct adoption *adoption = mem_alloc(sizeof *adoption);

    if (!adoption) {
        close(fd);
        METRIC_ADD(net, connected_clients, -1);
        return;
    }
    *adoption = (struct adoption){.mail.open = open_adoption, .fd = fd, .kind = kind};
    atomic_fetch_add_explicit(&worker->load, 1, memory_order_relaxed);
    worker_post(worker, &adoption->mail);
}
