/* zset_large: a large sorted set is a tree in order and an index of its members. */
#include "zset_large_internal.h"

#include "coatcheck/base/compaction.h"
#include "coatcheck/base/hash.h"
#include "coatcheck/base/version.h"

/* Members whose places in the index are fetched together. */
#define BATCH 64

/* The index keeps the upper half of the hash, a leaf the lowest byte of that: so what stands in the
 * index finds its member without hashing all of the leaf. */
static inline uint32_t hash_of(struct bytes member)
{
    return memberindex_hash(hash_bytes(member));
}

static inline uint8_t tag_of(uint32_t hash)
{
    return (uint8_t)hash;
}

struct batch {
    uint32_t hashes[BATCH];
    unsigned count;
};

/* Hashes members from `at` on, and has their groups fetched. */
static void batch_begin(struct batch *batch, const struct memberindex *index,
                        const struct scoreblock *leaf, unsigned at, unsigned to)
{
    struct scorewalk walk;

    batch->count = to - at < BATCH ? to - at : BATCH;
    scorewalk_begin(&walk, leaf, at);
    for (unsigned i = 0; i < batch->count; i++, scorewalk_forth(&walk)) {
        struct bytes member;
        double score;

        scorewalk_read(&walk, &member, &score);
        batch->hashes[i] = hash_of(member);
        memberindex_prefetch(index, batch->hashes[i]);
    }
}

static void members_moved(void *context, const struct scoreblock *leaf, unsigned from, unsigned to,
                          uint32_t from_number, uint32_t to_number)
{
    struct zset_large *large = context;
    struct batch batch;

    for (; from < to; from += batch.count) {
        batch_begin(&batch, &large->index, leaf, from, to);
        for (unsigned i = 0; i < batch.count; i++) {
            memberindex_move(&large->index, batch.hashes[i], from_number, to_number);
        }
    }
}

struct zset_large *zset_large_new(void)
{
    struct zset_large *large = mem_alloc(sizeof *large);

    if (!large) return NULL;
    *large = (struct zset_large){.version = version_new()};
    if (memberindex_init(&large->index) != OK) {
        mem_free_sized(large, sizeof *large);
        return NULL;
    }
    if (ranktree_init(&large->tree, RANKTREE_LEAVES, members_moved, large) != OK) {
        memberindex_fini(&large->index);
        mem_free_sized(large, sizeof *large);
        return NULL;
    }
    return large;
}

bool zset_large_free_some(struct zset_large **large, size_t steps)
{
    if (!ranktree_fini_some(&(*large)->tree, &steps)) return false;
    if (!memberindex_fini_some(&(*large)->index, &steps)) return false;
    mem_free_sized(*large, sizeof **large);
    *large = NULL;
    return true;
}

struct zset_large *zset_large_copy(const struct zset_large *large)
{
    struct zset_large *copy = mem_alloc(sizeof *copy);

    if (!copy) return NULL;
    copy->is_packed = large->is_packed;
    copy->version = version_new();
    if (memberindex_copy(&copy->index, &large->index) != OK) {
        mem_free_sized(copy, sizeof *copy);
        return NULL;
    }
    if (ranktree_copy(&copy->tree, &large->tree) != OK) {
        memberindex_fini(&copy->index);
        mem_free_sized(copy, sizeof *copy);
        return NULL;
    }
    copy->tree.context = copy;
    return copy;
}

size_t zset_large_used_bytes(const struct zset_large *large)
{
    return mem_good_size(sizeof *large) + large->tree.used_bytes + large->tree.book.used_bytes +
           large->index.used_bytes;
}

/* --- one member --- */

struct found {
    uint32_t leaf;
    unsigned at;
};

static bool find(const struct zset_large *large, struct bytes member, uint32_t hash,
                 struct found *found)
{
    struct memberprobe probe;

    memberindex_begin(&large->index, hash, &probe);
    while (memberindex_next(&probe)) {
        const struct scoreblock *leaf = ranktree_leaf(&large->tree, probe.leaf);
        int at;

        scoreblock_prefetch(leaf);
        at = scoreblock_find(leaf, member, tag_of(hash));
        if (at < 0) continue;
        *found = (struct found){probe.leaf, (unsigned)at};
        return true;
    }
    return false;
}

static double score_at(const struct zset_large *large, const struct found *found)
{
    return scoreblock_score(ranktree_leaf(&large->tree, found->leaf), found->at);
}

void zset_large_prefetch(const struct zset_large *large, struct bytes member)
{
    memberindex_prefetch(&large->index, hash_of(member));
}

