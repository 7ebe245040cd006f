/* sequence: the texts in one string of a snapshot or dump in which redis-server of whatever age has packed small
 * values. Nothing in such a string is trusted: each step is held against its end, each length that is told twice
 * against the other.
 *
 *   listpack  | bytes 4 | count 2 | element … | ff |       element  | kind and length 1, 2, 5 | bytes | back 1-5 |
 *   ziplist   | bytes 4 | last 4 | count 2 | element … | ff |   element  | before 1, 5 | kind and length 1, 2, 5 | bytes |
 *   zipmap    | pairs 1 | length 1, 5 | name | length 1, 5 | free 1 | value | free bytes | … | ff |
 *   intset    | width 4 | count 4 | number … |             numbers from the least to the greatest
 *
 *   back and before tell how long the element is, or the one before it; a count of ffff, or fe pairs, says nothing.
 *   A listpack of "hi" and 7:  0d000000 0200 82 6869 03 07 01 ff
 */
#ifndef COATCHECK_PERSIST_SEQUENCE_H
#define COATCHECK_PERSIST_SEQUENCE_H

#include <stdbool.h>
#include <stdint.h>
#include "coatcheck/base/bytes.h"
#include "coatcheck/base/number.h"

enum sequence_form { SEQUENCE_LISTPACK, SEQUENCE_ZIPLIST, SEQUENCE_ZIPMAP, SEQUENCE_INTSET };

struct sequence {
    bool broken; /* what was read last made no sense, and nothing more is read */

    /* of persist/ */
    enum sequence_form form;
    const uint8_t *start, *at, *end; /* the end is where the last byte, ff, is */
    uint64_t seen, told;             /* elements */
    size_t before;                   /* of a ziplist: bytes of the element before */
    bool at_value;                   /* of a zipmap */
    int64_t last;                    /* of an intset */
};

/* Borrows the string. False: its head makes no sense. */
bool sequence_open(struct sequence *sequence, enum sequence_form form, struct bytes string);

/* At most so many elements are in it, whatever its head says. */
uint64_t sequence_most(const struct sequence *sequence);

/* An element as it stands there. */
struct sequence_element {
    bool is_number;
    int64_t number;
    struct bytes text; /* in the string, where it is no number */
};

/* The next element. False: there are no more, or sequence->broken. */
bool sequence_take(struct sequence *sequence, struct sequence_element *element);

/* The next text, in the string or, for a number, printed into `scratch`. False: there are no more, or
 * sequence->broken. */
bool sequence_next(struct sequence *sequence, char scratch[NUMBER_MAX_TEXT], struct bytes *text);

#endif
