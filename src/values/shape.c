/* shape: numbers, holders, and the index of keys. Reading takes no lock: who has found a number in the index holds it
 * first, which fails for one that is gone, and looks then whether it is what he was looking for. */
#include "shape_internal.h"

#include <stdatomic.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif
#include "coatcheck/base/hash.h"
#include "coatcheck/base/lock.h"
#include "coatcheck/base/mem.h"
#include "coatcheck/base/must.h"

struct shape {
    struct packed *names;
    size_t bytes;
    _Atomic bool is_replaced; /* by one that goes on: no index leads here */
    uint64_t keys[];          /* of its first name, of the first two …; behind them a tag of each name, and zeros */
};

/* Of a number whose shape is gone or that has never had one. */
#define GONE 0x80000000u

/* Counted by each hash that comes and goes: a line of its own, which those who read shapes do not need. */
struct holders {
    _Atomic uint32_t count;
} __attribute__((aligned(64)));

static struct holders holders[SHAPES_MAX];
static _Atomic(struct shape *) shapes[SHAPES_MAX];

/*  key 48 | number 16 in lines of eight, found by the key's upper bits. 0: free. No more than hints. */
#define LINES 1024
#define WAYS 8
static _Atomic uint64_t index_of_keys[LINES][WAYS] __attribute__((aligned(64)));

#define MET 4096
static _Atomic uint32_t met[MET];

/* Those who change shapes. Nobody waits for it: a hash may do without a shape. */
static struct lock lock;
static size_t bytes_held;  /* under the lock */
static unsigned last_used; /* the numbers up to here have had one */
static unsigned hand;      /* where the search for one that nobody holds goes on */
static uint16_t free_numbers[SHAPES_MAX]; /* of those that are gone */
static unsigned free_count;

static struct shape *shape_at(unsigned shape)
{
    return atomic_load_explicit(&shapes[shape], memory_order_acquire);
}

const struct packed *shape_names(unsigned shape)
{
    return shape_at(shape)->names;
}

/* --- tags --- */

#define TAGS_A_LOOK 16

/* Names of a kind differ at their ends as a rule. */
static uint8_t tag_of(const struct packitem *name)
{
    struct bytes data = packitem_data(name);

    if (data.len == 0) return name->code;
    return (uint8_t)(name->code + 37 * (uint8_t)data.at[data.len - 1] + 11 * (uint8_t)data.at[data.len * 3 / 4] +
                     5 * (uint8_t)data.at[0]);
}

static uint8_t *tags_of(const struct shape *shape, unsigned count)
{
    return (uint8_t *)(shape->keys + count);
}

/* A bit for each of the tags from here on that is this one. */
static inline unsigned tags_equal(const uint8_t *tags, uint8_t tag)
{
#ifdef __SSE2__
    return (unsigned)_mm_movemask_epi8(
        _mm_cmpeq_epi8(_mm_loadu_si128((const __m128i *)tags), _mm_set1_epi8((char)tag)));
#else
    unsigned equal = 0;

    for (unsigned i = 0; i < TAGS_A_LOOK; i++) equal |= (unsigned)(tags[i] == tag) << i;
    return equal;
#endif
}

/* --- the index --- */

static uint64_t key_with(uint64_t key, const struct packitem *name)
{
    key = (key << 23 | key >> 41) ^ hash_bytes(packitem_data(name)) ^ (uint64_t)name->code << 56;
    key *= UINT64_C(0x9e3779b97f4a7c15);
    return key ^ key >> 29;
}

static _Atomic uint64_t *line_of(uint64_t key)
{
    return index_of_keys[key >> 54];
}

static unsigned index_find(uint64_t key)
{
    _Atomic uint64_t *line = line_of(key);

    _Static_assert(LINES == 1 << (64 - 54), "a line for each of the upper bits");
    for (unsigned i = 0; i < WAYS; i++) {
        uint64_t entry = atomic_load_explicit(&line[i], memory_order_relaxed);

        if ((entry ^ key) >> 16 == 0 && (entry & 0xffff)) return (unsigned)(entry & 0xffff);
    }
    return 0;
}

