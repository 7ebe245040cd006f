#include "conn_internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include "coatcheck/base/clock.h"
#include "coatcheck/base/held.h"
#include "coatcheck/base/log.h"
#include "coatcheck/base/mem.h"
#include "coatcheck/base/must.h"
#include "coatcheck/base/number.h"
#include "tls_internal.h"

#define LITTLE_INPUT 4096

#define SEND_PIECES 64

struct output_limit {
    _Atomic int64_t hard, soft, soft_s;
};
/* A class that the operator does not name keeps these. */
static struct output_limit output_limits[CONN_CLASSES] = {
    [CONN_REPLICA] = {256 << 20, 64 << 20, 60},
    [CONN_PUBSUB] = {32 << 20, 8 << 20, 60},
};

void *conn_room(struct conn *conn)
{
    return conn->room;
}

struct conn *conn_of_room(void *room)
{
    return (struct conn *)((char *)room - offsetof(struct conn, room));
}

/* ---- the work of one that does not sit idle ---- */

struct conn_work *conn_begin_work(struct conn *conn)
{
    if (!conn->work) conn->work = mem_alloc_zeroed(sizeof *conn->work);
    return conn->work;
}

void conn_drop_work(struct conn *conn)
{
    if (!conn->work) return;
    if (conn_direct_left(conn) > 0) held_expect(-(int64_t)conn_direct_left(conn));
    outbox_clear(&conn->work->outbox);
    outbox_clear(&conn->work->sealed);
    mem_free(conn->work->saved);
    mem_free(conn->work);
    conn->work = NULL;
    conn_show_input(conn);
}

void conn_rest(struct conn *conn)
{
    const struct conn_work *work = conn->work;

    if (!work->saved && !work->door_keeps_beside && !work->outbox.first && !work->sealed.first) conn_drop_work(conn);
}

static bool over_output_limit(struct conn *conn);

/* Never 0. */
static uint32_t now_s(void)
{
    return (uint32_t)(clock_steady_us() / 1000000) + 1;
}

bool conn_push(struct conn *conn, struct bytes bytes)
{
    if (!conn_begin_work(conn) || !outbox_add(&conn->work->outbox, bytes)) return false;
    conn->flags |= CONN_DIRTY;
    conn_list_ready(conn);
    return true;
}

/* What a client leaves unread is better copied, close together, than kept as many small pieces. */
#define COPY_UNTIL 1024

bool conn_push_held(struct conn *conn, struct bytes bytes, void (*release)(void *holder), void *holder)
{
    struct outbox *outbox;
    bool was_over;

    if (!conn_begin_work(conn)) return false;
    outbox = &conn->work->outbox;
    if (outbox->first && bytes.len <= COPY_UNTIL) {
        if (!outbox_add(outbox, bytes)) return false;
        release(holder);
    } else if (!outbox_add_held(outbox, bytes, release, holder)) {
        return false;
    }
    /* The socket is full, and the loop will tell when it is not. But from the moment when it is over its soft limit on
     * somebody has to look at the time, though nothing more may come for it. */
    was_over = conn->work->soft_since_s != 0;
    if (conn->watching & EV_WRITE && !over_output_limit(conn) && was_over == (conn->work->soft_since_s != 0)) {
        conn_note_unread(conn, outbox->bytes);
        return true;
    }
    conn->flags |= CONN_DIRTY;
    conn_list_ready(conn);
    return true;
}

bool conn_send_held(struct conn *conn, struct bytes bytes, void (*release)(void *holder), void *holder)
{
    ssize_t sent;

    if (conn_unsent(conn) > 0 || conn->flags & (CONN_DEAD | CONN_TLS) || bytes.len > CONN_SHARE) {
        return conn_push_held(conn, bytes, release, holder);
    }
    sent = send(conn_fd(conn), bytes.at, bytes.len, MSG_NOSIGNAL);
    METRIC_ADD(net, total_writes_processed, 1);
    if (likely(sent > 0)) {
        METRIC_ADD(net, total_net_output_bytes, sent);
        conn->flags |= CONN_MOVED;
        bytes = bytes_of(bytes.at + sent, bytes.len - (size_t)sent);
    }
    if (likely(bytes.len == 0)) {
        release(holder);
        return true;
    }
    /* Whatever is wrong, the next try says it again. */
    return conn_push_held(conn, bytes, release, holder);
}

