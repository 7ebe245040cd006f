/* many: whatever can fail is done before anything is taken away: first the new entries are made, then the
 * names that are new get their slots, and only then are old entries replaced. */
#include "coatcheck/keyspace/many.h"

#include "coatcheck/base/mem.h"
#include "spot_internal.h"

/* Entries of a call that need no memory of their own to be listed. */
#define FEW 64

static struct entry *make_entry(struct entry_plan *plan, struct bytes value)
{
    struct entry *entry = mem_alloc(entry_block_size(entry_plan_size(plan)));
    uint8_t *at;

    if (!entry) return NULL;
    must((uintptr_t)entry >> POINTER_BITS == 0);
    at = entry_lay(entry, plan);
    if (value.len > 0) memcpy(at, value.at, value.len);
    return entry;
}

static struct entry *make_far(struct entry_plan *plan, struct bytes value)
{
    struct blob *blob = blob_new(value.len);
    struct entry *entry;

    if (!blob) return NULL;
    memcpy(blob->at, value.at, value.len);
    blob->len = value.len;
    plan->form = ENTRY_FAR;
    entry = make_entry(plan, bytes_of(&blob, sizeof blob));
    if (!entry) blob_release(&blob);
    return entry;
}

static struct entry *make_string(const struct key *key, struct bytes value)
{
    struct entry_plan plan = {.type = VALUE_STRING,
                              .form = ENTRY_INLINE,
                              .key = key->name,
                              .value_len = value.len,
                              .deadline_ms = NEVER};
    uint8_t stored[8];
    int64_t number;

    if (value.len >= BLOB_FROM) return make_far(&plan, value);
    if (number_read_int(value, &number)) {
        plan.form = ENTRY_INT;
        int_write(stored, number);
        value = bytes_of(stored, sizeof stored);
    }
    return make_entry(&plan, value);
}

/* Gives new names their slots, and leaves NULL behind for each that has got one. */
static enum status insert_absent(const struct key *keys, unsigned count, struct entry **entries)
{
    for (unsigned k = 0; k < count; k++) {
        struct spot spot;
        struct table *table;

        if (key_find(&keys[k], &spot)) continue;
        table = shard_table_for_put(keys[k].shard, keys[k].db);
        if (!table) return NO_MEMORY;
        if (table_insert(keys[k].shard, keys[k].db, table, keys[k].hash, entries[k], &spot) != OK) {
            return NO_MEMORY;
        }
        spot_touch(&spot);
        entries[k] = NULL;
    }
    return OK;
}

static void take_back_inserted(const struct key *keys, unsigned count, struct entry **entries)
{
    for (unsigned k = 0; k < count; k++) {
        struct spot spot;

        if (entries[k]) continue;
        must(key_find(&keys[k], &spot) != NULL);
        key_remove(&keys[k], &spot, REMOVED_BY_CLIENT);
    }
}

static void replace_present(const struct key *keys, unsigned count, struct entry **entries)
{
    for (unsigned k = 0; k < count; k++) {
        struct spot spot;
        struct table *table;

        if (!entries[k]) continue;
        must(key_find(&keys[k], &spot) != NULL);
        table = shard_table(keys[k].shard, keys[k].db);
        if (entry_has_deadline(spot.entry)) count_add(&table->mortal, -1);
        *spot.slot = slot_make(entries[k], slot_tag(*spot.slot));
        chores_add_entry(keys[k].shard, spot.entry);
    }
}

/* Entries that no slot has reached yet go the way of all entries. */
static void drop_made(const struct key *keys, unsigned count, struct entry **entries)
{
    for (unsigned k = 0; k < count; k++) {
        if (entries[k]) chores_add_entry(keys[k].shard, entries[k]);
    }
}

static enum status put_all(const struct key *keys, unsigned count, const struct bytes *values, unsigned stride,
                           struct entry **entries)
{
    for (unsigned k = 0; k < count; k++) {
        entries[k] = make_string(&keys[k], values[(size_t)k * stride]);
        if (entries[k]) continue;
        drop_made(keys, k, entries);
        return NO_MEMORY;
    }
    if (insert_absent(keys, count, entries) != OK) {
        take_back_inserted(keys, count, entries);
        drop_made(keys, count, entries);
        return NO_MEMORY;
    }
    replace_present(keys, count, entries);
    return OK;
}

enum status keys_put_strings(const struct key *keys, unsigned count, const struct bytes *values, unsigned stride)
{
    struct entry *few[FEW], **entries = few;
    enum status status;

    if (count > FEW) entries = mem_alloc(count * sizeof *entries);
    if (!entries) return NO_MEMORY;
    status = put_all(keys, count, values, stride, entries);
    if (entries != few) mem_free(entries);
    return status;
}
