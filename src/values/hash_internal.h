/* hash_internal: the forms of a hash behind one pointer.
 *
 *   | root 8 |      the block of a packed one, 0 when nothing was ever put;
 *                   with bit 1: a packed one with deadlines (struct mortal); with bit 0: a large one;
 *                   with bit 2: a packed one with a shape (shape_internal.h), that is with values alone
 *
 * The block of one without a shape is its names and values in turn; of one with a shape, of its places:
 *
 *   shape's number 2, holes 1 | value | value …      the first place's value belongs to the shape's first name …
 *
 *   A value of no bytes is the number 0 in two bytes here, which no other value is, and an element of no bytes is a hole:
 *   the place of a field that was removed from between others. The last place is none.
 *
 * These eight bytes stay where they are while blocks grow: who holds a hash need not be told. */
#ifndef COATCHECK_HASH_INTERNAL_H
#define COATCHECK_HASH_INTERNAL_H

#include "coatcheck/base/clock.h"
#include "coatcheck/base/hash.h"
#include "coatcheck/base/must.h"
#include "coatcheck/values/hash.h"

struct hash {
    uintptr_t root;
};

#define ROOT_LARGE 1u
#define ROOT_MORTAL 2u
#define ROOT_SHAPED 4u
#define ROOT_FLAGS (ROOT_LARGE | ROOT_MORTAL | ROOT_SHAPED)

/* Deadlines of the places of a packed hash, in their order; 0: none. */
struct mortal {
    struct packed *block;
    int64_t soonest_ms; /* never later than the first of them; NEVER: there is none */
    uint32_t room;      /* for so many places */
    uint8_t deadlines[][FIELD_DEADLINE_BYTES];
};

struct hash_large {
    struct fieldmap map;
    bool is_packed; /* by the options it still is: OBJECT ENCODING says so */
};

static inline bool hash_is_large(const struct hash *hash)
{
    return (hash->root & ROOT_LARGE) != 0;
}

static inline bool hash_is_mortal(const struct hash *hash)
{
    return (hash->root & ROOT_MORTAL) != 0;
}

static inline bool hash_is_shaped(const struct hash *hash)
{
    return (hash->root & ROOT_SHAPED) != 0;
}

static inline struct hash_large *hash_large_of(const struct hash *hash)
{
    return (struct hash_large *)(hash->root & ~(uintptr_t)ROOT_LARGE);
}

static inline struct mortal *hash_mortal_of(const struct hash *hash)
{
    return (struct mortal *)(hash->root & ~(uintptr_t)ROOT_FLAGS);
}

/* Of a packed one; NULL: nothing was ever put. */
static inline struct packed *hash_block_of(const struct hash *hash)
{
    if (unlikely(hash_is_mortal(hash))) return hash_mortal_of(hash)->block;
    return (struct packed *)(hash->root & ~(uintptr_t)ROOT_FLAGS);
}

static inline void hash_set_block(struct hash *hash, struct packed *block)
{
    if (unlikely(hash_is_mortal(hash))) {
        hash_mortal_of(hash)->block = block;
    } else {
        hash->root = (uintptr_t)block | (hash->root & ROOT_SHAPED);
    }
}

/* Is it over? Looks at the clock only where there is a deadline. */
static inline bool deadline_passed(int64_t deadline_ms)
{
    return unlikely(deadline_ms != NEVER) && deadline_ms <= clock_now_ms();
}

/* --- packed: hash_packed.c; verbs as in hash.h --- */

/* A block beyond this is slower to change than a map, whatever the options say: such a hash becomes a map that still
 * calls itself packed. */
#define PACKED_MAX 16384

/* By the operator's rules: may a packed hash have this many fields, and ones with this text? */
bool packed_rules_allow(uint64_t count, struct bytes name, struct bytes value);

unsigned hash_packed_count(const struct hash *hash);
/* Fields and holes. */
unsigned hash_packed_places(const struct hash *hash);
bool hash_packed_get(const struct hash *hash, struct bytes name, struct hash_field *field);
enum status hash_packed_put(struct hash *hash, struct bytes name, struct bytes value, int64_t deadline_ms,
                            bool *added);
enum status hash_packed_set_deadline(struct hash *hash, struct bytes name, int64_t deadline_ms);
enum status hash_packed_ready(struct hash *hash);
bool hash_packed_remove(struct hash *hash, struct bytes name);
bool hash_packed_expire(struct hash *hash, int64_t now_ms, size_t *steps,
                        void (*see)(void *context, struct bytes name), void *context);
