#include "coatcheck/structs/intset.h"

#include <string.h>
#include "coatcheck/base/mem.h"
#include "coatcheck/base/must.h"

#define UNIT 16

static inline void *data_of(const struct intset *set)
{
    return (void *)(set + 1);
}

static inline size_t room_of(const struct intset *set)
{
    return (size_t)(set->shape >> 4) * UNIT;
}

static inline size_t size_of(uint64_t count, unsigned width)
{
    return sizeof(struct intset) + (size_t)count * width;
}

static inline unsigned width_for(int64_t number)
{
    if (number >= INT16_MIN && number <= INT16_MAX) return 2;
    return number >= INT32_MIN && number <= INT32_MAX ? 4 : 8;
}

/* The allocator's size for so many bytes, in whole units. */
static size_t room_for(size_t size)
{
    return mem_good_size((size + UNIT - 1) / UNIT * UNIT) / UNIT * UNIT;
}

static struct intset *block_new(size_t size, unsigned width)
{
    size_t room = room_for(size);
    struct intset *set = mem_alloc(room);

    if (set) *set = (struct intset){0, (uint32_t)(room / UNIT) << 4 | width};
    return set;
}

struct intset *intset_new(uint32_t count, unsigned width)
{
    return block_new(size_of(count, width), width);
}

void intset_free(struct intset **set)
{
    if (*set) mem_free_sized(*set, room_of(*set));
    *set = NULL;
}

size_t intset_room(const struct intset *set)
{
    return mem_good_size(room_of(set));
}

/* --- numbers --- */

static inline int64_t number_at(const struct intset *set, unsigned width, uint32_t at)
{
    switch (width) {
    case 2:
        return ((const int16_t *)data_of(set))[at];
    case 4:
        return ((const int32_t *)data_of(set))[at];
    default:
        return ((const int64_t *)data_of(set))[at];
    }
}

static inline void number_write(struct intset *set, unsigned width, uint32_t at, int64_t number)
{
    switch (width) {
    case 2:
        ((int16_t *)data_of(set))[at] = (int16_t)number;
        break;
    case 4:
        ((int32_t *)data_of(set))[at] = (int32_t)number;
        break;
    default:
        ((int64_t *)data_of(set))[at] = number;
    }
}

struct intset *intset_of(const int64_t *numbers, uint32_t count)
{
    unsigned least = count > 0 ? width_for(numbers[0]) : 2, width = count > 0 ? width_for(numbers[count - 1]) : 2;
    struct intset *set;

    if (width < least) width = least;
    set = intset_new(count, width);
    if (!set) return NULL;
    set->count = count;
    for (uint32_t i = 0; i < count; i++) number_write(set, width, i, numbers[i]);
    return set;
}

int64_t intset_at(const struct intset *set, uint32_t at)
{
    return number_at(set, intset_width(set), at);
}

/* How many are less. */
static inline uint32_t count_less(const struct intset *set, unsigned width, int64_t number)
{
    uint32_t from = 0, left = set->count;

    while (left > 0) {
        uint32_t half = left / 2;

        if (number_at(set, width, from + half) < number) {
            from += half + 1;
            left -= half + 1;
        } else {
            left = half;
        }
    }
    return from;
}

bool intset_find(const struct intset *set, int64_t number, uint32_t *at)
{
    unsigned width = intset_width(set);

    if (width_for(number) > width) {
        *at = number < 0 ? 0 : set->count;
        return false;
    }
    /* Told to the compiler for each width apart, so that it searches without asking again. */
    switch (width) {
    case 2:
        *at = count_less(set, 2, number);
        break;
    case 4:
        *at = count_less(set, 4, number);
        break;
    default:
        *at = count_less(set, 8, number);
    }
    return *at < set->count && number_at(set, width, *at) == number;
}

/* --- changes --- */

static void resize(struct intset **set, size_t size)
{
    size_t room = room_for(size);
    struct intset *moved = mem_resize(*set, room);

    if (!moved) return;
    moved->shape = (uint32_t)(room / UNIT) << 4 | intset_width(moved);
    *set = moved;
}

/* The same in wider numbers, with room for one more. */
static enum status widen(struct intset **set, unsigned width)
{
    const struct intset *old = *set;
    struct intset *wide = block_new(size_of((uint64_t)old->count + 1, width), width);

    if (!wide) return NO_MEMORY;
    wide->count = old->count;
    for (uint32_t i = 0; i < old->count; i++) number_write(wide, width, i, intset_at(old, i));
    intset_free(set);
    *set = wide;
    return OK;
}

static enum status make_room(struct intset **set, unsigned width)
{
    size_t size = size_of((uint64_t)(*set)->count + 1, width);

    if (width > intset_width(*set)) return widen(set, width);
    if (likely(size <= room_of(*set))) return OK;
    resize(set, size);
    return size <= room_of(*set) ? OK : NO_MEMORY;
}

enum status intset_add(struct intset **set, int64_t number, bool *added)
{
    unsigned width = intset_width(*set);
    uint32_t at;
    char *place;

    *added = false;
    if (intset_find(*set, number, &at)) return OK;
    if ((*set)->count == INTSET_COUNT_MAX) return TOO_BIG;
    if (width_for(number) > width) width = width_for(number);
    if (make_room(set, width) != OK) return NO_MEMORY;
    place = (char *)data_of(*set) + (size_t)at * width;
    memmove(place + width, place, (size_t)((*set)->count - at) * width);
    number_write(*set, width, at, number);
    (*set)->count++;
    *added = true;
    return OK;
}

void intset_cut(struct intset **set, uint32_t at)
{
    unsigned width = intset_width(*set);
    char *place = (char *)data_of(*set) + (size_t)at * width;
    size_t size;

    must(at < (*set)->count);
    (*set)->count--;
    memmove(place, place + width, (size_t)((*set)->count - at) * width);
    size = size_of((*set)->count, width);
    if (unlikely(room_of(*set) > 4 * UNIT && size < room_of(*set) / 2))
        resize(set, size + size / 8);
}

struct intset *intset_copy(const struct intset *set)
{
    size_t size = size_of(set->count, intset_width(set));
    struct intset *copy = block_new(size, intset_width(set));

    if (!copy) return NULL;
    copy->count = set->count;
    memcpy(data_of(copy), data_of(set), size - sizeof *set);
    return copy;
}

void intset_check(const struct intset *set)
{
    unsigned width = intset_width(set);

    must(width == 2 || width == 4 || width == 8);
    must(size_of(set->count, width) <= room_of(set));
    for (uint32_t i = 1; i < set->count; i++) must(intset_at(set, i - 1) < intset_at(set, i));
}