/* The number of the leaf may be that of another set by now, or of no leaf any more. */
bool zset_large_prefetch_some(const struct zset_large *large, struct bytes member, unsigned step,
                              uint64_t *memo)
{
    const struct leafbook *book = &large->tree.book;
    const struct scoreblock *leaf;
    struct memberprobe probe;

    if (step == 1) {
        *memo = hash_of(member);
        memberindex_prefetch(&large->index, (uint32_t)*memo);
        return true;
    }
    if (step == 2) {
        memberindex_begin(&large->index, (uint32_t)*memo, &probe);
        if (!memberindex_next(&probe)) return false;
        *memo = probe.leaf;
        leafbook_prefetch(book, probe.leaf);
        return true;
    }
    leaf = *memo < book->next ? leafbook_look(book, (uint32_t)*memo) : NULL;
    if (leaf) scoreblock_prefetch(leaf);
    return false;
}

bool zset_large_score(const struct zset_large *large, struct bytes member, double *score)
{
    struct found found;

    if (!find(large, member, hash_of(member), &found)) return false;
    *score = score_at(large, &found);
    return true;
}

bool zset_large_rank(const struct zset_large *large, struct bytes member, uint64_t *rank,
                     double *score)
{
    struct found found;

    if (!find(large, member, hash_of(member), &found)) return false;
    *score = score_at(large, &found);
    *rank = ranktree_rank(&large->tree, found.leaf, found.at);
    return true;
}

static enum status add(struct zset_large *large, struct bytes member, uint32_t hash, double score)
{
    struct rankplace place;
    struct scoreitem item;

    large->version = version_new();
    if (memberindex_reserve(&large->index, hash) != OK) return NO_MEMORY;
    if (scoreitem_init(&item, score, member, tag_of(hash)) != OK) return NO_MEMORY;
    ranktree_find(&large->tree, score, member, &place);
    if (ranktree_make_room(&large->tree, &place, &item) != OK) {
        scoreitem_drop(&item);
        return NO_MEMORY;
    }
    ranktree_insert(&large->tree, &place, &item);
    memberindex_add(&large->index, hash, place.leaf);
    if (unlikely(large->is_packed))
        large->is_packed = zset_packed_is_allowed(large->tree.count, member);
    return OK;
}

enum status zset_large_add(struct zset_large *large, struct bytes member, double score)
{
    return add(large, member, hash_of(member), score);
}

/* To another leaf, which is made ready before the member leaves its own. */
static enum status move_far(struct zset_large *large, struct bytes member, uint32_t hash,
                            const struct found *found, double score, struct rankplace *place)
{
    struct scoreitem item;

    scoreblock_item(ranktree_leaf(&large->tree, found->leaf), found->at, &item);
    item.score = score;
    item.at = member.at;
    if (ranktree_make_room(&large->tree, place, &item) != OK) return NO_MEMORY;
    ranktree_cut(&large->tree, found->leaf, found->at, found->at + 1, SCOREBLOCK_KEEP);
    ranktree_insert(&large->tree, place, &item);
    memberindex_move(&large->index, hash, found->leaf, place->leaf);
    ranktree_settle(&large->tree, found->leaf);
    return OK;
}

static enum status move(struct zset_large *large, struct bytes member, uint32_t hash,
                        struct found *found, double score)
{
    struct rankplace place;

    large->version = version_new();
    for (;;) {
        enum status status =
            ranktree_move(&large->tree, found->leaf, found->at, member, score, &place);

        if (status == NOT_FOUND) return move_far(large, member, hash, found, score, &place);
        if (status != IN_USE) return status;
        must(find(large, member, hash, found));
    }
}

enum status zset_large_edit(struct zset_large *large, struct bytes member, struct zset_edit *edit,
                            enum zset_change *change)
{
    uint32_t hash = hash_of(member);
    struct found found;
    bool there = find(large, member, hash, &found);
    double was = there ? score_at(large, &found) : 0, score = was;
    enum status status;

    *change = ZSET_SAME;
    if (!edit->decide(edit, there, &score) || (there && score == was)) return OK;
    if (unlikely(large->is_packed)) score += 0.0; /* as in a packed set: -0 is 0 there */
    status = there ? move(large, member, hash, &found, score) : add(large, member, hash, score);
    if (status == OK) *change = there ? ZSET_MOVED : ZSET_ADDED;
    return status;
}

bool zset_large_remove(struct zset_large *large, struct bytes member)
{
    uint32_t hash = hash_of(member);
    struct found found;

    if (!find(large, member, hash, &found)) return false;
    large->version = version_new();
    memberindex_remove(&large->index, hash, found.leaf);
    ranktree_cut(&large->tree, found.leaf, found.at, found.at + 1, SCOREBLOCK_FREE);
    ranktree_settle(&large->tree, found.leaf);
    return true;
}