void conn_resume(struct conn *conn)
{
    conn->flags |= CONN_RESUMED;
    conn_list_ready(conn);
}

void conn_close_after_reply(struct conn *conn)
{
    conn->flags |= CONN_ENDING;
    conn_list_ready(conn);
}

void conn_close(struct conn *conn)
{
    conn->flags |= CONN_DEAD;
    conn_list_ready(conn);
}

bool conn_has_moved(struct conn *conn)
{
    bool moved = conn->flags & CONN_MOVED;

    conn->flags &= ~CONN_MOVED;
    return moved;
}

void conn_set_class(struct conn *conn, enum conn_class class)
{
    conn->class = (uint8_t) class;
}

void conn_watch(struct conn *conn)
{
    short want = 0;

    if (!(conn->flags & (CONN_CHOKED | CONN_ENDING | CONN_DEAD | CONN_PEER_GONE))) want |= EV_READ;
    if (conn_unsent(conn) > 0) want |= EV_WRITE;
    if (want == conn->watching) return;

    event_del(&conn->event);
    conn->watching = (uint8_t)want;
    if (want == 0) return;
    event_assign(&conn->event, event_get_base(&conn->event), conn_fd(conn), want | EV_PERSIST,
                 event_get_callback(&conn->event), conn);
    if (event_add(&conn->event, NULL) != 0) conn_close(conn);
}

/* One that reads nothing at all gives no other reason to look at the time. */
static void look_again_in_time(struct conn *conn)
{
    int64_t soft_s = option_int(&output_limits[conn->class].soft_s);
    int64_t left_s = soft_s + 1 - (now_s() - conn->work->soft_since_s);
    /* The loop's clock is a little behind at times, and it would come too early. */
    struct timeval wait = {.tv_sec = left_s > 1 ? left_s : 1};

    if (event_add(&conn->event, &wait) != 0) conn_close(conn);
}

static struct saved_input *saved_new(struct bytes left, size_t wants)
{
    struct saved_input *saved = mem_alloc(sizeof *saved + left.len + INPUT_PADDING);

    if (!saved) return NULL;
    *saved = (struct saved_input){.len = left.len, .room = left.len, .wants = wants};
    memcpy(saved->at, left.at, left.len);
    return saved;
}

/* A little is left of much: it may have to wait for long, and needs no large block for that. */
static void saved_shrink(struct conn_work *work)
{
    struct saved_input *saved = work->saved, *small;

    if (saved->len > LITTLE_INPUT || saved->room < 4 * LITTLE_INPUT) return;
    small = saved_new(bytes_of(saved->at + saved->start, saved->len), saved->wants);
    if (!small) return;
    mem_free(saved);
    work->saved = small;
}

bool conn_keep_input(struct conn *conn, struct bytes input, size_t used, size_t wants)
{
    struct saved_input *saved = conn_saved(conn);
    size_t left = input.len - used;

    if (left == 0) {
        if (likely(!saved)) return true;
        mem_free(saved);
        conn->work->saved = NULL;
        return true;
    }
    if (saved && input.at == saved->at + saved->start) {
        saved->start += used;
        saved->len = left;
        saved->wants = wants;
        saved_shrink(conn->work);
        return true;
    }
    must(!saved);
    if (!conn_begin_work(conn)) return false;
    conn->work->saved = saved_new(bytes_of(input.at + used, left), wants);
    /* Half a request may be half a password, and the area is everybody's. */
    if (left <= LITTLE_INPUT) explicit_bzero((char *)(uintptr_t)input.at + used, left);
    return conn->work->saved != NULL;
}

