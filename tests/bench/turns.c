/* turns: how much processor time each turn of a server's loops takes, put under it with LD_PRELOAD. A turn is what a
 * thread does from one epoll_wait() to the next; its time is the thread's own clock, which stands still while others
 * have the core, so that a busy machine does not show in it. While a thread has a turn of so long, none of its clients
 * hears anything: a client waits for two at most, the one under way and its own.
 *
 * The file TURNS_FILE (TURNS_BYTES, made by whoever starts the server) is shared with the reader, who adds one to `epoch`
 * when all that was seen shall be forgotten; each thread does so at its next turn. */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "turns.h"

static struct turns *turns;
static int (*real_wait)(int epoll, struct epoll_event *events, int most, int timeout_ms);

static _Thread_local struct turns_of_thread *mine;
static _Thread_local uint64_t woken_ns;

static __attribute__((constructor)) void turns_begin(void)
{
    const char *path = getenv("TURNS_FILE");
    int fd = path ? open(path, O_RDWR) : -1;
    void *shared = MAP_FAILED;

    real_wait = (int (*)(int, struct epoll_event *, int, int))dlsym(RTLD_NEXT, "epoll_wait");
    if (fd >= 0) {
        shared = mmap(NULL, sizeof(struct turns), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        close(fd);
    }
    if (shared != MAP_FAILED) turns = shared;
}

static uint64_t processor_ns(void)
{
    struct timespec spent;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent);
    return (uint64_t)spent.tv_sec * 1000000000u + (uint64_t)spent.tv_nsec;
}

static struct turns_of_thread *turns_join(void)
{
    uint64_t seat = atomic_fetch_add(&turns->threads, 1);

    return &turns->of[seat < TURNS_THREADS ? seat : TURNS_THREADS - 1];
}

static void turn_end(void)
{
    uint64_t epoch = atomic_load(&turns->epoch);

    if (!mine) mine = turns_join();
    if (mine->epoch != epoch) {
        mine->seen = (struct histogram){0};
        mine->epoch = epoch;
    } else if (woken_ns) {
        histogram_add(&mine->seen, processor_ns() - woken_ns, 1);
    }
}

int epoll_wait(int epoll, struct epoll_event *events, int most, int timeout_ms)
{
    int ready;

    if (!turns) return real_wait(epoll, events, most, timeout_ms);
    turn_end();
    ready = real_wait(epoll, events, most, timeout_ms);
    woken_ns = processor_ns();
    return ready;
}