/* --- ranges --- */

static void forget(struct zset_large *large, const struct scoreblock *leaf, unsigned from,
                   unsigned to, uint32_t number)
{
    struct batch batch;

    for (; from < to; from += batch.count) {
        batch_begin(&batch, &large->index, leaf, from, to);
        for (unsigned i = 0; i < batch.count; i++)
            memberindex_remove(&large->index, batch.hashes[i], number);
    }
}

void zset_large_remove_range(struct zset_large *large, uint64_t first, uint64_t end,
                             void (*see)(void *context, struct bytes member, double score),
                             void *context)
{
    large->version = version_new();
    while (first < end) {
        struct rankplace place;
        const struct scoreblock *leaf;
        struct scorewalk walk;
        unsigned to;

        ranktree_at(&large->tree, first, &place);
        leaf = ranktree_leaf(&large->tree, place.leaf);
        to = scoreblock_count(leaf);
        if (to - place.at > end - first) to = place.at + (unsigned)(end - first);
        scorewalk_begin(&walk, leaf, place.at);
        for (; see && walk.at < to; scorewalk_forth(&walk)) {
            struct bytes member;
            double score;

            scorewalk_read(&walk, &member, &score);
            see(context, member, score);
        }
        forget(large, leaf, place.at, to, place.leaf);
        ranktree_cut(&large->tree, place.leaf, place.at, to, SCOREBLOCK_FREE);
        ranktree_settle(&large->tree, place.leaf);
        end -= to - place.at;
    }
}

struct scan {
    const struct zset_large *large;
    void (*see)(void *context, struct bytes member, double score);
    void *context;
    uint64_t seen;
};

static void scan_see(void *context, uint32_t hash, uint32_t number)
{
    struct scan *scan = context;
    const struct scoreblock *leaf = ranktree_leaf(&scan->large->tree, number);
    int at = -1;

    while ((at = scoreblock_find_tag(leaf, (unsigned)(at + 1), tag_of(hash))) >= 0) {
        struct bytes member = scoreblock_member(leaf, (unsigned)at);

        if (hash_of(member) != hash) continue;
        scan->see(scan->context, member, scoreblock_score(leaf, (unsigned)at));
        scan->seen++;
    }
}

uint64_t zset_large_scan(const struct zset_large *large, uint64_t cursor, uint64_t budget,
                         void (*see)(void *context, struct bytes member, double score),
                         void *context)
{
    struct scan scan = {large, see, context, 0};

    if (cursor > UINT32_MAX) return 0;
    do {
        cursor = memberindex_scan(&large->index, (uint32_t)cursor, scan_see, &scan);
    } while (cursor != 0 && scan.seen < budget);
    return cursor;
}

/* --- moving blocks together --- */

/* The leaves by their numbers, then the index by its entries. */
bool zset_large_compact(struct zset_large **moving, struct compaction *compaction)
{
    uint64_t before = mem_compacted, leaves, entries;
    struct zset_large *large = *moving;
    bool is_over = false;

    if (compaction->at == 0) {
        large = *moving = mem_compact(large);
        large->tree.context = large;
    }
    leaves = large->tree.book.next;
    entries = (uint64_t)1 << large->index.bits;
    while (compaction->at < leaves + entries && !is_over) {
        if (compaction->at < leaves) {
            ranktree_compact(&large->tree, (uint32_t)compaction->at++, compaction);
        } else {
            compaction->at = leaves + memberindex_compact(&large->index, compaction->at - leaves);
        }
        is_over = compaction_is_over(compaction);
    }
    /* Whoever stands in the middle of it, by a version, would go on where a block was. */
    if (mem_compacted != before) large->version = version_new();
    return compaction->at >= leaves + entries;
}

/* --- check --- */

void zset_large_check(const struct zset_large *large)
{
    ranktree_check(&large->tree);
    memberindex_check(&large->index);
    must(large->index.count == large->tree.count);
    for (uint32_t i = 0; i < large->tree.book.next; i++) {
        const struct scoreblock *leaf = leafbook_look(&large->tree.book, i);

        for (unsigned at = 0; leaf && at < scoreblock_count(leaf); at++) {
            struct bytes member = scoreblock_member(leaf, at);
            uint32_t hash = hash_of(member);
            struct found found;

            must(scoreblock_tag(leaf, at) == tag_of(hash));
            must(find(large, member, hash, &found) && found.leaf == i && found.at == at);
        }
    }
}
