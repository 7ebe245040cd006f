/* bulk: how long a turn is busy with bytes that come or go in great numbers.
 * Bytes alone do not tell: a value's memory that is new to the process has to be cleared by the kernel first, and half a
 * megabyte takes from 50 us to 4 ms. So they move piece by piece, with a look at the time after each. Those that did so
 * in one turn share the time of the next one, and each moves a piece at least.
 * One for each worker; its thread only. */
#ifndef COATCHECK_NET_BULK_INTERNAL_H
#define COATCHECK_NET_BULK_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Read, or sent, without a look at the time. What is sent has its memory already. */
#define BULK_PIECE_READ ((size_t)64 * 1024)
#define BULK_PIECE_SENT ((size_t)128 * 1024)

struct bulk {
    unsigned moving;      /* connections that move more than a piece, in this turn so far */
    unsigned sharers;     /* those of the last turn, at least 1 */
    uint64_t share_ticks; /* of each of them */
};

/* For all of them together; set by tests before workers start. */
extern int64_t bulk_turn_us;

/* A turn begins. */
void bulk_turn(struct bulk *bulk);

/* A connection has more than a piece to move: until when it may begin with another. */
uint64_t bulk_begin(struct bulk *bulk);
bool bulk_goes_on(uint64_t until_ticks);

#endif
