/* random: dice.  Seeded generators for the program's choices and its tests; the kernel's for secrets. */
#ifndef COATCHECK_BASE_RANDOM_H
#define COATCHECK_BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* Fills `into` from the kernel; never fails once the system is up. */
void random_secret(void *into, size_t len);

/* A small fast generator (splitmix64, Steele, Lea, Flood 2014): state is one word, any value. */
static inline uint64_t random_next(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* Even over 0 … limit-1; limit is not 0. */
static inline uint64_t random_below(uint64_t *state, uint64_t limit)
{
    return (uint64_t)(((unsigned __int128)random_next(state) * limit) >> 64);
}

/* This thread's own generator, seeded from the kernel at first use. */
uint64_t *random_of_thread(void);

#endif
