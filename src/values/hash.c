#include "hash_internal.h"

#include "coatcheck/base/compaction.h"
#include "coatcheck/base/prefetch.h"
#include "coatcheck/base/random.h"
#include "coatcheck/values/kind.h"
#include "shape_internal.h"

#define OPTIONS_HERE hash_options
#define OPTION_HOOKS_HERE hash_option_hooks
OPTION_DEFINE(hash, HASH_OPTIONS)

struct hash *hash_new(void)
{
    return mem_alloc_zeroed(sizeof(struct hash));
}

bool hash_free_some(struct hash **hash, size_t steps)
{
    struct hash_large *large;

    if (hash_is_large(*hash)) {
        large = hash_large_of(*hash);
        if (!hash_large_free_some(&large, &steps)) return false;
    } else {
        hash_packed_free(*hash);
    }
    mem_free_sized(*hash, sizeof **hash);
    *hash = NULL;
    return true;
}

void hash_free(struct hash **hash)
{
    while (*hash && !hash_free_some(hash, SIZE_MAX)) {}
}

uint64_t hash_count(const struct hash *hash)
{
    return hash_is_large(hash) ? hash_large_of(hash)->map.count : hash_packed_count(hash);
}

bool hash_get(const struct hash *hash, struct bytes name, struct hash_field *field)
{
    if (hash_is_large(hash)) return hash_large_get(hash_large_of(hash), name, field);
    return hash_packed_get(hash, name, field);
}

/* --- changes --- */

enum status hash_enlarge(struct hash *hash, bool is_packed)
{
    struct hash_large *large = hash_large_new();
    size_t steps = SIZE_MAX;
    struct hash_place place;
    enum status status = large ? OK : NO_MEMORY;

    if (large && hash_is_mortal(hash)) status = fieldmap_mortal_ready(&large->map);
    if (status == OK && hash_block_of(hash)) hash_packed_go(hash, 0, &place);
    for (unsigned at = 0; status == OK && at < hash_packed_places(hash); at++) {
        struct hash_field field;
        bool added;

        if (!hash_packed_read(hash, at, &place, &field)) continue;
        status = hash_large_put(large, field.name, field.value, field.deadline_ms, &added);
    }
    if (status == OK) {
        large->is_packed = is_packed;
        hash_packed_free(hash);
        hash->root = (uintptr_t)large | ROOT_LARGE;
    } else if (large) {
        hash_large_free_some(&large, &steps);
    }
    return status;
}

enum status hash_put(struct hash *hash, struct bytes name, struct bytes value, int64_t deadline_ms, bool *added)
{
    if (hash_is_large(hash)) return hash_large_put(hash_large_of(hash), name, value, deadline_ms, added);
    return hash_packed_put(hash, name, value, deadline_ms, added);
}

/* What a packed hash of these would need at most; 0: it will not be a packed one. */
static size_t packed_bytes_of(const struct bytes *words, unsigned pairs)
{
    size_t bytes = sizeof(struct packed);

    for (unsigned i = 0; i < pairs; i++) {
        if (!packed_rules_allow(pairs, words[2 * i], words[2 * i + 1])) return 0;
        bytes += words[2 * i].len + words[2 * i + 1].len + 2;
    }
    return bytes;
}

/* Into a hash that has nothing yet, if their names have a shape. NOT_FOUND: they have none. */
static enum status put_all_shaped(struct hash *hash, const struct bytes *words, unsigned pairs, int64_t deadline_ms)
{
    struct packitem items[2 * SHAPE_NAMES_MAX];
    size_t bytes = pairs <= SHAPE_NAMES_MAX ? packed_bytes_of(words, pairs) : 0;
    enum status status;