/* Where there is no room an older hint goes. */
static void index_put(uint64_t key, unsigned shape)
{
    _Atomic uint64_t *line = line_of(key);
    unsigned at = (unsigned)(key >> 16) % WAYS;

    for (unsigned i = 0; i < WAYS; i++) {
        uint64_t entry = atomic_load_explicit(&line[i], memory_order_relaxed);

        if (entry == 0) at = i;
        if (entry != 0 && (entry ^ key) >> 16 == 0) {
            at = i;
            break;
        }
    }
    atomic_store_explicit(&line[at], (key & ~UINT64_C(0xffff)) | shape, memory_order_relaxed);
}

/* What leads to the one leads to the other now; 0: nowhere. */
static void index_turn(uint64_t key, unsigned from, unsigned to)
{
    _Atomic uint64_t *line = line_of(key);
    uint64_t entry = (key & ~UINT64_C(0xffff)) | from;

    for (unsigned i = 0; i < WAYS; i++) {
        if (atomic_load_explicit(&line[i], memory_order_relaxed) != entry) continue;
        atomic_store_explicit(&line[i], to ? (entry ^ from) | to : 0, memory_order_relaxed);
    }
}

/* Was it met before, not too many others ago? Now it was. */
static bool was_met(uint64_t key)
{
    _Atomic uint32_t *place = &met[key % MET];
    uint32_t bits = (uint32_t)(key >> 32) | 1;

    if (atomic_load_explicit(place, memory_order_relaxed) == bits) return true;
    atomic_store_explicit(place, bits, memory_order_relaxed);
    return false;
}

/* --- coming and going; under the lock --- */

static size_t struct_size(unsigned count)
{
    return sizeof(struct shape) + count * sizeof(uint64_t) + (count + TAGS_A_LOOK - 1) / TAGS_A_LOOK * TAGS_A_LOOK;
}

static size_t shape_bytes(const struct packed *names, unsigned count)
{
    return mem_good_size(struct_size(count)) + packed_room(names);
}

static void shape_free(struct shape *shape)
{
    packed_free(&shape->names);
    mem_free(shape);
}

/* If nobody holds it. */
static void drop(unsigned number)
{
    struct shape *shape = shape_at(number);
    uint32_t none = 0;

    if (!shape || !atomic_compare_exchange_strong_explicit(&holders[number].count, &none, GONE, memory_order_acquire,
                                                           memory_order_relaxed)) {
        return;
    }
    for (unsigned i = 0; i < packed_count(shape->names); i++) index_turn(shape->keys[i], number, 0);
    atomic_store_explicit(&shapes[number], NULL, memory_order_relaxed);
    bytes_held -= shape->bytes;
    free_numbers[free_count++] = (uint16_t)number;
    shape_free(shape);
}

#define LOOKS 32 /* for one that nobody holds */

/* A number for one of so many bytes. 0: there is none. */
static unsigned number_for(size_t bytes)
{
    for (unsigned looks = 0; looks < LOOKS; looks++) {
        bool has_number = free_count > 0 || last_used + 1 < SHAPES_MAX;

        if (has_number && bytes_held + bytes <= SHAPES_BYTES) return free_count > 0 ? free_numbers[--free_count] : ++last_used;
        hand = hand % last_used + 1;
        drop(hand);
    }
    return 0;
}

/* The first `count` names of a shape, or none, and one more. NULL: no memory. */
static struct shape *shape_new(const struct shape *from, unsigned count, const struct packitem *name, uint64_t key)
{
    struct shape *shape = mem_alloc_zeroed(struct_size(count + 1));

