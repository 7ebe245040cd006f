/* zset_packed: a small sorted set is one block. */
#include "coatcheck/base/hash.h"
#include "coatcheck/base/mem.h"
#include "coatcheck/structs/twins.h"
#include "zset_large_internal.h"

/* A block beyond this is slower to change than a tree, whatever the options say: such a set becomes
 * a tree that still calls itself packed. */
#define PACKED_MAX 16384

bool zset_packed_is_allowed(uint64_t count, struct bytes member)
{
    return count <= (uint64_t)option_int(&zset_options.zset_max_listpack_entries) &&
           member.len <= (uint64_t)option_int(&zset_options.zset_max_listpack_value);
}

/* In redis-server's small form a score of -0 is 0, in its large one -0 stays; clients can see that.
 */
static double without_sign(double score)
{
    return score + 0.0;
}

/* The place of a (score, member) that stands at `at` now, counted without it. */
static unsigned place_moved(const struct scoreblock *block, unsigned at, double score,
                            struct bytes member)
{
    unsigned to = scoreblock_place(block, score, member);

    return to > at ? to - 1 : to;
}

static enum status zset_packed_move(struct zset *zset, unsigned at, struct bytes member,
                                    double score)
{
    struct scoreblock *block = zset_block_of(zset);
    unsigned to = place_moved(block, at, score, member);

    if (scoreblock_move(&block, at, to, score) != OK) return NO_MEMORY;
    zset->root = (uintptr_t)block;
    return OK;
}

/* A new member; NO_MEMORY: nothing has changed. */
static enum status zset_packed_add(struct zset *zset, const struct scoreitem *item,
                                   struct bytes member)
{
    struct scoreblock *block = zset_block_of(zset);

    if (!block) {
        block = scoreblock_new(SCOREBLOCK_PLAIN, item);
        if (!block) return NO_MEMORY;
        zset->root = (uintptr_t)block;
    }
    if (scoreblock_insert(&block, scoreblock_place(block, item->score, member), item) != OK)
        return NO_MEMORY;
    zset->root = (uintptr_t)block;
    return OK;
}

static bool has_room(const struct zset *zset, const struct scoreitem *item)
{
    return !zset_block_of(zset) || scoreblock_size_with(zset_block_of(zset), item) <= PACKED_MAX;
}

static enum status add(struct zset *zset, struct bytes member, double score)
{
    bool allowed = zset_packed_is_allowed(zset_count(zset) + 1, member);
    struct scoreitem item = {.score = score, .length = (uint8_t)SCOREBLOCK_INLINE_MAX};
    enum status status;

    if (!allowed || !has_room(zset, &item)) {
        if (zset_enlarge(zset) != OK) return NO_MEMORY;
        zset_large_of(zset)->is_packed = allowed;
        return zset_large_add(zset_large_of(zset), member, score);
    }
    if (scoreitem_init(&item, without_sign(score), member, 0) != OK) return NO_MEMORY;
    status = zset_packed_add(zset, &item, member);
    if (status != OK) scoreitem_drop(&item);
    return status;
}

enum status zset_packed_edit(struct zset *zset, struct bytes member, struct zset_edit *edit,
                             enum zset_change *change)
{
    struct scoreblock *block = zset_block_of(zset);
    int at = block ? scoreblock_find(block, member, 0) : -1;
    double was = at < 0 ? 0 : scoreblock_score(block, (unsigned)at), score = was;
    enum status status;

    *change = ZSET_SAME;
    if (!edit->decide(edit, at >= 0, &score) || (at >= 0 && score == was)) return OK;
    status = at >= 0 ? zset_packed_move(zset, (unsigned)at, member, without_sign(score))
                     : add(zset, member, score);
    if (status == OK) *change = at >= 0 ? ZSET_MOVED : ZSET_ADDED;
    return status;
}

/* --- all at once --- */

static uint64_t hash_of_member(const void *items, unsigned at)
{
    return hash_bytes(scoreitem_member((const struct scoreitem *)items + at));
}

static bool is_same_member(const void *items, unsigned at, unsigned other)
{
    return bytes_equal(scoreitem_member((const struct scoreitem *)items + at),
                       scoreitem_member((const struct scoreitem *)items + other));
}

static bool is_in_order(const struct scoreitem *items, unsigned count)
{
    for (unsigned i = 1; i < count; i++) {
        if (items[i - 1].score > items[i].score) return false;
        if (items[i - 1].score == items[i].score &&
            bytes_compare(scoreitem_member(&items[i - 1]), scoreitem_member(&items[i])) >= 0)
            return false;
    }
    return true;
}

enum status zset_fill(struct zset *zset, struct scoreitem *items, unsigned count)
{
    static const struct twins_verbs members = {hash_of_member, is_same_member};
    struct scoreblock *block;
    size_t longest = 0;

    must_debug(!zset->root && count > 0);
    for (unsigned i = 0; i < count; i++) {
        if (items[i].far) return TOO_BIG;
        if (items[i].length > longest) longest = items[i].length;
        items[i].score = without_sign(items[i].score);
    }
    if (!zset_packed_is_allowed(count, bytes_of(NULL, longest)) || scoreblock_size_for(items, count) > PACKED_MAX)
        return TOO_BIG;
    if (!is_in_order(items, count)) return TOO_BIG;
    if (twins_found(&members, items, count)) return MALFORMED;
    block = scoreblock_of(items, count);
    if (!block) return NO_MEMORY;
    zset->root = (uintptr_t)block;
    return OK;
}
