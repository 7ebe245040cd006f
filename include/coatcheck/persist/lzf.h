/* lzf: the compression of long texts in snapshots and dumps.
 *
 *   000nnnnn | text n+1                      the next 1 to 32 bytes as they are
 *   lllddddd | distance, low 8               l+2 bytes again (l 1 … 6) from `distance` + 1 back in what is out
 *   111ddddd | length 8 | distance, low 8    length+9 bytes of the same
 *
 *   "abcabcabcabc":  02 616263 | e0 00 02                                          7 of 12 bytes */
#ifndef COATCHECK_PERSIST_LZF_H
#define COATCHECK_PERSIST_LZF_H

#include <stdbool.h>
#include <stdint.h>
#include "coatcheck/base/bytes.h"
#include "coatcheck/persist/source.h"

/* Compresses into pieces that `emit` gets in their order (NULL: they are only counted). The same text always makes the
 * same bytes. Returns how many, or 0 as soon as it is clear that they are more than `most`: what was emitted by then is
 * of no use. A text of less than four gigabytes. */
size_t lzf_pack(struct bytes text, size_t most, void (*emit)(void *context, struct bytes piece), void *context);

/* No text of more bytes has `packed` bytes. */
static inline uint64_t lzf_most(uint64_t packed)
{
    return packed > UINT64_MAX / 88 ? UINT64_MAX : packed * 88; /* 264 bytes out of three */
}

/* Takes `packed` bytes, which must make exactly `len`. False: the source has failed. */
bool lzf_unpack(struct source *source, uint64_t packed, char *into, size_t len);

#endif
