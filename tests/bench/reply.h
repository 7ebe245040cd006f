/* reply: reads one RESP2 or RESP3 reply and judges it, so that a broken server cannot look fast. */
#ifndef BENCH_REPLY_H
#define BENCH_REPLY_H

#include "workload.h"

enum verdict {
    REPLY_MORE, /* not all of it is here yet */
    REPLY_RIGHT,
    REPLY_MISS,  /* right, but at least one value asked for was not there */
    REPLY_WRONG, /* a reply, but not the one to this request */
    REPLY_ERROR, /* -ERR ... or !... */
    REPLY_BROKEN /* no reply at all: what follows cannot be told apart any more */
};

/* Judges the reply that starts at `at` against the shape that was sent and the keys drawn for it.
 * *used is its length in bytes for every verdict but REPLY_MORE and REPLY_BROKEN. */
enum verdict reply_judge(const struct workload *load, const struct shape *shape,
                         const uint32_t *keys, const char *at, size_t len, size_t *used);

#endif
