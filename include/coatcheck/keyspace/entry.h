/* entry: a key, its value and its deadline in one allocation.
 *
 *   | head 1 | key length 1-5 | value length 1-5 | deadline 0, 5 or 8 | key … | value … |
 *
 *   head     bits 0-2 type (enum value_type), 3-4 form (enum entry_form), 5-6 deadline (0 none, 1 five bytes,
 *            2 eight bytes), 7 epoch (for a snapshot's cut)
 *   lengths  0xxxxxxx, 10xxxxxx +1 byte, 110xxxxx +3, 11100000 +4; big end first
 *   deadline milliseconds since ENTRY_EPOCH_MS, little end first; five bytes reach the year 2054, eight go on
 *   value    INLINE and GROWN: the bytes.  INT: eight bytes, no length byte.  FAR: a pointer, no length byte:
 *            a struct blob for a string, a container for the other types
 *
 *   "k" -> "hello", no deadline:  00 | 01 | 05 | 6b | 68 65 6c 6c 6f      nine bytes
 *   "n" -> 7:                     08 | 01 | 6e | 07 00 00 00 00 00 00 00  eleven bytes
 *
 * Always: an entry is reached from exactly one slot. It says nothing of its hash or place.
 * Callers have entered its shard. */
#ifndef COATCHECK_KEYSPACE_ENTRY_H
#define COATCHECK_KEYSPACE_ENTRY_H

#include <stdbool.h>
#include <stdint.h>
#include "coatcheck/base/bytes.h"
#include "coatcheck/base/number.h"
#include "coatcheck/values/blob.h"
#include "coatcheck/values/kind.h"

struct entry; /* bytes, laid out as above */

enum entry_form {
    ENTRY_INLINE, /* a string as it was set */
    ENTRY_INT,    /* a string that is a number, kept as one: INCR works in place */
    ENTRY_FAR,    /* a blob or a container behind a pointer */
    ENTRY_GROWN   /* a string changed by APPEND or SETRANGE: there may be slack behind it */
};

#define ENTRY_EPOCH_MS 1577836800000 /* 2020-01-01 00:00 UTC */

enum value_type entry_type(const struct entry *entry);
enum entry_form entry_form(const struct entry *entry);
struct bytes entry_key(const struct entry *entry);

/* NEVER when it has none. */
int64_t entry_deadline_ms(const struct entry *entry);

/* Only for strings. The bytes live until the entry changes; an INT is printed into `scratch`. */
struct bytes entry_string(const struct entry *entry, char scratch[NUMBER_MAX_TEXT]);
size_t entry_string_len(const struct entry *entry);

/* Only for ENTRY_INT. */
int64_t entry_int(const struct entry *entry);

/* The blob of a large string, NULL for the other forms; the entry keeps its reference. */
struct blob *entry_blob(const struct entry *entry);

/* The container of a type other than string. */
void *entry_container(const struct entry *entry);

/* "int", "embstr", "raw", or what the container says; as OBJECT ENCODING of redis-server answers. */
const char *entry_encoding(const struct entry *entry);

/* What the allocator holds for the entry and all that hangs from it. */
size_t entry_used_bytes(const struct entry *entry);

#endif
