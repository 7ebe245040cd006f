/* memberblock: distinct byte strings in no order, in one allocation, found by a part of their
 * hashes. A small set is one, a large one has many (structs/memberset).
 *
 *   | bytes 2 | room 2 | count 2 | 0 2 | data …            free            … words |
 *
 *   bytes  how long the data are
 *   room   what the allocator holds, in units of 16 bytes
 *   data   the members, one behind the other
 *   words  two bytes each, backwards: the first member's are the last two:
 *          length 6 | part of the hash 10
 *            length 0-62  of a member in its place
 *            length 63    of a longer one: its place is a pointer to | length 8 | member … |
 *
 * So one comparison of eight words tells who may be the member asked for, by length and by hash.
 * Members are counted from 0. A change may move the block, as verbs that take a pointer to its
 * pointer say. What was handed out of a block lives until it changes. */
#ifndef COATCHECK_STRUCTS_MEMBERBLOCK_H
#define COATCHECK_STRUCTS_MEMBERBLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include "coatcheck/base/bytes.h"
#include "coatcheck/base/prefetch.h"
#include "coatcheck/base/status.h"

struct memberblock {
    uint16_t bytes;
    uint16_t room;
    uint16_t count;
    uint16_t unused;
};

#define MEMBERBLOCK_UNIT 16
#define MEMBERBLOCK_FAR 63 /* the length of those that are elsewhere */
#define MEMBERBLOCK_SIZE_MAX                                                                       \
    28672 /* bytes of a block: its room has eleven bits where others keep it */

struct farmember {
    size_t len;
    char at[];
};

/* Empty, with room for `size` bytes in all, as memberblock_size() counts them. NULL: no memory. */
struct memberblock *memberblock_new(size_t size);

/* Frees its members elsewhere, *steps at most, and then the block: *block is NULL afterwards.
 * False: the steps are used up. */
bool memberblock_free_some(struct memberblock **block, size_t *steps);
void memberblock_free(struct memberblock **block);

static inline unsigned memberblock_count(const struct memberblock *block)
{
    return block->count;
}

/* Bytes in use, those with one more, and all that the allocator holds, members elsewhere included.
 */
static inline size_t memberblock_size(const struct memberblock *block)
{
    return sizeof *block + block->bytes + 2u * block->count;
}
static inline size_t memberblock_size_with(const struct memberblock *block, struct bytes member)
{
    return memberblock_size(block) + (member.len < MEMBERBLOCK_FAR ? member.len : sizeof(void *)) +
           2;
}
size_t memberblock_used_bytes(const struct memberblock *block);

/* What the allocator holds for a member elsewhere, 0 for others. */
size_t memberblock_far_bytes(struct bytes member);

/* ---- walking ---- */

struct memberwalk {
    const struct memberblock *block;
    const char *data; /* of member `at` */
    unsigned at;      /* from 0 to the count */
};

static inline const uint16_t *memberblock_end(const struct memberblock *block)
{
    return (const uint16_t *)((const char *)block + (size_t)block->room * MEMBERBLOCK_UNIT);
}
static inline unsigned memberblock_word(const struct memberblock *block, unsigned at)
{
    return memberblock_end(block)[-1 - (int)at];
}
static inline size_t memberblock_width(unsigned word)
{
    return word >> 10 == MEMBERBLOCK_FAR ? sizeof(void *) : word >> 10;
}

static inline void memberwalk_begin(struct memberwalk *walk, const struct memberblock *block)
{
    *walk = (struct memberwalk){block, (const char *)(block + 1), 0};
}
/* At member `at`. */
void memberwalk_to(struct memberwalk *walk, const struct memberblock *block, unsigned at);

static inline struct bytes memberwalk_member(const struct memberwalk *walk)
{
    unsigned len = memberblock_word(walk->block, walk->at) >> 10;
    const struct farmember *far;

    if (__builtin_expect(len < MEMBERBLOCK_FAR, 1)) return bytes_of(walk->data, len);
    memcpy(&far, walk->data, sizeof far);
    return bytes_of(far->at, far->len);
}
static inline void memberwalk_next(struct memberwalk *walk)
{
    walk->data += memberblock_width(memberblock_word(walk->block, walk->at));
    walk->at++;
}

/* True: the walk stands at the member. `hash` is hash_bytes() of it. */
bool memberblock_find(const struct memberblock *block, uint64_t hash, struct bytes member,
                      struct memberwalk *walk);

/* A hint to the processor, for a block with this much room. */
static inline void memberblock_prefetch(const struct memberblock *block, unsigned room)
{
    const char *end = (const char *)block + (size_t)room * MEMBERBLOCK_UNIT;

    prefetch(block);
    for (unsigned back = 64; back <= 256 && back < (size_t)room * MEMBERBLOCK_UNIT; back += 64) {
        prefetch(end - back);
    }
}

/* The same for a member, if it is there: its bytes. */
void memberblock_prefetch_member(const struct memberblock *block, uint64_t hash,
                                 struct bytes member);

/* ---- changes ---- */

/* Adds a member that is not there. NO_MEMORY, or TOO_BIG where MEMBERBLOCK_SIZE_MAX would be
 * passed: nothing has changed. */
enum status memberblock_add(struct memberblock **block, uint64_t hash, struct bytes member);

/* Takes the member where the walk stands out, and frees it, and gives room back where there is much
 * too much. */
void memberblock_remove(struct memberblock **block, const struct memberwalk *walk);

/* Takes the member where the walk stands over from another block, which forgets about it without
 * being told. There is room for it. */
void memberblock_take(struct memberblock *block, const struct memberwalk *walk);

/* Frees the block but not its members elsewhere: others have taken them over. */
void memberblock_drop(struct memberblock **block);

/* Moves it and its members elsewhere together with their like: mem_compact(). Those that the time does not suffice for stay
 * where they are, until the next round. */
struct compaction;
void memberblock_compact(struct memberblock **block, struct compaction *compaction);

/* NULL: no memory. */
struct memberblock *memberblock_copy(const struct memberblock *block);

/* Every invariant; must() tells which one broke. */
void memberblock_check(const struct memberblock *block);

#endif
