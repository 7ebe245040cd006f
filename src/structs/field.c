#include "coatcheck/structs/field.h"

#include "coatcheck/base/mem.h"

/* The least block, and the sizes that the allocator hands out anyhow: asking for the whole of one makes its slack
 * ours, and the size of a block follows from what is in it. */
#define LEAST 8

static inline size_t block_size(size_t size)
{
    size_t step;

    if (size <= LEAST) return LEAST;
    step = size <= 128 ? 16 : (size_t)1 << (63 - __builtin_clzl(size - 1) - 2);
    return (size + step - 1) & ~(step - 1);
}

static inline size_t size_of(size_t name_len, size_t value_len, bool mortal)
{
    return field_length_bytes(name_len) + field_length_bytes(value_len) + (mortal ? FIELD_DEADLINE_BYTES : 0) +
           name_len + value_len;
}

static inline size_t slot_size(uint64_t slot)
{
    struct field_parts parts = field_parts(slot);

    return (size_t)(parts.value + parts.value_len - field_at(slot));
}

size_t field_used_bytes(uint64_t slot)
{
    return block_size(slot_size(slot));
}

static uint8_t *length_write(uint8_t *at, size_t len)
{
    switch (field_length_bytes(len)) {
    case 1:
        at[0] = (uint8_t)len;
        return at + 1;
    case 2:
        at[0] = (uint8_t)(0x80 | len >> 8);
        at[1] = (uint8_t)len;
        return at + 2;
    default:
        at[0] = 0xc0;
        for (unsigned i = 0; i < 4; i++) at[1 + i] = (uint8_t)(len >> (24 - 8 * i));
        return at + 5;
    }
}

/* Where the name goes. */
static uint8_t *head_write(uint8_t *at, size_t name_len, size_t value_len, int64_t deadline_ms)
{
    at = length_write(at, name_len);
    at = length_write(at, value_len);
    if (deadline_ms == NEVER) return at;
    field_deadline_write(at, deadline_ms);
    return at + FIELD_DEADLINE_BYTES;
}

uint64_t field_new(struct bytes name, struct bytes value, int64_t deadline_ms)
{
    bool mortal = deadline_ms != NEVER;
    uint8_t *block, *at;

    if (name.len > FIELD_LENGTH_MAX || value.len > FIELD_LENGTH_MAX) return 0;
    block = mem_alloc(block_size(size_of(name.len, value.len, mortal)));
    if (!block) return 0;
    must((uintptr_t)block >> 48 == 0);
    at = head_write(block, name.len, value.len, deadline_ms);
    if (name.len > 0) memcpy(at, name.at, name.len);
    if (value.len > 0) memcpy(at + name.len, value.at, value.len);
    return (uint64_t)(uintptr_t)block | (mortal ? FIELD_MORTAL : 0);
}

void field_free(uint64_t slot)
{
    mem_free_sized((void *)field_at(slot), block_size(slot_size(slot)));
}

void field_compact(uint64_t *slot)
{
    void *block = mem_compact((void *)field_at(*slot));

    must((uintptr_t)block >> 48 == 0);
    *slot = (*slot & ~FIELD_POINTER) | (uint64_t)(uintptr_t)block;
}

bool field_overwrite(uint64_t *slot, struct bytes value, int64_t deadline_ms)
{
    struct field_parts parts = field_parts(*slot);
    bool mortal = deadline_ms != NEVER;
    uint8_t *block = (uint8_t *)field_at(*slot), *name;
    size_t value_len = value.at ? value.len : parts.value_len, size;

    if (value_len > FIELD_LENGTH_MAX) return false;
    size = size_of(parts.name_len, value_len, mortal);
    if (block_size(size) != block_size(slot_size(*slot))) return false;
    name = block + (size - parts.name_len - value_len);
    if (name != parts.name) memmove(name, parts.name, parts.name_len + (value.at ? 0 : value_len));
    head_write(block, parts.name_len, value_len, deadline_ms);
    if (value.at && value_len > 0) memcpy(name + parts.name_len, value.at, value_len);
    *slot = (*slot & ~FIELD_MORTAL) | (mortal ? FIELD_MORTAL : 0);
    return true;
}
