/* set: members, each once, in no order. Whole numbers alone are one sorted block of them
 * (structs/intset); small sets of others one block of members (structs/memberblock); large ones
 * many (structs/memberset).
 *
 * A member that is the text of a whole number is the same member in whatever form. Members are
 * copied in, and handed out as slices that live until the set changes. Callers have entered the
 * shard of the set's key. */
#ifndef COATCHECK_VALUES_SET_H
#define COATCHECK_VALUES_SET_H

#include <stdbool.h>
#include <stdint.h>
#include "coatcheck/base/bytes.h"
#include "coatcheck/base/number.h"
#include "coatcheck/base/option.h"
#include "coatcheck/base/status.h"
#include "coatcheck/structs/memberset.h"

struct set;

/* Empty. NULL: no memory. */
struct set *set_new(void);

/* Frees all of it now; *set is NULL afterwards. Those of keys are freed in slices, by their kind.
 */
void set_free(struct set **set);

/* Frees some `steps` blocks of it; true once all is gone. The first call ends the set's use. */
bool set_free_some(struct set **set, size_t steps);

uint64_t set_count(const struct set *set);

/* Of a large one: while it is the same, all that was handed out of this set is still good (base/version.h). 0: it is a
 * small one, and nobody keeps account. */
uint64_t set_version(const struct set *set);

bool set_has(const struct set *set, struct bytes member);

/* A hint to the processor, for who will ask for several members: all their hints first, then the
 * questions. */
void set_prefetch(const struct set *set, struct bytes member);

/* *added: it was not there. NO_MEMORY: nothing has changed. */
enum status set_add(struct set *set, struct bytes member, bool *added);

/* Numbers for an empty set all at once, each greater than the one before. TOO_BIG: there are more than an intset may
 * have, so they are to be added one by one. */
enum status set_fill(struct set *set, const int64_t *numbers, uint32_t count);

/* True: it was there. */
bool set_remove(struct set *set, struct bytes member);

/* All members: those of an intset from the least to the greatest, others in no order. The set must
 * not change meanwhile. */
struct set_walk {
    struct bytes member;

    /* of values/ */
    const struct set *set;
    uint32_t at;
    struct memberwalk block;
    struct membersetwalk large;
    char digits[NUMBER_MAX_TEXT];
};
void set_walk_begin(struct set_walk *walk, const struct set *set);
/* False: there are no more. */
bool set_walk_next(struct set_walk *walk);

/* A member drawn by lot, each as likely as any other. The set is not empty. */
struct set_spot {
    struct bytes member;
    uint64_t mark; /* another for each member of a set that does not change */

    /* of values/ */
    uint32_t at;
    struct memberspot large;
    char digits[NUMBER_MAX_TEXT];
};
void set_draw(const struct set *set, uint64_t *dice, struct set_spot *spot);

/* Removes the one that was drawn, before any other change. */
void set_take(struct set *set, struct set_spot *spot);

/* Each gets the other's members. */
void set_swap(struct set *a, struct set *b);

/* SSCAN: calls `see` with members from `cursor` (0 starts) on, some `budget` of them, and returns
 * the cursor to go on with, 0 at the end. A member that is there from the first call to the last is
 * seen at least once, whatever happens to the set meanwhile. */
uint64_t set_scan(const struct set *set, uint64_t cursor, uint64_t budget,
                  void (*see)(void *context, struct bytes member), void *context);

/* Whole numbers alone (OBJECT ENCODING "intset", otherwise "hashtable"), and bytes of each, 0 for
 * others. */
bool set_is_intset(const struct set *set);
unsigned set_number_width(const struct set *set);

/* A set of the same members in which they are texts, so that what a walk hands out lives as long as
 * the set. NULL: no memory. */
struct set *set_copy_as_texts(const struct set *set);

/* Every invariant; must() tells which one broke. For tests. */
void set_check(const struct set *set);

/* Registers the kind. At start. */
void set_kind_setup(void);

#define SET_OPTIONS(BOOL, INT, SIZE, WORD, TEXT)                                                   \
    INT(set_max_intset_entries, "set-max-intset-entries", 512, 0, INT64_MAX, OPTION_LIVE,          \
        "members up to which a set of whole numbers is one sorted block of them")
OPTION_STRUCT(set, SET_OPTIONS);

#endif
