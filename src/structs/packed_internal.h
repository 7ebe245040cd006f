/* packed_internal: how the bytes of a block are found; the drawing is in packed.h. */
#ifndef COATCHECK_PACKED_INTERNAL_H
#define COATCHECK_PACKED_INTERNAL_H

#include "coatcheck/base/slab.h"
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

/* Rooms of a deque: the sizes that the allocator hands out, steps of 16 up to 128, then four to a
 * doubling. It grows and shrinks at every turn, and is large as a rule. */
static inline size_t deque_room(unsigned room)
{
    size_t base;

    if (room < 8) return 16 * ((size_t)room + 1);
    base = (size_t)128 << ((room - 8) / 4);
    return base + ((room - 8) % 4 + 1) * (base / 4);
}

static inline unsigned deque_room_for(size_t size)
{
    unsigned doubling;
    size_t base;

    if (size <= 128) return size <= 16 ? 0 : (unsigned)(size - 1) / 16;
    doubling = 63 - (unsigned)__builtin_clzl(size - 1) - 7;
    base = (size_t)128 << doubling;
    return 8 + 4 * doubling + (unsigned)((size - base - 1) / (base / 4));
}

/* Rooms of a plain one, of which there are many small ones that seldom change: those of slabs, as
 * far as they go, and the allocator's beyond. */
#define FINE_ROOMS (SLAB_FINE_MOST / 8)
#define COARSE_MOST 63 /* blocks of a slab, of those that are larger than the fine ones */
#define COARSE_LEAST (SLAB_BYTES / SLAB_MOST)
#define SLAB_ROOMS (FINE_ROOMS + COARSE_MOST - COARSE_LEAST + 1)
#define ROOMS_SKIPPED 32 /* of a deque, which reach SLAB_MOST */

extern const uint16_t packed_coarse_rooms[COARSE_MOST - COARSE_LEAST + 1];

static inline size_t plain_room(unsigned room)
{
    if (likely(room < FINE_ROOMS)) return 8 * ((size_t)room + 1);
    if (room < SLAB_ROOMS) return packed_coarse_rooms[room - FINE_ROOMS];
    return deque_room(room - SLAB_ROOMS + ROOMS_SKIPPED);
}

static inline unsigned plain_room_for(size_t size)
{
    if (likely(size <= SLAB_FINE_MOST)) return size <= SLAB_LEAST ? 1 : (unsigned)(size - 1) / 8;
    if (size > SLAB_MOST) return deque_room_for(size) - ROOMS_SKIPPED + SLAB_ROOMS;
    return FINE_ROOMS + COARSE_MOST - SLAB_BYTES / (((unsigned)size + 7) & ~7u);
}

static inline size_t room_size(unsigned shape, unsigned room)
{
    return shape == PACKED_DEQUE ? deque_room(room) : plain_room(room);
}

static inline unsigned room_for(unsigned shape, size_t size)
{
    return shape == PACKED_DEQUE ? deque_room_for(size) : plain_room_for(size);
}

static inline size_t room_of(const struct packed *block)
{
    return room_size(block->shape, block->room);
}

/* Is it of a slab? */
static inline bool room_is_slab(unsigned shape, unsigned room)
{
    return shape == PACKED_PLAIN && room < SLAB_ROOMS;
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
    return (uint8_t *)block + room_of(block) - back_of(block);
}

#endif
