/* source: where encoded bytes come from: an argument, a file, a test. Some of them are at hand, the others come when
 * they are asked for, and nobody needs all of them in one place. How many are left in all is known (or a bound of it):
 * every length that the bytes tell is held against that before memory is taken for it.
 * A source that has failed gives no more, and `status` says why: MALFORMED when the bytes make no sense or end too
 * early, NO_MEMORY, or what the one behind it says. */
#ifndef COATCHECK_PERSIST_SOURCE_H
#define COATCHECK_PERSIST_SOURCE_H

#include <stdbool.h>
#include <stdint.h>
#include "coatcheck/base/bytes.h"
#include "coatcheck/base/must.h"
#include "coatcheck/base/status.h"

/* No more than so many have to be at hand at a time. */
#define SOURCE_STEP 64

struct source {
    const uint8_t *at, *end; /* at hand */
    uint64_t behind;         /* bytes that come after those */
    enum status status;

    /* Sees to it that `need` bytes (at most SOURCE_STEP) are at hand, the ones that are there already before the
     * others, and takes what is new from `behind`. Called only when there are so many. NULL where nothing is behind. */
    enum status (*more)(struct source *source, size_t need);
};

/* All of these bytes, which the caller keeps as long. */
void source_init(struct source *source, struct bytes bytes);

static inline uint64_t source_left(const struct source *source)
{
    return (uint64_t)(source->end - source->at) + source->behind;
}

/* Always false. */
bool source_fail(struct source *source, enum status status);

/* of persist/ */
bool source_fetch(struct source *source, size_t need);

/* Are so many bytes, at most SOURCE_STEP, at hand? Otherwise the source has failed. */
static inline bool source_need(struct source *source, size_t need)
{
    if (likely((size_t)(source->end - source->at) >= need)) return true;
    return source_fetch(source, need);
}

/* False: the source has failed. */
bool source_read(struct source *source, void *into, size_t len);
static inline bool source_read_byte(struct source *source, uint8_t *byte)
{
    if (!source_need(source, 1)) return false;
    *byte = *source->at++;
    return true;
}
bool source_read_le64(struct source *source, uint64_t *number);

#endif
