/* hash_shaped: small hashes whose names others have too. */
#include "coatcheck/base/mem.h"
#include "hash_internal.h"
#include "shape_internal.h"

/* The first element of the block. */
struct shaped_head {
    uint8_t shape[2], holes;
};
#define HEAD_ELEMENTS 1

/* So many holes, and more of them than fields, are too many. */
#define HOLES_ALLOWED 8

static struct shaped_head *head_at(const struct hash *hash)
{
    /* A plain block begins with its first element. */
    return (struct shaped_head *)(hash_block_of(hash) + 1);
}

unsigned hash_shape(const struct hash *hash)
{
    const struct shaped_head *head = head_at(hash);

    return head->shape[0] | (unsigned)head->shape[1] << 8;
}

static void set_shape(struct hash *hash, unsigned shape)
{
    struct shaped_head *head = head_at(hash);

    head->shape[0] = (uint8_t)shape;
    head->shape[1] = (uint8_t)(shape >> 8);
}

unsigned hash_shaped_holes(const struct hash *hash)
{
    return head_at(hash)->holes;
}

/* --- values --- */

void hash_shaped_value(struct packitem *stored, const struct packitem *value)
{
    *stored = *value;
    if (value->code != 0) return;
    *stored = (struct packitem){.at = "\0", .len = 2, .code = SHAPED_EMPTY};
}

/* --- from nothing --- */

/* Takes what the caller holds of the shape, on OK only. */
static enum status begin(struct hash *hash, unsigned shape, size_t size)
{
    struct shaped_head head = {.holes = 0};
    struct packitem item = {.at = (const char *)&head, .len = sizeof head, .code = sizeof head};
    struct packed *block = packed_new(PACKED_PLAIN, sizeof *block + packitem_size(&item) + size);

    if (!block) return NO_MEMORY;
    must(packed_insert(&block, 0, &item, 1) == OK);
    must_debug(!hash_block_of(hash));
    hash_set_block(hash, block);
    hash->root |= ROOT_SHAPED;
    set_shape(hash, shape);
    return OK;
}

enum status hash_shaped_begin(struct hash *hash, const struct packitem *name)
{
    unsigned shape = shape_next(0, 0, name);

    if (!shape) return NOT_FOUND;
    if (begin(hash, shape, 0) == OK) return OK;
    shape_release(shape);
    return NO_MEMORY;
}

/* Held. 0: there is none. */
static unsigned shape_of_all(const struct packitem *items, unsigned pairs)
{
    unsigned shape = 0;

    for (unsigned i = 0; i < pairs; i++) {
        unsigned next;

        if (shape && shape_goes_on(shape, i, &items[2 * i])) continue;
        next = shape_next(shape, i, &items[2 * i]);
        if (shape) shape_release(shape);
        shape = next;
        if (!shape) return 0;
    }
    return shape;
}

enum status hash_shaped_fill(struct hash *hash, const struct packitem *items, unsigned pairs)
{
    unsigned shape = shape_of_all(items, pairs);
    struct packed *block;
    size_t size = 0;

    if (!shape) return NOT_FOUND;
    for (unsigned i = 0; i < pairs; i++) {
        struct packitem value;

        hash_shaped_value(&value, &items[2 * i + 1]);
        size += packitem_size(&value);
    }
    if (begin(hash, shape, size) != OK) {
        shape_release(shape);
        return NO_MEMORY;
    }
    block = hash_block_of(hash);
    for (unsigned i = 0; i < pairs; i++) {
        struct packitem value;

        hash_shaped_value(&value, &items[2 * i + 1]);
        must(packed_insert(&block, HEAD_ELEMENTS + i, &value, 1) == OK);
    }
    hash_set_block(hash, block);
    return OK;
}

/* --- one more name --- */

bool hash_shaped_goes_on(const struct hash *hash, const struct packitem *name)
{
    return shape_goes_on(hash_shape(hash), hash_packed_places(hash), name);
}

