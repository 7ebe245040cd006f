/* field: a field of a large hash, with its value and its deadline, in one allocation.
 *
 *   | field length 1-5 | value length 1-5 | deadline 0 or 6 | field … | value … |
 *
 *   lengths   0xxxxxxx, 10xxxxxx +1 byte, 11000000 +4 bytes; big end first
 *   deadline  milliseconds since 1970, little end first: to the year 10889; all ones: none, though there is room
 *
 *   "f" -> "hello"      01 | 05 | 66 | 68 65 6c 6c 6f        eight bytes
 *
 * Whether it has a deadline stands in the slot that leads to it, so that who looks for what is due touches nothing
 * else:  pointer 48 | tag 15 | mortal 1.  A slot of 0 leads nowhere. */
#ifndef COATCHECK_STRUCTS_FIELD_H
#define COATCHECK_STRUCTS_FIELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include "coatcheck/base/bytes.h"
#include "coatcheck/base/clock.h"
#include "coatcheck/base/must.h"

#define FIELD_POINTER ((UINT64_C(1) << 48) - 1)
#define FIELD_MORTAL (UINT64_C(1) << 63)
#define FIELD_DEADLINE_BYTES 6
#define FIELD_DEADLINE_MAX ((INT64_C(1) << 48) - 1)

/* What a length may be: five bytes are never passed. */
#define FIELD_LENGTH_MAX UINT32_MAX

static inline const uint8_t *field_at(uint64_t slot)
{
    return (const uint8_t *)(uintptr_t)(slot & FIELD_POINTER);
}

static inline unsigned field_length_bytes(size_t len)
{
    return likely(len < 0x80) ? 1 : len < 0x4000 ? 2 : 5;
}

/* How many bytes a length takes, by its first one. */
static inline unsigned field_length_width(uint8_t first)
{
    return likely(first < 0x80) ? 1 : first < 0xc0 ? 2 : 5;
}

static inline size_t field_length_read(const uint8_t *at)
{
    if (likely(at[0] < 0x80)) return at[0];
    if (at[0] < 0xc0) return (size_t)(at[0] & 0x3f) << 8 | at[1];
    return (size_t)at[1] << 24 | (size_t)at[2] << 16 | (size_t)at[3] << 8 | at[4];
}

struct field_parts {
    uint8_t *deadline, *name, *value;
    size_t name_len, value_len;
};

static inline struct field_parts field_parts(uint64_t slot)
{
    const uint8_t *at = field_at(slot);
    struct field_parts parts;

    parts.name_len = field_length_read(at);
    at += field_length_width(*at);
    parts.value_len = field_length_read(at);
    at += field_length_width(*at);
    parts.deadline = (uint8_t *)at;
    if (slot & FIELD_MORTAL) at += FIELD_DEADLINE_BYTES;
    parts.name = (uint8_t *)at;
    parts.value = parts.name + parts.name_len;
    return parts;
}

static inline struct bytes field_name(uint64_t slot)
{
    struct field_parts parts = field_parts(slot);

    return bytes_of(parts.name, parts.name_len);
}

static inline struct bytes field_value(uint64_t slot)
{
    struct field_parts parts = field_parts(slot);

    return bytes_of(parts.value, parts.value_len);
}

static inline int64_t field_deadline_read(const uint8_t *at)
{
    int64_t deadline_ms = 0;

    for (unsigned i = FIELD_DEADLINE_BYTES; i-- > 0;) deadline_ms = deadline_ms << 8 | at[i];
    return deadline_ms;
}

static inline void field_deadline_write(uint8_t *at, int64_t deadline_ms)
{
    for (unsigned i = 0; i < FIELD_DEADLINE_BYTES; i++) at[i] = (uint8_t)((uint64_t)deadline_ms >> 8 * i);
}

/* As a deadline: there is none, but the field has room for one, so that setting it will not fail. */
#define FIELD_READY FIELD_DEADLINE_MAX

/* NEVER when it has none. */
static inline int64_t field_parts_deadline_ms(uint64_t slot, const struct field_parts *parts)
{
    int64_t deadline_ms = slot & FIELD_MORTAL ? field_deadline_read(parts->deadline) : FIELD_READY;

    return deadline_ms == FIELD_READY ? NEVER : deadline_ms;
}
static inline int64_t field_deadline_ms(uint64_t slot)
{
    struct field_parts parts;

    if (likely(!(slot & FIELD_MORTAL))) return NEVER;
    parts = field_parts(slot);
    return field_parts_deadline_ms(slot, &parts);
}

/* Words at a time: names are short, and the last words may overlap the first. */
static inline bool field_bytes_same(const uint8_t *a, const uint8_t *b, size_t len)
{
    uint64_t x, y, last_x, last_y;
    uint32_t p, q, last_p, last_q;

    if (len > 16) return memcmp(a, b, len) == 0;
    if (len >= 8) {
        memcpy(&x, a, sizeof x);
        memcpy(&y, b, sizeof y);
        memcpy(&last_x, a + len - 8, sizeof last_x);
        memcpy(&last_y, b + len - 8, sizeof last_y);
        return ((x ^ y) | (last_x ^ last_y)) == 0;
    }
    if (len >= 4) {
        memcpy(&p, a, sizeof p);
        memcpy(&q, b, sizeof q);
        memcpy(&last_p, a + len - 4, sizeof last_p);
        memcpy(&last_q, b + len - 4, sizeof last_q);
        return ((p ^ q) | (last_p ^ last_q)) == 0;
    }
    for (size_t i = 0; i < len; i++) {
        if (a[i] != b[i]) return false;
    }
    return true;
}

static inline bool field_is(uint64_t slot, struct bytes name)
{
    const uint8_t *at = field_at(slot);

    if (field_length_read(at) != name.len) return false;
    at += field_length_width(*at);
    at += field_length_width(*at);
    if (slot & FIELD_MORTAL) at += FIELD_DEADLINE_BYTES;
    return field_bytes_same(at, (const uint8_t *)name.at, name.len);
}

/* What the allocator holds for a field. */
size_t field_used_bytes(uint64_t slot);

/* A slot without a tag; 0: no memory, or a length beyond FIELD_LENGTH_MAX. */
uint64_t field_new(struct bytes name, struct bytes value, int64_t deadline_ms);
void field_free(uint64_t slot);

/* Moves its block together with its like: mem_compact(). The slot leads there. */
void field_compact(uint64_t *slot);

/* Gives it this value (at NULL: the one it has) and this deadline in its own block, where they fit without waste.
 * The slot may change, though not where it leads to. False: they do not fit, and nothing has changed. */
bool field_overwrite(uint64_t *slot, struct bytes value, int64_t deadline_ms);

#endif
