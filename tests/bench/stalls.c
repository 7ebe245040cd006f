/* stalls: what the machine alone does to a thread, as the turns of a server see it (turns.c): the longest time, by the
 * thread's own clock, in which a thread that does nothing but look at that clock did not get to look. Interruptions are in
 * it, and whatever a virtual machine's host does that it does not tell as stolen. No turn can be held below it.
 *
 * stalls SECONDS: prints {"longest_us": N, "over_1ms": N, "over_20us_a_second": N}; the last by the steady clock, which takes
 * less time to look at. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { LOOKS = 256 };

static uint64_t now_ns(clockid_t which)
{
    struct timespec now;

    clock_gettime(which, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* How often a second the steady clock could not be looked at for longer than 20 us. */
static double interruptions(double seconds)
{
    uint64_t began = now_ns(CLOCK_MONOTONIC), until = began + (uint64_t)(seconds * 1e9), last = began, over = 0;

    while (last < until) {
        uint64_t now = now_ns(CLOCK_MONOTONIC);

        over += now - last > 20000;
        last = now;
    }
    return (double)over * 1e9 / (double)(last - began);
}

int main(int argc, char **argv)
{
    uint64_t longest = 0, over = 0, last, until;
    double seconds = argc == 2 ? atof(argv[1]) : 0;

    if (seconds <= 0) {
        fprintf(stderr, "stalls SECONDS\n");
        return 2;
    }
    until = now_ns(CLOCK_MONOTONIC) + (uint64_t)(seconds * 1e9);
    last = now_ns(CLOCK_THREAD_CPUTIME_ID);
    do {
        for (int i = 0; i < LOOKS; i++) {
            uint64_t now = now_ns(CLOCK_THREAD_CPUTIME_ID), step = now - last;

            last = now;
            if (step > longest) longest = step;
            if (step > 1000000) over++;
        }
    } while (now_ns(CLOCK_MONOTONIC) < until);
    printf("{\"longest_us\": %.1f, \"over_1ms\": %llu, \"over_20us_a_second\": %.0f}\n", (double)longest / 1000,
           (unsigned long long)over, interruptions(seconds < 5 ? seconds : 5));
    return 0;
}
