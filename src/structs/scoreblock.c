#include "coatcheck/structs/scoreblock.h"

#include "coatcheck/base/compaction.h"
#include "scoreblock_internal.h"

/* A block keeps this much beyond its need before it goes to a smaller size: an item that leaves and
 * comes again should not move it each time. Small ones are many, and do without. */
#define TIDY_SLACK 32
#define TIDY_SLACK_FROM 256

/* --- whole blocks --- */

static size_t size_of_shape(unsigned shape, size_t count, size_t bytes)
{
    return head_of(shape) + frame_of(shape) * count + bytes;
}

/* With count and bytes as they will be and nothing in its sections yet. */
static struct scoreblock *block_new(unsigned shape, unsigned count, size_t bytes, size_t room)
{
    unsigned size = size_for(room);
    struct scoreblock *block;

    must_debug(room >= size_of_shape(shape, count, bytes) && bytes <= UINT16_MAX);
    block = mem_alloc(room_of(size));
    if (!block) return NULL;
    block->count = (uint16_t)count;
    block->bytes = (uint16_t)bytes;
    block->shape = (uint8_t)shape;
    block->size = (uint8_t)size;
    if (shape & SHAPE_LEAF) memset((char *)block + PLAIN_HEAD, 0, LEAF_HEAD - PLAIN_HEAD);
    return block;
}

struct scoreblock *scoreblock_new(enum scoreblock_form form, const struct scoreitem *first)
{
    unsigned shape = form == SCOREBLOCK_LEAF ? SHAPE_LEAF : 0;

    if (!first) return block_new(shape, 0, 0, size_of_shape(shape, 0, 0));
    if (!score_is_narrow(first->score)) shape |= SHAPE_WIDE;
    return block_new(shape, 0, 0, size_of_shape(shape, 1, width_of_length(first->length)));
}

static void far_free(struct scorefar *far)
{
    mem_free_sized(far, sizeof *far + far->len);
}

void scoreblock_compact(struct scoreblock **block, struct compaction *compaction)
{
    const uint8_t *lengths;
    char *raw;

    *block = mem_compact(*block);
    if (likely(!((*block)->shape & SHAPE_FAR))) return;
    lengths = lengths_of(*block);
    raw = members_of(*block);
    for (unsigned i = 0; i < (*block)->count; raw += width_of_length(lengths[i++])) {
        struct scorefar *far;

        if (lengths[i] != LENGTH_FAR) continue;
        if (compaction_is_over(compaction)) return;
        far = mem_compact(far_of(raw));
        memcpy(raw, &far, sizeof far);
    }
}

static void free_far_members(const struct scoreblock *block, unsigned from, unsigned to)
{
    const uint8_t *lengths = lengths_of(block);
    const char *raw;

    if (likely(!(block->shape & SHAPE_FAR))) return;
    raw = members_of(block) + offset_of(block, from);
    for (unsigned i = from; i < to; raw += width_of_length(lengths[i++])) {
        if (lengths[i] == LENGTH_FAR) far_free(far_of(raw));
    }
}

void scoreblock_free(struct scoreblock **block)
{
    if (!*block) return;
    free_far_members(*block, 0, (*block)->count);
    mem_free_sized(*block, room_of((*block)->size));
    *block = NULL;
}

bool scoreblock_free_some(struct scoreblock **block, size_t *steps)
{
    const uint8_t *lengths = lengths_of(*block);
    char *raw = members_of(*block);
    struct scorefar *none = NULL;

    for (unsigned i = 0; (*block)->shape & SHAPE_FAR && i < (*block)->count;
         raw += width_of_length(lengths[i++])) {
        if (lengths[i] != LENGTH_FAR || !far_of(raw)) continue;
        if (*steps == 0) return false;
        --*steps;
        far_free(far_of(raw));
        memcpy(raw, &none, sizeof none);
    }
    mem_free_sized(*block, room_of((*block)->size));
    *block = NULL;
    return true;
}

unsigned scoreblock_count(const struct scoreblock *block)
{
    return block->count;
}

