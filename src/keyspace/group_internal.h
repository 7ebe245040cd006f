/* group: seven slots of the table in one cache line, with what is said of them together.
 *
 *   | soonest 2 | touched 2 | frequency 2 | overflow 1 | probation 1 | slot 8 | … seven slots |
 *   slot = 48-bit pointer to an entry | 16-bit tag << 48, or 0 when empty
 *
 * The tag is part of the key's hash and never 0, so one look at the line tells which slots may hold
 * a key: a wrong one is followed once in some hundred to a thousand lookups. Who probes goes on to the next
 * group while `overflow` is not 0. */
#ifndef COATCHECK_GROUP_INTERNAL_H
#define COATCHECK_GROUP_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif
#include "coatcheck/base/must.h"
#include "coatcheck/base/prefetch.h"

#define GROUP_SLOTS 7
#define POINTER_BITS 48
#define POINTER_MASK (((uint64_t)1 << POINTER_BITS) - 1)

/* An overflow count that stays where it is, as nobody knows any more what it would be. */
#define OVERFLOW_STUCK 255

struct group {
    uint16_t soonest; /* never later than the earliest deadline inside (hint_internal.h); 0: none */
    uint16_t touched; /* when one of the keys was last used, in units of 8.192 s */
    uint16_t frequency; /* 2 bits a slot, for eviction */
    uint8_t overflow;   /* entries whose home is here or before, and that live behind this group */
    uint8_t probation;  /* 1 bit a slot, for eviction */
    uint64_t slots[GROUP_SLOTS];
} __attribute__((aligned(64)));

_Static_assert(sizeof(struct group) == 64, "a group is a cache line");

struct entry;

static inline struct entry *slot_entry(uint64_t slot)
{
    return (struct entry *)(uintptr_t)(slot & POINTER_MASK);
}

static inline uint64_t slot_make(struct entry *entry, uint16_t tag)
{
    must((uintptr_t)entry >> POINTER_BITS == 0);
    return (uint64_t)(uintptr_t)entry | (uint64_t)tag << POINTER_BITS;
}

static inline uint16_t slot_tag(uint64_t slot)
{
    return (uint16_t)(slot >> POINTER_BITS);
}

/* Entries begin at any multiple of eight: most reach into a second line, which is asked for along with the first; and
 * one of 88 bytes, as a value of 64 makes it, into a third in one case of four. */
static inline void prefetch_entry(const struct entry *entry)
{
    prefetch(entry);
    prefetch((const char *)entry + 64);
    prefetch((const char *)entry + 80);
}

static inline void group_prefetch_entries(const struct group *group)
{
    for (unsigned i = 0; i < GROUP_SLOTS; i++) prefetch(slot_entry(group->slots[i]));
}

/* A set of slots: bit 4 * i + 7 stands for slot i, as the processor hands them out. */
static inline uint64_t *group_first_slot(struct group *group, uint32_t slots)
{
    return (uint64_t *)group + ((unsigned)__builtin_ctz(slots) >> 2);
}

/* The slots with this tag; tag 0 finds the empty ones. */
static inline uint32_t group_match(const struct group *group, uint16_t tag)
{
#if defined(__SSE2__)
    const __m128i *line = (const __m128i *)group;
    __m128i wanted = _mm_set1_epi16((short)tag);
    __m128i low = _mm_packs_epi16(_mm_cmpeq_epi16(_mm_load_si128(line), wanted),
                                  _mm_cmpeq_epi16(_mm_load_si128(line + 1), wanted));
    __m128i high = _mm_packs_epi16(_mm_cmpeq_epi16(_mm_load_si128(line + 2), wanted),
                                   _mm_cmpeq_epi16(_mm_load_si128(line + 3), wanted));
    uint32_t words = (uint32_t)_mm_movemask_epi8(low) | (uint32_t)_mm_movemask_epi8(high) << 16;

    /* A bit for each of the 32 words; every fourth is a tag, and the first of those the header's. */
    return words & 0x88888880u;
#else
    uint32_t slots = 0;

    for (unsigned i = 0; i < GROUP_SLOTS; i++) {
        slots |= (uint32_t)(slot_tag(group->slots[i]) == tag) << (4 * i + 7);
    }
    return slots;
#endif
}

static inline uint32_t group_empty(const struct group *group)
{
    return group_match(group, 0);
}

#endif
