/* hash_internal: the forms of a hash behind one pointer.
 *
 *   | root 8 |      the block of a packed one, 0 when nothing was ever put;
 *                   with bit 1: a packed one with deadlines (struct mortal); with bit 0: a large one
 *
 * These eight bytes stay where they are while blocks move: who holds a hash need not be told. */
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

/* Deadlines of the fields of a packed hash, in their order; 0: none. */
struct mortal {
    struct packed *pairs;
    int64_t soonest_ms; /* never later than the first of them; NEVER: there is none */
    uint32_t room;      /* for so many fields */
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

static inline struct hash_large *hash_large_of(const struct hash *hash)
{
    return (struct hash_large *)(hash->root & ~(uintptr_t)ROOT_LARGE);
}

static inline struct mortal *hash_mortal_of(const struct hash *hash)
{
    return (struct mortal *)(hash->root & ~(uintptr_t)ROOT_MORTAL);
}

/* Of a packed one; NULL: nothing was ever put. */
static inline struct packed *hash_pairs_of(const struct hash *hash)
{
    return unlikely(hash_is_mortal(hash)) ? hash_mortal_of(hash)->pairs : (struct packed *)hash->root;
}

/* Is it over? Looks at the clock only where there is a deadline. */
static inline bool deadline_passed(int64_t deadline_ms)
{
    return unlikely(deadline_ms != NEVER) && deadline_ms <= clock_now_ms();
}

/* --- packed: hash_packed.c; verbs as in hash.h --- */

/* By the operator's rules: may a packed hash have this many fields, and ones with this text? */
bool packed_rules_allow(uint64_t count, struct bytes name, struct bytes value);

unsigned hash_packed_count(const struct hash *hash);
bool hash_packed_get(const struct hash *hash, struct bytes name, struct hash_field *field);
enum status hash_packed_put(struct hash *hash, struct bytes name, struct bytes value, int64_t deadline_ms,
                            bool *added);
enum status hash_packed_set_deadline(struct hash *hash, struct bytes name, int64_t deadline_ms);
enum status hash_packed_ready(struct hash *hash);
bool hash_packed_remove(struct hash *hash, struct bytes name);
bool hash_packed_expire(struct hash *hash, int64_t now_ms, size_t *steps,
                        void (*see)(void *context, struct bytes name), void *context);
/* The deadline of field `at`. */
int64_t hash_packed_deadline(const struct hash *hash, unsigned at);
/* Field `at`, where the walk stands; it stands at the next one afterwards. */
void hash_packed_read(const struct hash *hash, unsigned at, struct packwalk *walk, struct hash_field *field);
/* *copy has nothing yet. */
enum status hash_packed_copy(struct hash *copy, const struct hash *hash);
void hash_packed_free(struct hash *hash);
void hash_packed_compact(struct hash *hash, bool own_only);
size_t hash_packed_used_bytes(const struct hash *hash);
void hash_packed_check(const struct hash *hash);

/* --- large: hash_large.c --- */

struct hash_large *hash_large_new(void);
bool hash_large_free_some(struct hash_large **large, size_t *steps);
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