double scoreblock_score(const struct scoreblock *block, unsigned at)
{
    return score_read(scores_of(block), block->shape & SHAPE_WIDE, at);
}

uint8_t scoreblock_tag(const struct scoreblock *block, unsigned at)
{
    return is_leaf(block) ? tags_of(block)[at] : 0;
}

void scoreblock_set_tag(struct scoreblock *block, unsigned at, uint8_t tag)
{
    must_debug(is_leaf(block));
    tags_of(block)[at] = tag;
}

struct bytes scoreblock_member(const struct scoreblock *block, unsigned at)
{
    return member_of_raw(members_of(block) + offset_of(block, at), lengths_of(block)[at]);
}

size_t scoreblock_size(const struct scoreblock *block)
{
    return size_of_shape(block->shape, block->count, block->bytes);
}

size_t scoreblock_room(const struct scoreblock *block)
{
    return room_of(block->size);
}

size_t scoreblock_far_bytes(const struct scoreblock *block, unsigned from, unsigned to)
{
    const uint8_t *lengths = lengths_of(block);
    const char *raw;
    size_t sum = 0;

    if (likely(!(block->shape & SHAPE_FAR))) return 0;
    raw = members_of(block) + offset_of(block, from);
    for (unsigned i = from; i < to; raw += width_of_length(lengths[i++])) {
        if (lengths[i] == LENGTH_FAR)
            sum += mem_good_size(sizeof(struct scorefar) + far_of(raw)->len);
    }
    return sum;
}

void *scoreblock_owner(const struct scoreblock *block)
{
    void *owner;

    memcpy(&owner, (const char *)block + OWNER_AT, sizeof owner);
    return owner;
}

void scoreblock_set_owner(struct scoreblock *block, void *owner)
{
    must_debug(is_leaf(block));
    memcpy((char *)block + OWNER_AT, &owner, sizeof owner);
}

/* --- items --- */

enum status scoreitem_init(struct scoreitem *item, double score, struct bytes member, uint8_t tag)
{
    *item = (struct scoreitem){
        .score = score, .tag = tag, .length = (uint8_t)member.len, .at = member.at};
    if (likely(member.len <= SCOREBLOCK_INLINE_MAX)) return OK;
    if (member.len > SIZE_MAX / 2) return NO_MEMORY;
    item->length = LENGTH_FAR;
    item->far = mem_alloc(sizeof *item->far + member.len);
    if (!item->far) return NO_MEMORY;
    item->far->len = member.len;
    memcpy(item->far->at, member.at, member.len);
    return OK;
}

void scoreitem_drop(struct scoreitem *item)
{
    if (item->far) far_free(item->far);
    item->far = NULL;
}

size_t scoreitem_far_bytes(const struct scoreitem *item)
{
    return item->far ? mem_good_size(sizeof *item->far + item->far->len) : 0;
}

struct bytes scoreitem_member(const struct scoreitem *item)
{
    return item->far ? bytes_of(item->far->at, item->far->len) : bytes_of(item->at, item->length);
}

void scoreblock_item(const struct scoreblock *block, unsigned at, struct scoreitem *item)
{
    item->score = scoreblock_score(block, at);
    item->tag = scoreblock_tag(block, at);
    item->length = lengths_of(block)[at];
    item->at = members_of(block) + offset_of(block, at);
    item->far = item->length == LENGTH_FAR ? far_of(item->at) : NULL;
}

static const char *item_raw(const struct scoreitem *item)
{
    return item->length == LENGTH_FAR ? (const char *)&item->far : item->at;
}

/* --- copies --- */

/* Copies items from … to-1 of `source` to the place `at` of `into`, whose sections have been laid
 * out for them; `byte` is where their members begin in its section. Returns where they end. */
