/* memberindex: from a member's hash to the number of the leaf that holds it.
 *
 * Extendible hashing (Fagin, Nievergelt, Pippenger, Strong 1979): a directory by the top bits of
 * the hash names segments of 4 KB at most. A segment that is full grows by a fifth or so, the
 * largest split in two by the next bit. So nothing is ever rehashed but a segment, and members that
 * are many cost no pause.
 *
 *   segment  groups of one cache line, in the order of the hash: a member's home is at
 *            position * groups >> 32, where the position is the hash without the bits that led to
 *            the segment
 *   group    | hash 4 (9 times) | leaf 3 (9 times) | overflow 1 |
 *            hash 0: the slot is free
 *            overflow: how many whose home is here or before live beyond this group: a search goes
 *            on to the next one while it is not 0. 255 stays until the segment is laid anew
 *
 * The members are not here: the same hash may stand for several, and who asks compares. */
#ifndef COATCHECK_STRUCTS_MEMBERINDEX_H
#define COATCHECK_STRUCTS_MEMBERINDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "coatcheck/base/status.h"

struct memberindex {
    uint64_t *directory; /* segment 48 | its groups 10 | its depth 6 */
    uint16_t *counts;    /* of a segment, where its first entry in the directory is */
    unsigned bits;       /* of the hash that choose an entry */
    uint32_t deepest;    /* segments that only one entry leads to */
    uint64_t count;
    size_t used_bytes; /* what the allocator holds for all this */
};

#define MEMBERINDEX_LEAF_MAX 0xffffff

enum status memberindex_init(struct memberindex *index);
void memberindex_fini(struct memberindex *index);

/* Frees `steps` segments at most; true once all is gone. */
bool memberindex_fini_some(struct memberindex *index, size_t *steps);

/* The part of a hash that is kept. */
static inline uint32_t memberindex_hash(uint64_t hash)
{
    uint32_t kept = (uint32_t)(hash >> 32);

    return kept ? kept : 1;
}

void memberindex_prefetch(const struct memberindex *index, uint32_t hash);

/* Goes through the leaves that may hold the member. */
struct memberprobe {
    uint32_t leaf;

    /* of memberindex.c */
    const struct indexgroup *segment, *group;
    uint32_t hash, groups, left;
    unsigned matches;
};
void memberindex_begin(const struct memberindex *index, uint32_t hash, struct memberprobe *probe);
bool memberindex_next(struct memberprobe *probe);

/* Makes room for one more with this hash. NO_MEMORY: there is none, and nothing has changed. */
enum status memberindex_reserve(struct memberindex *index, uint32_t hash);

/* After memberindex_reserve(). */
void memberindex_add(struct memberindex *index, uint32_t hash, uint32_t leaf);

/* Both must find what they are asked for. */
void memberindex_move(struct memberindex *index, uint32_t hash, uint32_t from_leaf,
                      uint32_t to_leaf);
void memberindex_remove(struct memberindex *index, uint32_t hash, uint32_t leaf);

/* Calls `see` with all whose home group is that of `cursor` and whose hash is not before it;
 * returns where the next group begins, 0 behind the last. What is there all the time is seen,
 * however the index changes between the calls. */
uint64_t memberindex_scan(const struct memberindex *index, uint32_t cursor,
                          void (*see)(void *context, uint32_t hash, uint32_t leaf), void *context);

/* Moves the segment that entry `at` of the directory leads to, which is below 2^bits, together with its like:
 * mem_compact(); with the first one the directory. Returns the first entry of the next segment. */
size_t memberindex_compact(struct memberindex *index, size_t at);

/* NO_MEMORY: *copy is nothing. */
enum status memberindex_copy(struct memberindex *copy, const struct memberindex *index);

void memberindex_check(const struct memberindex *index);

#endif
