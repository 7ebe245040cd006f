/* entry_internal: how the bytes of an entry are read and laid; the drawing is in entry.h.
 * A block's size follows from its entry's (entry_block_size), except for GROWN, whose slack the
 * allocator knows: so an entry may be laid anew in its block whenever the sizes agree. And so does
 * where it comes from: up to SLAB_MOST from slabs; larger ones, and all that are GROWN, from mem. */
#ifndef COATCHECK_ENTRY_INTERNAL_H
#define COATCHECK_ENTRY_INTERNAL_H

#include <endian.h>
#include <string.h>
#include "coatcheck/base/clock.h"
#include "coatcheck/base/mem.h"
#include "coatcheck/base/must.h"
#include "coatcheck/base/slab.h"
#include "coatcheck/keyspace/entry.h"

struct entry {
    uint8_t head;
    uint8_t rest[];
};

#define HEAD_TYPE 7u
#define HEAD_FORM_SHIFT 3
#define HEAD_FORM 3u
#define HEAD_DEADLINE_SHIFT 5
#define HEAD_DEADLINE 3u
#define HEAD_EPOCH 0x80u

/* The least block, so that a dead one can be linked into a list (shard_internal.h). */
#define ENTRY_MIN_BLOCK SLAB_LEAST

static inline unsigned head_form(uint8_t head)
{
    return head >> HEAD_FORM_SHIFT & HEAD_FORM;
}

static inline unsigned head_deadline_bytes(uint8_t head)
{
    return 0x080500u >> ((head >> HEAD_DEADLINE_SHIFT & HEAD_DEADLINE) * 8) & 15;
}

static inline bool head_has_length(uint8_t head)
{
    _Static_assert((ENTRY_INLINE ^ ENTRY_GROWN) == 3 && (ENTRY_INT ^ ENTRY_FAR) == 3,
                   "both bits or none");

    return ((head >> HEAD_FORM_SHIFT ^ head >> (HEAD_FORM_SHIFT + 1)) & 1) == 0;
}

/* How many bytes a length takes, by its first byte and by its value. */
static inline unsigned length_bytes(uint8_t first)
{
    return likely(first < 0x80) ? 1 : 0x0504020201010101u >> (first >> 5) * 8 & 15;
}

static inline unsigned length_bytes_for(size_t len)
{
    return likely(len < 0x80) ? 1 : len < 0x4000 ? 2 : len < 0x20000000 ? 4 : 5;
}

static inline size_t length_read(const uint8_t *at)
{
    if (likely(at[0] < 0x80)) return at[0];
    if (at[0] < 0xc0) return (size_t)(at[0] & 0x3f) << 8 | at[1];
    if (at[0] < 0xe0) {
        return (size_t)(at[0] & 0x1f) << 24 | (size_t)at[1] << 16 | (size_t)at[2] << 8 | at[3];
    }
    return (size_t)at[1] << 24 | (size_t)at[2] << 16 | (size_t)at[3] << 8 | at[4];
}

/* In as many bytes as the caller says, which may be more than needed: a GROWN value keeps four, so
 * that it can grow without moving. */
static inline void length_write(uint8_t *at, unsigned bytes, size_t len)
{
    switch (bytes) {
    case 1:
        at[0] = (uint8_t)len;
        break;
    case 2:
        at[0] = (uint8_t)(0x80 | len >> 8);
        at[1] = (uint8_t)len;
        break;
    case 4:
        at[0] = (uint8_t)(0xc0 | len >> 24);
        at[1] = (uint8_t)(len >> 16);
        at[2] = (uint8_t)(len >> 8);
        at[3] = (uint8_t)len;
        break;
    default:
        at[0] = 0xe0;
        at[1] = (uint8_t)(len >> 24);
        at[2] = (uint8_t)(len >> 16);
        at[3] = (uint8_t)(len >> 8);
        at[4] = (uint8_t)len;
    }
}

/* Where everything is. value_len counts the stored bytes: 8 for INT and FAR. */
struct entry_parts {
    uint8_t *value_length; /* meaningless when the form has none */
    uint8_t *deadline;     /* meaningless when there is none */
    uint8_t *key, *value;
    size_t key_len, value_len;
};

static inline __attribute__((always_inline)) struct entry_parts
entry_parts(const struct entry *entry)
{
    struct entry_parts parts;
    uint8_t *at = (uint8_t *)entry + 1;

    parts.key_len = length_read(at);
    at += length_bytes(at[0]);
    parts.value_length = at;
    parts.value_len = 8;
    if (head_has_length(entry->head)) {
        parts.value_len = length_read(at);
        at += length_bytes(at[0]);
    }
    parts.deadline = at;
    parts.key = at + head_deadline_bytes(entry->head);
    parts.value = parts.key + parts.key_len;
    return parts;
}

static inline size_t entry_size(const struct entry *entry)
{
    struct entry_parts parts = entry_parts(entry);

    return (size_t)(parts.value + parts.value_len - (uint8_t *)entry);
}

