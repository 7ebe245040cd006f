/* hash_packed: a small hash is one block of names and values, one after the other, or of values alone. */
#include "coatcheck/base/compaction.h"
#include "coatcheck/structs/twins.h"
#include "hash_internal.h"
#include "shape_internal.h"

bool packed_rules_allow(uint64_t count, struct bytes name, struct bytes value)
{
    uint64_t longest = name.len > value.len ? name.len : value.len;

    return count <= (uint64_t)option_int(&hash_options.hash_max_listpack_entries) &&
           longest <= (uint64_t)option_int(&hash_options.hash_max_listpack_value);
}

unsigned hash_packed_places(const struct hash *hash)
{
    struct packed *block = hash_block_of(hash);

    if (!block) return 0;
    return hash_is_shaped(hash) ? packed_count(block) - 1 : packed_count(block) / 2;
}

unsigned hash_packed_count(const struct hash *hash)
{
    unsigned places = hash_packed_places(hash);

    return hash_is_shaped(hash) ? places - hash_shaped_holes(hash) : places;
}

/* Which element of the block is the value of place `at`. */
static unsigned element_of(const struct hash *hash, unsigned at)
{
    return hash_is_shaped(hash) ? at + 1 : 2 * at + 1;
}

/* --- deadlines --- */

static size_t mortal_bytes(uint32_t room)
{
    return sizeof(struct mortal) + (size_t)room * FIELD_DEADLINE_BYTES;
}

int64_t hash_packed_deadline(const struct hash *hash, unsigned at)
{
    int64_t deadline_ms;

    if (likely(!hash_is_mortal(hash))) return NEVER;
    deadline_ms = field_deadline_read(hash_mortal_of(hash)->deadlines[at]);
    return deadline_ms ? deadline_ms : NEVER;
}

/* Only where there is an array. */
static void set_deadline(struct mortal *mortal, unsigned at, int64_t deadline_ms)
{
    field_deadline_write(mortal->deadlines[at], deadline_ms == NEVER ? 0 : deadline_ms);
    if (deadline_ms < mortal->soonest_ms) mortal->soonest_ms = deadline_ms;
}

/* Room for the deadlines of so many places. */
static enum status mortal_reserve(struct hash *hash, unsigned count)
{
    struct mortal *old = hash_is_mortal(hash) ? hash_mortal_of(hash) : NULL, *mortal;
    uint32_t room = (uint32_t)((mem_good_size(mortal_bytes(count)) - sizeof *mortal) / FIELD_DEADLINE_BYTES);

    if (old && count <= old->room) return OK;
    mortal = mem_resize(old, mortal_bytes(room));
    if (!mortal) return NO_MEMORY;
    if (!old) {
        mortal->block = hash_block_of(hash);
        mortal->soonest_ms = NEVER;
        memset(mortal->deadlines, 0, (size_t)hash_packed_places(hash) * FIELD_DEADLINE_BYTES);
    }
    mortal->room = room;
    hash->root = (uintptr_t)mortal | ROOT_MORTAL | (hash->root & ROOT_SHAPED);
    return OK;
}

/* --- one field --- */

struct found {
    struct packwalk value;
    unsigned at; /* of the places */
};

static bool find(const struct hash *hash, const struct packitem *name, struct found *found)
{
    struct packed *block = hash_block_of(hash);

    if (unlikely(!block)) return false;
    if (hash_is_shaped(hash)) return hash_shaped_find(hash, name, &found->at, &found->value);
    found->at = 0;
    packwalk_begin(&found->value, block, 0);
    if (!packed_find(block, name, 2, &found->value, &found->at)) return false;
    packwalk_forth(&found->value);
    found->at /= 2;
    return true;
}

static inline struct bytes value_text(const struct hash *hash, const struct packwalk *value, char scratch[NUMBER_MAX_TEXT])
{
    return hash_is_shaped(hash) ? hash_shaped_text(value, scratch) : packwalk_text(value, scratch);
}

bool hash_packed_get(const struct hash *hash, struct bytes name, struct hash_field *field)
{
    struct packitem item;
    struct found found;

    if (!packitem_init(&item, name) || !find(hash, &item, &found)) return false;
    field->deadline_ms = hash_packed_deadline(hash, found.at);
    if (deadline_passed(field->deadline_ms)) return false;
    field->value = value_text(hash, &found.value, field->digits[1]);
    return true;
}

