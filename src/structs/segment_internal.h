/* segment_internal: extendible hashing as memberindex and fieldmap have it, but for what is in a
 * group: how large segments are, when they grow and when they split. */
#ifndef COATCHECK_SEGMENT_INTERNAL_H
#define COATCHECK_SEGMENT_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STICKY 255       /* of a group's overflow: no longer counted */
#define GROUPS_MAX 64    /* 4 KB; then a segment splits */
#define GROUPS_LIMIT 896 /* of one that must not split, or has no more bits to split by */
#define DEPTH_MAX 24     /* leaves eight bits to find a home by */

/* The allocator's sizes, as groups: eight, four, two or one apart. */
static inline uint32_t segment_next_size(uint32_t groups)
{
    uint32_t step = groups < 4 ? 1 : (uint32_t)1 << (31 - __builtin_clz(groups) - 2);

    return groups + step;
}

/* Seven of eight slots may be taken. */
static inline bool segment_is_full(uint32_t live, uint32_t slots)
{
    return live >= slots * 7 / 8;
}

/* Groups for so many, with room enough that the segment will not grow at once again. */
static inline uint32_t segment_size_for(uint32_t live, unsigned slots_a_group)
{
    uint32_t groups = 1;

    while (live > groups * slots_a_group * 25 / 32) groups = segment_next_size(groups);
    return groups;
}

static inline uint32_t next_group(uint32_t at, uint32_t count)
{
    return at + 1 == count ? 0 : at + 1;
}

/* The words that name segments, and a count for each. */
static inline size_t directory_bytes(unsigned bits)
{
    return (sizeof(uint64_t) + sizeof(uint16_t)) << bits;
}

#endif
