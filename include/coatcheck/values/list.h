/* list: texts in an order, pushed and popped at both ends. Small ones are one packed block; large
 * ones a first and a last block, and between them a tree of blocks with their counts, so that the
 * ends cost the same however long the list is, and any place is found in logarithmic time. An
 * element that is larger than a block may be stands alone, as a blob, and is replied by reference.
 * Elements count from 0 at the left. They are copied in, and handed out as slices that live until
 * the list changes. Callers have entered the shard of the list's key. */
#ifndef COATCHECK_VALUES_LIST_H
#define COATCHECK_VALUES_LIST_H

#include <stdbool.h>
#include <stdint.h>
#include "coatcheck/base/bytes.h"
#include "coatcheck/base/option.h"
#include "coatcheck/base/status.h"
#include "coatcheck/structs/counttree.h"
#include "coatcheck/structs/packed.h"
#include "coatcheck/values/blob.h"

struct list;

/* Empty. NULL: no memory. */
struct list *list_new(void);

/* Frees all of it now; *list is NULL afterwards. Those of keys are freed in slices, by their kind.
 */
void list_free(struct list **list);

/* Frees some `steps` blocks of it; true once all is gone. The first call ends the list's use. */
bool list_free_some(struct list **list, size_t steps);

uint64_t list_count(const struct list *list);

/* Of a large one: while it is the same, so is the list (base/version.h). 0: it is a small one, and nobody keeps account. */
uint64_t list_version(const struct list *list);

enum list_end { LIST_LEFT, LIST_RIGHT };

/* In all changes: NO_MEMORY: nothing has changed. */
enum status list_push(struct list *list, enum list_end end, struct bytes text);

/* Elements for an empty list all at once. TOO_BIG: they are more than one block may hold, so they are to be pushed one by
 * one. */
enum status list_fill(struct list *list, const struct packitem *items, unsigned count);

/* Before element `at`; the count is allowed. */
enum status list_insert(struct list *list, uint64_t at, struct bytes text);

/* In the place of element `at`. */
enum status list_set(struct list *list, uint64_t at, struct bytes text);

/* Takes the elements first … end-1 out. */
void list_remove_range(struct list *list, uint64_t first, uint64_t end);

/* Is it better to keep first … end-1 in a copy, and have the rest freed in slices with the list,
 * than to free all of the rest at once? Then the copy; NULL: no memory. */
bool list_trims_by_copy(const struct list *list, uint64_t first, uint64_t end);
struct list *list_copy_range(const struct list *list, uint64_t first, uint64_t end);

/* What is looked for in a list; borrows the text. */
struct list_needle {
    struct bytes text;
    struct packitem item;
    bool may_be_packed;
};
void list_needle_init(struct list_needle *needle, struct bytes text);

/* Removes up to `most` elements that equal the needle, from the left or from the right on; returns
 * how many. */
uint64_t list_remove_equal(struct list *list, const struct list_needle *needle, uint64_t most,
                           bool backwards);

/* ---- reading ---- */

/* A block of a large list, on the way through it. */
struct list_place {
    enum list_part { LIST_HEAD, LIST_MIDDLE, LIST_TAIL } part;
    uintptr_t node;
    uint64_t before; /* elements before the block's first */
    struct countpath path;
};

/* A walk over neighbours, in either direction, from an element on. The list must not change
 * meanwhile. */
struct list_walk {
    uint64_t at;       /* which element this is */
    struct blob *blob; /* set: it stands alone in this one */

    /* of values/ */
    const struct list *list;
    struct packwalk pack;
    unsigned left; /* elements of the block to come */
    bool begun, over, backwards;
    struct list_place place;
};

/* list_walk_next() goes to element `at` first; where there is none, nowhere. */
void list_walk_from(struct list_walk *walk, const struct list *list, uint64_t at, bool backwards);

/* of values/: to another block, or the first step. */
bool list_walk_leave(struct list_walk *walk);

/* To the next element. False: there are no more. */
static inline bool list_walk_next(struct list_walk *walk)
{
    if (unlikely(walk->left == 0 || !walk->begun)) return list_walk_leave(walk);
    walk->left--;
    if (walk->backwards) {
        packwalk_back(&walk->pack);
        walk->at--;
    } else {
        packwalk_forth(&walk->pack);
        walk->at++;
    }
    return true;
}

/* Its text; a number is printed into `scratch`. */
static inline struct bytes list_walk_text(const struct list_walk *walk,
                                          char scratch[NUMBER_MAX_TEXT])
{
    if (unlikely(walk->blob != NULL)) return blob_bytes(walk->blob);
    return packwalk_text(&walk->pack, scratch);
}

bool list_walk_is(const struct list_walk *walk, const struct list_needle *needle);

/* To the next element that equals the needle. False: there is none, and the walk is over. */
bool list_walk_to(struct list_walk *walk, const struct list_needle *needle);

/* Pushes the element of a walk, of this list or of another; one that stands alone is shared. */
enum status list_push_walked(struct list *list, enum list_end end, const struct list_walk *walk);

/* Every invariant; must() tells which one broke. For tests. */
void list_check(const struct list *list);

/* For MEMORY and DEBUG: blocks, and elements that stand alone. */
uint64_t list_nodes(const struct list *list);

/* Registers the kind. At start. */
void list_setup(void);

#define LIST_OPTIONS(BOOL, INT, SIZE, WORD, TEXT)                                                  \
    INT(list_max_listpack_size, "list-max-listpack-size", -2, INT32_MIN, INT32_MAX, OPTION_LIVE,   \
        "a block of a list holds so many elements, or -1 … -5: 4, 8, 16, 32 or 64 KB of them")     \
    INT(list_compress_depth, "list-compress-depth", 0, 0, INT32_MAX, OPTION_LIVE,                  \
        "accepted for redis-server's sake: blocks of lists are never compressed")
OPTION_STRUCT(list, LIST_OPTIONS);

#endif
