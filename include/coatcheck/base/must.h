/* must: our own mistakes.  On in production: a broken invariant stops the program before it harms data. */
#ifndef COATCHECK_BASE_MUST_H
#define COATCHECK_BASE_MUST_H

#define must(condition)                                                                            \
    do {                                                                                           \
        if (__builtin_expect(!(condition), 0)) must_failed(#condition, __FILE__, __LINE__);        \
    } while (0)

/* Costly checks, in debug and sanitizer builds only. */
#ifdef COATCHECK_SANITIZED
#define must_debug(condition) must(condition)
#elif !defined(NDEBUG)
#define must_debug(condition) must(condition)
#else
#define must_debug(condition) ((void)0)
#endif

#define likely(condition) __builtin_expect(!!(condition), 1)
#define unlikely(condition) __builtin_expect(!!(condition), 0)

/* Logs the condition with its place and aborts; the crash handler adds the backtrace. */
void must_failed(const char *condition, const char *file, int line) __attribute__((noreturn, cold));

#endif
