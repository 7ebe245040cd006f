/* bits: bytes as an array of bits: the first one is the highest of byte 0, the ninth the highest of byte 1. Places
 * count from 0. Counting, looking for and combining go through words or more at a time. */
#ifndef COATCHECK_STRUCTS_BITS_H
#define COATCHECK_STRUCTS_BITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "coatcheck/base/bytes.h"

bool bits_get(const void *at, uint64_t place);
void bits_set(void *at, uint64_t place, bool bit);

/* How many bits are set, of all and of those at first … end-1. */
uint64_t bits_count(struct bytes bytes);
uint64_t bits_count_range(const void *at, uint64_t first, uint64_t end);

/* The place of the first bit like `bit` among those at first … end-1; `end`: there is none. */
uint64_t bits_find(const void *at, uint64_t first, uint64_t end, bool bit);

/* The bits at first … first+width-1 as a number, the first one its highest; width is 1 … 64. Bits beyond the bytes
 * are zero. */
uint64_t bits_read(struct bytes bytes, uint64_t first, unsigned width);

/* All of them lie within the bytes. Of the number its `width` lowest bits count. */
void bits_write(void *at, uint64_t first, unsigned width, uint64_t number);

enum bits_operation { BITS_AND, BITS_OR, BITS_XOR, BITS_NOT };

/* The sources (one for BITS_NOT), bit by bit, into `into`, which has room for `len` bytes, at least as many as the
 * longest of them has. Behind the end of a source its bits are zero. */
void bits_combine(enum bits_operation operation, const struct bytes *sources, unsigned count, char *into, size_t len);

#endif
