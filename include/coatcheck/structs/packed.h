/* packed: a sequence of byte strings in one allocation: a small list, hash or set, or a node of a
 * large list.
 *
 *   plain  | bytes 4 | count 2 | room 1 | shape 1 |                 data … free … codes |
 *   deque  | bytes 4 | count 2 | room 1 | shape 1 | front 2 | back 2 |
 *                                                          free … data … free … codes … free |
 *
 *   bytes  how long the data are
 *   room   which size the block has: of slabs (base/slab.h) if it is plain and no larger than those
 *          go, else of the allocator's
 *   front  free bytes before the data, back those behind the codes: a deque takes and gives at both
 *          ends without moving the rest
 *   data   the elements in order, one behind the other
 *   codes  a byte each, backwards: the first element's is the last byte
 *            0-215    a text of so many bytes
 *            216-223  a whole number of code - 215 bytes, little end first: a text that such a
 *                     number prints to
 *            224-254  a text of 216 + 256 * (code - 224) + b bytes, with the byte b before and
 *                     behind it
 *            255      a longer text, with its length in three bytes, little end first, before and
 *                     behind it
 *
 *   "hi" 7 "", plain:  03000000 0300 01 00 | 6869 07 … 00 d8 02         14 of 16 bytes
 *
 * Equal texts have equal codes and data. Elements are counted from 0. A change may move the block:
 * verbs that take a pointer to its pointer leave the new one there. What was handed out of a block
 * lives until it changes. */
#ifndef COATCHECK_STRUCTS_PACKED_H
#define COATCHECK_STRUCTS_PACKED_H

#include <stdbool.h>
#include <stdint.h>
#include "coatcheck/base/bytes.h"
#include "coatcheck/base/must.h"
#include "coatcheck/base/number.h"
#include "coatcheck/base/status.h"

struct packed {
    uint32_t bytes;
    uint16_t count;
    uint8_t room;
    uint8_t shape;
};

#define PACKED_ELEMENT_MAX 0xffffff /* bytes of an element */
#define PACKED_COUNT_MAX UINT16_MAX
#define PACKED_SIZE_MAX (1u << 30) /* bytes of a block */

enum packed_form { PACKED_PLAIN, PACKED_DEQUE };

/* Empty, with room for `size` bytes in all, as packed_size() counts them (0: for little). NULL: no
 * memory. */
struct packed *packed_new(enum packed_form form, size_t size);

/* A block of these alone, in as little room as they need. NULL: no memory, or too big. */
struct packitem;
struct packed *packed_of(enum packed_form form, const struct packitem *items, unsigned count);

/* A deque of this alone, with room for `size` bytes in all (as packed_new()), all that is free on the side where more
 * elements like it will follow. NULL: no memory. */
struct packed *packed_begin(const struct packitem *item, size_t size, bool grows_left);

/* *block is NULL afterwards, and may have been before. */
void packed_free(struct packed **block);

/* Moves it together with its like, by the rules of base/compaction.h. */
struct compaction;
void packed_compact(struct packed **block, const struct compaction *compaction);

static inline unsigned packed_count(const struct packed *block)
{
    return block->count;
}

/* Bytes in use, and what the allocator holds. */
size_t packed_size(const struct packed *block);
size_t packed_room(const struct packed *block);

/* ---- an element to be looked for or put in ---- */

struct packitem {
    const char *at; /* borrowed; NULL: the number */
    uint32_t len;   /* of what is at `at` or of the number */
    uint8_t code;
    char number[8];
};

/* False: it is longer than PACKED_ELEMENT_MAX, so it is in no block. */
bool packitem_init(struct packitem *item, struct bytes text);
void packitem_init_number(struct packitem *item, int64_t number);

/* What it takes in a block, its code included. */
size_t packitem_size(const struct packitem *item);

/* What they hold in all without a code, for who compares or hashes items of equal codes. */
static inline struct bytes packitem_data(const struct packitem *item)
{
    return bytes_of(item->at ? item->at : item->number, item->len);
}

static inline bool packitem_equals(const struct packitem *item, const struct packitem *other)
{
    return item->code == other->code && bytes_equal(packitem_data(item), packitem_data(other));
}

