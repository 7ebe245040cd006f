/* hash: keys to 64 bits, keyed with a secret drawn at start.
 * XXH3 with 192 secret bytes (Collet, xxHash): two to four nanoseconds for a short key. Who does not know
 * the secret cannot choose keys that fall together; the table bounds its chains besides. */
#ifndef COATCHECK_BASE_HASH_H
#define COATCHECK_BASE_HASH_H

#include <stdint.h>
#include "coatcheck/base/bytes.h"

/* Draws the secret of the process. Before it, and in tests that never call it, the secret is fixed. */
void hash_setup(void);

uint64_t hash_bytes(struct bytes key);

/* Under a further seed, for a shard that had to be re-keyed: SipHash-1-3 (Aumasson, Bernstein 2012), some
 * ten nanoseconds. Whoever made keys fall together under hash_bytes() starts again from nothing here. */
uint64_t hash_bytes_seeded(struct bytes key, uint64_t seed);

#endif
