#include "coatcheck/base/clock.h"

#include <stdbool.h>
#include <time.h>

static _Thread_local int64_t now_ms;
static _Thread_local bool pinned; /* a test has set the time */

/* Ticks to nanoseconds and back as 32.32 fixed point; ticks pass for nanoseconds until measured.
 * Written by clock_setup() before other threads exist. */
static uint64_t ns_per_tick = UINT64_C(1) << 32;
static uint64_t ticks_per_ns = UINT64_C(1) << 32;

static int64_t read_ns(clockid_t which)
{
    struct timespec now;

    clock_gettime(which, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void clock_update(void)
{
    if (!pinned) now_ms = read_ns(CLOCK_REALTIME) / 1000000;
}

int64_t clock_now_ms(void)
{
    /* A thread that never keeps turns still gets a sane answer. */
    if (__builtin_expect(now_ms == 0, 0)) clock_update();
    return now_ms;
}

int64_t clock_wall_us(void)
{
    return read_ns(CLOCK_REALTIME) / 1000;
}

int64_t clock_steady_us(void)
{
    return read_ns(CLOCK_MONOTONIC) / 1000;
}

uint64_t clock_ticks_to_ns(uint64_t ticks)
{
    return (uint64_t)(((unsigned __int128)ticks * ns_per_tick) >> 32);
}

uint64_t clock_us_to_ticks(uint64_t us)
{
    return (uint64_t)(((unsigned __int128)us * 1000 * ticks_per_ns) >> 32);
}

void clock_setup(void)
{
    int64_t from_ns = read_ns(CLOCK_MONOTONIC), ns;
    uint64_t from_ticks = clock_ticks(), ticks;

    do {
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
        ns = read_ns(CLOCK_MONOTONIC) - from_ns;
        ticks = clock_ticks() - from_ticks;
    } while (ns < 10 * 1000000);

    if (ticks > 0) {
        ns_per_tick = (uint64_t)(((unsigned __int128)ns << 32) / ticks);
        ticks_per_ns = (uint64_t)(((unsigned __int128)ticks << 32) / (uint64_t)ns);
    }
    clock_update();
}

void clock_set_ms(int64_t ms)
{
    pinned = true;
    now_ms = ms;
}

void clock_release(void)
{
    pinned = false;
    clock_update();
}
