#include "coatcheck/net/listener.h"

#include <errno.h>
#include <event2/event.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include "coatcheck/base/clock.h"
#include "coatcheck/base/log.h"
#include "coatcheck/base/mem.h"
#include "coatcheck/net/conn.h"
#include "coatcheck/net/tls.h"

#define SOCKETS_MAX 32

/* A storm of connections is let in by this many at a time, so that those inside are served meanwhile. */
#define ACCEPTS_PER_WAKE 64

struct door_socket {
    struct listener *listener;
    struct event *event;
    int fd;
    enum conn_kind kind; /* of those that come in by it */
    bool is_ours; /* the file of a Unix socket is removed at the end */
    uint16_t port;
    char name[CONN_NAME_MAX];
};

struct listener {
    struct event_base *base;
    struct worker **workers;
    unsigned worker_count;
    struct door_socket sockets[SOCKETS_MAX];
    unsigned count;
    struct event *rest; /* ends a pause after the process ran out of descriptors */
};

struct listener *listener_new(struct event_base *base, struct worker **workers, unsigned count)
{
    struct listener *listener = mem_alloc_zeroed(sizeof *listener);

    if (!listener) return NULL;
    listener->base = base;
    listener->workers = workers;
    listener->worker_count = count;
    return listener;
}

/* The fewest connections; among equals in turn, so that the first clients spread. */
static struct worker *least_loaded(struct listener *listener)
{
    struct worker *best = listener->workers[0];

    for (unsigned i = 1; i < listener->worker_count; i++) {
        if (worker_load(listener->workers[i]) < worker_load(best)) best = listener->workers[i];
    }
    return best;
}

static void turn_away(int fd, enum conn_kind kind)
{
    static const char words[] = "-ERR max number of clients reached\r\n";

    /* Without a handshake no word can be said in TLS. */
    if (kind != CONN_OF_TLS && send(fd, words, sizeof words - 1, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) log_debug("refusal not delivered");
    close(fd);
    METRIC_ADD(net, rejected_connections, 1);
}

static void set_listening(struct listener *listener, bool on)
{
    for (unsigned i = 0; i < listener->count; i++) {
        if (on) {
            event_add(listener->sockets[i].event, NULL);
        } else {
            event_del(listener->sockets[i].event);
        }
    }
}

static void end_rest(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    set_listening(context, true);
}

/* Out of descriptors or memory: accepting again at once would spin, so it waits a little. */
static void rest_a_while(struct listener *listener, int error)
{
    struct timeval wait = {.tv_usec = 100000};

    log_warning("can't accept a connection: %s; trying again in 100 ms", strerror(error));
    if (!listener->rest) listener->rest = event_new(listener->base, -1, 0, end_rest, listener);
    if (!listener->rest) return;
    set_listening(listener, false);
    event_add(listener->rest, &wait);
}

static void on_knock(evutil_socket_t fd, short what, void *context)
{
    struct door_socket *door = context;
    struct listener *listener = door->listener;

    (void)what;
    for (int i = 0; i < ACCEPTS_PER_WAKE; i++) {
        int client = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (client < 0) {
            if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
                rest_a_while(listener, errno);
            } else if (errno == EINTR || errno == ECONNABORTED) {
                continue;
            }
            return;
        }
        METRIC_ADD(net, total_connections_received, 1);
        if (METRIC_SUM(net, connected_clients) >= option_int(&net_options.maxclients)) {
            turn_away(client, door->kind);
            continue;
        }
        METRIC_ADD(net, connected_clients, 1);
        worker_adopt(least_loaded(listener), client, door->kind);
    }
}

static bool add_socket(struct listener *listener, int fd, enum conn_kind kind, bool is_ours, uint16_t port,
                       const char *name, struct text *why)
{
    struct door_socket *door = &listener->sockets[listener->count];

    if (listener->count == SOCKETS_MAX) {
        text_addf(why, "can't listen on %s: more than %d listening sockets", name, SOCKETS_MAX);
        close(fd);
        return false;
    }
    *door = (struct door_socket){
        .listener = listener, .fd = fd, .kind = kind, .is_ours = is_ours, .port = port};
    snprintf(door->name, sizeof door->name, "%s", name);
    door->event = event_new(listener->base, fd, EV_READ | EV_PERSIST, on_knock, door);
    if (!door->event || event_add(door->event, NULL) != 0) {
        text_addf(why, "can't listen on %s: the event loop refuses", name);
        if (door->event) event_free(door->event);
        close(fd);
        return false;
    }
    listener->count++;
    return true;
}

