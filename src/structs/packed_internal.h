/* packed_internal: how the bytes of a block are found; the drawing is in packed.h. */
#ifndef COATCHECK_PACKED_INTERNAL_H
#define COATCHECK_PACKED_INTERNAL_H

#include "coatcheck/structs/packed.h"

#define PLAIN_HEAD 8
#define DEQUE_HEAD 12

#define TEXT_MAX 215 /* with nothing but its code */
#define NUMBER_FROM 216
#define MIDDLE_FROM 224
#define LONG_CODE 255
#define MIDDLE_MIN 216
#define MIDDLE_MAX (MIDDLE_MIN + 256 * (LONG_CODE - 1 - MIDDLE_FROM) + 255)

_Static_assert(sizeof(struct packed) == PLAIN_HEAD, "there are no holes in it");

/* The free bytes at the ends of a deque. */
struct packed_deque {
    struct packed head;
    uint16_t front, back;
};

_Static_assert(sizeof(struct packed_deque) == DEQUE_HEAD, "nor in this");

/* The sizes that the allocator hands out: steps of 16 up to 128, then four to a doubling. */
static inline size_t room_of(unsigned room)
{
    size_t base;

    if (room < 8) return 16 * ((size_t)room + 1);
    base = (size_t)128 << ((room - 8) / 4);
    return base + ((room - 8) % 4 + 1) * (base / 4);
}

static inline unsigned room_for(size_t size)
{
    unsigned doubling;
    size_t base;

    if (size <= 128) return size <= 16 ? 0 : (unsigned)(size - 1) / 16;
    doubling = 63 - (unsigned)__builtin_clzl(size - 1) - 7;
    base = (size_t)128 << doubling;
    return 8 + 4 * doubling + (unsigned)((size - base - 1) / (base / 4));
}

static inline size_t head_of(const struct packed *block)
{
    return block->shape == PACKED_DEQUE ? DEQUE_HEAD : PLAIN_HEAD;
}

static inline size_t front_of(const struct packed *block)
{
    return block->shape == PACKED_DEQUE ? ((const struct packed_deque *)block)->front : 0;
}

static inline size_t back_of(const struct packed *block)
{
    return block->shape == PACKED_DEQUE ? ((const struct packed_deque *)block)->back : 0;
}

static inline void set_ends(struct packed *block, size_t front, size_t back)
{
    if (block->shape != PACKED_DEQUE) return;
    ((struct packed_deque *)block)->front = (uint16_t)front;
    ((struct packed_deque *)block)->back = (uint16_t)back;
}

static inline char *data_of(const struct packed *block)
{
    return (char *)block + head_of(block) + front_of(block);
}

/* Behind the first element's; element `i` has codes_of(block)[-1 - i]. */
static inline uint8_t *codes_of(const struct packed *block)
{
    return (uint8_t *)block + room_of(block->room) - back_of(block);
}

#endif