    if (bytes == 0 || bytes > PACKED_MAX) return NOT_FOUND;
    for (unsigned i = 0; i < 2 * pairs; i++) {
        if (!packitem_init(&items[i], words[i])) return NOT_FOUND;
    }
    status = hash_shaped_fill(hash, items, pairs);
    if (status != OK || deadline_ms == NEVER || deadline_ms == HASH_KEEP_DEADLINE) return status;
    status = hash_packed_ready(hash);
    if (status != OK) hash_packed_free(hash);
    for (unsigned i = 0; status == OK && i < pairs; i++) must(hash_set_deadline(hash, words[2 * i], deadline_ms) == OK);
    return status;
}

/* Into a hash that is not large yet: what it was is kept aside until all has gone well. */
static enum status put_all_packed(struct hash *hash, const struct bytes *words, unsigned pairs, int64_t deadline_ms,
                                  unsigned *added)
{
    struct hash aside = {0};
    enum status status = OK;
    size_t steps = SIZE_MAX;

    if (!hash->root) {
        *added = pairs;
        status = put_all_shaped(hash, words, pairs, deadline_ms);
        if (status != NOT_FOUND) return status;
        status = OK;
    }
    if (hash_packed_copy(&aside, hash) != OK) return NO_MEMORY;
    if (!hash->root) {
        size_t bytes = packed_bytes_of(words, pairs);

        hash->root = bytes ? (uintptr_t)packed_new(PACKED_PLAIN, bytes) : 0;
    }
    *added = 0;
    for (unsigned i = 0; i < pairs && status == OK; i++) {
        bool is_new = false;

        status = hash_put(hash, words[2 * i], words[2 * i + 1], deadline_ms, &is_new);
        *added += is_new;
    }
    if (status == OK) {
        hash_packed_free(&aside);
        return OK;
    }
    if (hash_is_large(hash)) {
        struct hash_large *large = hash_large_of(hash);

        hash_large_free_some(&large, &steps);
    } else {
        hash_packed_free(hash);
    }
    *hash = aside;
    return status;
}

enum status hash_put_all(struct hash *hash, const struct bytes *words, unsigned pairs, int64_t deadline_ms,
                         unsigned *added)
{
    bool is_new = false;
    enum status status;

    if (likely(pairs == 1)) {
        status = hash_put(hash, words[0], words[1], deadline_ms, &is_new);
        *added = is_new;
        return status;
    }
    if (!hash_is_large(hash)) return put_all_packed(hash, words, pairs, deadline_ms, added);
    return hash_large_put_all(hash_large_of(hash), words, pairs, deadline_ms, added);
}

enum status hash_ready_deadline(struct hash *hash, struct bytes name)
{
    return hash_is_large(hash) ? hash_large_ready(hash_large_of(hash), name) : hash_packed_ready(hash);
}

enum status hash_set_deadline(struct hash *hash, struct bytes name, int64_t deadline_ms)
{
    if (hash_is_large(hash)) return hash_large_set_deadline(hash_large_of(hash), name, deadline_ms);
    return hash_packed_set_deadline(hash, name, deadline_ms);
}

bool hash_remove(struct hash *hash, struct bytes name)
{
    if (hash_is_large(hash)) return hash_large_remove(hash_large_of(hash), name);
    return hash_packed_remove(hash, name);
}

int64_t hash_soonest_ms(const struct hash *hash)
{
    if (hash_is_large(hash)) return hash_large_of(hash)->map.soonest_ms;
    return hash_is_mortal(hash) ? hash_mortal_of(hash)->soonest_ms : NEVER;
}

bool hash_expire(struct hash *hash, int64_t now_ms, size_t *steps, void (*see)(void *context, struct bytes name),
                 void *context)
{
    if (hash_is_large(hash)) return fieldmap_expire(&hash_large_of(hash)->map, now_ms, steps, see, context);
    return hash_packed_expire(hash, now_ms, steps, see, context);
}

/* --- all of them --- */

void hash_walk_begin(struct hash_walk *walk, const struct hash *hash)
{
    walk->hash = hash;
    walk->now_ms = hash_soonest_ms(hash) == NEVER ? INT64_MIN : clock_now_ms();
    walk->at = walk->count = 0;
    if (hash_is_large(hash)) {
        fieldwalk_begin(&walk->large, &hash_large_of(hash)->map);
    } else if (hash_block_of(hash)) {
        walk->count = hash_packed_places(hash);
        hash_packed_go(hash, 0, &walk->packed);
    }
}