void hash_packed_go(const struct hash *hash, unsigned at, struct hash_place *place)
{
    if (hash_is_shaped(hash)) {
        packwalk_begin(&place->name, shape_names(hash_shape(hash)), at);
        packwalk_begin(&place->value, hash_block_of(hash), element_of(hash, at));
    } else {
        packwalk_begin(&place->value, hash_block_of(hash), 2 * at);
    }
}

bool hash_packed_read(const struct hash *hash, unsigned at, struct hash_place *place, struct hash_field *field)
{
    bool is_hole = false;

    if (hash_is_shaped(hash)) {
        is_hole = hash_shaped_is_hole(&place->value);
        field->name = packwalk_text(&place->name, field->digits[0]);
        packwalk_forth(&place->name);
        field->value = hash_shaped_text(&place->value, field->digits[1]);
    } else {
        field->name = packwalk_text(&place->value, field->digits[0]);
        packwalk_forth(&place->value);
        field->value = packwalk_text(&place->value, field->digits[1]);
    }
    packwalk_forth(&place->value);
    field->deadline_ms = hash_packed_deadline(hash, at);
    field->mark = at;
    return !is_hole;
}

static enum status replace(struct hash *hash, const struct found *found, const struct packitem *value,
                           int64_t deadline_ms)
{
    struct packitem stored;
    struct packed *block;
    enum status status;

    if (deadline_ms != NEVER && mortal_reserve(hash, hash_packed_places(hash)) != OK) return NO_MEMORY;
    block = hash_block_of(hash);
    if (hash_is_shaped(hash)) {
        hash_shaped_value(&stored, value);
        value = &stored;
    }
    status = packed_replace(&block, element_of(hash, found->at), value);
    if (status != OK) return status;
    hash_set_block(hash, block);
    if (unlikely(hash_is_mortal(hash))) set_deadline(hash_mortal_of(hash), found->at, deadline_ms);
    return OK;
}

/* A block for a first field of this name. */
static enum status begin(struct hash *hash, const struct packitem items[2])
{
    enum status status = hash_shaped_begin(hash, &items[0]);
    struct packed *block;

    if (status != NOT_FOUND) return status;
    block = packed_new(PACKED_PLAIN, sizeof *block + packitem_size(&items[0]) + packitem_size(&items[1]));
    if (!block) return NO_MEMORY;
    hash_set_block(hash, block);
    return OK;
}

static enum status insert_last(struct hash *hash, const struct packitem items[2])
{
    struct packed *block = hash_block_of(hash);
    struct packitem stored;
    enum status status;

    if (hash_is_shaped(hash)) {
        hash_shaped_value(&stored, &items[1]);
        status = packed_insert(&block, packed_count(block), &stored, 1);
    } else {
        status = packed_insert(&block, packed_count(block), items, 2);
    }
    if (status == OK) hash_set_block(hash, block);
    return status;
}

/* `goes_on`: it has a shape, of which this is the next name. */
static enum status add(struct hash *hash, const struct packitem items[2], bool goes_on, int64_t deadline_ms)
{
    enum status status = OK;
    unsigned at;

    if (unlikely(!hash_block_of(hash))) {
        status = begin(hash, items);
    } else if (hash_is_shaped(hash) && !goes_on) {
        status = hash_shaped_turn(hash, &items[0]);
    }
    if (unlikely(status != OK)) return status;
    at = hash_packed_places(hash);
    if (unlikely(deadline_ms != NEVER || hash_is_mortal(hash)) && mortal_reserve(hash, at + 1) != OK) {
        return NO_MEMORY;
    }
    status = insert_last(hash, items);
    if (status == OK && unlikely(hash_is_mortal(hash))) set_deadline(hash_mortal_of(hash), at, deadline_ms);
    return status;
}

static enum status put_large(struct hash *hash, bool is_packed, struct bytes name, struct bytes value,
                             int64_t deadline_ms, bool *added)
{
    if (hash_enlarge(hash, is_packed) != OK) return NO_MEMORY;
    return hash_large_put(hash_large_of(hash), name, value, deadline_ms, added);
}

