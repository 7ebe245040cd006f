/* prefetch: asks the processor to fetch a line of memory that will be wanted soon.
 * Not __builtin_prefetch() itself: a function that does nothing else counts as pure for gcc (12), and calls of it are
 * left out. The empty asm has an effect, as far as gcc can tell. */
#ifndef COATCHECK_BASE_PREFETCH_H
#define COATCHECK_BASE_PREFETCH_H

static inline void prefetch(const void *at)
{
    __builtin_prefetch(at);
    __asm__ volatile("" : : "r"(at));
}

/* For who is going to write to it: the line comes as his own, and no other core has to be asked a second time. */
static inline void prefetch_to_write(const void *at)
{
#if defined(__x86_64__)
    __asm__ volatile("prefetchw %0" : : "m"(*(const char *)at));
#else
    __builtin_prefetch(at, 1);
    __asm__ volatile("" : : "r"(at));
#endif
}

#endif
