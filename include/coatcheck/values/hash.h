/* hash: fields, each once, with a value each, and a deadline where one was set. Small ones are one packed block of
 * names and values in the order in which they came, or, where many have the same names, of values alone beside the names
 * that they share; large ones a map of fields (structs/fieldmap). Deadlines of small ones stand in an array of their
 * own, which is there as soon as one of its fields has one.
 *
 * No verb here shows a field past its deadline, by the clock of the thread; hash_count() alone counts those that
 * nobody has dropped yet. Names and values are copied in, and handed out as slices that live until the hash
 * changes. Callers have entered the shard of the hash's key. */
#ifndef COATCHECK_VALUES_HASH_H
#define COATCHECK_VALUES_HASH_H

#include <stdbool.h>
#include <stdint.h>
#include "coatcheck/base/bytes.h"
#include "coatcheck/base/number.h"
#include "coatcheck/base/option.h"
#include "coatcheck/base/status.h"
#include "coatcheck/structs/fieldmap.h"
#include "coatcheck/structs/packed.h"

struct hash;

/* Empty. NULL: no memory. */
struct hash *hash_new(void);

/* Frees all of it now; *hash is NULL afterwards. Those of keys are freed in slices, by their kind. */
void hash_free(struct hash **hash);

/* Frees some `steps` fields of it; true once all is gone. The first call ends the hash's use. */
bool hash_free_some(struct hash **hash, size_t steps);

uint64_t hash_count(const struct hash *hash);

struct hash_field {
    struct bytes name, value;
    int64_t deadline_ms; /* NEVER: none */
    uint64_t mark;       /* another for each field of a hash that does not change */
    char digits[2][NUMBER_MAX_TEXT]; /* where a number is printed that is kept as one */
};

/* Fills in the value and the deadline. False: there is no such field. */
bool hash_get(const struct hash *hash, struct bytes name, struct hash_field *field);

/* Has the processor fetch what hash_get() will read for these, HASH_BATCH at most. */
#define HASH_BATCH 32
void hash_prefetch(const struct hash *hash, const struct bytes *names, unsigned count);

/* A deadline for hash_put(): that of the field, when it is there. */
#define HASH_KEEP_DEADLINE INT64_MIN
/* No deadline of a field is later. */
#define HASH_DEADLINE_MAX ((INT64_C(1) << 46) - 1)

/* Sets a field. *added: it was not there. NO_MEMORY: nothing has changed. */
enum status hash_put(struct hash *hash, struct bytes name, struct bytes value, int64_t deadline_ms, bool *added);

/* All of these fields, names and values in turn, or, for want of memory, none. *added: how many were not there. */
enum status hash_put_all(struct hash *hash, const struct bytes *words, unsigned pairs, int64_t deadline_ms,
                         unsigned *added);

/* Fields for an empty hash all at once, names and values in turn, TWINS_MOST pairs at most. MALFORMED: two names are the
 * same; TOO_BIG: it would not be a packed one, so they are to be put one by one. Then, and for want of memory, the hash
 * stays empty. */
enum status hash_fill(struct hash *hash, const struct packitem *items, unsigned pairs);

/* Sees to it that hash_set_deadline() will not fail for want of memory for this field, if it is there, as long as it
 * is not put anew. NO_MEMORY: nothing has changed. */
enum status hash_ready_deadline(struct hash *hash, struct bytes name);

/* NEVER takes it away. NOT_FOUND: there is no such field. NO_MEMORY: nothing has changed. */
enum status hash_set_deadline(struct hash *hash, struct bytes name, int64_t deadline_ms);

/* True: it was there. */
bool hash_remove(struct hash *hash, struct bytes name);

/* Never later than the first deadline of a field. NEVER: none has one. */
int64_t hash_soonest_ms(const struct hash *hash);

/* Removes fields whose deadline is `now_ms` or earlier, until *steps of work are done; `see` (or NULL) gets each
 * before it goes. True: none is left. */
bool hash_expire(struct hash *hash, int64_t now_ms, size_t *steps, void (*see)(void *context, struct bytes name),
                 void *context);

/* Where a field of a small hash stands: of values/. */
struct hash_place {
    struct packwalk value; /* of one without a shape at the name, which is before the value */
    struct packwalk name;
};

/* A walk over all fields. The hash must not change meanwhile. */
struct hash_walk {
    struct hash_field field;

    /* of values/ */
    const struct hash *hash;
    int64_t now_ms;
    struct hash_place packed;
    struct fieldwalk large;
    unsigned at, count;
};
void hash_walk_begin(struct hash_walk *walk, const struct hash *hash);
/* False: there are no more. */
bool hash_walk_next(struct hash_walk *walk);

/* Some field, each as likely as any other. False: the hash is empty. */
bool hash_draw(const struct hash *hash, uint64_t *dice, struct hash_field *field);

/* HSCAN: calls `see` with fields from `cursor` (0 starts) on, some `budget` of them, and returns the cursor to go
 * on with, 0 at the end. A field that is there from the first call to the last is seen at least once, whatever
 * happens to the hash meanwhile. */
uint64_t hash_scan(const struct hash *hash, uint64_t cursor, uint64_t budget,
                   void (*see)(void *context, const struct hash_field *field), void *context);

/* A small one is packed (OBJECT ENCODING "listpack", "listpackex" with deadlines), a large one is not
 * ("hashtable"). */
bool hash_is_packed(const struct hash *hash);

/* One that came packed is so still, however long its fields and values are, if the options allow so many of them: as
 * redis-server judges what it restores. */
void hash_keep_packed(struct hash *hash);

/* Every invariant; must() tells which one broke. For tests. */
void hash_check(const struct hash *hash);

/* Registers the kind. At start. */
void hash_kind_setup(void);

#define HASH_OPTIONS(BOOL, INT, SIZE, WORD, TEXT)                                                  \
    INT(hash_max_listpack_entries, "hash-max-listpack-entries", 512, 0, INT64_MAX, OPTION_LIVE,    \
        "fields up to which a hash is one packed block")                                           \
    SIZE(hash_max_listpack_value, "hash-max-listpack-value", 64, 0, INT64_MAX, OPTION_LIVE,        \
         "bytes of the longest field or value that a packed hash may hold")
OPTION_STRUCT(hash, HASH_OPTIONS);

#endif
