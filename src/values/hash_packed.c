/* hash_packed: a small hash is one block of names and values, one after the other. */
#include "coatcheck/base/mem.h"
#include "coatcheck/structs/twins.h"
#include "hash_internal.h"

/* A block beyond this is slower to change than a map, whatever the options say: such a hash becomes a map that still
 * calls itself packed. */
#define PACKED_MAX 16384

bool packed_rules_allow(uint64_t count, struct bytes name, struct bytes value)
{
    uint64_t longest = name.len > value.len ? name.len : value.len;

    return count <= (uint64_t)option_int(&hash_options.hash_max_listpack_entries) &&
           longest <= (uint64_t)option_int(&hash_options.hash_max_listpack_value);
}

unsigned hash_packed_count(const struct hash *hash)
{
    struct packed *pairs = hash_pairs_of(hash);

    return pairs ? packed_count(pairs) / 2 : 0;
}

static void set_pairs(struct hash *hash, struct packed *pairs)
{
    if (unlikely(hash_is_mortal(hash))) {
        hash_mortal_of(hash)->pairs = pairs;
    } else {
        hash->root = (uintptr_t)pairs;
    }
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

/* Room for the deadlines of so many fields. */
static enum status mortal_reserve(struct hash *hash, unsigned count)
{
    struct mortal *old = hash_is_mortal(hash) ? hash_mortal_of(hash) : NULL, *mortal;
    uint32_t room = (uint32_t)((mem_good_size(mortal_bytes(count)) - sizeof *mortal) / FIELD_DEADLINE_BYTES);

    if (old && count <= old->room) return OK;
    mortal = mem_resize(old, mortal_bytes(room));
    if (!mortal) return NO_MEMORY;
    if (!old) {
        mortal->pairs = hash_pairs_of(hash);
        mortal->soonest_ms = NEVER;
        memset(mortal->deadlines, 0, (size_t)hash_packed_count(hash) * FIELD_DEADLINE_BYTES);
    }
    mortal->room = room;
    hash->root = (uintptr_t)mortal | ROOT_MORTAL;
    return OK;
}

/* --- one field --- */

struct found {
    struct packwalk walk; /* at the name */
    unsigned at;          /* of the names */
};

static bool find(const struct hash *hash, const struct packitem *name, struct found *found)
{
    struct packed *pairs = hash_pairs_of(hash);

    if (unlikely(!pairs)) return false;
    found->at = 0;
    packwalk_begin(&found->walk, pairs, 0);
    if (!packed_find(pairs, name, 2, &found->walk, &found->at)) return false;
    found->at /= 2;
    return true;
}

bool hash_packed_get(const struct hash *hash, struct bytes name, struct hash_field *field)
{
    struct packitem item;
    struct found found;

    if (!packitem_init(&item, name) || !find(hash, &item, &found)) return false;
    field->deadline_ms = hash_packed_deadline(hash, found.at);
    if (deadline_passed(field->deadline_ms)) return false;
    packwalk_forth(&found.walk);
    field->value = packwalk_text(&found.walk, field->digits[1]);
    return true;
}

void hash_packed_read(const struct hash *hash, unsigned at, struct packwalk *walk, struct hash_field *field)
{
    field->name = packwalk_text(walk, field->digits[0]);
    packwalk_forth(walk);
    field->value = packwalk_text(walk, field->digits[1]);
    packwalk_forth(walk);
    field->deadline_ms = hash_packed_deadline(hash, at);
    field->mark = at;
}

static enum status replace(struct hash *hash, const struct found *found, const struct packitem *value,
                           int64_t deadline_ms)
{
    struct packed *pairs;
    enum status status;

    if (deadline_ms != NEVER && mortal_reserve(hash, hash_packed_count(hash)) != OK) return NO_MEMORY;
    pairs = hash_pairs_of(hash);
    status = packed_replace(&pairs, 2 * found->at + 1, value);
    if (status != OK) return status;
    set_pairs(hash, pairs);
    if (unlikely(hash_is_mortal(hash))) set_deadline(hash_mortal_of(hash), found->at, deadline_ms);
    return OK;
}

static enum status add(struct hash *hash, const struct packitem items[2], int64_t deadline_ms)
{
    unsigned count = hash_packed_count(hash);
    struct packed *pairs = hash_pairs_of(hash);
    enum status status;

    if (unlikely(!pairs)) {
        pairs = packed_new(PACKED_PLAIN, sizeof *pairs + packitem_size(&items[0]) + packitem_size(&items[1]));
        if (!pairs) return NO_MEMORY;
        set_pairs(hash, pairs);
    }
    if (unlikely(deadline_ms != NEVER || hash_is_mortal(hash)) && mortal_reserve(hash, count + 1) != OK) {
        return NO_MEMORY;
    }
    status = packed_insert(&pairs, 2 * count, items, 2);
    if (status != OK) return status;
    set_pairs(hash, pairs);
    if (unlikely(hash_is_mortal(hash))) set_deadline(hash_mortal_of(hash), count, deadline_ms);
    return OK;
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
    struct packed *pairs = hash_pairs_of(hash);
    struct packitem items[2];
    struct found found;
    bool there, fits = packitem_init(&items[0], name) && packitem_init(&items[1], value);

    there = fits && find(hash, &items[0], &found);
    if (unlikely(!packed_rules_allow(hash_packed_count(hash) + !there, name, value))) {
        return put_large(hash, false, name, value, deadline_ms, added);
    }
    if (unlikely(!fits || (pairs && packed_size_with(pairs, there ? &items[1] : items, there ? 1 : 2) > PACKED_MAX))) {
        return put_large(hash, true, name, value, deadline_ms, added);
    }
    if (there) {
        int64_t had_ms = hash_packed_deadline(hash, found.at);

        *added = deadline_passed(had_ms);
        if (deadline_ms == HASH_KEEP_DEADLINE) deadline_ms = *added ? NEVER : had_ms;
        return replace(hash, &found, &items[1], deadline_ms);
    }
    *added = true;
    return add(hash, items, deadline_ms == HASH_KEEP_DEADLINE ? NEVER : deadline_ms);
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

/* What a hash of so many fields, the longest of its texts, and bytes may be. */
static bool fits_packed(const struct packitem *items, unsigned pairs)
{
    size_t size = sizeof(struct packed), longest = 0;

    for (unsigned i = 0; i < 2 * pairs; i++) {
        size_t len = items[i].at ? items[i].len : NUMBER_MAX_TEXT;

        size += packitem_size(&items[i]);
        if (len > longest) longest = len;
    }
    return size <= PACKED_MAX && packed_rules_allow(pairs, bytes_of(NULL, longest), bytes_of(NULL, 0));
}

enum status hash_fill(struct hash *hash, const struct packitem *items, unsigned pairs)
{
    static const struct twins_verbs names = {hash_of_name, is_same_name};
    struct packed *block;

    must_debug(!hash->root && pairs > 0);
    if (!fits_packed(items, pairs)) return TOO_BIG;
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
    if (deadline_ms != NEVER && mortal_reserve(hash, hash_packed_count(hash)) != OK) return NO_MEMORY;
    if (hash_is_mortal(hash)) set_deadline(hash_mortal_of(hash), found.at, deadline_ms);
    return OK;
}

enum status hash_packed_ready(struct hash *hash)
{
    return mortal_reserve(hash, hash_packed_count(hash));
}

static void cut(struct hash *hash, unsigned at)
{
    struct packed *pairs = hash_pairs_of(hash);
    unsigned after = hash_packed_count(hash) - at - 1;

    packed_cut(&pairs, 2 * at, 2 * at + 2);
    set_pairs(hash, pairs);
    if (unlikely(hash_is_mortal(hash))) {
        struct mortal *mortal = hash_mortal_of(hash);

        memmove(mortal->deadlines[at], mortal->deadlines[at + 1], (size_t)after * FIELD_DEADLINE_BYTES);
    }
}

bool hash_packed_remove(struct hash *hash, struct bytes name)
{
    struct packitem item;
    struct found found;
    bool passed;

    if (!packitem_init(&item, name) || !find(hash, &item, &found)) return false;
    passed = deadline_passed(hash_packed_deadline(hash, found.at));
    cut(hash, found.at);
    return !passed;
}

/* From the last field on, so that the numbers of those to come stay. */
bool hash_packed_expire(struct hash *hash, int64_t now_ms, size_t *steps,
                        void (*see)(void *context, struct bytes name), void *context)
{
    struct mortal *mortal = hash_is_mortal(hash) ? hash_mortal_of(hash) : NULL;
    int64_t soonest_ms = NEVER;

    if (!mortal || mortal->soonest_ms > now_ms) return true;
    for (unsigned at = hash_packed_count(hash); at-- > 0;) {
        int64_t deadline_ms = hash_packed_deadline(hash, at);

        if (deadline_ms <= now_ms) {
            char digits[NUMBER_MAX_TEXT];
            struct packwalk walk;

            if (*steps == 0) return false;
            --*steps;
            packwalk_begin(&walk, mortal->pairs, 2 * at);
            if (see) see(context, packwalk_text(&walk, digits));
            cut(hash, at);
        } else if (deadline_ms < soonest_ms) {
            soonest_ms = deadline_ms;
        }
    }
    mortal->soonest_ms = soonest_ms;
    return true;
}

/* --- as a whole --- */

enum status hash_packed_copy(struct hash *copy, const struct hash *hash)
{
    struct packed *pairs = hash_pairs_of(hash);

    if (!pairs) return OK;
    pairs = packed_copy(pairs);
    if (!pairs) return NO_MEMORY;
    copy->root = (uintptr_t)pairs;
    if (!hash_is_mortal(hash)) return OK;
    if (mortal_reserve(copy, hash_packed_count(copy)) != OK) {
        packed_free(&pairs);
        copy->root = 0;
        return NO_MEMORY;
    }
    memcpy(hash_mortal_of(copy)->deadlines, hash_mortal_of(hash)->deadlines,
           (size_t)hash_packed_count(hash) * FIELD_DEADLINE_BYTES);
    hash_mortal_of(copy)->soonest_ms = hash_mortal_of(hash)->soonest_ms;
    return OK;
}

void hash_packed_free(struct hash *hash)
{
    struct packed *pairs = hash_pairs_of(hash);

    packed_free(&pairs);
    if (hash_is_mortal(hash)) mem_free(hash_mortal_of(hash));
    hash->root = 0;
}

void hash_packed_compact(struct hash *hash, bool own_only)
{
    struct packed *pairs = hash_pairs_of(hash);

    if (!pairs) return;
    packed_compact(&pairs, own_only);
    set_pairs(hash, pairs);
}

size_t hash_packed_used_bytes(const struct hash *hash)
{
    struct packed *pairs = hash_pairs_of(hash);
    size_t used = pairs ? packed_room(pairs) : 0;

    return hash_is_mortal(hash) ? used + mem_good_size(mortal_bytes(hash_mortal_of(hash)->room)) : used;
}

void hash_packed_check(const struct hash *hash)
{
    struct packed *pairs = hash_pairs_of(hash);

    if (pairs) {
        packed_check(pairs);
        must(packed_count(pairs) % 2 == 0);
    }
    if (!hash_is_mortal(hash)) return;
    must(hash_packed_count(hash) <= hash_mortal_of(hash)->room);
    for (unsigned at = 0; at < hash_packed_count(hash); at++) {
        must(hash_mortal_of(hash)->soonest_ms <= hash_packed_deadline(hash, at));
    }
}
