#include "coatcheck/structs/memberblock.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif
#include "coatcheck/base/compaction.h"
#include "coatcheck/base/hash.h"
#include "coatcheck/base/must.h"
#include "coatcheck/base/prefetch.h"

#define UNIT MEMBERBLOCK_UNIT
#define FAR MEMBERBLOCK_FAR
/* Eight words at a time may be read from the end of the smallest block. */
#define LEAST (2 * UNIT)

/* --- sizes --- */

static inline size_t room_of(const struct memberblock *block)
{
    return (size_t)block->room * UNIT;
}

static size_t room_for(size_t size)
{
    if (size < LEAST) size = LEAST;
    return mem_good_size((size + UNIT - 1) / UNIT * UNIT) / UNIT * UNIT;
}

static inline uint16_t word_of(uint64_t hash, size_t len)
{
    return (uint16_t)((len < FAR ? len : FAR) << 10 | (hash & 0x3ff));
}

static inline char *data_of(const struct memberblock *block)
{
    return (char *)(block + 1);
}

static inline uint16_t *words_end(const struct memberblock *block)
{
    return (uint16_t *)memberblock_end(block);
}

struct memberblock *memberblock_new(size_t size)
{
    size_t room = room_for(size);
    struct memberblock *block = mem_alloc(room);

    if (block) *block = (struct memberblock){.room = (uint16_t)(room / UNIT)};
    return block;
}

void memberblock_drop(struct memberblock **block)
{
    mem_free_sized(*block, room_of(*block));
    *block = NULL;
}

/* --- members elsewhere --- */

static struct farmember *far_of(const struct memberwalk *walk)
{
    struct farmember *far;

    memcpy(&far, walk->data, sizeof far);
    return far;
}

static inline bool is_far(const struct memberwalk *walk)
{
    return memberblock_word(walk->block, walk->at) >> 10 == FAR;
}

static struct farmember *far_new(struct bytes member)
{
    struct farmember *far;

    if (member.len > SIZE_MAX / 2) return NULL;
    far = mem_alloc(sizeof *far + member.len);
    if (!far) return NULL;
    far->len = member.len;
    memcpy(far->at, member.at, member.len);
    return far;
}

static void far_free(struct farmember *far)
{
    mem_free_sized(far, sizeof *far + far->len);
}

void memberblock_compact(struct memberblock **block, struct compaction *compaction)
{
    struct memberwalk walk;

    *block = mem_compact(*block);
    for (memberwalk_begin(&walk, *block); walk.at < (*block)->count; memberwalk_next(&walk)) {
        struct farmember *far;

        if (likely(!is_far(&walk))) continue;
        if (compaction_is_over(compaction)) return;
        far = mem_compact(far_of(&walk));
        memcpy((char *)(uintptr_t)walk.data, &far, sizeof far);
    }
}

size_t memberblock_far_bytes(struct bytes member)
{
    return member.len < FAR ? 0 : mem_good_size(sizeof(struct farmember) + member.len);
}

size_t memberblock_used_bytes(const struct memberblock *block)
{
    size_t used = room_of(block);
    struct memberwalk walk;

    for (memberwalk_begin(&walk, block); walk.at < block->count; memberwalk_next(&walk)) {
        if (unlikely(is_far(&walk))) used += memberblock_far_bytes(memberwalk_member(&walk));
    }
    return used;
}

/* From the last member on: what is left is a block as before. */
bool memberblock_free_some(struct memberblock **block, size_t *steps)
{
    struct memberblock *left = *block;

    if (!left) return true;
    while (left->count > 0) {
        unsigned word = memberblock_word(left, left->count - 1u);

        left->bytes = (uint16_t)(left->bytes - memberblock_width(word));
        if (word >> 10 == FAR) {
            struct farmember *far;

            memcpy(&far, data_of(left) + left->bytes, sizeof far);
            if (*steps == 0) {
                left->bytes = (uint16_t)(left->bytes + sizeof far);
                return false;
            }
            --*steps;
            far_free(far);
        }
        left->count--;
    }
    memberblock_drop(block);
    return true;
}

void memberblock_free(struct memberblock **block)
{
    size_t steps = SIZE_MAX;

    memberblock_free_some(block, &steps);
}

/* --- places --- */

#ifdef __SSE2__
/* Eight words, from that of member `at` + 7 to that of `at`. */
static inline __m128i words_at(const uint16_t *end, unsigned at)
{
    return _mm_loadu_si128((const __m128i *)(end - at - 8));
}