static size_t lay_items(struct scoreblock *into, unsigned at, size_t byte,
                        const struct scoreblock *source, unsigned from, unsigned to)
{
    size_t first = offset_of(source, from), bytes = offset_of(source, to) - first;
    bool wide = into->shape & SHAPE_WIDE, was_wide = source->shape & SHAPE_WIDE;
    size_t width = width_of(into->shape), count = to - from;

    if (count == 0) return byte;
    if (is_leaf(into)) {
        if (is_leaf(source)) {
            memcpy(tags_of(into) + at, tags_of(source) + from, count);
        } else {
            memset(tags_of(into) + at, 0, count);
        }
    }
    memcpy(lengths_of(into) + at, lengths_of(source) + from, count);
    if (wide == was_wide) {
        memcpy(scores_of(into) + width * at, scores_of(source) + width * from, width * count);
    } else {
        for (unsigned i = 0; i < count; i++) {
            score_write(scores_of(into), wide, at + i,
                        score_read(scores_of(source), was_wide, from + i));
        }
    }
    memcpy(members_of(into) + byte, members_of(source) + first, bytes);
    return byte + bytes;
}

/* The same items in another shape or room. NO_MEMORY: nothing has changed. */
static enum status block_rebuild(struct scoreblock **block, unsigned shape, size_t room)
{
    struct scoreblock *old = *block, *new = block_new(shape, old->count, old->bytes, room);

    if (!new) return NO_MEMORY;
    if (is_leaf(old)) scoreblock_set_owner(new, scoreblock_owner(old));
    lay_items(new, 0, 0, old, 0, old->count);
    mem_free_sized(old, room_of(old->size));
    *block = new;
    return OK;
}

static bool all_narrow(const struct scoreblock *block, unsigned from, unsigned to)
{
    const char *scores = scores_of(block);

    if (!(block->shape & SHAPE_WIDE)) return true;
    for (unsigned i = from; i < to; i++) {
        if (!score_is_narrow(score_read(scores, true, i))) return false;
    }
    return true;
}

size_t scoreblock_size_of(const struct scoreblock *block, unsigned from, unsigned to)
{
    unsigned shape = block->shape;

    if (all_narrow(block, from, to)) shape &= ~(unsigned)SHAPE_WIDE;
    return size_of_shape(shape, to - from, offset_of(block, to) - offset_of(block, from));
}

struct scoreblock *scoreblock_slice(const struct scoreblock *block, unsigned from, unsigned to,
                                    enum scoreblock_form form)
{
    unsigned shape = block->shape & SHAPE_FAR;
    size_t bytes = offset_of(block, to) - offset_of(block, from);
    struct scoreblock *slice;

    if (form == SCOREBLOCK_LEAF) shape |= SHAPE_LEAF;
    if (!all_narrow(block, from, to)) shape |= SHAPE_WIDE;
    slice = block_new(shape, to - from, bytes, size_of_shape(shape, to - from, bytes));
    if (!slice) return NULL;
    lay_items(slice, 0, 0, block, from, to);
    return slice;
}

/* How wide the scores of these are, and how many bytes their members are. */
static unsigned shape_for(const struct scoreitem *items, unsigned count, size_t *bytes)
{
    unsigned shape = 0;

    *bytes = 0;
    for (unsigned i = 0; i < count; i++) {
        if (!score_is_narrow(items[i].score)) shape = SHAPE_WIDE;
        *bytes += items[i].length;
    }
    return shape;
}

size_t scoreblock_size_for(const struct scoreitem *items, unsigned count)
{
    size_t bytes;
    unsigned shape = shape_for(items, count, &bytes);

    return size_of_shape(shape, count, bytes);
}

struct scoreblock *scoreblock_of(const struct scoreitem *items, unsigned count)
{
    size_t bytes;
    unsigned shape = shape_for(items, count, &bytes);
    struct scoreblock *block = block_new(shape, count, bytes, size_of_shape(shape, count, bytes));
    char *scores, *member;
    uint8_t *lengths;

    if (!block) return NULL;
    lengths = lengths_of(block);
    scores = scores_of(block);
    member = members_of(block);
    for (unsigned i = 0; i < count; i++) {
        must_debug(!items[i].far);
        lengths[i] = items[i].length;
        score_write(scores, shape & SHAPE_WIDE, i, items[i].score);
        if (items[i].length > 0) memcpy(member, items[i].at, items[i].length);
        member += items[i].length;
    }
    return block;
}

