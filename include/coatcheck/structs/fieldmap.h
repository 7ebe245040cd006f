/* fieldmap: the fields of a large hash, found by the hashes of their names.
 *
 * Extendible hashing (Fagin, Nievergelt, Pippenger, Strong 1979): a directory by the top bits of the hash names
 * segments of 4 KB at most. A segment that is full grows by a fifth or so, the largest split in two by the next
 * bit. So nothing is ever laid anew but a segment, and fields that are many cost no pause.
 *
 *   segment  groups of one cache line, in the order of the hash: a field's home is at position * groups >> 32,
 *            where the position is the upper half of the hash without the bits that led to the segment
 *   group    | soonest 6 | overflow 1 | 0 | slot 8 | … seven slots |          slot: see field.h; its tag is from
 *            the lowest bits of the hash
 *   soonest  the earliest deadline of the fields in the group, or an earlier one; 0: none of them has any
 *   overflow how many whose home is here or before live beyond this group: a search goes on to the next one
 *            while it is not 0. 255 stays until the segment is laid anew
 *
 * A segment's soonest stands in an array beside the directory, which is there as soon as a field has a deadline. So
 * fields without one cost nothing, and those that are due are found without looking at the others.
 * Always: soonest_ms <= its segments' <= their groups' <= the deadlines of their fields. */
#ifndef COATCHECK_STRUCTS_FIELDMAP_H
#define COATCHECK_STRUCTS_FIELDMAP_H

#include "coatcheck/base/status.h"
#include "coatcheck/structs/field.h"

struct fieldgroup;

struct fieldmap {
    uint64_t *directory; /* segment 48 | its groups 10 | its depth 6 */
    uint16_t *counts;    /* of a segment, where its first entry in the directory is */
    int64_t *soonest;    /* as counts; NULL: no field ever had a deadline */
    uint64_t count;
    int64_t soonest_ms;  /* NEVER: no field has a deadline */
    size_t used_bytes;   /* what the allocator holds for all this */
    uint32_t deepest;    /* segments that only one entry leads to */
    unsigned bits;       /* of the hash that choose an entry */
};

enum status fieldmap_init(struct fieldmap *map);

/* Frees `steps` fields at most; true once all is gone. The first call ends the map's use. */
bool fieldmap_fini_some(struct fieldmap *map, size_t *steps);

/* Where a field was found; good until the map changes. */
struct fieldspot {
    uint64_t *slot;
    struct fieldgroup *group;
};

/* `hash` is hash_bytes() of the name, in all of these. False: there is none. */
bool fieldmap_find(const struct fieldmap *map, uint64_t hash, struct bytes name, struct fieldspot *spot);

/* What a search will read: first the group, then the fields in it that it may be. */
void fieldmap_prefetch_group(const struct fieldmap *map, uint64_t hash);
void fieldmap_prefetch_field(const struct fieldmap *map, uint64_t hash);

/* Another field of the same name in the place of the one at the spot: the slot of field_new(). Returns the slot of
 * the one that was there, which is the caller's now. NO_MEMORY comes from fieldmap_mortal_ready() alone. */
uint64_t fieldmap_swap(struct fieldmap *map, uint64_t hash, const struct fieldspot *spot, uint64_t slot);

/* What field_overwrite() does, for the field at the spot. */
bool fieldmap_overwrite(struct fieldmap *map, uint64_t hash, const struct fieldspot *spot, struct bytes value,
                        int64_t deadline_ms);

/* Before a field with a deadline is put in. */
enum status fieldmap_mortal_ready(struct fieldmap *map);

/* Makes room for one more with this hash. NO_MEMORY: there is none, and nothing has changed. */
enum status fieldmap_reserve(struct fieldmap *map, uint64_t hash);

/* After fieldmap_reserve(); its name is not there. Takes the field. */
void fieldmap_add(struct fieldmap *map, uint64_t hash, uint64_t slot);

/* Takes the field at the spot out; it is the caller's now. */
uint64_t fieldmap_remove(struct fieldmap *map, uint64_t hash, const struct fieldspot *spot);

/* Removes and frees fields whose deadline is `now_ms` or earlier, until *steps of work are done (one for each such
 * field and for each group looked into); `see` (or NULL) gets each before it goes. True: none is left. */
bool fieldmap_expire(struct fieldmap *map, int64_t now_ms, size_t *steps,
                     void (*see)(void *context, struct bytes name), void *context);

/* All fields, in no order. The map must not change meanwhile. */
struct fieldwalk {
    uint64_t slot;

    /* of fieldmap_walk.c */
    const struct fieldmap *map;
    size_t at;
    uint32_t group;
    unsigned next;
};
void fieldwalk_begin(struct fieldwalk *walk, const struct fieldmap *map);
bool fieldwalk_next(struct fieldwalk *walk);

/* Calls `see` with all fields whose home group is that of `cursor` and whose position is not before it; returns where
 * the next group begins, 0 behind the last. What is there all the time is seen, however the map changes between the
 * calls. */
uint64_t fieldmap_scan(const struct fieldmap *map, uint32_t cursor, void (*see)(void *context, uint64_t slot),
                       void *context);

/* Some field, each as likely as any other. The map is not empty. */
uint64_t fieldmap_draw(const struct fieldmap *map, uint64_t *dice);

/* Moves the fields of a group together with their like: mem_compact(); with a segment's first group the segment, with the
 * map's first the directory. `at` is 0 or what this returned for the one before; 0: that was the last. Fields that the
 * time does not suffice for stay where they are, until the next round. */
struct compaction;
uint64_t fieldmap_compact(struct fieldmap *map, uint64_t at, struct compaction *compaction);

/* NO_MEMORY: *copy is nothing. */
enum status fieldmap_copy(struct fieldmap *copy, const struct fieldmap *map);

void fieldmap_check(const struct fieldmap *map);

#endif
