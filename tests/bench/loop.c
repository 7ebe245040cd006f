#include "loop.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "reply.h"

enum { AREA_FIRST = 256 << 10, AREA_MOST = 1 << 30, EVENTS_A_TURN = 256, SPIN_NS = 60000 };

/* A request that is out. */
struct asked {
    uint64_t since_ns;
    const struct shape *shape;
};

struct client {
    int fd;       /* -1: not connected, in a run with churn */
    unsigned out; /* requests sent and not answered; they stand from `oldest` on */
    unsigned oldest;
    struct asked *asked; /* a ring of plan->pipeline */
    uint32_t *keys;      /* what each of them drew: keys_each a request */
    uint64_t rounds;     /* open loop: requests that this client has sent */
    char *rest;          /* half a reply, kept from the last read */
    size_t rest_len;
    char *unsent; /* what the socket refused */
    size_t unsent_len, unsent_at;
    bool wants_write;
    bool connecting;
};

struct loop {
    const struct plan *plan;
    struct tally *tally;
    int epoll;
    struct client *clients;
    struct draws draws;
    unsigned keys_each; /* room for the keys of the greediest shape */
    unsigned next_shape;
    uint64_t left, sent; /* requests still to be sent, and sent so far */
    uint64_t due_turn;   /* open loop: requests that have fallen due */
    uint64_t now_ns, stop_ns, heard_ns;
    uint64_t out; /* requests sent and not answered, all clients */
    char *in;     /* one reading area for all clients */
    size_t in_size;
    char *write_area;
    size_t write_size;
};

static uint64_t clock_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Only the first complaint is kept: the ones after it are mostly its echo. */
static void complain(struct tally *tally, const char *format, ...)
{
    va_list args;

    if (tally->complaint[0]) return;
    va_start(args, format);
    vsnprintf(tally->complaint, sizeof tally->complaint, format, args);
    va_end(args);
}

static void loop_fail(struct loop *loop, const char *what, int error)
{
    complain(loop->tally, error ? "%s: %s" : "%s", what, strerror(error));
    loop->tally->failed = true;
}

static void client_watch(struct loop *loop, struct client *client, int operation, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = client};

    if (epoll_ctl(loop->epoll, operation, client->fd, &event)) loop_fail(loop, "epoll_ctl", errno);
}

