#include "coatcheck/daemon/descriptors.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>

/* Standard streams, log, syslog, the socket to the service manager, files opened for a moment, and
 * one to accept a client with who is then told that there are too many. */
#define ALWAYS 32
/* A loop of libevent: epoll, its timer, its mailbox, one to spare. */
#define PER_THREAD 4

unsigned descriptors_reserve(unsigned threads, unsigned listeners)
{
    return ALWAYS + PER_THREAD * threads + listeners;
}

/* As much of `wanted` as the system lets us have. `error` keeps why the hard limit did not move. */
static rlim_t raise_to(rlim_t wanted, struct rlimit *now, int *error)
{
    struct rlimit asked;

    if (now->rlim_cur >= wanted) return now->rlim_cur;
    if (now->rlim_max < wanted) {
        asked = (struct rlimit){wanted, wanted};
        if (setrlimit(RLIMIT_NOFILE, &asked) == 0) return wanted;
        *error = errno;
    }
    asked = (struct rlimit){now->rlim_max < wanted ? now->rlim_max : wanted, now->rlim_max};
    if (setrlimit(RLIMIT_NOFILE, &asked) == 0) return asked.rlim_cur;
    *error = errno;
    return now->rlim_cur;
}

unsigned descriptors_raise(unsigned clients, unsigned reserve, struct text *why)
{
    rlim_t wanted = (rlim_t)clients + reserve;
    struct rlimit now;
    int error = 0;
    rlim_t reached;
    unsigned fit;

    if (getrlimit(RLIMIT_NOFILE, &now) < 0) {
        text_addf(why, "The limit of open files cannot be read: %s", strerror(errno));
        return 0;
    }
    reached = raise_to(wanted, &now, &error);
    if (reached >= wanted) return clients;

    fit = reached > reserve ? (unsigned)(reached - reserve) : 0;
    text_addf(why,
              "maxclients %u needs %llu open files, the system allows %llu (%s): %u clients fit. "
              "Raise the "
              "hard limit (LimitNOFILE= of the unit, `ulimit -Hn` of the shell)",
              clients, (unsigned long long)wanted, (unsigned long long)reached, strerror(error),
              fit);
    return fit;
}