bool conn_note_kept(struct conn *conn, const struct delivery *delivery)
{
    if (delivery->keeps_beside > 0 && !conn_begin_work(conn)) return false;
    if (!conn->work) return true;
    conn->work->door_keeps = delivery->keeps;
    conn->work->door_keeps_beside = delivery->keeps_beside;
    conn_show_input(conn);
    return true;
}

void conn_show_input(struct conn *conn)
{
    const struct conn_work *work = conn->work;
    const struct saved_input *saved = conn_saved(conn);
    size_t bytes = 0;

    if (work) bytes = work->door_keeps + work->door_keeps_beside;
    if (saved) bytes += saved->direct ? saved->direct_got : saved->len;
    atomic_store_explicit(&conn->shown_input, bytes > UINT32_MAX ? UINT32_MAX : (uint32_t)bytes, memory_order_relaxed);
}

bool conn_keep_direct(struct conn *conn, const struct delivery *delivery)
{
    struct saved_input *saved;

    must(!conn_saved(conn));
    if (!conn_begin_work(conn)) return false;
    saved = mem_alloc(sizeof *saved);
    if (!saved) return false;
    *saved = (struct saved_input){
        .direct = delivery->direct, .direct_left = delivery->direct_len, .direct_got = delivery->direct_had};
    conn->work->saved = saved;
    return true;
}

size_t conn_direct_left(const struct conn *conn)
{
    const struct saved_input *saved = conn_saved(conn);

    return saved && saved->direct ? saved->direct_left : 0;
}

static bool over_output_limit(struct conn *conn)
{
    const struct output_limit *limit = &output_limits[conn->class];
    int64_t hard = option_int(&limit->hard), soft = option_int(&limit->soft);
    int64_t bytes = (int64_t)conn_unsent(conn);

    if (hard > 0 && bytes > hard) return true;
    if (soft == 0 || bytes <= soft) {
        if (conn->work) conn->work->soft_since_s = 0;
        return false;
    }
    if (conn->work->soft_since_s == 0) conn->work->soft_since_s = now_s();
    return now_s() - conn->work->soft_since_s > option_int(&limit->soft_s);
}

bool conn_hold_back(struct conn *conn)
{
    size_t unsent = conn_unsent(conn), most = conn_unread_most(conn);

    conn_note_unread(conn, unsent);
    if (over_output_limit(conn)) {
        char peer[CONN_NAME_MAX];

        conn_print_peer(conn, peer);
        log_warning(
            "closing %s: it left %zu bytes of replies unread, over client-output-buffer-limit",
            peer, unsent);
        METRIC_ADD(net, client_output_buffer_limit_disconnections, 1);
        return false;
    }
    if (unsent >= most && !(conn->flags & CONN_CHOKED)) {
        conn->flags |= CONN_CHOKED;
        METRIC_ADD(net, unread_pauses, 1);
    } else if ((conn->flags & CONN_CHOKED) && unsent < most / 2) {
        conn->flags &= ~CONN_CHOKED;
        if (conn->flags & (CONN_RESUMED | CONN_HELD)) conn_list_ready(conn);
    }
    conn_watch(conn);
    if (conn->work && conn->work->soft_since_s != 0) look_again_in_time(conn);
    return true;
}

/* One call for at most `most` bytes of the outbox and the output. The number of bytes that went,
 * or -1. */
static ssize_t send_pieces(struct conn *conn, const struct outbox *outbox, struct bytes output,
                           size_t most, size_t *asked)
{
    struct iovec pieces[SEND_PIECES];
    int n = 0;

    *asked = 0;
    for (struct outbox_chunk *chunk = outbox->first; chunk && n < SEND_PIECES - 1 && *asked < most;
         chunk = chunk->next) {
        size_t left = chunk->len - chunk->sent;

        pieces[n].iov_base = (char *)(uintptr_t)chunk->at + chunk->sent;
        pieces[n].iov_len = left < most - *asked ? left : most - *asked;
        *asked += pieces[n++].iov_len;
        if (!chunk->next && output.len > 0 && *asked < most) {
            pieces[n].iov_base = (char *)(uintptr_t)output.at;
            pieces[n].iov_len = output.len;
            *asked += pieces[n++].iov_len;
        }
    }
    if (n == 1) return send(conn_fd(conn), pieces[0].iov_base, pieces[0].iov_len, MSG_NOSIGNAL);
    struct msghdr message = {.msg_iov = pieces, .msg_iovlen = (size_t)n};
    return sendmsg(conn_fd(conn), &message, MSG_NOSIGNAL);
}

