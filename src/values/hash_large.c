/* hash_large: a large hash is a map of fields. */
#include "coatcheck/base/compaction.h"
#include "hash_internal.h"

/* So many fields of one call need no memory of their own. */
#define FEW 32

struct hash_large *hash_large_new(void)
{
    struct hash_large *large = mem_alloc(sizeof *large);

    if (!large) return NULL;
    large->is_packed = false;
    if (fieldmap_init(&large->map) == OK) return large;
    mem_free_sized(large, sizeof *large);
    return NULL;
}

bool hash_large_free_some(struct hash_large **large, size_t *steps)
{
    if (!fieldmap_fini_some(&(*large)->map, steps)) return false;
    mem_free_sized(*large, sizeof **large);
    *large = NULL;
    return true;
}

struct hash_large *hash_large_copy(const struct hash_large *large)
{
    struct hash_large *copy = mem_alloc(sizeof *copy);

    if (!copy) return NULL;
    copy->is_packed = large->is_packed;
    if (fieldmap_copy(&copy->map, &large->map) == OK) return copy;
    mem_free_sized(copy, sizeof *copy);
    return NULL;
}

bool hash_large_compact(struct hash *hash, struct compaction *compaction)
{
    struct hash_large *large = hash_large_of(hash);

    if (compaction->at == 0) {
        large = mem_compact(large);
        hash->root = (uintptr_t)large | ROOT_LARGE;
    }
    do {
        compaction->at = fieldmap_compact(&large->map, compaction->at, compaction);
    } while (compaction->at != 0 && !compaction_is_over(compaction));
    return compaction->at == 0;
}

void hash_large_read(uint64_t slot, struct hash_field *field)
{
    struct field_parts parts = field_parts(slot);

    field->name = bytes_of(parts.name, parts.name_len);
    field->value = bytes_of(parts.value, parts.value_len);
    field->deadline_ms = field_parts_deadline_ms(slot, &parts);
    field->mark = slot & FIELD_POINTER;
}

bool hash_large_get(const struct hash_large *large, struct bytes name, struct hash_field *field)
{
    struct fieldspot spot;

    if (!fieldmap_find(&large->map, hash_bytes(name), name, &spot)) return false;
    hash_large_read(*spot.slot, field);
    return !deadline_passed(field->deadline_ms);
}

/* --- changes --- */

static enum status add(struct hash_large *large, uint64_t hash, struct bytes name, struct bytes value,
                       int64_t deadline_ms)
{
    uint64_t slot;

    if (fieldmap_reserve(&large->map, hash) != OK) return NO_MEMORY;
    slot = field_new(name, value, deadline_ms);
    if (!slot) return NO_MEMORY;
    fieldmap_add(&large->map, hash, slot);
    if (unlikely(large->is_packed)) large->is_packed = packed_rules_allow(large->map.count, name, value);
    return OK;
}

/* What was there is left in *old, 0 for nothing; without `old` it is freed, or overwritten where it stands. */
static enum status put(struct hash_large *large, struct bytes name, struct bytes value, int64_t deadline_ms,
                       bool *added, uint64_t *old)
{
    uint64_t hash = hash_bytes(name), slot;
    struct fieldspot spot;
    int64_t had_ms;

    if (old) *old = 0;
    if (unlikely(deadline_ms != NEVER && deadline_ms != HASH_KEEP_DEADLINE) &&
        fieldmap_mortal_ready(&large->map) != OK) {
        return NO_MEMORY;
    }
    if (!fieldmap_find(&large->map, hash, name, &spot)) {
        *added = true;
        return add(large, hash, name, value, deadline_ms == HASH_KEEP_DEADLINE ? NEVER : deadline_ms);
    }
    had_ms = field_deadline_ms(*spot.slot);
    *added = deadline_passed(had_ms);
    if (deadline_ms == HASH_KEEP_DEADLINE) deadline_ms = *added ? NEVER : had_ms;
    if (unlikely(large->is_packed)) large->is_packed = packed_rules_allow(large->map.count, name, value);
    if (!old && fieldmap_overwrite(&large->map, hash, &spot, value, deadline_ms)) return OK;
    slot = field_new(name, value, deadline_ms);
    if (!slot) return NO_MEMORY;
    slot = fieldmap_swap(&large->map, hash, &spot, slot);
    if (old) {
        *old = slot;
    } else {
        field_free(slot);
    }
    return OK;
}