static uint16_t bound_port(int fd)
{
    struct sockaddr_storage address;
    socklen_t len = sizeof address;

    if (getsockname(fd, (struct sockaddr *)&address, &len) != 0) return 0;
    if (address.ss_family == AF_INET) return ntohs(((struct sockaddr_in *)&address)->sin_port);
    if (address.ss_family == AF_INET6) return ntohs(((struct sockaddr_in6 *)&address)->sin6_port);
    return 0;
}

/* A listening TCP socket, or -1 with errno. */
static int open_tcp(const struct addrinfo *address)
{
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1, error;

    if (fd < 0) return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (address->ai_family == AF_INET6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    if (bind(fd, address->ai_addr, address->ai_addrlen) == 0 &&
        listen(fd, (int)option_int(&net_options.tcp_backlog)) == 0) {
        return fd;
    }
    error = errno;
    close(fd);
    errno = error;
    return -1;
}

/* What one word of `bind` asks for. */
struct tcp_address {
    const char *host; /* NULL: every address of the family */
    int family;
    bool optional;
};

static bool listen_tcp(struct listener *listener, struct tcp_address at, uint16_t port, enum conn_kind kind,
                       struct text *why)
{
    struct addrinfo hints = {
        .ai_family = at.family, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *found;
    char service[8], name[CONN_NAME_MAX];
    const char *shown = at.host ? at.host : at.family == AF_INET6 ? "::" : "0.0.0.0";
    int fd, error;

    snprintf(service, sizeof service, "%u", port);
    error = getaddrinfo(at.host, service, &hints, &found);
    if (error != 0) {
        if (at.optional) return true;
        text_addf(why, "can't listen on '%s': %s", shown, gai_strerror(error));
        return false;
    }
    fd = open_tcp(found);
    freeaddrinfo(found);
    if (fd < 0) {
        if (at.optional && (errno == EADDRNOTAVAIL || errno == EAFNOSUPPORT)) return true;
        text_addf(why, "can't listen on %s port %u: %s", shown, port, strerror(errno));
        return false;
    }
    port = bound_port(fd);
    snprintf(name, sizeof name, strchr(shown, ':') ? "[%s]:%u%s" : "%s:%u%s", shown, port,
             kind == CONN_OF_TLS ? " (TLS)" : "");
    return add_socket(listener, fd, kind, true, port, name, why);
}

static struct tcp_address read_address(const char *word)
{
    bool optional = word[0] == '-';

    if (optional) word++;
    if (strcmp(word, "*") == 0) return (struct tcp_address){NULL, AF_INET, optional};
    if (strcmp(word, "::*") == 0) return (struct tcp_address){NULL, AF_INET6, optional};
    return (struct tcp_address){word, AF_UNSPEC, optional};
}

/* The words of `bind`. */
static bool listen_all_tcp(struct listener *listener, uint16_t port, enum conn_kind kind, struct text *why)
{
    char *words = strdup(option_text(&net_options.bind)), *rest = words, *word;
    bool fine = true;

    if (!words) return false;
    while (fine && (word = strsep(&rest, " \t\n"))) {
        if (word[strspn(word, "-")] == '\0') continue;
        fine = listen_tcp(listener, read_address(word), port, kind, why);
    }
    free(words);
    return fine;
}

/* Is somebody listening at this path? Then it is not ours to remove. */
static bool unix_socket_in_use(const struct sockaddr_un *address)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool answered;

    if (fd < 0) return false;
    answered = connect(fd, (const struct sockaddr *)address, sizeof *address) == 0;
    close(fd);
    return answered;
}

/* The socket file is born with the permissions that it is to have: bind() under a umask that leaves no
 * others, so there is no moment in which more people can connect (CVE-2023-45145). */
static int bind_unix(int fd, const struct sockaddr_un *address, mode_t mode)
{
    mode_t before = umask(mode ? (mode_t)(0777 & ~mode) : 0);
    int result;

    if (!mode) umask(before);
    result = bind(fd, (const struct sockaddr *)address, sizeof *address);
    umask(before);
    return result;
}

static bool listen_unix(struct listener *listener, const char *path, struct text *why)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    mode_t mode = (mode_t)strtoul(option_text(&net_options.unixsocketperm), NULL, 8);
    struct stat old;
    int fd;

    if (strlen(path) >= sizeof address.sun_path) {
        text_addf(why, "can't listen on %s: a path of a Unix socket has at most %zu bytes", path,
                  sizeof address.sun_path - 1);
        return false;
    }
    strcpy(address.sun_path, path);
    if (lstat(path, &old) == 0) {
        if (!S_ISSOCK(old.st_mode)) {
            text_addf(why, "can't listen on %s: there is a file that is not a socket", path);
            return false;
        }
        if (unix_socket_in_use(&address)) {
            text_addf(why, "can't listen on %s: %s", path, strerror(EADDRINUSE));
            return false;
        }
        unlink(path);
    }
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || bind_unix(fd, &address, mode) != 0 ||
        listen(fd, (int)option_int(&net_options.tcp_backlog)) != 0) {
        text_addf(why, "can't listen on %s: %s", path, strerror(errno));
        if (fd >= 0) close(fd);
        return false;
    }
    return add_socket(listener, fd, CONN_OF_UNIX, true, 0, path, why);
}