/* The widths of eight members. */
static inline __m128i widths_of(__m128i words)
{
    const __m128i far = _mm_set1_epi16(FAR), less = _mm_set1_epi16(FAR - sizeof(void *));
    __m128i lens = _mm_srli_epi16(words, 10);

    return _mm_sub_epi16(lens, _mm_and_si128(_mm_cmpeq_epi16(lens, far), less));
}
#endif

/* What the members before `at` take. */
static size_t width_before(const struct memberblock *block, unsigned at)
{
    size_t sum = 0;

#ifdef __SSE2__
    /* Eight words of it from the i-th on leave i of eight, those of the first members. */
    static const uint16_t first[16] = {0,      0,      0,      0,      0,      0,      0,      0,
                                       0xffff, 0xffff, 0xffff, 0xffff, 0xffff, 0xffff, 0xffff, 0xffff};
    const uint16_t *end = memberblock_end(block);
    const __m128i zero = _mm_setzero_si128();
    __m128i sums = zero;

    for (; at >= 8; at -= 8, end -= 8) {
        sums = _mm_add_epi64(sums, _mm_sad_epu8(widths_of(words_at(end, 0)), zero));
    }
    if (at > 0) {
        __m128i some = _mm_loadu_si128((const __m128i *)(first + at));

        sums = _mm_add_epi64(
            sums, _mm_sad_epu8(_mm_and_si128(widths_of(words_at(end, 0)), some), zero));
    }
    sum = (size_t)_mm_cvtsi128_si64(sums) + (size_t)_mm_cvtsi128_si64(_mm_srli_si128(sums, 8));
#else
    for (unsigned i = 0; i < at; i++) sum += memberblock_width(memberblock_word(block, i));
#endif
    return sum;
}

void memberwalk_to(struct memberwalk *walk, const struct memberblock *block, unsigned at)
{
    *walk = (struct memberwalk){block, data_of(block) + width_before(block, at), at};
}

/* Words at a time: members are short, and the last words may overlap the first. */
static inline bool data_equal(const char *a, const char *b, size_t len)
{
    uint64_t x, y, last_x, last_y;

    if (len > 16) return memcmp(a, b, len) == 0;
    if (len >= 8) {
        memcpy(&x, a, 8);
        memcpy(&y, b, 8);
        memcpy(&last_x, a + len - 8, 8);
        memcpy(&last_y, b + len - 8, 8);
        return ((x ^ y) | (last_x ^ last_y)) == 0;
    }
    for (size_t i = 0; i < len; i++) {
        if (a[i] != b[i]) return false;
    }
    return true;
}

static bool is_at(const struct memberblock *block, unsigned at, struct bytes member,
                  struct memberwalk *walk)
{
    struct bytes there;

    memberwalk_to(walk, block, at);
    there = memberwalk_member(walk);
    return there.len == member.len && data_equal(there.at, member.at, member.len);
}

/* The first member of this word, or some number from the count on. */
static unsigned first_like(const struct memberblock *block, uint16_t wanted)
{
    unsigned at = 0;

#ifdef __SSE2__
    __m128i all = _mm_set1_epi16((short)wanted);

    for (; at < block->count; at += 8) {
        __m128i equal = _mm_cmpeq_epi16(words_at(memberblock_end(block), at), all);
        uint32_t found = (uint32_t)_mm_movemask_epi8(equal);

        if (unlikely(found)) return at + ((unsigned)__builtin_clz(found) - 16) / 2;
    }
#else
    while (at < block->count && memberblock_word(block, at) != wanted) at++;
#endif
    return at;
}

bool memberblock_find(const struct memberblock *block, uint64_t hash, struct bytes member,
                      struct memberwalk *walk)
{
    uint16_t wanted = word_of(hash, member.len);
    unsigned count = block->count;

#ifdef __SSE2__
    const uint16_t *end = memberblock_end(block);
    __m128i all = _mm_set1_epi16((short)wanted);

    for (unsigned at = 0; at < count; at += 8) {
        uint32_t found = (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi16(words_at(end, at), all));

        /* Two bits for each of the eight, the first member's on top. */
        while (unlikely(found)) {
            unsigned i = at + ((unsigned)__builtin_clz(found) - 16) / 2;

            if (i < count && is_at(block, i, member, walk)) return true;
            found &= ~(UINT32_C(0xc000) >> 2 * (i - at));
        }
    }
#else
    for (unsigned at = 0; at < count; at++) {
        if (memberblock_word(block, at) == wanted && is_at(block, at, member, walk)) return true;
    }
#endif
    return false;
}

