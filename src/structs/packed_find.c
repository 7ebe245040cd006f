/* packed_find: places in a block, and what stands there. */
#include "coatcheck/structs/packed.h"
#include "packed_internal.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* --- items --- */

static size_t frame_of(uint8_t code)
{
    if (likely(code < MIDDLE_FROM)) return 0;
    return code < LONG_CODE ? 2 : 6;
}

void packitem_init_number(struct packitem *item, int64_t number)
{
    /* The sign takes a bit as well. */
    uint64_t bits = (uint64_t)(number < 0 ? ~number : number) << 1;
    unsigned width = bits ? (71 - (unsigned)__builtin_clzl(bits)) / 8 : 1;

    *item = (struct packitem){.len = width, .code = (uint8_t)(NUMBER_FROM + width - 1)};
    memcpy(item->number, &number, sizeof number);
}

bool packitem_init(struct packitem *item, struct bytes text)
{
    int64_t number;

    if (text.len > 0 && text.len <= 20 && (uint8_t)text.at[0] <= '9' &&
        number_read_int(text, &number)) {
        packitem_init_number(item, number);
        return true;
    }
    if (unlikely(text.len > PACKED_ELEMENT_MAX)) return false;
    item->at = text.at ? text.at : "";
    item->len = (uint32_t)text.len;
    if (likely(text.len <= TEXT_MAX)) {
        item->code = (uint8_t)text.len;
    } else if (text.len <= MIDDLE_MAX) {
        item->code = (uint8_t)(MIDDLE_FROM + (text.len - MIDDLE_MIN) / 256);
    } else {
        item->code = LONG_CODE;
    }
    return true;
}

size_t packitem_size(const struct packitem *item)
{
    return 1 + (size_t)item->len + frame_of(item->code);
}

size_t packed_size_with(const struct packed *block, const struct packitem *items, unsigned count)
{
    size_t size = packed_size(block);

    for (unsigned i = 0; i < count; i++) size += packitem_size(&items[i]);
    return size;
}

/* --- long texts --- */

static size_t read_three(const char *at)
{
    return (uint8_t)at[0] | (size_t)(uint8_t)at[1] << 8 | (size_t)(uint8_t)at[2] << 16;
}

static size_t middle_len(uint8_t code, char b)
{
    return MIDDLE_MIN + 256 * (size_t)(code - MIDDLE_FROM) + (uint8_t)b;
}

size_t packed_long_width(uint8_t code, const char *at)
{
    return code < LONG_CODE ? middle_len(code, at[0]) + 2 : read_three(at) + 6;
}

size_t packed_long_width_before(uint8_t code, const char *end)
{
    return code < LONG_CODE ? middle_len(code, end[-1]) + 2 : read_three(end - 3) + 6;
}

struct bytes packed_long_text(uint8_t code, const char *at)
{
    if (code < LONG_CODE) return bytes_of(at + 1, middle_len(code, at[0]));
    return bytes_of(at + 3, read_three(at));
}

/* --- places --- */

/* The widths of the `count` codes from here on, added up. False: some of them say nothing of the
 * width. */
static bool sum_widths(const uint8_t *codes, size_t count, size_t *sum)
{
    size_t i = 0, total = 0;

#ifdef __SSE2__
    const __m128i zero = _mm_setzero_si128(), number = _mm_set1_epi8((char)NUMBER_FROM);
    const __m128i middle = _mm_set1_epi8((char)MIDDLE_FROM),
                  less = _mm_set1_epi8((char)(NUMBER_FROM - 1));
    __m128i sums = zero, is_long = zero;

    for (; i + 16 <= count; i += 16) {
        __m128i some = _mm_loadu_si128((const __m128i *)(codes + i));
        __m128i is_number = _mm_cmpeq_epi8(_mm_max_epu8(some, number), some);

        is_long = _mm_or_si128(is_long, _mm_cmpeq_epi8(_mm_max_epu8(some, middle), some));
        sums = _mm_add_epi64(
            sums, _mm_sad_epu8(_mm_sub_epi8(some, _mm_and_si128(is_number, less)), zero));
    }
    if (unlikely(_mm_movemask_epi8(is_long) != 0)) return false;
    total = (size_t)_mm_cvtsi128_si64(sums) + (size_t)_mm_cvtsi128_si64(_mm_srli_si128(sums, 8));
#endif
    for (; i < count; i++) {
        if (unlikely(codes[i] >= MIDDLE_FROM)) return false;
        total += codes[i] < NUMBER_FROM ? codes[i] : codes[i] - (NUMBER_FROM - 1u);
    }
    *sum = total;
    return true;
}

void packwalk_begin(struct packwalk *walk, const struct packed *block, unsigned at)
{
    const uint8_t *codes = codes_of(block);
    unsigned behind = block->count - at;
    size_t sum;

    must_debug(at <= block->count);
    if (at <= behind) {
        *walk = (struct packwalk){data_of(block), codes - 1};
        if (at == 0) return;
        if (likely(sum_widths(codes - at, at, &sum))) {
            *walk = (struct packwalk){walk->at + sum, walk->code - at};
        } else {
            while (at-- > 0) packwalk_forth(walk);
        }
    } else {
        *walk = (struct packwalk){data_of(block) + block->bytes, codes - 1 - block->count};
        if (behind == 0) return;
        if (likely(sum_widths(codes - block->count, behind, &sum))) {
            *walk = (struct packwalk){walk->at - sum, walk->code + behind};
        } else {
            while (behind-- > 0) packwalk_back(walk);
        }
    }
}

/* --- comparing --- */

/* Where codes are equal. Names of a kind differ at their ends rather than at their beginnings. */
static inline bool data_equal(const char *at, const struct packitem *item)
{
    size_t len = item->len;
    const char *data = item->at ? item->at : item->number;
    uint64_t left, right;

    if (unlikely(item->code >= MIDDLE_FROM)) {
        return bytes_equal(packed_long_text(item->code, at), bytes_of(item->at, len));
    }
    if (len >= 8) {
        memcpy(&left, at + len - 8, 8);
        memcpy(&right, data + len - 8, 8);
        return left == right && (len == 8 || memcmp(at, data, len - 8) == 0);
    }
    if (len >= 4) {
        uint32_t first, last, other_first, other_last;

        memcpy(&first, at, 4);
        memcpy(&last, at + len - 4, 4);
        memcpy(&other_first, data, 4);
        memcpy(&other_last, data + len - 4, 4);
        return ((first ^ other_first) | (last ^ other_last)) == 0;
    }
    for (size_t i = 0; i < len; i++) {
        if (at[i] != data[i]) return false;
    }
    return true;
}

bool packwalk_equals(const struct packwalk *walk, const struct packitem *item)
{
    return *walk->code == item->code && data_equal(walk->at, item);
}

bool packed_find(const struct packed *block, const struct packitem *item, unsigned step,
                 struct packwalk *walk, unsigned *at)
{
    for (; *at < block->count; *at += step) {
        if (packwalk_equals(walk, item)) return true;
        if (*at + step > block->count) return false;
        for (unsigned i = 0; i < step; i++) packwalk_forth(walk);
    }
    return false;
}
