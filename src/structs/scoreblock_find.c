/* scoreblock_find: what is asked of a block without changing it. */
#include "scoreblock_internal.h"

/* --- by member --- */

static inline bool same_member(const char *raw, uint8_t length, struct bytes member)
{
    if (unlikely(length == LENGTH_FAR)) return bytes_equal(member_of_raw(raw, length), member);
    if (member.len >= 8) {
        uint64_t ours, theirs;

        /* Names of one game begin alike: their ends tell more. */
        memcpy(&ours, raw + member.len - 8, 8);
        memcpy(&theirs, member.at + member.len - 8, 8);
        if (ours != theirs) return false;
    }
    return member.len == 0 || memcmp(raw, member.at, member.len) == 0;
}

static inline uint8_t length_for(struct bytes member)
{
    return member.len <= SCOREBLOCK_INLINE_MAX ? (uint8_t)member.len : LENGTH_FAR;
}

/* A bit for each of the marks from `at` on, sixteen at most, that is this one. */
static inline unsigned marks_equal(const struct scoreblock *block, const uint8_t *marks,
                                   unsigned at, uint8_t mark)
{
    unsigned count = block->count - at, equal = 0;

#ifdef __SSE2__
    /* From four items on, what lies behind is long enough to be read with them. */
    if (likely(block->count >= 4)) {
        __m128i some = _mm_loadu_si128((const __m128i *)(marks + at));

        equal = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(some, _mm_set1_epi8((char)mark)));
        return count >= 16 ? equal : equal & ((1u << count) - 1);
    }
#endif
    if (count > 16) count = 16;
    for (unsigned i = 0; i < count; i++) equal |= (unsigned)(marks[at + i] == mark) << i;
    return equal;
}

static int find_in_leaf(const struct scoreblock *block, struct bytes member, uint8_t tag)
{
    const uint8_t *tags = tags_of(block), *lengths = lengths_of(block);
    uint8_t length = length_for(member);

    for (unsigned at = 0; at < block->count; at += 16) {
        for (unsigned equal = marks_equal(block, tags, at, tag); equal; equal &= equal - 1) {
            unsigned i = at + (unsigned)__builtin_ctz(equal);

            if (lengths[i] == length &&
                same_member(members_of(block) + offset_of(block, i), length, member)) {
                return (int)i;
            }
        }
    }
    return -1;
}

static int find_in_plain(const struct scoreblock *block, struct bytes member)
{
    const uint8_t *lengths = lengths_of(block);
    uint8_t length = length_for(member);
    const char *raw = members_of(block);
    unsigned reached = 0;

    for (unsigned at = 0; at < block->count; at += 16) {
        for (unsigned equal = marks_equal(block, lengths, at, length); equal; equal &= equal - 1) {
            unsigned i = at + (unsigned)__builtin_ctz(equal);

            while (reached < i) raw += width_of_length(lengths[reached++]);
            if (same_member(raw, length, member)) return (int)i;
        }
    }
    return -1;
}

int scoreblock_find(const struct scoreblock *block, struct bytes member, uint8_t tag)
{
    return is_leaf(block) ? find_in_leaf(block, member, tag) : find_in_plain(block, member);
}

int scoreblock_find_tag(const struct scoreblock *block, unsigned at, uint8_t tag)
{
    for (; at < block->count; at += 16) {
        unsigned equal = marks_equal(block, tags_of(block), at, tag);

        if (equal) return (int)at + __builtin_ctz(equal);
    }
    return -1;
}

/* --- by order --- */

unsigned scoreblock_below(const struct scoreblock *block, double score, bool or_equal)
{
    const char *scores = scores_of(block);
    bool wide = block->shape & SHAPE_WIDE;
    unsigned from = 0, count = block->count;

    while (count > 0) {
        unsigned half = count / 2;
        double other = score_read(scores, wide, from + half);
        bool before = or_equal ? other <= score : other < score;

        from = before ? from + half + 1 : from;
        count = before ? count - half - 1 : half;
    }
    return from;
}

static unsigned before_between(const struct scoreblock *block, unsigned from, unsigned to,
                               struct bytes member, bool or_equal)
{
    while (from < to) {
        unsigned half = from + (to - from) / 2;
        int order = bytes_compare(scoreblock_member(block, half), member);

        if (order < 0 || (or_equal && order == 0)) {
            from = half + 1;
        } else {
            to = half;
        }
    }
    return from;
}

unsigned scoreblock_place(const struct scoreblock *block, double score, struct bytes member)
{
    unsigned from = scoreblock_below(block, score, false), to = from;
    const char *scores = scores_of(block);
    bool wide = block->shape & SHAPE_WIDE;

    if (from == block->count || score_read(scores, wide, from) != score) return from;
    to = scoreblock_below(block, score, true);
    return before_between(block, from, to, member, false);
}

unsigned scoreblock_before(const struct scoreblock *block, struct bytes member, bool or_equal)
{
    return before_between(block, 0, block->count, member, or_equal);
}

unsigned scoreblock_middle(const struct scoreblock *block)
{
    size_t frame = frame_of(block->shape), half = (frame * block->count + block->bytes) / 2,
           sum = 0;
    const uint8_t *lengths = lengths_of(block);
    unsigned at = 0;

    must(block->count >= 2);
    while (at < block->count - 1u && sum < half) sum += frame + width_of_length(lengths[at++]);
    return at > 0 ? at : 1;
}

/* --- walks --- */

void scorewalk_begin(struct scorewalk *walk, const struct scoreblock *block, unsigned at)
{
    walk->block = block;
    walk->at = at;
    walk->raw = members_of(block) + (at == block->count ? block->bytes : offset_of(block, at));
}

void scorewalk_read(const struct scorewalk *walk, struct bytes *member, double *score)
{
    const struct scoreblock *block = walk->block;

    *member = member_of_raw(walk->raw, lengths_of(block)[walk->at]);
    *score = score_read(scores_of(block), block->shape & SHAPE_WIDE, walk->at);
}

void scorewalk_forth(struct scorewalk *walk)
{
    walk->raw += width_of_length(lengths_of(walk->block)[walk->at++]);
}

void scorewalk_back(struct scorewalk *walk)
{
    walk->raw -= width_of_length(lengths_of(walk->block)[--walk->at]);
}

/* --- check --- */

void scoreblock_check(const struct scoreblock *block)
{
    const uint8_t *lengths = lengths_of(block);
    struct bytes before = {NULL, 0};
    double score_before = 0;
    size_t sum = 0;

    must((block->shape & ~(SHAPE_WIDE | SHAPE_LEAF | SHAPE_FAR)) == 0);
    must(scoreblock_size(block) <= room_of(block->size) &&
         room_of(block->size) <= SCOREBLOCK_SIZE_MAX);
    for (unsigned i = 0; i < block->count; i++) {
        struct bytes member = scoreblock_member(block, i);
        double score = scoreblock_score(block, i);

        must(lengths[i] <= SCOREBLOCK_INLINE_MAX ||
             (lengths[i] == LENGTH_FAR && (block->shape & SHAPE_FAR)));
        must(lengths[i] != LENGTH_FAR || member.len > SCOREBLOCK_INLINE_MAX);
        must(!isnan(score));
        must(offset_of(block, i) == sum);
        sum += width_of_length(lengths[i]);
        if (i > 0) must(score_before <= score);
        if (i > 0 && score_before == score) must(bytes_compare(before, member) < 0);
        before = member;
        score_before = score;
    }
    must(sum == block->bytes);
}