/* As much as the socket takes, or its share of a turn; `output` is what is left of it. False: the
 * connection is dead. */
static bool send_some(struct conn *conn, struct outbox *outbox, struct bytes *output)
{
    uint64_t until_ticks = 0;
    size_t gone = 0;

    if (unlikely(conn->flags & CONN_TLS)) return tls_send(conn, outbox, output);
    if (unlikely(outbox->bytes > BULK_PIECE_SENT)) until_ticks = bulk_begin(&conn_worker(conn)->bulk);
    while (outbox->bytes + output->len > 0 && gone < CONN_SHARE) {
        size_t asked = output->len;
        size_t queued = outbox->bytes;
        ssize_t sent = queued == 0 ? send(conn_fd(conn), output->at, output->len, MSG_NOSIGNAL)
                                   : send_pieces(conn, outbox, *output, BULK_PIECE_SENT, &asked);

        METRIC_ADD(net, total_writes_processed, 1);
        if (sent < 0) {
            if (errno == EINTR) continue;
            if (errno != EAGAIN) return false;
            sent = 0;
        }
        METRIC_ADD(net, total_net_output_bytes, sent);
        gone += (size_t)sent;
        if (sent > 0) conn->flags |= CONN_MOVED;
        if ((size_t)sent > queued) {
            output->at += (size_t)sent - queued;
            output->len -= (size_t)sent - queued;
        }
        if (queued > 0) outbox_sent(outbox, (size_t)sent < queued ? (size_t)sent : queued);
        if ((size_t)sent < asked || (until_ticks && !bulk_goes_on(until_ticks))) break;
    }
    return true;
}

static bool keep_unsent(struct conn *conn, struct outbox *outbox, struct bytes output)
{
    if (!conn_begin_work(conn)) return false;
    if (outbox != &conn->work->outbox) outbox_move(&conn->work->outbox, outbox);
    return outbox_add(&conn->work->outbox, output);
}

bool conn_send(struct conn *conn, struct outbox *fresh, struct bytes output)
{
    struct outbox *outbox = fresh;
    bool alive;

    if (unlikely(conn->work && fresh != &conn->work->outbox)) {
        /* It was given work while its delivery wrote: that goes first. */
        outbox = &conn->work->outbox;
        outbox_move(outbox, fresh);
    }
    alive = send_some(conn, outbox, &output);
    if (likely(alive && output.len == 0 && outbox->bytes == 0)) {
        if (unlikely(conn->watching & EV_WRITE || conn->flags & (CONN_CHOKED | CONN_SEALED)))
            return conn_hold_back(conn);
        return true;
    }
    if (alive && keep_unsent(conn, outbox, output)) return conn_hold_back(conn);
    outbox_clear(outbox);
    return false;
}

/* ---- client-output-buffer-limit ---- */

static const char *const class_names[CONN_CLASSES] = {"normal", "slave", "pubsub"};

static int class_of(struct bytes word)
{
    if (bytes_is(word, "replica")) return CONN_REPLICA;
    for (int i = 0; i < CONN_CLASSES; i++) {
        if (bytes_is(word, class_names[i])) return i;
    }
    return -1;
}