    if (!shape) return NULL;
    /* In no slab: whoever moves blocks out of sparse ones knows of no shapes. */
    shape->names = from ? packed_slice(from->names, 0, count, PACKED_DEQUE) : packed_new(PACKED_DEQUE, 0);
    if (!shape->names || packed_insert(&shape->names, count, name, 1) != OK) {
        shape_free(shape);
        return NULL;
    }
    if (count > 0) {
        memcpy(shape->keys, from->keys, count * sizeof(uint64_t));
        memcpy(tags_of(shape, count + 1), tags_of(from, packed_count(from->names)), count);
    }
    shape->keys[count] = key;
    tags_of(shape, count + 1)[count] = tag_of(name);
    shape->bytes = shape_bytes(shape->names, count + 1);
    atomic_init(&shape->is_replaced, false);
    return shape;
}

/* The new one begins with all of the old one. */
static void replace(struct shape *old, unsigned old_number, unsigned number)
{
    for (unsigned i = 0; i < packed_count(old->names); i++) index_turn(old->keys[i], old_number, number);
    atomic_store_explicit(&old->is_replaced, true, memory_order_relaxed);
}

static unsigned add(struct shape *from, unsigned from_number, unsigned count, const struct packitem *name, uint64_t key)
{
    struct shape *shape = shape_new(from, count, name, key);
    unsigned number = shape ? number_for(shape->bytes) : 0;

    if (!number) {
        if (shape) shape_free(shape);
        return 0;
    }
    bytes_held += shape->bytes;
    atomic_store_explicit(&shapes[number], shape, memory_order_release);
    atomic_store_explicit(&holders[number].count, 1, memory_order_release);
    index_put(key, number);
    if (from && packed_count(from->names) == count) replace(from, from_number, number);
    return number;
}

/* --- holders --- */

static bool take(unsigned shape)
{
    _Atomic uint32_t *count = &holders[shape].count;
    uint32_t had = atomic_load_explicit(count, memory_order_relaxed);

    do {
        if (had & GONE) return false;
    } while (!atomic_compare_exchange_weak_explicit(count, &had, had + 1, memory_order_acquire, memory_order_relaxed));
    return true;
}

void shape_hold(unsigned shape)
{
    atomic_fetch_add_explicit(&holders[shape].count, 1, memory_order_relaxed);
}

void shape_release(unsigned shape)
{
    bool is_replaced = atomic_load_explicit(&shape_at(shape)->is_replaced, memory_order_relaxed);
    uint32_t had = atomic_fetch_sub_explicit(&holders[shape].count, 1, memory_order_release);

    must_debug(had > 0 && !(had & GONE));
    if (likely(had != 1 || !is_replaced) || !lock_try(&lock, RANK_SHAPES, 0)) return;
    drop(shape);
    lock_release(&lock, RANK_SHAPES);
}

/* --- from one name to the next --- */

bool shape_goes_on(unsigned shape, unsigned count, const struct packitem *name)
{
    const struct packed *names = shape_names(shape);
    struct packwalk walk;

    if (count >= packed_count(names)) return false;
    packwalk_begin(&walk, names, count);
    return packwalk_equals(&walk, name);
}

/* Are the first `count` names the same? */
static bool begins_as(const struct packed *names, const struct packed *others, unsigned count)
{
    struct packwalk begin, end, other_begin, other_end;
    size_t width;

    packwalk_begin(&begin, names, 0);
    packwalk_begin(&end, names, count);
    packwalk_begin(&other_begin, others, 0);
    packwalk_begin(&other_end, others, count);
    width = (size_t)(end.at - begin.at);
    return width == (size_t)(other_end.at - other_begin.at) && memcmp(begin.at, other_begin.at, width) == 0 &&
           memcmp(end.code + 1, other_end.code + 1, count) == 0;
}

/* What the index says, held, if it is true. */
static unsigned find_next(const struct shape *from, unsigned count, const struct packitem *name, uint64_t key)
{
    unsigned number = index_find(key);
    const struct packed *names;

    if (!number || !take(number)) return 0;
    names = shape_names(number);
    if (shape_goes_on(number, count, name) && (count == 0 || begins_as(names, from->names, count))) return number;
    shape_release(number);
    return 0;
}

