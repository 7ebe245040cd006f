/* memberset: the members of a large set, in blocks found by the hashes of their members.
 *
 * Extendible hashing (Fagin, Nievergelt, Pippenger, Strong 1979): a directory by the top bits of
 * the hash names blocks (structs/memberblock) of 128 members or 4 KB at most. A block that is full
 * splits in two by the next bit, so no more than one is ever laid anew. A member is found with one
 * look into the directory and one into the words of a block, and nothing is kept for it but its
 * bytes and two more.
 *
 *   entry  block 48 | its depth 5 | its room 11 */
#ifndef COATCHECK_STRUCTS_MEMBERSET_H
#define COATCHECK_STRUCTS_MEMBERSET_H

#include "coatcheck/structs/memberblock.h"

/* What a block holds before it splits. */
#define MEMBERSET_BLOCK_COUNT 128
#define MEMBERSET_BLOCK_BYTES 4096

static inline bool memberset_block_takes(const struct memberblock *block, struct bytes member)
{
    return block->count < MEMBERSET_BLOCK_COUNT &&
           memberblock_size_with(block, member) <= MEMBERSET_BLOCK_BYTES;
}

struct memberset {
    uint64_t *directory;
    uint16_t *counts; /* of a block, where its first entry in the directory is */
    uint64_t count;
    size_t used_bytes; /* what the allocator holds for all this */
    uint64_t version;  /* base/version.h: another one after each change */
    uint32_t deepest;  /* blocks that only one entry leads to */
    unsigned bits;     /* of the hash that choose an entry */
};

/* Takes *block, on OK only, as the first one. */
enum status memberset_init(struct memberset *set, struct memberblock **block);

/* Frees `steps` blocks and members elsewhere at most; true once all is gone. The first call ends
 * the set's use. */
bool memberset_fini_some(struct memberset *set, size_t *steps);

/* Where a member is; good until the set changes. */
struct memberspot {
    size_t entry;
    struct memberwalk walk;
};

/* `hash` is hash_bytes() of the member, in all of these. False: it is not there. */
bool memberset_find(const struct memberset *set, uint64_t hash, struct bytes member,
                    struct memberspot *spot);

/* Hints to the processor: where the directory says which block it is, then that block's words, then the member. Each
 * reads what the one before has fetched. */
void memberset_prefetch_entry(const struct memberset *set, uint64_t hash);
void memberset_prefetch(const struct memberset *set, uint64_t hash);
void memberset_prefetch_member(const struct memberset *set, uint64_t hash, struct bytes member);

/* Adds a member that is not there. NO_MEMORY: nothing has changed that anyone would see. */
enum status memberset_add(struct memberset *set, uint64_t hash, struct bytes member);

void memberset_remove(struct memberset *set, struct memberspot *spot);

/* Some member, each as likely as any other. The set is not empty. */
void memberset_draw(const struct memberset *set, uint64_t *dice, struct memberspot *spot);

/* All members, in no order. The set must not change meanwhile. */
struct membersetwalk {
    struct bytes member;

    /* of memberset_walk.c */
    const struct memberset *set;
    size_t entry;
    struct memberwalk walk;
};
void membersetwalk_begin(struct membersetwalk *walk, const struct memberset *set);
bool membersetwalk_next(struct membersetwalk *walk);

/* Calls `see` with some `budget` members from hash `cursor` on; returns where to go on, 0 at the
 * end. What is there all the time is seen, however the set changes between the calls. */
uint64_t memberset_scan(const struct memberset *set, uint32_t cursor, uint64_t budget,
                        void (*see)(void *context, struct bytes member), void *context);

/* Moves the block that entry `at` of the directory leads to, which is below 2^bits, together with its like:
 * mem_compact(); with the first one the directory. Returns the first entry of the next block. */
struct compaction;
size_t memberset_compact(struct memberset *set, size_t at, struct compaction *compaction);

/* NO_MEMORY: *copy is nothing. */
enum status memberset_copy(struct memberset *copy, const struct memberset *set);

void memberset_check(const struct memberset *set);

#endif