enum status hash_packed_put(struct hash *hash, struct bytes name, struct bytes value, int64_t deadline_ms,
                            bool *added)
{
    struct packed *block = hash_block_of(hash);
    struct packitem items[2];
    struct found found;
    bool there, fits = packitem_init(&items[0], name) && packitem_init(&items[1], value);
    /* No name of a shape is there twice. */
    bool goes_on = fits && hash_is_shaped(hash) && hash_shaped_goes_on(hash, &items[0]);

    there = fits && !goes_on && find(hash, &items[0], &found);
    if (unlikely(!packed_rules_allow(hash_packed_count(hash) + !there, name, value))) {
        return put_large(hash, false, name, value, deadline_ms, added);
    }
    if (unlikely(!fits || (block && packed_size_with(block, there ? &items[1] : items, there ? 1 : 2) > PACKED_MAX))) {
        return put_large(hash, true, name, value, deadline_ms, added);
    }
    if (there) {
        int64_t had_ms = hash_packed_deadline(hash, found.at);

        *added = deadline_passed(had_ms);
        if (deadline_ms == HASH_KEEP_DEADLINE) deadline_ms = *added ? NEVER : had_ms;
        return replace(hash, &found, &items[1], deadline_ms);
    }
    *added = true;
    return add(hash, items, goes_on, deadline_ms == HASH_KEEP_DEADLINE ? NEVER : deadline_ms);
}

/* ---- all at once ---- */

static uint64_t hash_of_name(const void *items, unsigned at)
{
    return hash_bytes(packitem_data((const struct packitem *)items + 2 * (size_t)at));
}

static bool is_same_name(const void *items, unsigned at, unsigned other)
{
    return packitem_equals((const struct packitem *)items + 2 * (size_t)at,
                           (const struct packitem *)items + 2 * (size_t)other);
}

/* What was packed elsewhere stays so, however long its texts are; those that come later are asked. */
static bool fits_packed(const struct packitem *items, unsigned pairs)
{
    size_t size = sizeof(struct packed);

    for (unsigned i = 0; i < 2 * pairs; i++) size += packitem_size(&items[i]);
    return size <= PACKED_MAX && packed_rules_allow(pairs, bytes_of(NULL, 0), bytes_of(NULL, 0));
}

enum status hash_fill(struct hash *hash, const struct packitem *items, unsigned pairs)
{
    static const struct twins_verbs names = {hash_of_name, is_same_name};
    struct packed *block;
    enum status status;

    must_debug(!hash->root && pairs > 0);
    if (!fits_packed(items, pairs)) return TOO_BIG;
    status = hash_shaped_fill(hash, items, pairs);
    if (status != NOT_FOUND) return status;
    if (twins_found(&names, items, pairs)) return MALFORMED;
    block = packed_of(PACKED_PLAIN, items, 2 * pairs);
    if (!block) return NO_MEMORY;
    hash->root = (uintptr_t)block;
    return OK;
}

/* ---- deadlines of fields ---- */

enum status hash_packed_set_deadline(struct hash *hash, struct bytes name, int64_t deadline_ms)
{
    struct packitem item;
    struct found found;

    if (!packitem_init(&item, name) || !find(hash, &item, &found)) return NOT_FOUND;
    if (deadline_passed(hash_packed_deadline(hash, found.at))) return NOT_FOUND;
    if (deadline_ms != NEVER && mortal_reserve(hash, hash_packed_places(hash)) != OK) return NO_MEMORY;
    if (hash_is_mortal(hash)) set_deadline(hash_mortal_of(hash), found.at, deadline_ms);
    return OK;
}

enum status hash_packed_ready(struct hash *hash)
{
    return mortal_reserve(hash, hash_packed_places(hash));
}

static void cut(struct hash *hash, unsigned at)
{
    struct mortal *mortal = hash_is_mortal(hash) ? hash_mortal_of(hash) : NULL;
    unsigned after = hash_packed_places(hash) - at - 1;
    struct packed *block;

    if (hash_is_shaped(hash)) {
        if (unlikely(mortal != NULL)) field_deadline_write(mortal->deadlines[at], 0);
        hash_shaped_cut(hash, at);
        return;
    }
    block = hash_block_of(hash);
    packed_cut(&block, 2 * at, 2 * at + 2);
    hash_set_block(hash, block);
    if (unlikely(mortal != NULL)) {
        memmove(mortal->deadlines[at], mortal->deadlines[at + 1], (size_t)after * FIELD_DEADLINE_BYTES);
    }
}

static void settle(struct hash *hash)
{
    if (hash_is_shaped(hash)) hash_shaped_settle(hash);
}

