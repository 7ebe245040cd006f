/* dripping: a source whose bytes come a few at a time, into a buffer that holds no more than is asked for: so a
 * sanitizer sees who looks further, and whoever keeps a slice of what has passed. */
#ifndef COATCHECK_TESTS_PERSIST_DRIPPING_H
#define COATCHECK_TESTS_PERSIST_DRIPPING_H

#include <stdlib.h>
#include <string.h>
#include "coatcheck/persist/source.h"

struct dripping {
    struct source source;
    const char *behind;
    uint8_t *buffer;
    size_t step;
};

static inline enum status drip(struct source *source, size_t need)
{
    struct dripping *dripping = (struct dripping *)source;
    size_t left = (size_t)(source->end - source->at), more = dripping->step;
    uint8_t *buffer;

    if (left + more < need) more = need - left;
    if (more > source->behind) more = source->behind;
    buffer = malloc(left + more);
    if (left > 0) memcpy(buffer, source->at, left);
    memcpy(buffer + left, dripping->behind, more);
    free(dripping->buffer);
    dripping->buffer = buffer;
    dripping->behind += more;
    source->behind -= more;
    source->at = buffer;
    source->end = buffer + left + more;
    return OK;
}

/* To be ended with free(buffer). */
static inline struct dripping dripping_of(struct bytes bytes, size_t step)
{
    return (struct dripping){.source = {.behind = bytes.len, .more = drip}, .behind = bytes.at, .step = step};
}

#endif
