#include "set_internal.h"

#include "coatcheck/base/hash.h"
#include "coatcheck/base/mem.h"
#include "coatcheck/base/must.h"
#include "coatcheck/base/random.h"

#define OPTIONS_HERE set_options
#define OPTION_HOOKS_HERE set_option_hooks
OPTION_DEFINE(set, SET_OPTIONS)

struct set *set_new(void)
{
    return mem_alloc_zeroed(sizeof(struct set));
}

static bool forms_free_some(struct set *set, size_t *steps)
{
    if (set_is_large(set)) {
        struct memberset *large = set_large_of(set);

        if (!memberset_fini_some(large, steps)) return false;
        mem_free_sized(large, sizeof *large);
    } else if (set_has_numbers(set)) {
        struct intset *numbers = set_numbers_of(set);

        intset_free(&numbers);
    } else {
        struct memberblock *block = set_block_of(set);

        if (!memberblock_free_some(&block, steps)) return false;
    }
    set->root = 0;
    return true;
}

bool set_free_some(struct set **set, size_t steps)
{
    if (!forms_free_some(*set, &steps)) return false;
    mem_free_sized(*set, sizeof **set);
    *set = NULL;
    return true;
}

void set_free(struct set **set)
{
    while (*set && !set_free_some(set, SIZE_MAX)) {}
}

uint64_t set_count(const struct set *set)
{
    if (set_is_large(set)) return set_large_of(set)->count;
    if (set_has_numbers(set)) return intset_count(set_numbers_of(set));
    return set_block_of(set) ? memberblock_count(set_block_of(set)) : 0;
}

uint64_t set_version(const struct set *set)
{
    return set_is_large(set) ? set_large_of(set)->version : 0;
}

bool set_is_intset(const struct set *set)
{
    return set_has_numbers(set);
}

unsigned set_number_width(const struct set *set)
{
    return set_has_numbers(set) ? intset_width(set_numbers_of(set)) : 0;
}

/* The number that a member is; most that are none are told by a look at their first byte. */
static inline bool read_number(struct bytes member, int64_t *number)
{
    return member.len > 0 && member.len <= 20 && (unsigned char)member.at[0] <= '9' &&
           number_read_int(member, number);
}

bool set_has(const struct set *set, struct bytes member)
{
    struct memberspot spot;
    int64_t number;
    uint32_t at;

    if (set_is_large(set))
        return memberset_find(set_large_of(set), hash_bytes(member), member, &spot);
    if (set_has_numbers(set))
        return read_number(member, &number) && intset_find(set_numbers_of(set), number, &at);
    return set_block_of(set) &&
           memberblock_find(set_block_of(set), hash_bytes(member), member, &spot.walk);
}

void set_prefetch(const struct set *set, struct bytes member)
{
    if (set_is_large(set)) memberset_prefetch(set_large_of(set), hash_bytes(member));
}

/* --- changes --- */

/* Makes a block that takes no more a large set. */
static enum status enlarge(struct set *set)
{
    struct memberset *large = mem_alloc(sizeof *large);
    struct memberblock *block = set_block_of(set);

    if (!large) return NO_MEMORY;
    if (memberset_init(large, &block) != OK) {
        mem_free_sized(large, sizeof *large);
        return NO_MEMORY;
    }
    set->root = (uintptr_t)large | ROOT_LARGE;
    return OK;
}

/* A member that is not there, to a set that is no intset. */
static enum status add_member(struct set *set, uint64_t hash, struct bytes member)
{
    struct memberblock *block;
    enum status status;

    if (set_is_large(set)) return memberset_add(set_large_of(set), hash, member);
    block = set_block_of(set);
    if (unlikely(!block)) {
        block = memberblock_new(sizeof *block + 2 +
                                (member.len < MEMBERBLOCK_FAR ? member.len : sizeof(void *)));
        if (!block) return NO_MEMORY;
        set->root = (uintptr_t)block;
    }
    if (unlikely(!memberset_block_takes(block, member))) {
        if (enlarge(set) != OK) return NO_MEMORY;
        return memberset_add(set_large_of(set), hash, member);
    }
    status = memberblock_add(&block, hash, member);
    set->root = (uintptr_t)block;
    return status == OK ? OK : NO_MEMORY;
}

/* NO_MEMORY: *texts is empty. */
static enum status add_texts(struct set *texts, const struct intset *numbers)
{
    size_t steps = SIZE_MAX;

    for (uint32_t i = 0; i < intset_count(numbers); i++) {
        char digits[NUMBER_MAX_TEXT];
        struct bytes text = bytes_of(digits, number_print_int(digits, intset_at(numbers, i)));

        if (add_member(texts, hash_bytes(text), text) == OK) continue;
        forms_free_some(texts, &steps);
        return NO_MEMORY;
    }
    return OK;
}

static enum status unnumber(struct set *set)
{
    struct intset *numbers = set_numbers_of(set);
    struct set texts = {0};

    if (add_texts(&texts, numbers) != OK) return NO_MEMORY;
    intset_free(&numbers);
    *set = texts;
    return OK;
}

struct set *set_copy_as_texts(const struct set *set)
{
    struct set *copy = set_new();
    struct set_walk walk;

