/* clock: the time, read once a turn and remembered per thread.
 * Commands of one turn see one instant; tests hand in their own. */
#ifndef COATCHECK_BASE_CLOCK_H
#define COATCHECK_BASE_CLOCK_H

#include <stdint.h>

/* "Has no deadline", for every deadline_ms in the program. */
#define NEVER INT64_MAX

/* Reads the clocks for this thread: a worker does so once a turn. */
void clock_update(void);

/* Wall time of the last clock_update() of this thread, in milliseconds since 1970. */
int64_t clock_now_ms(void);

/* Wall time now, in microseconds since 1970 (a system call's worth). */
int64_t clock_wall_us(void);

/* Steady time now, in microseconds since an unknown start. */
int64_t clock_steady_us(void);

/* A counter of the processor, the cheapest way to time a command; converted by a rate that
 * clock_setup() measures. Where there is none, steady nanoseconds. */
static inline uint64_t clock_ticks(void)
{
#if defined(__x86_64__)
    return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
    uint64_t ticks;
    __asm__ volatile("mrs %0, cntvct_el0" : "=r"(ticks));
    return ticks;
#else
    return (uint64_t)clock_steady_us() * 1000;
#endif
}
uint64_t clock_ticks_to_ns(uint64_t ticks);
uint64_t clock_us_to_ticks(uint64_t us);

/* Measures the rate of clock_ticks() (about 10 ms) and reads the clocks. Call once at start. */
void clock_setup(void);

/* Tests: from now on this thread's clock_now_ms() answers `ms`, until clock_release(). */
void clock_set_ms(int64_t ms);
void clock_release(void);

#endif