/* Four sizes to a doubling, steps of 16 below 128: what jemalloc hands out anyhow. Asking for the
 * whole block makes its slack ours with any allocator. */
static inline size_t entry_large_block_size(size_t size)
{
    size_t step;

    if (size <= ENTRY_MIN_BLOCK) return ENTRY_MIN_BLOCK;
    step = size <= 128 ? 16 : (size_t)1 << (63 - __builtin_clzl(size - 1) - 2);
    return (size + step - 1) & ~(step - 1);
}

/* Not of GROWN. */
static inline size_t entry_block_size(size_t size)
{
    return likely(size <= SLAB_MOST) ? slab_size(size) : entry_large_block_size(size);
}

static inline bool entry_has_deadline(const struct entry *entry)
{
    return (entry->head >> HEAD_DEADLINE_SHIFT & HEAD_DEADLINE) != 0;
}

/* Only when it has one. */
static inline int64_t entry_deadline_read(const struct entry *entry)
{
    const uint8_t *at = entry->rest;
    uint64_t since = 0;
    uint32_t low;

    at += length_bytes(at[0]);
    if (head_has_length(entry->head)) at += length_bytes(at[0]);
    if (likely(head_deadline_bytes(entry->head) == 5)) {
        memcpy(&low, at, sizeof low);
        return (int64_t)(le32toh(low) | (uint64_t)at[4] << 32) + ENTRY_EPOCH_MS;
    }
    memcpy(&since, at, sizeof since);
    return (int64_t)le64toh(since);
}

static inline bool entry_is_over(const struct entry *entry, int64_t now_ms)
{
    return entry_has_deadline(entry) && entry_deadline_read(entry) <= now_ms;
}

/* The number in an entry's head for how its deadline is kept. */
static inline unsigned deadline_form(int64_t deadline_ms)
{
    if (deadline_ms == NEVER) return 0;
    if (deadline_ms < ENTRY_EPOCH_MS || deadline_ms - ENTRY_EPOCH_MS >= (int64_t)1 << 40) return 2;
    return 1;
}

static inline uint8_t head_with_deadline(uint8_t head, int64_t deadline_ms)
{
    return (uint8_t)((head & ~(HEAD_DEADLINE << HEAD_DEADLINE_SHIFT)) | deadline_form(deadline_ms)
                                                                            << HEAD_DEADLINE_SHIFT);
}

/* In as many bytes as the head says. */
static inline void deadline_write(uint8_t *at, uint8_t head, int64_t deadline_ms)
{
    unsigned bytes = head_deadline_bytes(head);
    uint64_t since;

    if (bytes == 5) {
        uint32_t low;

        since = (uint64_t)(deadline_ms - ENTRY_EPOCH_MS);
        low = htole32((uint32_t)since);
        memcpy(at, &low, sizeof low);
        at[4] = (uint8_t)(since >> 32);
    } else if (bytes == 8) {
        since = htole64((uint64_t)deadline_ms);
        memcpy(at, &since, sizeof since);
    }
}

static inline uint64_t word_at(const uint8_t *at)
{
    uint64_t word;

    memcpy(&word, at, sizeof word);
    return word;
}

static inline uint32_t half_word_at(const uint8_t *at)
{
    uint32_t word;

    memcpy(&word, at, sizeof word);
    return word;
}

/* memcmp would be a call; keys are short, and the last words may overlap the first. */
static inline bool bytes_same(const uint8_t *a, const uint8_t *b, size_t len)
{
    if (len > 32) return memcmp(a, b, len) == 0;
    if (len >= 16) {
        return ((word_at(a) ^ word_at(b)) | (word_at(a + 8) ^ word_at(b + 8)) |
                (word_at(a + len - 16) ^ word_at(b + len - 16)) |
                (word_at(a + len - 8) ^ word_at(b + len - 8))) == 0;
    }
    if (len >= 8) {
        return ((word_at(a) ^ word_at(b)) | (word_at(a + len - 8) ^ word_at(b + len - 8))) == 0;
    }
    if (len >= 4) {
        return ((half_word_at(a) ^ half_word_at(b)) |
                (half_word_at(a + len - 4) ^ half_word_at(b + len - 4))) == 0;
    }
    for (size_t at = 0; at < len; at++) {
        if (a[at] != b[at]) return false;
    }
    return true;
}

/* As entry_is, for names of 4 … 32 bytes; false for all others, and whoever needs to know asks
 * entry_is. */
static inline bool entry_is_brief(const struct entry *entry, struct bytes name)
{
    const uint8_t *at = entry->rest, *wanted = (const uint8_t *)name.at;
    size_t len = name.len, half = len >= 16 ? 8 : 0;

    if (len - 4 > 28 || *at++ != len) return false;
    if (likely(head_has_length(entry->head))) at += length_bytes(*at);
    if (entry_has_deadline(entry)) at += head_deadline_bytes(entry->head);
    if (unlikely(len < 8)) {
        return ((half_word_at(at) ^ half_word_at(wanted)) |
                (half_word_at(at + len - 4) ^ half_word_at(wanted + len - 4))) == 0;
    }
    return ((word_at(at) ^ word_at(wanted)) | (word_at(at + half) ^ word_at(wanted + half)) |
            (word_at(at + len - 8 - half) ^ word_at(wanted + len - 8 - half)) |
            (word_at(at + len - 8) ^ word_at(wanted + len - 8))) == 0;
}

