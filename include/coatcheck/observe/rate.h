/* rate: how much of something happens in a second, from a total that only grows: the mean of the
 * last RATE_SAMPLES looks at it, as redis-server's instantaneous_* fields are. One thread notes,
 * any may read. */
#ifndef COATCHECK_OBSERVE_RATE_H
#define COATCHECK_OBSERVE_RATE_H

#include <stdatomic.h>
#include <stdint.h>

#define RATE_SAMPLES 16

/* All zero is one that has seen nothing. */
struct rate {
    int64_t at_us, total; /* of the last look */
    unsigned next;
    _Atomic int64_t per_second[RATE_SAMPLES];
};

/* `total` now; a total that has fallen was reset, and counts as nothing. */
void rate_note(struct rate *rate, int64_t now_us, int64_t total);

int64_t rate_read(const struct rate *rate);

#endif
