#include "coatcheck/base/hash.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "coatcheck/base/must.h"
#include "coatcheck/base/random.h"

/* Up to here XXH3 needs no loop over blocks. */
#define SHORT_KEY 240

/* Written by hash_setup() before other threads exist. */
static struct {
    bool drawn;
    uint64_t sip[2];
    unsigned char xxh[192] __attribute__((aligned(64)));
} secret;

void hash_setup(void)
{
    random_secret(secret.sip, sizeof secret.sip);
    random_secret(secret.xxh, sizeof secret.xxh);
    secret.drawn = true;
}

static __attribute__((noinline, cold)) uint64_t hash_without_secret(struct bytes key)
{
    return XXH3_64bits(key.at, key.len);
}

static __attribute__((noinline)) uint64_t hash_long(struct bytes key)
{
    return XXH3_64bits_withSecret(key.at, key.len, secret.xxh, sizeof secret.xxh);
}

uint64_t hash_bytes(struct bytes key)
{
    if (unlikely(!secret.drawn)) return hash_without_secret(key);
    /* XXH3's loop for long keys wants registers and stack that the usual key should not pay for. */
    if (unlikely(key.len > SHORT_KEY)) return hash_long(key);
    return XXH3_64bits_withSecret(key.at, key.len, secret.xxh, sizeof secret.xxh);
}

static inline uint64_t rotate(uint64_t word, unsigned by)
{
    return word << by | word >> (64 - by);
}

static inline void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[2] += v[3];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] = rotate(v[0], 32);
    v[2] += v[1];
    v[0] += v[3];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] = rotate(v[2], 32);
}

static inline void sip_absorb(uint64_t v[4], uint64_t word)
{
    v[3] ^= word;
    sip_round(v);
    v[0] ^= word;
}

static inline uint64_t word_at(const char *at)
{
    uint64_t word;

    memcpy(&word, at, sizeof word);
    return XXH_CPU_LITTLE_ENDIAN ? word : __builtin_bswap64(word);
}

uint64_t hash_bytes_seeded(struct bytes key, uint64_t seed)
{
    uint64_t k0 = secret.sip[0] ^ seed, k1 = secret.sip[1];
    uint64_t v[4] = {k0 ^ 0x736f6d6570736575u, k1 ^ 0x646f72616e646f6du, k0 ^ 0x6c7967656e657261u,
                     k1 ^ 0x7465646279746573u};
    uint64_t last = (uint64_t)key.len << 56;
    size_t at = 0;

    for (; key.len - at >= 8; at += 8) sip_absorb(v, word_at(key.at + at));
    for (unsigned i = 0; at + i < key.len; i++) {
        last |= (uint64_t)(unsigned char)key.at[at + i] << (8 * i);
    }
    sip_absorb(v, last);
    v[2] ^= 0xff;
    for (unsigned i = 0; i < 3; i++) sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}