enum status hash_large_put(struct hash_large *large, struct bytes name, struct bytes value, int64_t deadline_ms,
                           bool *added)
{
    return put(large, name, value, deadline_ms, added, NULL);
}

/* The last one first, so that a field that came twice is what it was before the first. */
static void take_back(struct hash_large *large, const struct bytes *words, const uint64_t *old, unsigned count)
{
    for (unsigned i = count; i-- > 0;) {
        struct bytes name = words[2 * i];
        uint64_t hash = hash_bytes(name);
        struct fieldspot spot;

        must(fieldmap_find(&large->map, hash, name, &spot));
        field_free(old[i] ? fieldmap_swap(&large->map, hash, &spot, old[i]) : fieldmap_remove(&large->map, hash, &spot));
    }
}

enum status hash_large_put_all(struct hash_large *large, const struct bytes *words, unsigned pairs,
                               int64_t deadline_ms, unsigned *added)
{
    uint64_t few[FEW], *old = pairs <= FEW ? few : mem_alloc(pairs * sizeof *old);
    bool was_packed = large->is_packed;
    enum status status = OK;
    unsigned done;

    if (!old) return NO_MEMORY;
    *added = 0;
    for (done = 0; done < pairs && status == OK; done++) {
        bool is_new;

        status = put(large, words[2 * done], words[2 * done + 1], deadline_ms, &is_new, &old[done]);
        *added += is_new;
    }
    if (status == OK) {
        for (unsigned i = 0; i < pairs; i++) {
            if (old[i]) field_free(old[i]);
        }
    } else {
        take_back(large, words, old, done - 1);
        large->is_packed = was_packed;
    }
    if (old != few) mem_free(old);
    return status;
}

static enum status change_deadline(struct hash_large *large, uint64_t hash, const struct fieldspot *spot,
                                   int64_t deadline_ms)
{
    struct field_parts parts;
    uint64_t slot;

    if (fieldmap_overwrite(&large->map, hash, spot, bytes_of(NULL, 0), deadline_ms)) return OK;
    parts = field_parts(*spot->slot);
    slot = field_new(bytes_of(parts.name, parts.name_len), bytes_of(parts.value, parts.value_len), deadline_ms);
    if (!slot) return NO_MEMORY;
    field_free(fieldmap_swap(&large->map, hash, spot, slot));
    return OK;
}

enum status hash_large_ready(struct hash_large *large, struct bytes name)
{
    uint64_t hash = hash_bytes(name);
    struct fieldspot spot;

    if (!fieldmap_find(&large->map, hash, name, &spot)) return OK;
    if (fieldmap_mortal_ready(&large->map) != OK) return NO_MEMORY;
    return *spot.slot & FIELD_MORTAL ? OK : change_deadline(large, hash, &spot, FIELD_READY);
}

enum status hash_large_set_deadline(struct hash_large *large, struct bytes name, int64_t deadline_ms)
{
    uint64_t hash = hash_bytes(name);
    struct fieldspot spot;
    enum status status;

    if (!fieldmap_find(&large->map, hash, name, &spot)) return NOT_FOUND;
    if (deadline_passed(field_deadline_ms(*spot.slot))) return NOT_FOUND;
    if (deadline_ms == NEVER && !(*spot.slot & FIELD_MORTAL)) return OK;
    if (deadline_ms != NEVER && fieldmap_mortal_ready(&large->map) != OK) return NO_MEMORY;
    status = change_deadline(large, hash, &spot, deadline_ms);
    /* A smaller block would have been better, that is all. */
    if (status != OK && deadline_ms == NEVER) status = change_deadline(large, hash, &spot, FIELD_READY);
    return status;
}

bool hash_large_remove(struct hash_large *large, struct bytes name)
{
    uint64_t hash = hash_bytes(name), slot;
    struct fieldspot spot;
    bool passed;

    if (!fieldmap_find(&large->map, hash, name, &spot)) return false;
    slot = fieldmap_remove(&large->map, hash, &spot);
    passed = deadline_passed(field_deadline_ms(slot));
    field_free(slot);
    return !passed;
}