static bool client_connect(struct loop *loop, struct client *client, bool wait)
{
    const struct target *target = &loop->plan->target;
    int on = 1;

    client->fd = socket(target->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (client->fd < 0) return loop_fail(loop, "socket", errno), false;
    if (!wait) fcntl(client->fd, F_SETFL, O_NONBLOCK);
    if (connect(client->fd, (const struct sockaddr *)&target->address, target->address_len) &&
        errno != EINPROGRESS)
        return loop_fail(loop, "connect", errno), false;
    if (wait) fcntl(client->fd, F_SETFL, O_NONBLOCK);
    if (target->address.ss_family != AF_UNIX)
        setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    client->connecting = client->wants_write = !wait;
    client_watch(loop, client, EPOLL_CTL_ADD, wait ? EPOLLIN : EPOLLIN | EPOLLOUT);
    return true;
}

static void client_disconnect(struct client *client)
{
    close(client->fd);
    client->fd = -1;
    client->rest_len = client->unsent_len = client->unsent_at = 0;
}

static void client_keep_unsent(struct loop *loop, struct client *client, const char *at, size_t len)
{
    char *grown = realloc(client->unsent, client->unsent_len + len);

    if (!grown) {
        loop_fail(loop, "out of memory", 0);
        return;
    }
    memcpy(grown + client->unsent_len, at, len);
    client->unsent = grown;
    client->unsent_len += len;
    if (client->wants_write) return;
    client->wants_write = true;
    client_watch(loop, client, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
}

static void client_send(struct loop *loop, struct client *client, const char *at, size_t len)
{
    ssize_t sent = 0;

    if (!client->connecting && client->unsent_len == 0) {
        sent = send(client->fd, at, len, MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN) {
            loop_fail(loop, "send", errno);
            return;
        }
        if (sent < 0) sent = 0;
    }
    if ((size_t)sent < len) client_keep_unsent(loop, client, at + sent, len - (size_t)sent);
}

static void client_flush(struct loop *loop, struct client *client)
{
    socklen_t size = sizeof(int);
    int error = 0;

    if (client->connecting) {
        getsockopt(client->fd, SOL_SOCKET, SO_ERROR, &error, &size);
        if (error) {
            loop_fail(loop, "connect", error);
            return;
        }
        client->connecting = false;
    }
    if (client->unsent_at < client->unsent_len) {
        ssize_t sent = send(client->fd, client->unsent + client->unsent_at,
                            client->unsent_len - client->unsent_at, MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN) {
            loop_fail(loop, "send", errno);
            return;
        }
        if (sent > 0) client->unsent_at += (size_t)sent;
    }
    if (client->unsent_at < client->unsent_len) return;
    client->unsent_at = client->unsent_len = 0;
    client->wants_write = false;
    client_watch(loop, client, EPOLL_CTL_MOD, EPOLLIN);
}

/* Sends `count` requests in one write; the first was due at since_ns, the others step_ns apart. */
static void client_ask(struct loop *loop, struct client *client, unsigned count, uint64_t since_ns,
                       uint64_t step_ns)
{
    const struct plan *plan = loop->plan;
    size_t len = 0;

    if (client->fd < 0 && !client_connect(loop, client, false)) return;
    for (unsigned i = 0; i < count; i++) {
        unsigned slot = client->oldest + client->out++;
        const struct shape *shape = &plan->load->shapes[loop->next_shape];

        if (slot >= plan->pipeline) slot -= plan->pipeline;
        if (++loop->next_shape == plan->load->n_shapes) loop->next_shape = 0;
        client->asked[slot] = (struct asked){since_ns + i * step_ns, shape};
        len += workload_write(plan->load, shape, &loop->draws, loop->write_area + len,
                              client->keys + (size_t)slot * loop->keys_each);
    }
    loop->out += count;
    loop->left -= count;
    loop->sent += count;
    client_send(loop, client, loop->write_area, len);
}

static void client_ask_batch(struct loop *loop, struct client *client)
{
    unsigned count = loop->plan->pipeline;

    if (loop->left < count) count = (unsigned)loop->left;
    if (count == 0 || loop->now_ns >= loop->stop_ns) return;
    client_ask(loop, client, count, loop->now_ns, 0);
}

/* Request i of all is due at start + i * step and belongs to client i % clients. */
static void client_ask_due(struct loop *loop, struct client *client)
{
    const struct plan *plan = loop->plan;
    double step_ns = 1e9 / plan->rate;
    uint64_t place = (uint64_t)(client - loop->clients);
    uint64_t mine = loop->due_turn > place ? (loop->due_turn - place - 1) / plan->clients + 1 : 0;
    uint64_t count = mine - client->rounds;
    uint64_t due_ns;

    if (plan->churn && client->out) return;
    if (count > plan->pipeline - client->out) count = plan->pipeline - client->out;
    if (count == 0) return;
    due_ns = loop->tally->start_ns +
             (uint64_t)((double)(client->rounds * plan->clients + place) * step_ns);
    client->rounds += count;
    client_ask(loop, client, (unsigned)count, due_ns, (uint64_t)(step_ns * plan->clients));
}

static void note_verdict(struct loop *loop, enum verdict verdict, const char *at, size_t len)
{
    struct tally *tally = loop->tally;
    const char *end = memchr(at, '\r', len);

    if (verdict == REPLY_MISS) {
        tally->misses++;
        return;
    }
    if (verdict == REPLY_WRONG) tally->wrong++;
    if (verdict == REPLY_ERROR) tally->errors++;
    complain(tally, "%s: %.*s", verdict == REPLY_WRONG ? "wrong reply" : "error reply",
             (int)((end ? end : at + len) - at), at);
}

static void note_latency(struct loop *loop, uint64_t since_ns)
{
    struct tally *tally = loop->tally;
    uint64_t took = loop->now_ns > since_ns ? loop->now_ns - since_ns : 0;

    if (took > tally->latency.max_ns) tally->longest_at_ns = loop->now_ns;
    histogram_add(&tally->latency, took, 1);
}

/* Judges every whole reply in the bytes; returns how many bytes they are. */
static size_t client_hear(struct loop *loop, struct client *client, const char *at, size_t len)
{
    size_t done = 0;

    while (done < len) {
        struct asked *asked = &client->asked[client->oldest];
        size_t used = 0;

        if (client->out == 0) {
            loop_fail(loop, "a reply that nobody asked for", 0);
            return len;
        }
        enum verdict verdict = reply_judge(loop->plan->load, asked->shape,
                                           client->keys + (size_t)client->oldest * loop->keys_each,
                                           at + done, len - done, &used);
        if (verdict == REPLY_MORE) break;
        if (verdict == REPLY_BROKEN) {
            loop_fail(loop, "bytes that are no reply", 0);
            return len;
        }
        if (verdict != REPLY_RIGHT) note_verdict(loop, verdict, at + done, len - done);
        note_latency(loop, asked->since_ns);
        loop->tally->replies++;
        if (++client->oldest == loop->plan->pipeline) client->oldest = 0;
        client->out--;
        loop->out--;
        done += used;
    }
    return done;
}

static bool area_fits(struct loop *loop, size_t rest_len)
{
    char *grown;

    if (loop->in_size - rest_len >= AREA_FIRST / 2) return true;
    if (loop->in_size >= AREA_MOST || !(grown = realloc(loop->in, loop->in_size * 2))) {
        loop_fail(loop, "a reply too long to be read", 0);
        return false;
    }
    loop->in = grown;
    loop->in_size *= 2;
    return true;
}

static void client_keep_rest(struct loop *loop, struct client *client, const char *at, size_t len)
{
    if (len) {
        char *grown = realloc(client->rest, len);
        if (!grown) {
            loop_fail(loop, "out of memory", 0);
            return;
        }
        client->rest = grown;
        memcpy(client->rest, at, len);
    }
    client->rest_len = len;
}

static void client_read(struct loop *loop, struct client *client)
{
    size_t kept = client->rest_len;
    ssize_t got;

    if (!area_fits(loop, kept)) return;
    if (kept) memcpy(loop->in, client->rest, kept);
    got = recv(client->fd, loop->in + kept, loop->in_size - kept, 0);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) {
        loop_fail(loop, got ? "recv" : "the server closed a connection", got ? errno : 0);
        return;
    }
    loop->now_ns = clock_ns();
    if (loop->now_ns - loop->heard_ns > loop->tally->silence_ns) loop->tally->silence_ns = loop->now_ns - loop->heard_ns;
    loop->heard_ns = loop->now_ns;

    size_t len = kept + (size_t)got;
    size_t done = client_hear(loop, client, loop->in, len);
    if (loop->tally->failed) return;
    client_keep_rest(loop, client, loop->in + done, len - done);
    if (client->out && !loop->plan->rate) return;
    if (client->out == 0 && loop->plan->churn) client_disconnect(client);
    if (loop->plan->rate)
        client_ask_due(loop, client);
    else
        client_ask_batch(loop, client);
}

/* Lets requests fall due, and tells how long until the next one does. */
static uint64_t due_advance(struct loop *loop)
{
    double step_ns = 1e9 / loop->plan->rate;
    uint64_t start_ns = loop->tally->start_ns;
    uint64_t due_ns;

    for (;;) {
        due_ns = start_ns + (uint64_t)((double)loop->due_turn * step_ns);
        if (due_ns > loop->now_ns || due_ns >= loop->stop_ns || loop->left == 0) break;
        if (loop->plan->requests && loop->due_turn >= loop->plan->requests) break;
        loop->due_turn++;
        client_ask_due(loop, &loop->clients[(loop->due_turn - 1) % loop->plan->clients]);
        if (loop->tally->failed) break;
    }
    return due_ns > loop->now_ns ? due_ns - loop->now_ns : 1000000;
}

/* Sleeping overshoots by tens of microseconds, which would count as the server's: the last stretch
 * before a request is due is spent polling. */
static int loop_wait(struct loop *loop, struct epoll_event *events)
{
    struct timespec sleep = {0, 200000000};

    if (loop->plan->rate) {
        uint64_t gap_ns = due_advance(loop);
        sleep.tv_nsec = gap_ns > SPIN_NS ? (long)(gap_ns - SPIN_NS) : 0;
        if (sleep.tv_nsec > 200000000) sleep.tv_nsec = 200000000;
    }
    return epoll_pwait2(loop->epoll, events, EVENTS_A_TURN, &sleep, NULL);
}

static bool loop_is_over(const struct loop *loop)
{
    bool nothing_more = loop->now_ns >= loop->stop_ns || loop->left == 0;

    if (loop->plan->rate && loop->sent < loop->due_turn) nothing_more = false;
    return loop->tally->failed || (nothing_more && loop->out == 0);
}

static void loop_check_silence(struct loop *loop)
{
    if (loop->out == 0) loop->heard_ns = loop->now_ns;
    if (loop->now_ns - loop->heard_ns > (uint64_t)(loop->plan->timeout_s * 1e9))
        loop_fail(loop, "requests are out and no reply comes", 0);
}

void loop_run(struct loop *loop)
{
    struct epoll_event events[EVENTS_A_TURN];
    const struct plan *plan = loop->plan;

    prctl(PR_SET_TIMERSLACK, 1);
    loop->now_ns = loop->heard_ns = loop->tally->start_ns = clock_ns();
    loop->stop_ns = plan->requests ? UINT64_MAX : loop->now_ns + (uint64_t)(plan->seconds * 1e9);
    for (unsigned i = 0; !plan->rate && i < plan->clients && !loop->tally->failed; i++) {
        loop->now_ns = clock_ns();
        client_ask_batch(loop, &loop->clients[i]);
    }
    while (!loop_is_over(loop)) {
        int n = loop_wait(loop, events);
        loop->now_ns = clock_ns();
        for (int i = 0; i < n && !loop->tally->failed; i++) {
            struct client *client = events[i].data.ptr;
            if (events[i].events & EPOLLOUT) client_flush(loop, client);
            if (events[i].events & ~(uint32_t)EPOLLOUT && !loop->tally->failed)
                client_read(loop, client);
        }
        loop_check_silence(loop);
    }
    loop->tally->end_ns = clock_ns();
}

struct loop *loop_open(const struct plan *plan, struct tally *tally)
{
    struct loop *loop = calloc(1, sizeof *loop);
    size_t most = 0;

    loop->plan = plan;
    loop->tally = tally;
    loop->draws = plan->draws;
    loop->left = plan->requests ? plan->requests : UINT64_MAX;
    for (unsigned i = 0; i < plan->load->n_shapes; i++) {
        const struct shape *shape = &plan->load->shapes[i];
        if (shape->most_bytes > most) most = shape->most_bytes;
        if (shape->n_keys > loop->keys_each) loop->keys_each = shape->n_keys;
    }
    loop->write_size = most * plan->pipeline;
    loop->write_area = malloc(loop->write_size);
    loop->in_size = AREA_FIRST;
    loop->in = malloc(loop->in_size);
    loop->clients = calloc(plan->clients, sizeof *loop->clients);
    loop->epoll = epoll_create1(EPOLL_CLOEXEC);
    for (unsigned i = 0; i < plan->clients && !tally->failed; i++) {
        struct client *client = &loop->clients[i];
        client->fd = -1;
        client->asked = calloc(plan->pipeline, sizeof *client->asked);
        client->keys = calloc((size_t)plan->pipeline * (loop->keys_each + 1), sizeof *client->keys);
        if (!plan->churn) client_connect(loop, client, true);
    }
    if (tally->failed) loop_close(&loop);
    return loop;
}

void loop_close(struct loop **taken)
{
    struct loop *loop = *taken;

    for (unsigned i = 0; i < loop->plan->clients; i++) {
        struct client *client = &loop->clients[i];
        if (client->asked && client->fd >= 0) close(client->fd);
        free(client->asked);
        free(client->keys);
        free(client->rest);
        free(client->unsent);
    }
    close(loop->epoll);
    free(loop->clients);
    free(loop->in);
    free(loop->write_area);
    free(loop);
    *taken = NULL;
}