static inline bool entry_is(const struct entry *entry, struct bytes name)
{
    const uint8_t *at = entry->rest;

    if (likely(name.len < 0x80)) {
        if (*at++ != name.len) return false;
    } else {
        if (length_read(at) != name.len) return false;
        at += length_bytes(*at);
    }
    if (likely(head_has_length(entry->head))) at += length_bytes(*at);
    if (entry_has_deadline(entry)) at += head_deadline_bytes(entry->head);
    return bytes_same(at, (const uint8_t *)name.at, name.len);
}

/* What a new entry shall look like. */
struct entry_plan {
    enum value_type type;
    enum entry_form form;
    struct bytes key;
    size_t value_len; /* of INLINE and GROWN */
    int64_t deadline_ms;
    uint8_t epoch; /* HEAD_EPOCH or 0 */
};

static inline uint8_t plan_head(const struct entry_plan *plan)
{
    uint8_t head = (uint8_t)(plan->type | (unsigned)plan->form << HEAD_FORM_SHIFT | plan->epoch);

    return head_with_deadline(head, plan->deadline_ms);
}

static inline unsigned plan_length_bytes(const struct entry_plan *plan)
{
    if (plan->form == ENTRY_GROWN) return 4;
    return plan->form == ENTRY_INLINE ? length_bytes_for(plan->value_len) : 0;
}

static inline size_t entry_plan_size(const struct entry_plan *plan)
{
    bool has_length = plan->form == ENTRY_INLINE || plan->form == ENTRY_GROWN;

    return 1 + length_bytes_for(plan->key.len) + plan_length_bytes(plan) +
           head_deadline_bytes(plan_head(plan)) + plan->key.len +
           (has_length ? plan->value_len : 8);
}

/* Writes all but the value, whose place is returned. The plan's key is not in the entry itself. */
static inline uint8_t *entry_lay(struct entry *entry, const struct entry_plan *plan)
{
    uint8_t *at = entry->rest;
    unsigned bytes = length_bytes_for(plan->key.len);

    entry->head = plan_head(plan);
    length_write(at, bytes, plan->key.len);
    at += bytes;
    bytes = plan_length_bytes(plan);
    if (bytes > 0) length_write(at, bytes, plan->value_len);
    at += bytes;
    deadline_write(at, entry->head, plan->deadline_ms);
    at += head_deadline_bytes(entry->head);
    if (plan->key.len > 0) memcpy(at, plan->key.at, plan->key.len);
    return at + plan->key.len;
}

/* A block of entry_block_size(size) bytes, or, for GROWN, of at least `size`. NULL: no memory. */
static inline struct entry *entry_block_alloc(enum entry_form form, size_t size)
{
    if (likely(form != ENTRY_GROWN && size <= SLAB_MOST)) return slab_alloc(size);
    return mem_alloc(entry_large_block_size(size));
}

/* `size` as it was asked for. */
static inline void entry_block_free(enum entry_form form, void *block, size_t size)
{
    if (likely(form != ENTRY_GROWN && size <= SLAB_MOST)) {
        slab_free(block, size);
    } else {
        mem_free(block);
    }
}

/* Lays the entry anew with another deadline in its own block of at least the new size. */
size_t entry_size_with_deadline(const struct entry *entry, int64_t deadline_ms);
/* Where the container of entry_container() is now. */
void entry_set_container(struct entry *entry, void *container);
void entry_change_deadline(struct entry *entry, int64_t deadline_ms);

/* May this be laid into the old one's block? */
static inline bool entry_block_fits(const struct entry *old, const struct entry_plan *plan)
{
    unsigned form = head_form(old->head);

    if (form == ENTRY_FAR || form == ENTRY_GROWN || plan->form == ENTRY_GROWN) return false;
    return entry_block_size(entry_size(old)) == entry_block_size(entry_plan_size(plan));
}

/* The pointer of a FAR value. */
static inline void *far_read(const uint8_t *value)
{
    void *far;

    memcpy(&far, value, sizeof far);
    return far;
}

static inline void far_write(uint8_t *value, void *far)
{
    memcpy(value, &far, sizeof far);
}

static inline int64_t int_read(const uint8_t *value)
{
    uint64_t number;

    memcpy(&number, value, sizeof number);
    return (int64_t)le64toh(number);
}

static inline void int_write(uint8_t *value, int64_t number)
{
    uint64_t stored = htole64((uint64_t)number);

    memcpy(value, &stored, sizeof stored);
}

#endif