    if (!copy) return NULL;
    if (set_has_numbers(set)) {
        if (add_texts(copy, set_numbers_of(set)) != OK) set_free(&copy);
        return copy;
    }
    for (set_walk_begin(&walk, set); set_walk_next(&walk);) {
        if (add_member(copy, hash_bytes(walk.member), walk.member) == OK) continue;
        set_free(&copy);
        return NULL;
    }
    return copy;
}

static inline uint64_t numbers_max(void)
{
    uint64_t max = (uint64_t)option_int(&set_options.set_max_intset_entries);

    return max < INTSET_COUNT_MAX ? max : INTSET_COUNT_MAX;
}

static enum status add_number(struct set *set, int64_t number, bool *added)
{
    struct intset *numbers = set_numbers_of(set);
    enum status status;

    status = intset_add(&numbers, number, added);
    set->root = (uintptr_t)numbers | ROOT_INTSET;
    return status;
}

/* To an intset, or to a set to which nothing was ever added. *done: the member is there now;
 * otherwise the set is an intset no longer, and the member is to be added to it. */
static enum status add_to_numbers(struct set *set, struct bytes member, bool *added, bool *done)
{
    struct intset *numbers;
    int64_t number;
    uint32_t at;

    *done = true;
    if (!read_number(member, &number)) {
        *done = false;
        return set->root ? unnumber(set) : OK;
    }
    if (unlikely(!set->root)) {
        if (numbers_max() == 0) {
            *done = false;
            return OK;
        }
        numbers = intset_new(1, 2);
        if (!numbers) return NO_MEMORY;
        set->root = (uintptr_t)numbers | ROOT_INTSET;
        return add_number(set, number, added);
    }
    numbers = set_numbers_of(set);
    if (likely(intset_count(numbers) < numbers_max())) return add_number(set, number, added);
    if (intset_find(numbers, number, &at)) return OK;
    *done = false;
    return unnumber(set);
}

enum status set_add(struct set *set, struct bytes member, bool *added)
{
    struct memberspot spot;
    enum status status;
    uint64_t hash;
    bool done;

    *added = false;
    if (set_has_numbers(set) || unlikely(!set->root)) {
        status = add_to_numbers(set, member, added, &done);
        if (status != OK || done) return status;
    }
    hash = hash_bytes(member);
    if (set_is_large(set)) {
        if (memberset_find(set_large_of(set), hash, member, &spot)) return OK;
    } else if (set_block_of(set) && memberblock_find(set_block_of(set), hash, member, &spot.walk)) {
        return OK;
    }
    status = add_member(set, hash, member);
    *added = status == OK;
    return status;
}

enum status set_fill(struct set *set, const int64_t *numbers, uint32_t count)
{
    struct intset *block;

    must_debug(!set->root && count > 0);
    if (count > numbers_max()) return TOO_BIG;
    block = intset_of(numbers, count);
    if (!block) return NO_MEMORY;
    set->root = (uintptr_t)block | ROOT_INTSET;
    return OK;
}

static void cut_number(struct set *set, uint32_t at)
{
    struct intset *numbers = set_numbers_of(set);

    intset_cut(&numbers, at);
    set->root = (uintptr_t)numbers | ROOT_INTSET;
}

static void remove_from_block(struct set *set, const struct memberwalk *walk)
{
    struct memberblock *block = set_block_of(set);

    memberblock_remove(&block, walk);
    set->root = (uintptr_t)block;
}

bool set_remove(struct set *set, struct bytes member)
{
    struct memberspot spot;
    int64_t number;
    uint32_t at;

    if (set_is_large(set)) {
        if (!memberset_find(set_large_of(set), hash_bytes(member), member, &spot)) return false;
        memberset_remove(set_large_of(set), &spot);
    } else if (set_has_numbers(set)) {
        if (!read_number(member, &number) || !intset_find(set_numbers_of(set), number, &at))
            return false;
        cut_number(set, at);
    } else {
        if (!set_block_of(set) ||
            !memberblock_find(set_block_of(set), hash_bytes(member), member, &spot.walk)) {
            return false;
        }
        remove_from_block(set, &spot.walk);
    }
    return true;
}

void set_swap(struct set *a, struct set *b)
{
    struct set other = *a;

    *a = *b;
    *b = other;
}

/* --- by lot --- */

void set_draw(const struct set *set, uint64_t *dice, struct set_spot *spot)
{
    if (set_is_large(set)) {
        memberset_draw(set_large_of(set), dice, &spot->large);
        spot->member = memberwalk_member(&spot->large.walk);
        spot->mark = (uint64_t)spot->large.entry << 16 | spot->large.walk.at;
        return;
    }
    spot->at = (uint32_t)random_below(dice, set_count(set));
    spot->mark = spot->at;
    if (set_has_numbers(set)) {
        spot->member = bytes_of(
            spot->digits, number_print_int(spot->digits, intset_at(set_numbers_of(set), spot->at)));
    } else {
        memberwalk_to(&spot->large.walk, set_block_of(set), spot->at);
        spot->member = memberwalk_member(&spot->large.walk);
    }
}

void set_take(struct set *set, struct set_spot *spot)
{
    if (set_is_large(set)) {
        memberset_remove(set_large_of(set), &spot->large);
    } else if (set_has_numbers(set)) {
        cut_number(set, spot->at);
    } else {
        remove_from_block(set, &spot->large.walk);
    }
}
