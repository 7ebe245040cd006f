/* bytes: a slice of memory, any byte allowed, passed by value.
 * A slice owns nothing; whoever stores one says how long the memory behind it lives. */
#ifndef COATCHECK_BASE_BYTES_H
#define COATCHECK_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct bytes {
    const char *at;
    size_t len;
};

/* A slice of a string literal, and the same as an initializer of a static row. */
#define BYTES(literal) ((struct bytes){(literal), sizeof(literal) - 1})

static inline struct bytes bytes_of(const void *at, size_t len)
{
    return (struct bytes){at, len};
}

static inline struct bytes bytes_of_text(const char *text)
{
    return (struct bytes){text, strlen(text)};
}

static inline bool bytes_equal(struct bytes a, struct bytes b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

/* Equal when ASCII letters of either case count as the same. */
bool bytes_equal_nocase(struct bytes a, struct bytes b);

/* Is `a` this word, in any case?  For option words of commands: bytes_is(arg, "NX"). */
bool bytes_is(struct bytes a, const char *word);

/* Order as memcmp, the shorter first when one begins the other. */
int bytes_compare(struct bytes a, struct bytes b);

bool bytes_start_with(struct bytes a, struct bytes prefix);

#endif