bool hash_walk_next(struct hash_walk *walk)
{
    for (;;) {
        if (hash_is_large(walk->hash)) {
            if (!fieldwalk_next(&walk->large)) return false;
            hash_large_read(walk->large.slot, &walk->field);
        } else {
            if (walk->at == walk->count) return false;
            if (!hash_packed_read(walk->hash, walk->at++, &walk->packed, &walk->field)) continue;
        }
        if (likely(walk->field.deadline_ms > walk->now_ms)) return true;
    }
}

/* Fields past their deadlines are few at most: somebody drops them before anyone draws. */
#define DRAWS 64

/* False: a hole. */
static bool read_at(const struct hash *hash, unsigned at, struct hash_field *field)
{
    struct hash_place place;

    hash_packed_go(hash, at, &place);
    return hash_packed_read(hash, at, &place, field);
}

bool hash_draw(const struct hash *hash, uint64_t *dice, struct hash_field *field)
{
    struct hash_walk walk;

    if (hash_count(hash) == 0) return false;
    for (unsigned draws = 0; draws < DRAWS; draws++) {
        if (hash_is_large(hash)) {
            hash_large_read(fieldmap_draw(&hash_large_of(hash)->map, dice), field);
        } else if (!read_at(hash, (unsigned)random_below(dice, hash_packed_places(hash)), field)) {
            continue;
        }
        if (likely(!deadline_passed(field->deadline_ms))) return true;
    }
    hash_walk_begin(&walk, hash);
    if (!hash_walk_next(&walk)) return false;
    if (hash_is_large(hash)) {
        hash_large_read(walk.large.slot, field);
    } else {
        read_at(hash, walk.at - 1, field);
    }
    return true;
}

struct scan {
    void (*see)(void *context, const struct hash_field *field);
    void *context;
    uint64_t seen;
};

static void scan_see(void *context, uint64_t slot)
{
    struct scan *scan = context;
    struct hash_field field;

    hash_large_read(slot, &field);
    if (deadline_passed(field.deadline_ms)) return;
    scan->see(scan->context, &field);
    scan->seen++;
}

uint64_t hash_scan(const struct hash *hash, uint64_t cursor, uint64_t budget,
                   void (*see)(void *context, const struct hash_field *field), void *context)
{
    struct scan scan = {see, context, 0};
    uint64_t groups = budget < UINT64_MAX / 10 ? budget * 10 : UINT64_MAX;
    struct hash_walk walk;

    if (!hash_is_large(hash)) {
        hash_walk_begin(&walk, hash);
        while (hash_walk_next(&walk)) see(context, &walk.field);
        return 0;
    }
    if (cursor > UINT32_MAX) return 0;
    do {
        cursor = fieldmap_scan(&hash_large_of(hash)->map, (uint32_t)cursor, scan_see, &scan);
    } while (cursor != 0 && scan.seen < budget && --groups > 0);
    return cursor;
}

/* --- as a kind --- */

bool hash_is_packed(const struct hash *hash)
{
    return !hash_is_large(hash) || hash_large_of(hash)->is_packed;
}

void hash_keep_packed(struct hash *hash)
{
    if (hash_is_large(hash) && packed_rules_allow(hash_count(hash), bytes_of(NULL, 0), bytes_of(NULL, 0)))
        hash_large_of(hash)->is_packed = true;
}

void hash_check(const struct hash *hash)
{
    if (hash_is_large(hash)) {
        fieldmap_check(&hash_large_of(hash)->map);
    } else {
        hash_packed_check(hash);
    }
}

static bool kind_free_some(void **container, size_t steps)
{
    struct hash *hash = *container;
    bool done = hash_free_some(&hash, steps);

    *container = hash;
    return done;
}