/* Words of the option's value, four to a class; `set` stores them. */
static bool walk_limits(struct bytes value, struct text *why, bool set)
{
    const char *p = value.at, *end = value.at + value.len;
    struct bytes words[4];
    unsigned n = 0;

    for (;;) {
        const char *start;
        int64_t hard, soft, soft_s;
        int class;

        while (p < end && (*p == ' ' || *p == '\n' || *p == '\t')) p++;
        if (p == end) break;
        start = p;
        while (p < end && *p != ' ' && *p != '\n' && *p != '\t') p++;
        words[n++] = bytes_of(start, (size_t)(p - start));
        if (n < 4) continue;
        n = 0;
        class = class_of(words[0]);
        if (class < 0) {
            if (why)
                text_addf(why, "Invalid client class specified in buffer limit configuration.");
            return false;
        }
        if (!number_read_size(words[1], &hard) || !number_read_size(words[2], &soft) ||
            !number_read_int(words[3], &soft_s) || hard < 0 || soft < 0 || soft_s < 0) {
            if (why)
                text_addf(
                    why,
                    "Error in hard, soft or soft_seconds setting in buffer limit configuration.");
            return false;
        }
        if (set) {
            atomic_store_explicit(&output_limits[class].hard, hard, memory_order_relaxed);
            atomic_store_explicit(&output_limits[class].soft, soft, memory_order_relaxed);
            atomic_store_explicit(&output_limits[class].soft_s, soft_s, memory_order_relaxed);
        }
    }
    if (n != 0 && why) text_addf(why, "Wrong number of arguments in buffer limit configuration.");
    return n == 0;
}

bool conn_check_output_limits(struct bytes value, struct text *why)
{
    return walk_limits(value, why, false);
}

void conn_print_output_limits(struct text *into)
{
    for (int i = 0; i < CONN_CLASSES; i++) {
        const struct output_limit *limit = &output_limits[i];

        text_addf(into, "%s%s %lld %lld %lld", i > 0 ? " " : "", class_names[i],
                  (long long)option_int(&limit->hard), (long long)option_int(&limit->soft),
                  (long long)option_int(&limit->soft_s));
    }
}

void conn_read_output_limits(void)
{
    walk_limits(bytes_of_text(option_text(&net_options.client_output_buffer_limit)), NULL, true);
    unread_order_look();
}

/* ---- who it is ---- */

static void print_address(const struct sockaddr_storage *address, socklen_t len,
                          char into[CONN_NAME_MAX])
{
    char host[INET6_ADDRSTRLEN] = "?";

    if (address->ss_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)address;

        inet_ntop(AF_INET, &in->sin_addr, host, sizeof host);
        snprintf(into, CONN_NAME_MAX, "%s:%d", host, ntohs(in->sin_port));
    } else if (address->ss_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)address;

        inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof host);
        snprintf(into, CONN_NAME_MAX, "[%s]:%d", host, ntohs(in6->sin6_port));
    } else {
        const struct sockaddr_un *un = (const struct sockaddr_un *)address;
        bool named = len > offsetof(struct sockaddr_un, sun_path) && un->sun_path[0];

        snprintf(into, CONN_NAME_MAX, "%.108s:0",
                 named ? un->sun_path : option_text(&net_options.unixsocket));
    }
}

void conn_print_peer(const struct conn *conn, char into[CONN_NAME_MAX])
{
    struct sockaddr_storage address = {0};
    socklen_t len = sizeof address;

    if (getpeername(conn_fd(conn), (struct sockaddr *)&address, &len) != 0) {
        snprintf(into, CONN_NAME_MAX, "?:0");
        return;
    }
    print_address(&address, len, into);
}

void conn_print_local(const struct conn *conn, char into[CONN_NAME_MAX])
{
    struct sockaddr_storage address = {0};
    socklen_t len = sizeof address;

    if (getsockname(conn_fd(conn), (struct sockaddr *)&address, &len) != 0) {
        snprintf(into, CONN_NAME_MAX, "?:0");
        return;
    }
    print_address(&address, len, into);
}

bool conn_is_local(const struct conn *conn)
{
    return conn->origin != CONN_REMOTE;
}

void conn_read_facts(const struct conn *conn, struct conn_facts *facts)
{
    *facts = (struct conn_facts){
        .fd = conn_fd(conn),
        .unix_socket = conn->origin == CONN_UNIX,
        .input_bytes = atomic_load_explicit(&conn->shown_input, memory_order_relaxed),
        .output_bytes = atomic_load_explicit(&conn->shown_output, memory_order_relaxed),
        .tls_bytes = conn->is_tls ? tls_held(conn) : 0,
    };
}
