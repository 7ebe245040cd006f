/* stalls: what the machine alone does to a thread, as the turns of a server see it (turns.c): the longest time, by the
 * thread's own clock, in which a thread that does nothing but look at that clock did not get to look. Interruptions are in
 * it, and whatever a virtual machine's host does that it does not tell as stolen. No turn can be held below it.
 * A host also takes pages away for a while that it thinks nobody needs, or moves them: whoever touches one waits, without a
 * fault that the machine would know of. So the thread can be given memory, of which it reads a random line before each look.
 *
 * stalls SECONDS [BYTES]: prints {"longest_us": N, "over_1ms": N, "over_20us_a_second": N}; the last by the steady clock,
 * which takes less time to look at, and without reading. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { LOOKS = 256, PAGE_BYTES = 4096 };

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

/* Memory of its own, each page of which was written; NULL when there is not as much. */
static volatile const char *memory_new(size_t bytes)
{
    char *memory = malloc(bytes);

    for (size_t at = 0; memory && at < bytes; at += PAGE_BYTES) memory[at] = 1;
    return memory;
}

/* Marsaglia's xorshift (2003). */
static uint64_t random_next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

int main(int argc, char **argv)
{
    uint64_t longest = 0, over = 0, random = 88172645463325252u, last, until;
    double seconds = argc > 1 ? atof(argv[1]) : 0;
    size_t bytes = argc > 2 ? strtoull(argv[2], NULL, 10) : 0;
    volatile const char *memory = bytes ? memory_new(bytes) : NULL;

    if (seconds <= 0 || argc > 3) {
        fprintf(stderr, "stalls SECONDS [BYTES]\n");
        return 2;
    }
    if (bytes && !memory) {
        fprintf(stderr, "stalls: there are no %zu bytes to read\n", bytes);
        return 1;
    }
    until = now_ns(CLOCK_MONOTONIC) + (uint64_t)(seconds * 1e9);
    last = now_ns(CLOCK_THREAD_CPUTIME_ID);
    do {
        for (int i = 0; i < LOOKS; i++) {
            uint64_t now, step;

            if (bytes) (void)memory[random_next(&random) % bytes];
            now = now_ns(CLOCK_THREAD_CPUTIME_ID);
            step = now - last;
            last = now;
            if (step > longest) longest = step;
            if (step > 1000000) over++;
        }
    } while (now_ns(CLOCK_MONOTONIC) < until);
    printf("{\"longest_us\": %.1f, \"over_1ms\": %llu, \"over_20us_a_second\": %.0f}\n", (double)longest / 1000,
           (unsigned long long)over, interruptions(seconds < 5 ? seconds : 5));
    return 0;
}