static void *kind_copy(const void *container)
{
    const struct hash *hash = container;
    struct hash *copy = hash_new();
    struct hash_large *large;

    if (!copy) return NULL;
    if (hash_is_large(hash)) {
        large = hash_large_copy(hash_large_of(hash));
        if (large) copy->root = (uintptr_t)large | ROOT_LARGE;
    } else if (hash_packed_copy(copy, hash) == OK) {
        return copy;
    }
    if (!copy->root) hash_free(&copy);
    return copy;
}

static size_t kind_length(const void *container)
{
    return hash_count(container);
}

static const char *kind_encoding(const void *container)
{
    const struct hash *hash = container;

    if (!hash_is_packed(hash)) return "hashtable";
    if (hash_is_large(hash)) return hash_large_of(hash)->map.soonest ? "listpackex" : "listpack";
    return hash_is_mortal(hash) ? "listpackex" : "listpack";
}

static size_t kind_used_bytes(const void *container)
{
    const struct hash *hash = container;
    size_t used = mem_good_size(sizeof *hash);

    if (!hash_is_large(hash)) return used + hash_packed_used_bytes(hash);
    return used + mem_good_size(sizeof(struct hash_large)) + hash_large_of(hash)->map.used_bytes;
}

void hash_prefetch(const struct hash *hash, const struct bytes *names, unsigned count)
{
    uint64_t hashes[HASH_BATCH];
    const struct fieldmap *map;

    must_debug(count <= HASH_BATCH);
    if (!hash_is_large(hash)) return;
    map = &hash_large_of(hash)->map;
    for (unsigned i = 0; i < count; i++) {
        hashes[i] = hash_bytes(names[i]);
        fieldmap_prefetch_group(map, hashes[i]);
    }
    for (unsigned i = 0; i < count; i++) fieldmap_prefetch_field(map, hashes[i]);
}

/* How long a packed block is would have to be read from it first: some lines of it, whether they are its own or not. */
#define LINES_AHEAD 6

static bool kind_prefetch(const void *container, struct bytes element, unsigned step, uint64_t *memo)
{
    const struct hash *hash = container;

    if (step == 0) {
        prefetch(hash);
        return true;
    }
    if (!hash_is_large(hash)) {
        const char *block = (const char *)hash_block_of(hash);

        for (size_t i = 0; i < LINES_AHEAD; i++) prefetch(block + 64 * i);
        return false;
    }
    if (!element.at) return false;
    if (step == 1) {
        *memo = hash_bytes(element);
        fieldmap_prefetch_group(&hash_large_of(hash)->map, *memo);
        return true;
    }
    fieldmap_prefetch_field(&hash_large_of(hash)->map, *memo);
    return false;
}

static bool kind_compact(void **container, struct compaction *compaction)
{
    struct hash *hash = *container;

    if (compaction->moves_blocks && compaction->at == 0) hash = *container = mem_compact(hash);
    if (hash_is_large(hash)) return !compaction->moves_blocks || hash_large_compact(hash, compaction);
    hash_packed_compact(hash, compaction);
    return true;
}

static int64_t kind_soonest_ms(const void *container)
{
    return hash_soonest_ms(container);
}

static bool kind_expire(void *container, int64_t now_ms, size_t *steps,
                        void (*see)(void *context, struct bytes element), void *context)
{
    return hash_expire(container, now_ms, steps, see, context);
}

static const struct value_kind kind = {
    .name = "hash",
    .free_some = kind_free_some,
    .copy = kind_copy,
    .length = kind_length,
    .encoding = kind_encoding,
    .used_bytes = kind_used_bytes,
    .compact = kind_compact,
    .prefetch = kind_prefetch,
    .soonest_ms = kind_soonest_ms,
    .expire = kind_expire,
    .expired_event = "hexpired",
    .remove_command = "HDEL",
};

void hash_kind_setup(void)
{
    value_kind_add(VALUE_HASH, &kind);
}