/* The deadline of place `at`. */
int64_t hash_packed_deadline(const struct hash *hash, unsigned at);
/* To place `at`, where there is a block. */
void hash_packed_go(const struct hash *hash, unsigned at, struct hash_place *place);
/* Place `at`, where it stands; it stands at the next one afterwards. False: a hole. */
bool hash_packed_read(const struct hash *hash, unsigned at, struct hash_place *place, struct hash_field *field);
/* *copy has nothing yet. */
enum status hash_packed_copy(struct hash *copy, const struct hash *hash);
void hash_packed_free(struct hash *hash);
struct compaction;
void hash_packed_compact(struct hash *hash, const struct compaction *compaction);
size_t hash_packed_used_bytes(const struct hash *hash);
void hash_packed_check(const struct hash *hash);

/* --- packed ones with a shape: hash_shaped.c; those of begin() and fill() have nothing yet --- */

unsigned hash_shape(const struct hash *hash);
unsigned hash_shaped_holes(const struct hash *hash);
/* A shape of a first field of this name for a hash that has nothing yet. NOT_FOUND: there is none. */
enum status hash_shaped_begin(struct hash *hash, const struct packitem *name);
/* All of these fields. NOT_FOUND: their names have no shape; or two of them are the same. */
enum status hash_shaped_fill(struct hash *hash, const struct packitem *items, unsigned pairs);
/* Is this the name of the next place? */
bool hash_shaped_goes_on(const struct hash *hash, const struct packitem *name);
/* Sees to it that it is, or that the hash has no shape any more. NO_MEMORY: neither. */
enum status hash_shaped_turn(struct hash *hash, const struct packitem *name);
/* Names and values in turn, without holes. NO_MEMORY: nothing has changed. */
enum status hash_shaped_spell(struct hash *hash);
/* Which place has this name, and its value's walk. False: none, or a hole. */
bool hash_shaped_find(const struct hash *hash, const struct packitem *name, unsigned *at, struct packwalk *value);
/* What is to stand in the block for a value. */
void hash_shaped_value(struct packitem *stored, const struct packitem *value);
/* The code of a value of no bytes: a number takes two bytes only if it is none that one byte would hold. */
#define SHAPED_EMPTY 217
static inline bool hash_shaped_is_hole(const struct packwalk *value)
{
    return *value->code == 0;
}
/* As packwalk_text(), of no hole. */
static inline struct bytes hash_shaped_text(const struct packwalk *value, char scratch[NUMBER_MAX_TEXT])
{
    if (unlikely(*value->code == SHAPED_EMPTY) && packwalk_number(value) == 0) return bytes_of(value->at, 0);
    return packwalk_text(value, scratch);
}
/* Of the deadlines' array the caller takes care. */
void hash_shaped_cut(struct hash *hash, unsigned at);
/* Where holes are many, names and values in turn, if there is memory. */
void hash_shaped_settle(struct hash *hash);
void hash_shaped_check(const struct hash *hash);

/* --- large: hash_large.c --- */

struct hash_large *hash_large_new(void);
bool hash_large_free_some(struct hash_large **large, size_t *steps);
/* True: it is through. */
bool hash_large_compact(struct hash *hash, struct compaction *compaction);
struct hash_large *hash_large_copy(const struct hash_large *large);
bool hash_large_get(const struct hash_large *large, struct bytes name, struct hash_field *field);
enum status hash_large_put(struct hash_large *large, struct bytes name, struct bytes value, int64_t deadline_ms,
                           bool *added);
enum status hash_large_put_all(struct hash_large *large, const struct bytes *words, unsigned pairs,
                               int64_t deadline_ms, unsigned *added);
enum status hash_large_set_deadline(struct hash_large *large, struct bytes name, int64_t deadline_ms);
enum status hash_large_ready(struct hash_large *large, struct bytes name);
bool hash_large_remove(struct hash_large *large, struct bytes name);
void hash_large_read(uint64_t slot, struct hash_field *field);

/* --- from one to the other: hash.c --- */

/* Makes a packed one large. `is_packed`: it goes on calling itself so. NO_MEMORY: nothing has changed. */
enum status hash_enlarge(struct hash *hash, bool is_packed);

#endif