bool listener_open(struct listener *listener, struct text *why)
{
    const char *path = option_text(&net_options.unixsocket);
    uint16_t port = (uint16_t)option_int(&net_options.port);
    uint16_t tls_port = (uint16_t)option_int(&tls_options.tls_port);

    if (port > 0 && !listen_all_tcp(listener, port, CONN_OF_TCP, why)) return false;
    if (tls_port > 0 && !listen_all_tcp(listener, tls_port, CONN_OF_TLS, why)) return false;
    return *path == '\0' || listen_unix(listener, path, why);
}

bool listener_add(struct listener *listener, int fd, struct text *why)
{
    struct sockaddr_storage address = {0};
    socklen_t len = sizeof address;
    char name[CONN_NAME_MAX];
    enum conn_kind kind;

    if (getsockname(fd, (struct sockaddr *)&address, &len) != 0) {
        text_addf(why, "can't use the socket that was passed as descriptor %d: %s", fd, strerror(errno));
        return false;
    }
    if (address.ss_family == AF_UNIX) {
        snprintf(name, sizeof name, "%.108s", ((struct sockaddr_un *)&address)->sun_path);
        return add_socket(listener, fd, CONN_OF_UNIX, false, 0, name, why);
    }
    snprintf(name, sizeof name, "port %u (passed as descriptor %d)", bound_port(fd), fd);
    /* Of what is handed over, one whose port is tls-port speaks TLS. */
    kind = bound_port(fd) > 0 && bound_port(fd) == option_int(&tls_options.tls_port) ? CONN_OF_TLS : CONN_OF_TCP;
    return add_socket(listener, fd, kind, false, bound_port(fd), name, why);
}

uint16_t listener_port(const struct listener *listener)
{
    for (unsigned i = 0; i < listener->count; i++) {
        if (listener->sockets[i].kind != CONN_OF_UNIX) return listener->sockets[i].port;
    }
    return 0;
}

void listener_print(const struct listener *listener, struct text *into)
{
    for (unsigned i = 0; i < listener->count; i++) {
        text_addf(into, "%s%s", i > 0 ? ", " : "", listener->sockets[i].name);
    }
}

void listener_close(struct listener *listener)
{
    for (unsigned i = 0; i < listener->count; i++) {
        struct door_socket *door = &listener->sockets[i];

        event_free(door->event);
        close(door->fd);
        if (door->kind == CONN_OF_UNIX && door->is_ours) unlink(door->name);
    }
    listener->count = 0;
}

void listener_free(struct listener **listener)
{
    listener_close(*listener);
    if ((*listener)->rest) event_free((*listener)->rest);
    mem_free(*listener);
    *listener = NULL;
}
