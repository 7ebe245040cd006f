/* many: whatever can fail is done before anything is taken away: first the new entries are made,
 * then the names that are new get their slots, and only then do old values go. */
#include "coatcheck/keyspace/many.h"

#include "coatcheck/base/mem.h"
#include "spot_internal.h"

/* Keys of a call that need no memory of their own to be listed. */
#define FEW 64

/* What becomes of one key. With neither, it has got its slot. */
struct put {
    struct entry *made; /* the new entry, which wants a slot */
    struct entry *old;  /* the present one; without `made` the value is laid into its block */
};

/* The value as it is going to lie in an entry. */
struct string {
    struct entry_plan plan;
    struct bytes value;
    uint8_t number[8];
};

static void string_plan(struct string *string, const struct key *key, struct bytes value)
{
    int64_t number;

    string->plan = (struct entry_plan){.type = VALUE_STRING,
                                       .form = ENTRY_INLINE,
                                       .key = key->name,
                                       .value_len = value.len,
                                       .deadline_ms = NEVER};
    string->value = value;
    if (value.len >= BLOB_FROM) {
        string->plan.form = ENTRY_FAR;
    } else if (number_read_int(value, &number)) {
        string->plan.form = ENTRY_INT;
        int_write(string->number, number);
        string->value = bytes_of(string->number, sizeof string->number);
    }
}

static void string_lay(const struct string *string, struct entry *entry)
{
    uint8_t *at = entry_lay(entry, &string->plan);

    if (string->value.len > 0) memcpy(at, string->value.at, string->value.len);
}

static struct entry *string_make(struct string *string)
{
    struct entry *entry;
    struct blob *blob = NULL;

    if (string->plan.form == ENTRY_FAR) {
        blob = blob_new(string->value.len);
        if (!blob) return NULL;
        memcpy(blob->at, string->value.at, string->value.len);
        blob->len = string->value.len;
        string->value = bytes_of(&blob, sizeof blob);
    }
    entry = entry_block_alloc(string->plan.form, entry_plan_size(&string->plan));
    if (!entry) {
        blob_release(&blob);
        return NULL;
    }
    string_lay(string, entry);
    return entry;
}

/* Named before in this call, and to be replaced by another entry? Then its block is not to be
 * counted on. */
static bool will_be_replaced(const struct put *puts, unsigned before, const struct entry *old)
{
    for (unsigned k = 0; k < before; k++) {
        if (puts[k].made && puts[k].old == old) return true;
    }
    return false;
}

static void drop_made(const struct key *keys, unsigned count, const struct put *puts)
{
    for (unsigned k = 0; k < count; k++) {
        if (puts[k].made) chores_add_entry(keys[k].shard, puts[k].made);
    }
}

static enum status make_all(const struct key *keys, unsigned count, const struct bytes *values,
                            unsigned stride, struct put *puts)
{
    bool replaces = false;

    for (unsigned k = 0; k < count; k++) {
        struct string string;
        struct spot spot;

        string_plan(&string, &keys[k], values[(size_t)k * stride]);
        puts[k] = (struct put){.old = key_find(&keys[k], &spot)};
        if (puts[k].old && string.plan.form != ENTRY_FAR && count <= FEW &&
            entry_block_fits(puts[k].old, &string.plan) &&
            !(replaces && will_be_replaced(puts, k, puts[k].old))) {
            continue;
        }
        puts[k].made = string_make(&string);
        if (!puts[k].made) {
            drop_made(keys, k, puts);
            return NO_MEMORY;
        }
        if (puts[k].old) replaces = true;
    }
    return OK;
}

static enum status insert_absent(const struct key *keys, unsigned count, struct put *puts)
{
    for (unsigned k = 0; k < count; k++) {
        struct spot spot;
        struct table *table;

        /* A name that is named twice is absent only once. */
        if (puts[k].old || key_find(&keys[k], &spot)) continue;
        table = shard_table_for_put(keys[k].shard, keys[k].db);
        if (!table) return NO_MEMORY;
        if (table_insert(keys[k].shard, keys[k].db, table, keys[k].hash, puts[k].made, &spot) !=
            OK) {
            return NO_MEMORY;
        }
        spot_touch(&spot);
        puts[k].made = NULL;
    }
    return OK;
}

static void replace_one(const struct key *key, struct entry *made)
{
    struct spot spot;

    must(key_find(key, &spot) != NULL);
    if (entry_has_deadline(spot.entry)) count_add(&shard_table(key->shard, key->db)->mortal, -1);
    *spot.slot = slot_make(made, slot_tag(*spot.slot));
    chores_add_entry(key->shard, spot.entry);
}

static void lay_one(const struct key *key, struct entry *old, struct bytes value)
{
    struct string string;

    string_plan(&string, key, value);
    string.plan.epoch = old->head & HEAD_EPOCH;
    if (entry_has_deadline(old)) count_add(&shard_table(key->shard, key->db)->mortal, -1);
    string_lay(&string, old);
}

static void replace_present(const struct key *keys, unsigned count, const struct bytes *values,
                            unsigned stride, const struct put *puts)
{
    for (unsigned k = 0; k < count; k++) {
        if (puts[k].made) {
            replace_one(&keys[k], puts[k].made);
        } else if (puts[k].old) {
            lay_one(&keys[k], puts[k].old, values[(size_t)k * stride]);
        }
    }
}

static void take_back_inserted(const struct key *keys, unsigned count, const struct put *puts)
{
    for (unsigned k = 0; k < count; k++) {
        struct spot spot;

        if (puts[k].made || puts[k].old) continue;
        must(key_find(&keys[k], &spot) != NULL);
        key_remove(&keys[k], &spot, REMOVED_BY_CLIENT);
    }
}

static enum status put_all(const struct key *keys, unsigned count, const struct bytes *values,
                           unsigned stride, struct put *puts)
{
    if (make_all(keys, count, values, stride, puts) != OK) return NO_MEMORY;
    if (insert_absent(keys, count, puts) != OK) {
        take_back_inserted(keys, count, puts);
        drop_made(keys, count, puts);
        return NO_MEMORY;
    }
    replace_present(keys, count, values, stride, puts);
    return OK;
}

enum status keys_put_strings(const struct key *keys, unsigned count, const struct bytes *values,
                             unsigned stride, bool *was_absent)
{
    struct put few[FEW], *puts = few;
    enum status status;

    if (count > FEW) puts = mem_alloc(count * sizeof *puts);
    if (!puts) return NO_MEMORY;
    status = put_all(keys, count, values, stride, puts);
    for (unsigned k = 0; was_absent && status == OK && k < count; k++) was_absent[k] = !puts[k].old && !puts[k].made;
    if (puts != few) mem_free(puts);
    return status;
}