struct scoreblock *scoreblock_join(const struct scoreblock *left, const struct scoreblock *right)
{
    unsigned shape = (left->shape & SHAPE_LEAF) | ((left->shape | right->shape) & SHAPE_FAR);
    unsigned count = (unsigned)left->count + right->count;
    size_t bytes = (size_t)left->bytes + right->bytes;
    struct scoreblock *both;

    if (!all_narrow(left, 0, left->count) || !all_narrow(right, 0, right->count))
        shape |= SHAPE_WIDE;
    both = block_new(shape, count, bytes, size_of_shape(shape, count, bytes));
    if (!both) return NULL;
    if (is_leaf(left)) scoreblock_set_owner(both, scoreblock_owner(left));
    lay_items(both, left->count, lay_items(both, 0, 0, left, 0, left->count), right, 0,
              right->count);
    return both;
}

struct scoreblock *scoreblock_copy(const struct scoreblock *block)
{
    struct scoreblock *copy = mem_alloc(room_of(block->size));
    const uint8_t *lengths;
    char *raw;

    if (!copy) return NULL;
    memcpy(copy, block, scoreblock_size(block));
    if (likely(!(copy->shape & SHAPE_FAR))) return copy;
    lengths = lengths_of(copy);
    raw = members_of(copy);
    for (unsigned i = 0; i < copy->count; raw += width_of_length(lengths[i++])) {
        struct scoreitem item;

        if (lengths[i] != LENGTH_FAR) continue;
        if (scoreitem_init(&item, 0, member_of_raw(raw, LENGTH_FAR), 0) != OK) {
            free_far_members(copy, 0, i);
            mem_free_sized(copy, room_of(copy->size));
            return NULL;
        }
        memcpy(raw, &item.far, sizeof item.far);
    }
    return copy;
}

/* --- changes --- */

static unsigned shape_with(const struct scoreblock *block, double score)
{
    return block->shape | (score_is_narrow(score) ? 0 : SHAPE_WIDE);
}

size_t scoreblock_size_with(const struct scoreblock *block, const struct scoreitem *item)
{
    return size_of_shape(shape_with(block, item->score), block->count + 1u,
                         block->bytes + width_of_length(item->length));
}

enum status scoreblock_make_room(struct scoreblock **block, const struct scoreitem *item)
{
    unsigned shape = shape_with(*block, item->score);
    size_t need = scoreblock_size_with(*block, item);

    must_debug(need <= SCOREBLOCK_SIZE_MAX);
    if (likely(shape == (*block)->shape && need <= room_of((*block)->size))) return OK;
    return block_rebuild(block, shape, need);
}

static inline void shift(void *from, const void *end, size_t by)
{
    memmove((char *)from + by, from, (size_t)((const char *)end - (char *)from));
}

/* Opens a gap for one item; what belongs into it is written by the caller. The four stretches
 * between the gap's parts move by one part more each, the last first. */
static void open_gap(struct scoreblock *block, unsigned at, size_t offset, size_t len)
{
    bool leaf = is_leaf(block);
    size_t width = width_of(block->shape), marks = leaf ? 2 : 1;
    uint8_t *lengths = lengths_of(block);
    char *scores = scores_of(block), *members = members_of(block);

    shift(members + offset, members + block->bytes, marks + width + len);
    shift(scores + width * at, members + offset, marks + width);
    shift(lengths + at, scores + width * at, marks);
    if (leaf) shift(tags_of(block) + at, lengths + at, 1);
    block->count++;
    block->bytes = (uint16_t)(block->bytes + len);
}

enum status scoreblock_insert(struct scoreblock **blockp, unsigned at, const struct scoreitem *item)
{
    size_t len = width_of_length(item->length), offset;
    struct scoreblock *block;