unsigned shape_next(unsigned shape, unsigned count, const struct packitem *name)
{
    struct shape *from = shape ? shape_at(shape) : NULL;
    uint64_t key = key_with(count > 0 ? from->keys[count - 1] : 0, name);
    unsigned number = find_next(from, count, name, key), at;

    if (number) return number;
    if (count >= SHAPE_NAMES_MAX || name->len > SHAPE_NAME_MAX || !was_met(key)) return 0;
    if (from && shape_find(shape, count, name, &at)) return 0;
    if (!lock_try(&lock, RANK_SHAPES, 0)) return 0;
    /* Somebody else may have made it meanwhile. */
    number = find_next(from, count, name, key);
    if (!number) number = add(from, shape, count, name, key);
    lock_release(&lock, RANK_SHAPES);
    return number;
}

bool shape_find(unsigned shape, unsigned count, const struct packitem *name, unsigned *at)
{
    const struct shape *of = shape_at(shape);
    const uint8_t *tags = tags_of(of, packed_count(of->names));
    uint8_t tag = tag_of(name);
    struct packwalk walk;

    for (unsigned from = 0; from < count; from += TAGS_A_LOOK) {
        for (unsigned equal = tags_equal(tags + from, tag); equal; equal &= equal - 1) {
            *at = from + (unsigned)__builtin_ctz(equal);
            if (*at >= count) return false;
            packwalk_begin(&walk, of->names, *at);
            if (packwalk_equals(&walk, name)) return true;
        }
    }
    return false;
}

size_t shape_share(unsigned shape)
{
    uint32_t count = atomic_load_explicit(&holders[shape].count, memory_order_relaxed);

    return shape_at(shape)->bytes / (count > 0 ? count : 1);
}

/* --- for tests --- */

void shape_read_figures(struct shape_figures *figures)
{
    lock_take(&lock, RANK_SHAPES, 0);
    *figures = (struct shape_figures){.bytes = bytes_held};
    for (unsigned i = 1; i <= last_used; i++) {
        uint32_t count = atomic_load_explicit(&holders[i].count, memory_order_relaxed);

        if (!shape_at(i)) continue;
        figures->count++;
        figures->held += count > 0;
        figures->shared += count * shape_share(i);
    }
    lock_release(&lock, RANK_SHAPES);
}

void shape_check(void)
{
    size_t bytes = 0;

    lock_take(&lock, RANK_SHAPES, 0);
    for (unsigned i = 1; i <= last_used; i++) {
        struct shape *shape = shape_at(i);
        uint64_t key = 0;
        struct packwalk walk;
        unsigned count;

        must((shape == NULL) == ((atomic_load(&holders[i].count) & GONE) != 0));
        if (!shape) continue;
        packed_check(shape->names);
        count = packed_count(shape->names);
        must(count > 0 && count <= SHAPE_NAMES_MAX);
        packwalk_begin(&walk, shape->names, 0);
        for (unsigned at = 0; at < count; at++, packwalk_forth(&walk)) {
            char digits[NUMBER_MAX_TEXT];
            struct packitem name;
            unsigned other;

            must(packitem_init(&name, packwalk_text(&walk, digits)));
            must(shape_find(i, count, &name, &other) && other == at);
            key = key_with(key, &name);
            must(shape->keys[at] == key && tags_of(shape, count)[at] == tag_of(&name));
        }
        must(shape->bytes == shape_bytes(shape->names, count));
        bytes += shape->bytes;
    }
    must(bytes == bytes_held && bytes <= SHAPES_BYTES);
    lock_release(&lock, RANK_SHAPES);
}

void shape_forget(void)
{
    lock_take(&lock, RANK_SHAPES, 0);
    for (unsigned i = 1; i <= last_used; i++) drop(i);
    for (unsigned i = 0; i < MET; i++) atomic_store_explicit(&met[i], 0, memory_order_relaxed);
    lock_release(&lock, RANK_SHAPES);
}
