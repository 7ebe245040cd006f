/* scoreblock_internal: how the bytes of a block are found; the drawing is in scoreblock.h. Sections
 * are not aligned: numbers are read and written with memcpy(). */
#ifndef COATCHECK_SCOREBLOCK_INTERNAL_H
#define COATCHECK_SCOREBLOCK_INTERNAL_H

#include <math.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif
#include "coatcheck/base/must.h"
#include "coatcheck/structs/scoreblock.h"

enum { SHAPE_WIDE = 1, SHAPE_LEAF = 2, SHAPE_FAR = 4 };

struct scoreblock {
    uint16_t count;
    uint16_t bytes;
    uint8_t shape;
    uint8_t size;
    uint8_t rest[];
};

#define PLAIN_HEAD 6
#define LEAF_HEAD 16
#define OWNER_AT 8
#define LENGTH_FAR 255
#define FAR_WIDTH 8

_Static_assert(sizeof(struct scoreblock) == PLAIN_HEAD,
               "ten members of 16 bytes fit 256 with eight-byte scores");

struct scorefar {
    size_t len;
    char at[];
};

/* Four sizes to a doubling from 128 on, steps of 16 below: what the allocator hands out anyhow. */
static inline size_t room_of(unsigned size)
{
    size_t base;

    if (size < 8) return 16 * ((size_t)size + 1);
    base = (size_t)128 << ((size - 8) / 4);
    return base + ((size - 8) % 4 + 1) * (base / 4);
}

static inline unsigned size_for(size_t bytes)
{
    unsigned doubling;
    size_t base;

    if (bytes <= 128) return bytes <= 16 ? 0 : (unsigned)(bytes - 1) / 16;
    doubling = 63 - (unsigned)__builtin_clzl(bytes - 1) - 7;
    base = (size_t)128 << doubling;
    return 8 + 4 * doubling + (unsigned)((bytes - base - 1) / (base / 4));
}

static inline bool is_leaf(const struct scoreblock *block)
{
    return (block->shape & SHAPE_LEAF) != 0;
}

static inline size_t head_of(unsigned shape)
{
    return shape & SHAPE_LEAF ? LEAF_HEAD : PLAIN_HEAD;
}

static inline size_t width_of(unsigned shape)
{
    return shape & SHAPE_WIDE ? 8 : 4;
}

/* What an item costs beside its member. */
static inline size_t frame_of(unsigned shape)
{
    return width_of(shape) + (shape & SHAPE_LEAF ? 2 : 1);
}

static inline uint8_t *tags_of(const struct scoreblock *block)
{
    return (uint8_t *)block + LEAF_HEAD;
}

static inline uint8_t *lengths_of(const struct scoreblock *block)
{
    return is_leaf(block) ? (uint8_t *)block + LEAF_HEAD + block->count
                          : (uint8_t *)block + PLAIN_HEAD;
}

static inline char *scores_of(const struct scoreblock *block)
{
    return (char *)lengths_of(block) + block->count;
}

static inline char *members_of(const struct scoreblock *block)
{
    return scores_of(block) + width_of(block->shape) * block->count;
}

static inline size_t width_of_length(uint8_t length)
{
    return length == LENGTH_FAR ? FAR_WIDTH : length;
}

static inline double score_read(const char *scores, bool wide, unsigned at)
{
    int32_t whole;
    double score;

    if (wide) {
        memcpy(&score, scores + 8 * (size_t)at, 8);
        return score;
    }
    memcpy(&whole, scores + 4 * (size_t)at, 4);
    return whole;
}

static inline bool score_is_narrow(double score)
{
    if (!(score >= INT32_MIN && score <= INT32_MAX)) return false;
    return (double)(int32_t)score == score && !(score == 0 && signbit(score));
}

static inline void score_write(char *scores, bool wide, unsigned at, double score)
{
    int32_t whole;

    if (wide) {
        memcpy(scores + 8 * (size_t)at, &score, 8);
    } else {
        whole = (int32_t)score;
        memcpy(scores + 4 * (size_t)at, &whole, 4);
    }
}

static inline struct scorefar *far_of(const char *raw)
{
    struct scorefar *far;

    memcpy(&far, raw, sizeof far);
    return far;
}

static inline struct bytes member_of_raw(const char *raw, uint8_t length)
{
    if (unlikely(length == LENGTH_FAR)) {
        const struct scorefar *far = far_of(raw);

        return bytes_of(far->at, far->len);
    }
    return bytes_of(raw, length);
}

/* The sum of the widths of the first `at` lengths. */
static inline size_t offset_of(const struct scoreblock *block, unsigned at)
{
    const uint8_t *lengths = lengths_of(block);
    size_t sum = 0;
    unsigned i = 0;

#ifdef __SSE2__
    /* From four items on, the scores behind the lengths are long enough to be read with them. */
    if (likely(block->count >= 4)) {
        static const uint8_t first[32] = {255, 255, 255, 255, 255, 255, 255, 255,
                                          255, 255, 255, 255, 255, 255, 255, 255};
        const __m128i zero = _mm_setzero_si128(), far = _mm_set1_epi8((char)LENGTH_FAR);
        __m128i sums = zero;

        for (; i < at; i += 16) {
            __m128i some = _mm_loadu_si128((const __m128i *)(lengths + i)), is_far;
            unsigned wanted = at - i;

            if (wanted < 16) {
                some = _mm_and_si128(some, _mm_loadu_si128((const __m128i *)(first + 16 - wanted)));
            }
            is_far = _mm_cmpeq_epi8(some, far);
            some = _mm_sub_epi8(
                some, _mm_and_si128(is_far, _mm_set1_epi8((char)(LENGTH_FAR - FAR_WIDTH))));
            sums = _mm_add_epi64(sums, _mm_sad_epu8(some, zero));
        }
        return (size_t)_mm_cvtsi128_si64(sums) + (size_t)_mm_cvtsi128_si64(_mm_srli_si128(sums, 8));
    }
#endif
    for (; i < at; i++) sum += width_of_length(lengths[i]);
    return sum;
}

#endif