bool hash_packed_remove(struct hash *hash, struct bytes name)
{
    struct packitem item;
    struct found found;
    bool passed;

    if (!packitem_init(&item, name) || !find(hash, &item, &found)) return false;
    passed = deadline_passed(hash_packed_deadline(hash, found.at));
    cut(hash, found.at);
    settle(hash);
    return !passed;
}

static void see_name(const struct hash *hash, unsigned at, void (*see)(void *context, struct bytes name), void *context)
{
    struct hash_place place;
    struct hash_field field;

    if (!see) return;
    hash_packed_go(hash, at, &place);
    must(hash_packed_read(hash, at, &place, &field));
    see(context, field.name);
}

/* From the last place on, so that the numbers of those to come stay. */
bool hash_packed_expire(struct hash *hash, int64_t now_ms, size_t *steps,
                        void (*see)(void *context, struct bytes name), void *context)
{
    struct mortal *mortal = hash_is_mortal(hash) ? hash_mortal_of(hash) : NULL;
    int64_t soonest_ms = NEVER;

    if (!mortal || mortal->soonest_ms > now_ms) return true;
    for (unsigned at = hash_packed_places(hash); at-- > 0;) {
        int64_t deadline_ms = hash_packed_deadline(hash, at);

        if (deadline_ms <= now_ms) {
            if (*steps == 0) return false;
            --*steps;
            see_name(hash, at, see, context);
            cut(hash, at);
        } else if (deadline_ms < soonest_ms) {
            soonest_ms = deadline_ms;
        }
    }
    mortal->soonest_ms = soonest_ms;
    settle(hash);
    return true;
}

/* --- as a whole --- */

enum status hash_packed_copy(struct hash *copy, const struct hash *hash)
{
    struct packed *block = hash_block_of(hash);

    if (!block) return OK;
    block = packed_copy(block);
    if (!block) return NO_MEMORY;
    copy->root = (uintptr_t)block | (hash->root & ROOT_SHAPED);
    if (hash_is_shaped(copy)) shape_hold(hash_shape(copy));
    if (!hash_is_mortal(hash)) return OK;
    if (mortal_reserve(copy, hash_packed_places(copy)) != OK) {
        hash_packed_free(copy);
        return NO_MEMORY;
    }
    memcpy(hash_mortal_of(copy)->deadlines, hash_mortal_of(hash)->deadlines,
           (size_t)hash_packed_places(hash) * FIELD_DEADLINE_BYTES);
    hash_mortal_of(copy)->soonest_ms = hash_mortal_of(hash)->soonest_ms;
    return OK;
}

void hash_packed_free(struct hash *hash)
{
    struct packed *block = hash_block_of(hash);

    if (hash_is_shaped(hash)) shape_release(hash_shape(hash));
    packed_free(&block);
    if (hash_is_mortal(hash)) mem_free(hash_mortal_of(hash));
    hash->root = 0;
}

void hash_packed_compact(struct hash *hash, const struct compaction *compaction)
{
    struct packed *block = hash_block_of(hash);

    if (!block) return;
    packed_compact(&block, compaction);
    hash_set_block(hash, block);
    if (hash_is_mortal(hash) && compaction->moves_blocks)
        hash->root = (uintptr_t)mem_compact(hash_mortal_of(hash)) | (hash->root & ROOT_FLAGS);
}

size_t hash_packed_used_bytes(const struct hash *hash)
{
    struct packed *block = hash_block_of(hash);
    size_t used = block ? packed_room(block) : 0;

    if (hash_is_shaped(hash)) used += shape_share(hash_shape(hash));
    return hash_is_mortal(hash) ? used + mem_good_size(mortal_bytes(hash_mortal_of(hash)->room)) : used;
}

void hash_packed_check(const struct hash *hash)
{
    struct packed *block = hash_block_of(hash);

    must(block || !hash_is_shaped(hash));
    if (block) {
        packed_check(block);
        must(hash_is_shaped(hash) || packed_count(block) % 2 == 0);
    }
    if (hash_is_shaped(hash)) hash_shaped_check(hash);
    if (!hash_is_mortal(hash)) return;
    must(hash_packed_places(hash) <= hash_mortal_of(hash)->room);
    for (unsigned at = 0; at < hash_packed_places(hash); at++) {
        must(hash_mortal_of(hash)->soonest_ms <= hash_packed_deadline(hash, at));
    }
}