/* The first that may be it will do for a hint. */
void memberblock_prefetch_member(const struct memberblock *block, uint64_t hash,
                                 struct bytes member)
{
    unsigned at = first_like(block, word_of(hash, member.len));
    const char *data;

    if (at >= block->count) return;
    data = data_of(block) + width_before(block, at);
    prefetch(data);
    if (member.len > 0) prefetch(data + member.len - 1);
}

/* --- changes --- */

/* The same with another room. */
static bool move(struct memberblock **block, size_t size)
{
    struct memberblock *old = *block, *new = memberblock_new(size);

    if (!new) return false;
    new->bytes = old->bytes;
    new->count = old->count;
    memcpy(data_of(new), data_of(old), old->bytes);
    memcpy(words_end(new) - old->count, words_end(old) - old->count, 2u * old->count);
    memberblock_drop(block);
    *block = new;
    return true;
}

static void append(struct memberblock *block, uint16_t word, const void *data, size_t width)
{
    must_debug(memberblock_size(block) + width + 2 <= room_of(block));
    if (width > 0) memcpy(data_of(block) + block->bytes, data, width);
    block->bytes = (uint16_t)(block->bytes + width);
    block->count++;
    words_end(block)[-(int)block->count] = word;
}

enum status memberblock_add(struct memberblock **block, uint64_t hash, struct bytes member)
{
    size_t size = memberblock_size_with(*block, member);
    struct farmember *far = NULL;

    if (unlikely(size > MEMBERBLOCK_SIZE_MAX)) return TOO_BIG;
    if (unlikely(member.len >= FAR)) {
        far = far_new(member);
        if (!far) return NO_MEMORY;
    }
    if (unlikely(size > room_of(*block)) && !move(block, size)) {
        if (far) far_free(far);
        return NO_MEMORY;
    }
    if (unlikely(far != NULL)) {
        append(*block, word_of(hash, FAR), &far, sizeof far);
    } else {
        append(*block, word_of(hash, member.len), member.at, member.len);
    }
    return OK;
}

void memberblock_take(struct memberblock *block, const struct memberwalk *walk)
{
    unsigned word = memberblock_word(walk->block, walk->at);

    append(block, (uint16_t)word, walk->data, memberblock_width(word));
}

void memberblock_remove(struct memberblock **block, const struct memberwalk *walk)
{
    struct memberblock *left = *block;
    uint16_t *first = words_end(left) - left->count;
    size_t width = memberblock_width(memberblock_word(left, walk->at)), size;
    char *data = (char *)walk->data;

    if (unlikely(is_far(walk))) far_free(far_of(walk));
    memmove(data, data + width, (size_t)(data_of(left) + left->bytes - data) - width);
    memmove(first + 1, first, 2u * (left->count - walk->at - 1));
    left->bytes = (uint16_t)(left->bytes - width);
    left->count--;
    size = memberblock_size(left);
    if (unlikely(room_of(left) > 4 * UNIT && size < room_of(left) / 2))
        (void)move(block, size + size / 8);
}

struct memberblock *memberblock_copy(const struct memberblock *block)
{
    struct memberblock *copy = memberblock_new(memberblock_size(block));
    struct memberwalk walk;

    if (!copy) return NULL;
    for (memberwalk_begin(&walk, block); walk.at < block->count; memberwalk_next(&walk)) {
        struct farmember *far;

        if (likely(!is_far(&walk))) {
            memberblock_take(copy, &walk);
            continue;
        }
        far = far_new(memberwalk_member(&walk));
        if (!far) {
            memberblock_free(&copy);
            return NULL;
        }
        append(copy, (uint16_t)memberblock_word(block, walk.at), &far, sizeof far);
    }
    return copy;
}

void memberblock_check(const struct memberblock *block)
{
    struct memberwalk walk, other;

    must(memberblock_size(block) <= room_of(block) && room_of(block) >= LEAST);
    for (memberwalk_begin(&walk, block); walk.at < block->count; memberwalk_next(&walk)) {
        struct bytes member = memberwalk_member(&walk);
        uint64_t hash = hash_bytes(member);

        must(memberblock_word(block, walk.at) == word_of(hash, member.len));
        must(memberblock_find(block, hash, member, &other) && other.at == walk.at &&
             other.data == walk.data);
    }
    must(walk.data == data_of(block) + block->bytes);
}
