/* warp: a clock that the replayer drives, put under a server with LD_PRELOAD. Wall time is what it was at the start
 * and what the file WARP_FILE says (eight bytes: microseconds since); steady time stays what it is, so that the
 * server's own timers go on. Policies that look at the clock then age with the requests, however fast they come. */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *since_us;
static int64_t start_us;
static int (*real_clock_gettime)(clockid_t clock, struct timespec *now);

static __attribute__((constructor)) void warp_begin(void)
{
    const char *path = getenv("WARP_FILE");
    int fd = path ? open(path, O_RDONLY) : -1;
    struct timespec now;
    void *page;

    real_clock_gettime = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    real_clock_gettime(CLOCK_REALTIME, &now);
    start_us = now.tv_sec * 1000000 + now.tv_nsec / 1000;
    if (fd < 0) return;
    page = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
    close(fd);
    if (page != MAP_FAILED) since_us = page;
}

static int64_t warped_us(void)
{
    return start_us + *since_us;
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
    if (!since_us || (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE)) {
        return real_clock_gettime ? real_clock_gettime(clock, now) : -1;
    }
    now->tv_sec = warped_us() / 1000000;
    now->tv_nsec = warped_us() % 1000000 * 1000;
    return 0;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
    struct timespec real;

    (void)zone;
    if (clock_gettime(CLOCK_REALTIME, &real) != 0) return -1;
    now->tv_sec = real.tv_sec;
    now->tv_usec = real.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *into)
{
    struct timeval now;

    gettimeofday(&now, NULL);
    if (into) *into = now.tv_sec;
    return now.tv_sec;
}
