#include "coatcheck/daemon/activation.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "coatcheck/base/mem.h"
#include "coatcheck/base/number.h"

#define FIRST_FD 3
#define MOST_SOCKETS 1024

static int option_of(int fd, int option)
{
    int value = -1;
    socklen_t len = sizeof value;

    return getsockopt(fd, SOL_SOCKET, option, &value, &len) == 0 ? value : -1;
}

/* What keeps `fd` from being accepted from, or NULL. */
static const char *defect_of(int fd)
{
    int family = option_of(fd, SO_DOMAIN);

    if (fcntl(fd, F_GETFD) < 0) return "is not open";
    if (family < 0) return "is not a socket";
    if (family != AF_INET && family != AF_INET6 && family != AF_UNIX)
        return "is neither an IP nor a unix socket";
    if (option_of(fd, SO_TYPE) != SOCK_STREAM)
        return "is not a stream socket (ListenStream= makes one)";
    if (option_of(fd, SO_ACCEPTCONN) != 1) return "is not listening (Accept=yes must not be set)";
    return NULL;
}

static bool add_flags(int fd)
{
    int status = fcntl(fd, F_GETFL);

    return status >= 0 && fcntl(fd, F_SETFL, status | O_NONBLOCK) == 0 &&
           fcntl(fd, F_SETFD, FD_CLOEXEC) == 0;
}

/* The next name of a list that colons separate; `rest` moves behind it. */
static struct bytes next_name(const char **rest)
{
    struct bytes name = {*rest, strcspn(*rest, ":")};

    *rest += name.len;
    if (**rest == ':') (*rest)++;
    return name.len ? name : BYTES("unknown");
}

static bool check_all(unsigned count, struct text *why)
{
    for (unsigned i = 0; i < count; i++) {
        int fd = FIRST_FD + (int)i;
        const char *defect = defect_of(fd);

        if (defect) {
            text_addf(why, "Socket activation: descriptor %d %s", fd, defect);
            return false;
        }
        if (!add_flags(fd)) {
            text_addf(why, "Socket activation: descriptor %d: %s", fd, strerror(errno));
            return false;
        }
    }
    return true;
}

static void keep_all(struct activation *activation, unsigned count, const char *names)
{
    activation->sockets = mem_need(count * sizeof *activation->sockets);
    activation->count = count;
    for (unsigned i = 0; i < count; i++) {
        struct bytes name = next_name(&names);
        char *text = mem_need(name.len + 1);

        memcpy(text, name.at, name.len);
        text[name.len] = '\0';
        activation->sockets[i] =
            (struct activation_socket){.fd = FIRST_FD + (int)i,
                                       .family = option_of(FIRST_FD + (int)i, SO_DOMAIN),
                                       .name = text};
    }
}

static bool take(struct activation *activation, struct text *why)
{
    const char *pid = getenv("LISTEN_PID");
    const char *fds = getenv("LISTEN_FDS");
    const char *names = getenv("LISTEN_FDNAMES");
    uint64_t number;

    /* Another process was meant, one that started us: its descriptors are none of our business. */
    if (!pid || !fds) return true;
    if (number_read_uint(bytes_of_text(pid), &number) && number != (uint64_t)getpid()) return true;

    if (!number_read_uint(bytes_of_text(pid), &number)) {
        text_addf(why, "Socket activation: LISTEN_PID is no number: '%s'", pid);
        return false;
    }
    if (!number_read_uint(bytes_of_text(fds), &number) || number > MOST_SOCKETS) {
        text_addf(why, "Socket activation: LISTEN_FDS must be between 0 and %d, not '%s'",
                  MOST_SOCKETS, fds);
        return false;
    }
    if (number == 0) return true;
    if (!check_all((unsigned)number, why)) {
        for (unsigned i = 0; i < number; i++) close(FIRST_FD + (int)i);
        return false;
    }
    keep_all(activation, (unsigned)number, names ? names : "");
    return true;
}

bool activation_take(struct activation *activation, struct text *why)
{
    bool taken;

    *activation = (struct activation){0};
    taken = take(activation, why);
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
    return taken;
}

void activation_free(struct activation *activation)
{
    for (unsigned i = 0; i < activation->count; i++) mem_free(activation->sockets[i].name);
    mem_free(activation->sockets);
    *activation = (struct activation){0};
}