/* ---- walking ---- */

/* A place in a block, from before the first element to behind the last; callers count for
 * themselves. */
struct packwalk {
    const char *at;
    const uint8_t *code;
};

/* At element `at`, or with the count behind the last one. */
void packwalk_begin(struct packwalk *walk, const struct packed *block, unsigned at);

/* of structs/: how long the data of an element of code 224 or more are, from their first byte or
 * from the one behind them. */
size_t packed_long_width(uint8_t code, const char *at);
size_t packed_long_width_before(uint8_t code, const char *end);
struct bytes packed_long_text(uint8_t code, const char *at);

static inline size_t packwalk_width(const struct packwalk *walk)
{
    uint8_t code = *walk->code;

    if (likely(code < 216)) return code;
    return code < 224 ? code - 215u : packed_long_width(code, walk->at);
}

/* From an element to the next place; from a place to the element before. */
static inline void packwalk_forth(struct packwalk *walk)
{
    walk->at += packwalk_width(walk);
    walk->code--;
}
static inline void packwalk_back(struct packwalk *walk)
{
    uint8_t code = *++walk->code;

    if (likely(code < 216)) {
        walk->at -= code;
    } else {
        walk->at -= code < 224 ? code - 215u : packed_long_width_before(code, walk->at);
    }
}

static inline bool packwalk_is_number(const struct packwalk *walk)
{
    return *walk->code >= 216 && *walk->code < 224;
}
/* Only where it is one. */
static inline int64_t packwalk_number(const struct packwalk *walk)
{
    unsigned width = *walk->code - 215u;
    int64_t number = (signed char)walk->at[width - 1];

    for (unsigned i = width - 1; i-- > 0;)
        number = (int64_t)((uint64_t)number << 8 | (uint8_t)walk->at[i]);
    return number;
}

/* The element as a text; a number is printed into `scratch`. */
static inline struct bytes packwalk_text(const struct packwalk *walk, char scratch[NUMBER_MAX_TEXT])
{
    uint8_t code = *walk->code;

    if (likely(code < 216)) return bytes_of(walk->at, code);
    if (code < 224) return bytes_of(scratch, number_print_int(scratch, packwalk_number(walk)));
    return packed_long_text(code, walk->at);
}

bool packwalk_equals(const struct packwalk *walk, const struct packitem *item);

/* From element *at on, where the walk stands, every `step`-th: the first that equals the item.
 * True: the walk stands there and *at is its number. False: there is none. */
bool packed_find(const struct packed *block, const struct packitem *item, unsigned step,
                 struct packwalk *walk, unsigned *at);

/* ---- changes ---- */

/* What packed_size() would be with these. */
size_t packed_size_with(const struct packed *block, const struct packitem *items, unsigned count);

/* Puts `count` items in before element `at` (the block's count: behind the last). NO_MEMORY, or
 * TOO_BIG where PACKED_COUNT_MAX or PACKED_SIZE_MAX would be passed: nothing has changed. */
enum status packed_insert(struct packed **block, unsigned at, const struct packitem *items,
                          unsigned count);

/* Puts the item in the place of element `at`. As packed_insert(). */
enum status packed_replace(struct packed **block, unsigned at, const struct packitem *item);

/* Takes the elements from … to-1 out. A plain one gives room back where there is too much of it; a deque keeps it until
 * packed_fit(). */
void packed_cut(struct packed **block, unsigned from, unsigned to);

/* Gives room back, if `spare` bytes more than it needs would have room in a smaller one and there is memory for that. What
 * remains free is on the side where it grows. */
void packed_fit(struct packed **block, size_t spare, bool grows_left);

/* A new block of the elements from … to-1, and one of both, `left` before `right`. The old ones
 * stay as they are. NULL: no memory, or too big. */
struct packed *packed_slice(const struct packed *block, unsigned from, unsigned to,
                            enum packed_form form);
struct packed *packed_join(const struct packed *left, const struct packed *right);

/* As it is, in as little room as it needs. NULL: no memory. */
struct packed *packed_copy(const struct packed *block);

/* Every invariant; must() tells which one broke. */
void packed_check(const struct packed *block);

#endif
