/* floor: the least that a server can do for the same bytes, as the physical limit of a comparison.
 * One epoll loop that counts the asterisks it reads, each of which begins a command in the loads
 * that it is held beside (their keys and values are letters and digits), and sends as many copies
 * of one canned reply. It looks nothing up and understands nothing.
 *
 *     floor PORT REPLY [MESSAGE]      REPLY may hold \r and \n; prints the port once it listens (0: any)
 *
 * With a MESSAGE, connections whose first byte is an S (SUBSCRIBE, as a plain line) listen: each command
 * of any other one sends them the MESSAGE, in one call for each of them and read. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { AREA = 64 << 10, COPIES_BYTES = 256 << 10, EVENTS_A_TURN = 256, LISTENERS_MOST = 20000 };

struct canned {
    char *copies; /* as many whole replies as fit, one after the other */
    size_t reply_len, copies_len;
};

/* Those that listen, and what they hear. */
struct crowd {
    struct canned message;
    int count, fds[LISTENERS_MOST];
};

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static void canned_open(struct canned *canned, const char *text)
{
    char *reply = malloc(strlen(text) + 1), *out = reply;

    for (; *text; text++) {
        if (text[0] == '\\' && (text[1] == 'r' || text[1] == 'n'))
            *out++ = *++text == 'r' ? '\r' : '\n';
        else
            *out++ = *text;
    }
    canned->reply_len = (size_t)(out - reply);
    size_t count = COPIES_BYTES / canned->reply_len + 1;
    canned->copies_len = count * canned->reply_len;
    canned->copies = malloc(canned->copies_len);
    for (size_t i = 0; i < count; i++)
        memcpy(canned->copies + i * canned->reply_len, reply, canned->reply_len);
    free(reply);
}

static int listener_open(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0), on = 1;

    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(listener, (struct sockaddr *)&address, len)) die("bind");
    if (listen(listener, 511)) die("listen");
    getsockname(listener, (struct sockaddr *)&address, &len);
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    return listener;
}

static void connection_accept(int epoll, int listener)
{
    struct epoll_event event = {.events = EPOLLIN};
    int on = 1;

    event.data.fd = accept(listener, NULL, NULL);
    if (event.data.fd < 0) return;
    setsockopt(event.data.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    epoll_ctl(epoll, EPOLL_CTL_ADD, event.data.fd, &event);
}

static size_t commands_in(const char *at, size_t len)
{
    const char *end = at + len;
    size_t commands = 0;

    while ((at = memchr(at, '*', (size_t)(end - at)))) at++, commands++;
    return commands;
}

static void canned_send(int fd, const struct canned *canned, size_t count)
{
    size_t left = count * canned->reply_len, at = 0;

    while (left) {
        size_t now = canned->copies_len - at;
        ssize_t sent = write(fd, canned->copies + at, left < now ? left : now);
        if (sent < 0) return;
        left -= (size_t)sent;
        at = (at + (size_t)sent) % canned->copies_len;
    }
}

static void crowd_leave(struct crowd *crowd, int fd)
{
    for (int i = 0; i < crowd->count; i++) {
        if (crowd->fds[i] == fd) crowd->fds[i] = crowd->fds[--crowd->count];
    }
}

static void connection_answer(int fd, const struct canned *canned, struct crowd *crowd)
{
    static char in[AREA];
    ssize_t got = read(fd, in, sizeof in);
    size_t commands;

    if (got <= 0) {
        crowd_leave(crowd, fd);
        close(fd);
        return;
    }
    if (in[0] == 'S' && crowd->count < LISTENERS_MOST) {
        crowd->fds[crowd->count++] = fd;
        canned_send(fd, canned, 1);
        return;
    }
    commands = commands_in(in, (size_t)got);
    canned_send(fd, canned, commands);
    for (int i = 0; i < crowd->count; i++) canned_send(crowd->fds[i], &crowd->message, commands);
}

int main(int argc, char **argv)
{
    struct epoll_event event = {.events = EPOLLIN}, events[EVENTS_A_TURN];
    static struct crowd crowd;
    struct canned canned;
    int epoll, listener;

    if (argc < 3 || argc > 4 || !argv[2][0]) {
        fprintf(stderr, "floor PORT REPLY [MESSAGE]\n");
        return 2;
    }
    canned_open(&canned, argv[2]);
    if (argc == 4) canned_open(&crowd.message, argv[3]);
    listener = listener_open(atoi(argv[1]));
    epoll = epoll_create1(0);
    event.data.fd = listener;
    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
    for (;;) {
        int n = epoll_wait(epoll, events, EVENTS_A_TURN, -1);
        if (n < 0 && errno != EINTR) die("epoll_wait");
        for (int i = 0; i < n; i++) {
            if (events[i].data.fd == listener)
                connection_accept(epoll, listener);
            else
                connection_answer(events[i].data.fd, &canned, &crowd);
        }
    }
}
