/* conn_input: what a connection brings to a turn: fresh bytes, those that it saved, or none. */
#include <errno.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include "coatcheck/base/held.h"
#include "coatcheck/base/log.h"
#include "coatcheck/base/mem.h"
#include "coatcheck/base/must.h"
#include "tls_internal.h"

/* Room behind the saved bytes for what is still to come, and for some of what comes after it; but never more than
 * doubles at a time: a header alone that announces much makes nothing large. */
static bool saved_make_room(struct conn *conn)
{
    struct saved_input *saved = conn->work->saved;
    size_t more = saved->len + (saved->len < WINDOW_MAX ? WINDOW_MIN : WINDOW_MAX);
    size_t goal = saved->wants > more ? saved->wants : more;
    size_t most = saved->len + (saved->len > WINDOW_MAX ? saved->len : WINDOW_MAX);
    struct saved_input *grown;

    if (goal > most) goal = most;
    if (saved->start > 0) {
        memmove(saved->at, saved->at + saved->start, saved->len);
        saved->start = 0;
    }
    if (saved->room >= goal) return true;
    grown = mem_resize(saved, sizeof *saved + goal + INPUT_PADDING);
    if (!grown) return false;
    grown->room = goal;
    conn->work->saved = grown;
    return true;
}

/* `len`: of what is here; the door may keep more of the same request. */
static bool over_query_limit(struct conn *conn, size_t len)
{
    char peer[CONN_NAME_MAX];

    len += conn->work->door_keeps;
    if ((int64_t)len <= option_int(&net_options.client_query_buffer_limit)) return false;
    conn_print_peer(conn, peer);
    log_warning("closing %s: its request has %zu bytes, over client-query-buffer-limit", peer, len);
    METRIC_ADD(net, client_query_buffer_limit_disconnections, 1);
    return true;
}

/* What a read came to. False: nothing came. */
static bool count_read(struct conn *conn, ssize_t n)
{
    if (likely(n > 0)) {
        METRIC_ADD(net, total_net_input_bytes, n);
        METRIC_ADD(net, total_reads_processed, 1);
        conn->flags |= CONN_MOVED;
        return true;
    }
    if (n == 0) {
        conn->flags |= CONN_PEER_GONE | CONN_ENDING;
    } else if (errno != EAGAIN) {
        conn->flags |= CONN_DEAD;
    }
    return false;
}

/* One recv. False: nothing came. */
static bool conn_read(struct conn *conn, char *into, size_t room, struct bytes *got)
{
    ssize_t n;

    if (unlikely(conn->flags & CONN_TLS)) {
        n = tls_read(conn, into, room);
    } else {
        do {
            n = recv(conn_fd(conn), into, room, 0);
        } while (n < 0 && errno == EINTR);
    }
    *got = bytes_of(into, n > 0 ? (size_t)n : 0);
    return count_read(conn, n);
}

/* The end, or what is wrong, came right behind bytes that are to be answered first: it will be told again. */
static void put_off_the_end(struct conn *conn)
{
    if (!(conn->flags & (CONN_PEER_GONE | CONN_DEAD))) return;
    conn->flags &= ~(CONN_PEER_GONE | CONN_ENDING | CONN_DEAD);
    if (conn->flags & CONN_TLS) conn->flags |= CONN_HELD;
}

/* Piece by piece behind the saved bytes, as far as they have room and the time allows. False: nothing came. */
static bool read_behind_saved(struct conn *conn, struct saved_input *saved)
{
    size_t room = saved->room - saved->len, most = room < CONN_SHARE ? room : CONN_SHARE, got = 0;
    uint64_t until_ticks = most > BULK_PIECE_READ ? bulk_begin(&conn_worker(conn)->bulk) : 0;
    struct bytes piece;

    do {
        size_t asked = most - got < BULK_PIECE_READ ? most - got : BULK_PIECE_READ;

        if (!conn_read(conn, saved->at + saved->len, asked, &piece)) {
            if (got > 0) put_off_the_end(conn);
            break;
        }
        saved->len += piece.len;
        got += piece.len;
        if (piece.len < asked) break;
    } while (got < most && bulk_goes_on(until_ticks));
    return got > 0;
}

