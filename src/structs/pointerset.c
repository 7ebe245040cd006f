#include "coatcheck/structs/pointerset.h"

#include <stddef.h>
#include <string.h>
#include "coatcheck/base/mem.h"
#include "coatcheck/base/must.h"

/* In a row while room is at most POINTERSET_FLAT, at[0 … count-1]; else a table of `room` places, a power of
 * two, NULL where nobody is, each pointer as near behind its home as those before it allow. */
struct block {
    uint32_t count, room;
    void *at[];
};

static inline struct block *block_of(const struct pointerset *set)
{
    return (struct block *)set->word;
}

static inline bool is_one(const struct pointerset *set)
{
    return set->word & 1;
}

static inline bool is_flat(const struct block *block)
{
    return block->room <= POINTERSET_FLAT;
}

static inline uint32_t home_of(const struct block *block, const void *pointer)
{
    return (uint32_t)(((uintptr_t)pointer * 0x9e3779b97f4a7c15u) >> 32) & (block->room - 1);
}

/* Where it is, or the free place where it would go. */
static uint32_t place_of(const struct block *block, const void *pointer)
{
    uint32_t i = home_of(block, pointer);

    while (block->at[i] && block->at[i] != pointer) i = (i + 1) & (block->room - 1);
    return i;
}

static struct block *block_new(uint32_t room)
{
    size_t size = sizeof(struct block) + room * sizeof(void *);
    struct block *block = room > POINTERSET_FLAT ? mem_alloc_zeroed(size) : mem_alloc(size);

    if (!block) return NULL;
    block->count = 0;
    block->room = room;
    return block;
}

static void block_put(struct block *block, void *pointer)
{
    block->at[is_flat(block) ? block->count : place_of(block, pointer)] = pointer;
    block->count++;
}

uint32_t pointerset_count(const struct pointerset *set)
{
    if (set->word == 0) return 0;
    return is_one(set) ? 1 : block_of(set)->count;
}

bool pointerset_has(const struct pointerset *set, const void *pointer)
{
    const struct block *block = block_of(set);

    if (set->word == 0) return false;
    if (is_one(set)) return set->word == ((uintptr_t)pointer | 1);
    if (!is_flat(block)) return block->at[place_of(block, pointer)] != NULL;
    for (uint32_t i = 0; i < block->count; i++) {
        if (block->at[i] == pointer) return true;
    }
    return false;
}

void *pointerset_next(const struct pointerset *set, uint32_t *at)
{
    const struct block *block = block_of(set);
    uint32_t end;

    if (set->word == 0) return NULL;
    if (is_one(set)) return (*at)++ == 0 ? (void *)(set->word & ~(uintptr_t)1) : NULL;
    end = is_flat(block) ? block->count : block->room;
    while (*at < end) {
        void *pointer = block->at[(*at)++];

        if (pointer) return pointer;
    }
    return NULL;
}

/* All of it in a block of that room. False: no memory. */
static bool move_to(struct pointerset *set, uint32_t room)
{
    struct block *block = block_new(room);
    uint32_t at = 0;
    void *pointer;

    if (!block) return false;
    while ((pointer = pointerset_next(set, &at))) block_put(block, pointer);
    pointerset_clear(set);
    set->word = (uintptr_t)block;
    return true;
}

/* In a row by steps of about a half: many clients listen to some ten channels, and each place counts. */
static uint32_t room_above(const struct block *block)
{
    if (!is_flat(block)) return block->room * 2;
    if (block->room == POINTERSET_FLAT) return POINTERSET_FLAT * 2;
    return block->room < 4 ? 4 : block->room < 6 ? 6 : block->room < 10 ? 10 : POINTERSET_FLAT;
}

static bool is_full(const struct block *block)
{
    return is_flat(block) ? block->count == block->room : block->count >= block->room / 4 * 3;
}

bool pointerset_add(struct pointerset *set, void *pointer)
{
    must(pointer && !((uintptr_t)pointer & 1));
    if (set->word == 0) {
        set->word = (uintptr_t)pointer | 1;
        return true;
    }
    if (is_one(set) && !move_to(set, 3)) return false;
    if (is_full(block_of(set)) && !move_to(set, room_above(block_of(set)))) return false;
    block_put(block_of(set), pointer);
    return true;
}

/* Those behind the gap come nearer to their homes, so that no search ends too early. */
static void close_gap(struct block *block, uint32_t gap)
{
    uint32_t mask = block->room - 1;

    for (uint32_t i = (gap + 1) & mask; block->at[i]; i = (i + 1) & mask) {
        uint32_t home = home_of(block, block->at[i]);

        if (((i - home) & mask) < ((i - gap) & mask)) continue;
        block->at[gap] = block->at[i];
        gap = i;
    }
    block->at[gap] = NULL;
}

static bool block_remove(struct block *block, const void *pointer)
{
    uint32_t i = 0;

    if (is_flat(block)) {
        while (i < block->count && block->at[i] != pointer) i++;
        if (i == block->count) return false;
        block->at[i] = block->at[--block->count];
        return true;
    }
    i = place_of(block, pointer);
    if (!block->at[i]) return false;
    block->count--;
    close_gap(block, i);
    return true;
}

/* When there is no memory for a smaller block it stays in the larger one. */
static void shrink(struct pointerset *set)
{
    struct block *block = block_of(set);

    if (block->count == 0) {
        pointerset_clear(set);
    } else if (!is_flat(block) && block->count < block->room / 4) {
        move_to(set, block->count <= POINTERSET_FLAT ? POINTERSET_FLAT : block->room / 2);
    }
}

bool pointerset_remove(struct pointerset *set, const void *pointer)
{
    if (set->word == 0) return false;
    if (is_one(set)) {
        if (set->word != ((uintptr_t)pointer | 1)) return false;
        set->word = 0;
        return true;
    }
    if (!block_remove(block_of(set), pointer)) return false;
    shrink(set);
    return true;
}

void pointerset_clear(struct pointerset *set)
{
    if (set->word != 0 && !is_one(set)) mem_free(block_of(set));
    set->word = 0;
}

void pointerset_check(const struct pointerset *set)
{
    uint32_t at = 0, seen = 0;
    const void *pointer;

    while ((pointer = pointerset_next(set, &at))) {
        must(pointerset_has(set, pointer));
        seen++;
    }
    must(seen == pointerset_count(set));
    if (set->word == 0 || is_one(set)) return;
    must(seen > 0 && (is_flat(block_of(set)) || !(block_of(set)->room & (block_of(set)->room - 1))));
}
