/* sink: where encoded bytes go: a reply, a file, a test. What is put is gathered in a small stage, summed up and
 * handed on in pieces; no more than the stage is held of it. A sink that has failed takes no more, and `status`
 * says so: who writes need not ask after each step. */
#ifndef COATCHECK_PERSIST_SINK_H
#define COATCHECK_PERSIST_SINK_H

#include <stdint.h>
#include "coatcheck/base/bytes.h"
#include "coatcheck/base/status.h"

#define SINK_STAGE 4096

struct sink {
    enum status status;
    uint64_t bytes; /* put so far */
    uint64_t crc;   /* of all that was flushed */

    /* All of these bytes, or an error, never a part of them. */
    enum status (*write)(struct sink *sink, struct bytes bytes);

    /* of persist/ */
    size_t staged;
    char stage[SINK_STAGE];
};

void sink_init(struct sink *sink, enum status (*write)(struct sink *sink, struct bytes bytes));

void sink_put(struct sink *sink, struct bytes bytes);
void sink_put_byte(struct sink *sink, uint8_t byte);
void sink_put_le64(struct sink *sink, uint64_t number);

/* Hands on what is staged. The last step; what `write` does with it is its own business. */
void sink_flush(struct sink *sink);

void sink_fail(struct sink *sink, enum status status);

#endif