/* One recv into the door's own memory, a piece of it at the most; when it gets full, what comes after it goes into
 * `window`. Returns what recv() does; `asked`: how many bytes there was room for. */
static ssize_t read_direct(struct conn *conn, char *window, size_t room, size_t *asked)
{
    struct saved_input *saved = conn->work->saved;
    bool is_last = saved->direct_left <= BULK_PIECE_READ;
    struct iovec pieces[2] = {{saved->direct, is_last ? saved->direct_left : BULK_PIECE_READ}, {window, room}};
    struct msghdr message = {.msg_iov = pieces, .msg_iovlen = is_last ? 2 : 1};
    ssize_t n;

    *asked = pieces[0].iov_len;
    if (unlikely(conn->flags & CONN_TLS)) return tls_read(conn, saved->direct, pieces[0].iov_len);
    do {
        n = recvmsg(conn_fd(conn), &message, 0);
    } while (n < 0 && errno == EINTR);
    return n;
}

/* Reads on into the door's own memory, as far as the time allows, and what comes after it into `window`. True: it is
 * full. */
static bool conn_fill(struct conn *conn, char *window, size_t room, struct bytes *input)
{
    struct saved_input *saved = conn->work->saved;
    uint64_t until_ticks = saved->direct_left > BULK_PIECE_READ ? bulk_begin(&conn_worker(conn)->bulk) : 0;
    size_t came, asked, got = 0;
    ssize_t n;

    do {
        n = read_direct(conn, window, room, &asked);
        if (!count_read(conn, n)) {
            if (got == 0) return false;
            break;
        }
        came = (size_t)n < saved->direct_left ? (size_t)n : saved->direct_left;
        held_expect(-(int64_t)came);
        saved->direct += came;
        saved->direct_left -= came;
        saved->direct_got += came;
        got += came;
    } while (saved->direct_left > 0 && came == asked && got < CONN_SHARE && bulk_goes_on(until_ticks));

    conn_show_input(conn);
    /* The last piece counts too, or it were up to the network whether an argument is too large. */
    if (over_query_limit(conn, saved->direct_got)) conn->flags |= CONN_DEAD;
    if (conn->flags & CONN_DEAD || saved->direct_left > 0) return false;
    *input = bytes_of(window, (size_t)n - came);
    mem_free(saved);
    conn->work->saved = NULL;
    return true;
}

bool conn_fetch(struct conn *conn, char *window, size_t room, struct bytes *input, bool *filled)
{
    struct saved_input *saved = conn_saved(conn);
    bool resumed = conn->flags & CONN_RESUMED;
    bool readable = conn->flags & (CONN_READABLE | CONN_HELD);

    *filled = false;
    conn->flags &= ~CONN_READABLE;
    /* One that does not read its replies stays resumed until it does, but for what is half done. */
    if (conn->flags & (CONN_DEAD | CONN_ENDING)) return false;
    if (unlikely(conn->flags & CONN_CHOKED) && !conn_goes_on(conn)) return false;
    conn->flags &= ~(CONN_RESUMED | CONN_BEGUN);
    if (likely(!saved)) {
        if (likely(!resumed)) return readable && conn_read(conn, window, room, input);
        *input = bytes_of(window, 0);
        return true;
    }
    if (saved->direct) return readable && (*filled = conn_fill(conn, window, room, input));

    if (readable && !resumed) {
        if (!saved_make_room(conn)) {
            conn->flags |= CONN_DEAD;
            return false;
        }
        saved = conn->work->saved;
        if (!read_behind_saved(conn, saved)) return false;
        conn_show_input(conn);
        if (over_query_limit(conn, saved->len)) {
            conn->flags |= CONN_DEAD;
            return false;
        }
        if (saved->len < saved->wants) return false;
    } else if (!resumed) {
        return false;
    }
    *input = bytes_of(saved->at + saved->start, saved->len);
    return true;
}
