#include "farewell_internal.h"

#include <errno.h>
#include <event2/event_struct.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include "coatcheck/base/clock.h"
#include "coatcheck/base/mem.h"

/* Nobody can hold more descriptors than this by never reading what was said last. */
#define FAREWELLS_MOST 1024

#define LONGEST_US (5 * 1000 * 1000)
#define LOOK_EVERY_US (50 * 1000)

/* So much is thrown away for one of them in one turn. */
#define DISCARD_MOST (512 * 1024)

struct farewell {
    struct event event;
    struct farewells *all;
    struct farewell *next, *prev;
    int64_t until_us;
};

/* False: no more will come. */
static bool discard_input(int fd)
{
    char nothing[16 * 1024];
    size_t gone = 0;

    while (gone < DISCARD_MOST) {
        ssize_t n = recv(fd, nothing, sizeof nothing, MSG_DONTWAIT);

        if (n > 0) {
            gone += (size_t)n;
        } else if (n == 0) {
            return false;
        } else if (errno != EINTR) {
            return errno == EAGAIN;
        }
    }
    return true;
}

static int queued(int fd, unsigned long which)
{
    int bytes = 0;

    return ioctl(fd, which, &bytes) == 0 ? bytes : 0;
}

static bool can_lose_something(int fd)
{
    return queued(fd, SIOCOUTQ) > 0 || queued(fd, SIOCINQ) > 0;
}

static void farewell_end(struct farewell *farewell)
{
    struct farewells *all = farewell->all;

    if (farewell->next) farewell->next->prev = farewell->prev;
    if (farewell->prev) {
        farewell->prev->next = farewell->next;
    } else {
        all->first = farewell->next;
    }
    all->count--;
    event_del(&farewell->event);
    close(farewell->event.ev_fd);
    mem_free(farewell);
}

static void on_news(evutil_socket_t fd, short what, void *context)
{
    struct farewell *farewell = context;

    (void)what;
    if (!discard_input(fd) || !can_lose_something(fd) || clock_steady_us() > farewell->until_us) {
        farewell_end(farewell);
    }
}

void farewell_begin(struct farewells *all, struct event_base *base, int fd)
{
    struct timeval look_every = {.tv_usec = LOOK_EVERY_US};
    struct farewell *farewell = NULL;

    if (can_lose_something(fd) && all->count < FAREWELLS_MOST)
        farewell = mem_alloc_zeroed(sizeof *farewell);
    if (!farewell || shutdown(fd, SHUT_WR) != 0) {
        mem_free(farewell);
        close(fd);
        return;
    }
    farewell->all = all;
    farewell->until_us = clock_steady_us() + LONGEST_US;
    farewell->next = all->first;
    if (farewell->next) farewell->next->prev = farewell;
    all->first = farewell;
    all->count++;
    event_assign(&farewell->event, base, fd, EV_READ | EV_PERSIST, on_news, farewell);
    if (event_add(&farewell->event, &look_every) != 0) farewell_end(farewell);
}

void farewells_cut_short(struct farewells *all)
{
    while (all->first) farewell_end(all->first);
}
