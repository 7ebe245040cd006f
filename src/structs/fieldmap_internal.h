/* fieldmap_internal: segments, groups and slots, for the files of fieldmap. */
#ifndef COATCHECK_FIELDMAP_INTERNAL_H
#define COATCHECK_FIELDMAP_INTERNAL_H

#ifdef __SSE2__
#include <emmintrin.h>
#endif
#include "coatcheck/base/hash.h"
#include "coatcheck/base/mem.h"
#include "coatcheck/base/prefetch.h"
#include "coatcheck/structs/fieldmap.h"
#include "segment_internal.h"

#define SLOTS 7

#define SOONEST_MASK ((UINT64_C(1) << 48) - 1)
#define OVERFLOW_SHIFT 48

struct fieldgroup {
    uint64_t head; /* soonest 48 | overflow 8 | 0 */
    uint64_t slots[SLOTS];
};
_Static_assert(sizeof(struct fieldgroup) == 64, "a group is a cache line");

static inline unsigned group_overflow(const struct fieldgroup *group)
{
    return (unsigned)(group->head >> OVERFLOW_SHIFT);
}

/* NEVER: none. */
static inline int64_t group_soonest(const struct fieldgroup *group)
{
    int64_t soonest_ms = (int64_t)(group->head & SOONEST_MASK);

    return soonest_ms ? soonest_ms : NEVER;
}

static inline void group_set_soonest(struct fieldgroup *group, int64_t soonest_ms)
{
    group->head = (group->head & ~SOONEST_MASK) | (soonest_ms == NEVER ? 0 : (uint64_t)soonest_ms);
}

static inline void group_note(struct fieldgroup *group, int64_t deadline_ms)
{
    if (deadline_ms < group_soonest(group)) group_set_soonest(group, deadline_ms);
}

#define TAG_SHIFT 48
#define TAG_MASK 0x7fffu

static inline uint16_t tag_of(uint64_t hash)
{
    uint16_t tag = (uint16_t)(hash & TAG_MASK);

    return tag ? tag : 1;
}

static inline uint64_t slot_with_tag(uint64_t slot, uint64_t hash)
{
    return (slot & (FIELD_POINTER | FIELD_MORTAL)) | (uint64_t)tag_of(hash) << TAG_SHIFT;
}

/* A set of slots: bit 4 * i + 7 stands for slot i, as the processor hands them out. Tag 0 finds the empty ones. */
static inline uint32_t group_match(const struct fieldgroup *group, uint16_t tag)
{
#ifdef __SSE2__
    const __m128i *line = (const __m128i *)group;
    __m128i wanted = _mm_set1_epi16((short)tag), mask = _mm_set1_epi16((short)TAG_MASK);
    __m128i a = _mm_cmpeq_epi16(_mm_and_si128(_mm_loadu_si128(line), mask), wanted);
    __m128i b = _mm_cmpeq_epi16(_mm_and_si128(_mm_loadu_si128(line + 1), mask), wanted);
    __m128i c = _mm_cmpeq_epi16(_mm_and_si128(_mm_loadu_si128(line + 2), mask), wanted);
    __m128i d = _mm_cmpeq_epi16(_mm_and_si128(_mm_loadu_si128(line + 3), mask), wanted);
    uint32_t words = (uint32_t)_mm_movemask_epi8(_mm_packs_epi16(a, b)) |
                     (uint32_t)_mm_movemask_epi8(_mm_packs_epi16(c, d)) << 16;

    /* A bit for each of the 32 words; every fourth is a tag, and the first of those the head's. */
    return words & 0x88888880u;
#else
    uint32_t slots = 0;

    for (unsigned i = 0; i < SLOTS; i++) {
        slots |= (uint32_t)((group->slots[i] >> TAG_SHIFT & TAG_MASK) == tag) << (4 * i + 7);
    }
    return slots;
#endif
}

static inline uint64_t *group_first_slot(struct fieldgroup *group, uint32_t slots)
{
    return (uint64_t *)group + ((unsigned)__builtin_ctz(slots) >> 2);
}

static inline void group_prefetch_fields(const struct fieldgroup *group)
{
    for (unsigned i = 0; i < SLOTS; i++) prefetch(field_at(group->slots[i]));
}

/* --- the directory --- */

struct segment {
    struct fieldgroup *groups;
    uint32_t count; /* of groups */
    unsigned depth;
};

static inline struct segment segment_at(const struct fieldmap *map, size_t at)
{
    uint64_t entry = map->directory[at];

    return (struct segment){(struct fieldgroup *)(entry & FIELD_POINTER), entry >> 48 & 0x3ff,
                            (unsigned)(entry >> 58)};
}

/* The part of a hash that says where; the tag is in the other. */
static inline uint32_t position_of(uint64_t hash)
{
    return (uint32_t)(hash >> 32);
}

static inline size_t entry_for(const struct fieldmap *map, uint32_t position)
{
    return (size_t)((uint64_t)position << map->bits >> 32);
}

/* The first of the entries that lead to the same segment, and how many there are. */
static inline size_t first_entry(const struct fieldmap *map, size_t at, unsigned depth)
{
    return at & ~(((size_t)1 << (map->bits - depth)) - 1);
}

static inline size_t entries_of(const struct fieldmap *map, unsigned depth)
{
    return (size_t)1 << (map->bits - depth);
}

static inline uint32_t home_of(struct segment segment, uint32_t position)
{
    return (uint32_t)((uint64_t)(uint32_t)((uint64_t)position << segment.depth) * segment.count >> 32);
}

static inline size_t segment_bytes(uint32_t groups)
{
    return sizeof(struct fieldgroup) * (size_t)groups;
}

static inline size_t soonest_bytes(unsigned bits)
{
    return sizeof(int64_t) << bits;
}

/* --- of fieldmap.c, for fieldmap_walk.c --- */

bool fieldmap_directory_new(struct fieldmap *map, unsigned bits);
void fieldmap_directory_free(struct fieldmap *map);
struct fieldgroup *fieldmap_groups_new(struct fieldmap *map, uint32_t count);
void fieldmap_groups_free(struct fieldmap *map, struct fieldgroup *groups, uint32_t count);
void fieldmap_put_segment(struct fieldmap *map, size_t first, struct segment segment, uint16_t live);

/* Takes a field out of its slot, which lies in group `at`. */
uint64_t fieldmap_segment_take(struct fieldmap *map, size_t first, uint64_t hash, uint32_t at, uint64_t *slot);

/* Gives room back where there is far too much of it, in the segment at this entry. */
void fieldmap_segment_settle(struct fieldmap *map, size_t first);

#endif