    must_debug(at <= (*blockp)->count);
    if (scoreblock_make_room(blockp, item) != OK) return NO_MEMORY;
    block = *blockp;
    offset = at == block->count ? block->bytes : offset_of(block, at);
    open_gap(block, at, offset, len);
    if (is_leaf(block)) tags_of(block)[at] = item->tag;
    lengths_of(block)[at] = item->length;
    score_write(scores_of(block), block->shape & SHAPE_WIDE, at, item->score);
    if (len > 0) memcpy(members_of(block) + offset, item_raw(item), len);
    if (item->length == LENGTH_FAR) block->shape |= SHAPE_FAR;
    return OK;
}

static inline void pull(void *from, const void *end, size_t by)
{
    memmove((char *)from - by, from, (size_t)((const char *)end - (char *)from));
}

void scoreblock_cut(struct scoreblock *block, unsigned from, unsigned to, enum scoreblock_fate fate)
{
    bool leaf = is_leaf(block);
    size_t width = width_of(block->shape), marks = leaf ? 2 : 1, count = to - from;
    size_t first = offset_of(block, from), end = offset_of(block, to);
    uint8_t *lengths = lengths_of(block);
    char *scores = scores_of(block), *members = members_of(block);

    must_debug(from <= to && to <= block->count);
    if (fate == SCOREBLOCK_FREE) free_far_members(block, from, to);
    if (leaf) pull(tags_of(block) + to, lengths + from, count);
    pull(lengths + to, scores + width * from, marks * count);
    pull(scores + width * to, members + first, (marks + width) * count);
    pull(members + end, members + block->bytes, (marks + width) * count + end - first);
    block->count = (uint16_t)(block->count - count);
    block->bytes = (uint16_t)(block->bytes - (end - first));
}

void scoreblock_tidy(struct scoreblock **blockp)
{
    struct scoreblock *block = *blockp;
    unsigned shape = block->shape;
    size_t size;

    if (all_narrow(block, 0, block->count)) shape &= ~(unsigned)SHAPE_WIDE;
    size = size_of_shape(shape, block->count, block->bytes);
    if (size_for(size + (size >= TIDY_SLACK_FROM ? TIDY_SLACK : 0)) < block->size) {
        (void)block_rebuild(blockp, shape, size);
    }
}

size_t scoreblock_size_moved(const struct scoreblock *block, double score)
{
    return size_of_shape(shape_with(block, score), block->count, block->bytes);
}

/* The byte at `at` goes to `to`, those between make way. */
static void rotate(char *from, size_t width, unsigned at, unsigned to)
{
    char kept[8];

    memcpy(kept, from + width * at, width);
    if (to > at) {
        memmove(from + width * at, from + width * (at + 1), width * (to - at));
    } else {
        memmove(from + width * (to + 1), from + width * to, width * (at - to));
    }
    memcpy(from + width * to, kept, width);
}

static void rotate_members(struct scoreblock *block, unsigned at, unsigned to)
{
    char kept[SCOREBLOCK_INLINE_MAX], *members = members_of(block);
    size_t len = width_of_length(lengths_of(block)[at]), offset = offset_of(block, at), other;

    memcpy(kept, members + offset, len);
    if (to > at) {
        other = offset_of(block, to + 1);
        memmove(members + offset, members + offset + len, other - offset - len);
        memcpy(members + other - len, kept, len);
    } else {
        other = offset_of(block, to);
        memmove(members + other + len, members + other, offset - other);
        memcpy(members + other, kept, len);
    }
}

enum status scoreblock_move(struct scoreblock **blockp, unsigned at, unsigned to, double score)
{
    unsigned shape = shape_with(*blockp, score);
    struct scoreblock *block;

    if (unlikely(shape != (*blockp)->shape)) {
        size_t size = scoreblock_size_moved(*blockp, score);

        must_debug(size <= SCOREBLOCK_SIZE_MAX);
        if (block_rebuild(blockp, shape, size) != OK) return NO_MEMORY;
    }
    block = *blockp;
    if (to != at) {
        rotate_members(block, at, to);
        if (is_leaf(block)) rotate((char *)tags_of(block), 1, at, to);
        rotate((char *)lengths_of(block), 1, at, to);
        rotate(scores_of(block), width_of(shape), at, to);
    }
    score_write(scores_of(block), shape & SHAPE_WIDE, to, score);
    return OK;
}