enum status hash_shaped_turn(struct hash *hash, const struct packitem *name)
{
    unsigned old = hash_shape(hash), next = shape_next(old, hash_packed_places(hash), name);

    if (!next) return hash_shaped_spell(hash);
    set_shape(hash, next);
    shape_release(old);
    return OK;
}

/* --- without a shape again --- */

static size_t bytes_of_names(unsigned shape, unsigned count)
{
    struct packwalk begin, end;

    packwalk_begin(&begin, shape_names(shape), 0);
    packwalk_begin(&end, shape_names(shape), count);
    return (size_t)(end.at - begin.at) + count;
}

enum status hash_shaped_spell(struct hash *hash)
{
    unsigned shape = hash_shape(hash), places = hash_packed_places(hash), count = 0;
    struct packed *old = hash_block_of(hash), *block;
    struct hash_place place;

    block = packed_new(PACKED_PLAIN, packed_size(old) + bytes_of_names(shape, places));
    if (!block) return NO_MEMORY;
    hash_packed_go(hash, 0, &place);
    for (unsigned at = 0; at < places; at++) {
        struct hash_field field;
        struct packitem items[2];

        if (!hash_packed_read(hash, at, &place, &field)) continue;
        must(packitem_init(&items[0], field.name) && packitem_init(&items[1], field.value));
        must(packed_insert(&block, 2 * count, items, 2) == OK);
        if (unlikely(hash_is_mortal(hash))) {
            memmove(hash_mortal_of(hash)->deadlines[count], hash_mortal_of(hash)->deadlines[at], FIELD_DEADLINE_BYTES);
        }
        count++;
    }
    hash->root &= ~(uintptr_t)ROOT_SHAPED;
    hash_set_block(hash, block);
    packed_free(&old);
    shape_release(shape);
    return OK;
}

/* --- one field --- */

bool hash_shaped_find(const struct hash *hash, const struct packitem *name, unsigned *at, struct packwalk *value)
{
    if (!shape_find(hash_shape(hash), hash_packed_places(hash), name, at)) return false;
    packwalk_begin(value, hash_block_of(hash), HEAD_ELEMENTS + *at);
    return !hash_shaped_is_hole(value);
}

static bool last_is_hole(const struct packed *block)
{
    struct packwalk walk;

    if (packed_count(block) == HEAD_ELEMENTS) return false;
    packwalk_begin(&walk, block, packed_count(block) - 1);
    return hash_shaped_is_hole(&walk);
}

void hash_shaped_cut(struct hash *hash, unsigned at)
{
    static const struct packitem hole = {.at = ""};
    struct packed *block = hash_block_of(hash);
    unsigned end = packed_count(block), holes = hash_shaped_holes(hash);

    if (HEAD_ELEMENTS + at + 1 < end) {
        /* It takes no more room than what is there. */
        must(packed_replace(&block, HEAD_ELEMENTS + at, &hole) == OK);
        /* Of none: for the room that is too much now. */
        packed_cut(&block, end, end);
        holes++;
    } else {
        packed_cut(&block, end - 1, end);
        for (; last_is_hole(block); holes--) packed_cut(&block, packed_count(block) - 1, packed_count(block));
    }
    hash_set_block(hash, block);
    head_at(hash)->holes = (uint8_t)holes;
}

void hash_shaped_settle(struct hash *hash)
{
    unsigned holes = hash_shaped_holes(hash);

    if (unlikely(holes > HOLES_ALLOWED && holes > hash_packed_count(hash))) (void)hash_shaped_spell(hash);
}

void hash_shaped_check(const struct hash *hash)
{
    unsigned places = hash_packed_places(hash), holes = 0;
    struct packwalk walk;

    must(places <= packed_count(shape_names(hash_shape(hash))));
    packwalk_begin(&walk, hash_block_of(hash), HEAD_ELEMENTS);
    for (unsigned at = 0; at < places; at++, packwalk_forth(&walk)) holes += hash_shaped_is_hole(&walk);
    must(holes == hash_shaped_holes(hash) && !last_is_hole(hash_block_of(hash)));
    shape_check();
}
