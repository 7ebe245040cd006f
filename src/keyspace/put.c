/* put: what changes a key. Each builds the new entry first, so that a failed allocation changes
 * nothing. */
#include "coatcheck/base/mem.h"
#include "await_internal.h"
#include "hint_internal.h"
#include "spot_internal.h"

/* Longest text of an int64. */
#define INT_TEXT_MAX 20

static int64_t deadline_for(const struct spot *spot, int64_t deadline_ms)
{
    if (deadline_ms != KEEP_DEADLINE) return deadline_ms;
    return spot->entry ? entry_deadline_ms(spot->entry) : NEVER;
}

/* Counts the deadline and tells the sweep. */
static void note_deadline(const struct key *key, struct table *table, struct spot *spot, bool had,
                          int64_t deadline_ms)
{
    bool has = deadline_ms != NEVER;

    if (had != has) count_add(&table->mortal, has ? 1 : -1);
    if (has) hint_note_spot(key->shard, table, spot->group, deadline_ms);
}

/* The entry in its own block; what it was is of no more use. */
static void spot_lay_in_place(struct spot *spot, struct entry_plan *plan, struct bytes value)
{
    uint8_t *at;

    plan->epoch = spot->entry->head & HEAD_EPOCH;
    at = entry_lay(spot->entry, plan);
    if (value.len > 0) memcpy(at, value.at, value.len);
}

/* The entry in a new block of at least `block_size`. `value` may still lie in the old one. */
static enum status spot_lay_anew(const struct key *key, struct spot *spot, struct table *table,
                                 const struct entry_plan *plan, struct bytes value,
                                 size_t block_size)
{
    struct entry *old = spot->entry, *entry = entry_block_alloc(plan->form, block_size);
    uint8_t *at;

    if (!entry) return NO_MEMORY;
    at = entry_lay(entry, plan);
    if (value.len > 0) memcpy(at, value.at, value.len);
    if (!old) {
        enum status status = table_insert(key->shard, key->db, table, key->hash, entry, spot);

        if (status != OK) entry_block_free(plan->form, entry, block_size);
        return status;
    }
    *spot->slot = slot_make(entry, slot_tag(*spot->slot));
    spot->entry = entry;
    return OK;
}

/* Puts a new entry at the spot. `block_size` 0: as needed. NO_MEMORY: nothing has changed. */
static enum status spot_put(const struct key *key, struct spot *spot, struct entry_plan *plan,
                            struct bytes value, size_t block_size)
{
    struct table *table = shard_table_for_put(key->shard, key->db);
    struct entry *old;
    bool had;

    if (unlikely(!table)) return NO_MEMORY;
    spot_refresh(key, spot);
    old = spot->entry;
    had = old && entry_has_deadline(old);
    if (old && block_size == 0 && entry_block_fits(old, plan)) {
        spot_lay_in_place(spot, plan, value);
    } else {
        if (block_size == 0) block_size = entry_plan_size(plan);
        if (spot_lay_anew(key, spot, table, plan, value, block_size) != OK) return NO_MEMORY;
        if (old) chores_add_entry(key->shard, old);
    }
    if (!old && unlikely(change_anyone_asks_more)) change_publish_more(key->db, key->name, "new");
    spot_touch(spot);
    if (unlikely(had || plan->deadline_ms != NEVER)) {
        note_deadline(key, table, spot, had, plan->deadline_ms);
    }
    return OK;
}

/* Is the entry of this form, and would it keep its shape with this deadline? */
static inline bool keeps_shape(const struct entry *entry, enum entry_form form, int64_t deadline_ms)
{
    return (entry->head & (HEAD_TYPE | HEAD_FORM << HEAD_FORM_SHIFT)) ==
               (VALUE_STRING | (unsigned)form << HEAD_FORM_SHIFT) &&
           (deadline_ms == KEEP_DEADLINE ||
            head_with_deadline(entry->head, deadline_ms) == entry->head);
}

/* Only the value, and perhaps the deadline, are other bytes now. */
static void spot_overwritten(const struct key *key, struct spot *spot, struct entry_parts *parts,
                             int64_t deadline_ms)
{
    spot_refresh(key, spot);
    spot_touch(spot);
    if (deadline_ms == KEEP_DEADLINE || deadline_ms == NEVER) return;
    deadline_write(parts->deadline, spot->entry->head, deadline_ms);
    hint_note_spot(key->shard, shard_table(key->shard, key->db), spot->group, deadline_ms);
}

/* The usual SET of a key that is there: much the same value again. False: it is not so simple. */
static bool overwrite_bytes(const struct key *key, struct spot *spot, struct bytes value,
                            int64_t deadline_ms)
{
    struct entry *entry = spot->entry;
    struct entry_parts parts;
    size_t before;

    if (!entry || !keeps_shape(entry, ENTRY_INLINE, deadline_ms)) return false;
    parts = entry_parts(entry);
    before = (size_t)(parts.value - (uint8_t *)entry);
    if (length_bytes_for(value.len) != length_bytes(parts.value_length[0]) ||
        entry_block_size(before + value.len) != entry_block_size(before + parts.value_len)) {
        return false;
    }
    length_write(parts.value_length, length_bytes_for(value.len), value.len);
    if (value.len > 0) memcpy(parts.value, value.at, value.len);
    spot_overwritten(key, spot, &parts, deadline_ms);
    return true;
}

static bool overwrite_int(const struct key *key, struct spot *spot, int64_t number,
                          int64_t deadline_ms)
{
    struct entry_parts parts;

    if (!spot->entry || !keeps_shape(spot->entry, ENTRY_INT, deadline_ms)) return false;
    parts = entry_parts(spot->entry);
    int_write(parts.value, number);
    spot_overwritten(key, spot, &parts, deadline_ms);
    return true;
}

static enum status put_bytes(const struct key *key, struct spot *spot, struct bytes value,
                             int64_t deadline_ms)
{
    struct entry_plan plan = {
        .type = VALUE_STRING, .form = ENTRY_INLINE, .key = key->name, .value_len = value.len};

    if (overwrite_bytes(key, spot, value, deadline_ms)) return OK;
    plan.deadline_ms = deadline_for(spot, deadline_ms);
    return spot_put(key, spot, &plan, value, 0);
}

static enum status put_as_blob(const struct key *key, struct spot *spot, struct bytes value,
                               int64_t deadline_ms)
{
    struct blob *blob = blob_new(value.len);
    enum status status;

    if (!blob) return NO_MEMORY;
    memcpy(blob->at, value.at, value.len);
    blob->len = value.len;
    status = key_put_blob(key, spot, &blob, deadline_ms);
    if (status != OK) blob_release(&blob);
    return status;
}

static inline bool may_be_int(struct bytes value)
{
    return value.len - 1 < INT_TEXT_MAX &&
           ((unsigned char)(value.at[0] - '0') < 10 || value.at[0] == '-');
}

enum status key_put_string(const struct key *key, struct spot *spot, struct bytes value,
                           int64_t deadline_ms)
{
    int64_t number;

    if (may_be_int(value) && number_read_int(value, &number)) {
        return key_put_int(key, spot, number, deadline_ms);
    }
    if (unlikely(value.len >= BLOB_FROM)) return put_as_blob(key, spot, value, deadline_ms);
    return put_bytes(key, spot, value, deadline_ms);
}

enum status key_put_text(const struct key *key, struct spot *spot, struct bytes value,
                         int64_t deadline_ms)
{
    if (unlikely(value.len >= BLOB_FROM)) return put_as_blob(key, spot, value, deadline_ms);
    return put_bytes(key, spot, value, deadline_ms);
}

enum status key_put_raw(const struct key *key, struct spot *spot, struct bytes value,
                        int64_t deadline_ms)
{
    struct entry_plan plan = {.type = VALUE_STRING,
                              .form = ENTRY_GROWN,
                              .key = key->name,
                              .value_len = value.len,
                              .deadline_ms = deadline_for(spot, deadline_ms)};

    if (unlikely(value.len >= BLOB_FROM)) return put_as_blob(key, spot, value, deadline_ms);
    return spot_put(key, spot, &plan, value, 0);
}

enum status key_put_int(const struct key *key, struct spot *spot, int64_t number,
                        int64_t deadline_ms)
{
    struct entry_plan plan = {.type = VALUE_STRING, .form = ENTRY_INT, .key = key->name};
    uint8_t value[8];

    if (overwrite_int(key, spot, number, deadline_ms)) return OK;
    plan.deadline_ms = deadline_for(spot, deadline_ms);
    int_write(value, number);
    return spot_put(key, spot, &plan, bytes_of(value, sizeof value), 0);
}

static enum status put_far(const struct key *key, struct spot *spot, enum value_type type,
                           void *far, int64_t deadline_ms)
{
    struct entry_plan plan = {.type = type,
                              .form = ENTRY_FAR,
                              .key = key->name,
                              .deadline_ms = deadline_for(spot, deadline_ms)};

    return spot_put(key, spot, &plan, bytes_of(&far, sizeof far), 0);
}

enum status key_put_blob(const struct key *key, struct spot *spot, struct blob **blob,
                         int64_t deadline_ms)
{
    enum status status = put_far(key, spot, VALUE_STRING, *blob, deadline_ms);

    if (status == OK) *blob = NULL;
    return status;
}

enum status key_put_container(const struct key *key, struct spot *spot, enum value_type type,
                              void **container, int64_t deadline_ms)
{
    enum status status;

    must(type != VALUE_STRING && value_kind_of(type));
    status = put_far(key, spot, type, *container, deadline_ms);
    if (status != OK) return status;
    *container = NULL;
    key_note_elements(key, spot);
    await_came(key);
    return OK;
}

/* --- editing --- */

static char *edit_blob(const struct key *key, struct spot *spot, struct blob *blob, size_t len)
{
    blob = blob_set_length(&blob, len);
    if (!blob) return NULL;
    far_write(entry_parts(spot->entry).value, blob);
    spot_refresh(key, spot);
    spot_touch(spot);
    return blob->at;
}

static char *edit_into_blob(const struct key *key, struct spot *spot, struct bytes was, size_t len)
{
    struct blob *blob = len < SIZE_MAX / 4 ? blob_new_zeroed(len + len / 4) : NULL;

    if (!blob) return NULL;
    if (was.len > 0) memcpy(blob->at, was.at, was.len);
    blob->len = blob->clean = len;
    if (put_far(key, spot, VALUE_STRING, blob, KEEP_DEADLINE) != OK) {
        blob_release(&blob);
        return NULL;
    }
    return blob->at;
}

/* In the present block, which has enough slack. */
static char *edit_grown(const struct key *key, struct spot *spot, size_t len)
{
    struct entry_parts parts = entry_parts(spot->entry);

    length_write(parts.value_length, 4, len);
    if (len > parts.value_len) memset(parts.value + parts.value_len, 0, len - parts.value_len);
    spot_refresh(key, spot);
    spot_touch(spot);
    return (char *)parts.value;
}

char *key_edit_string(const struct key *key, struct spot *spot, size_t len)
{
    struct entry_plan plan = {
        .type = VALUE_STRING, .form = ENTRY_GROWN, .key = key->name, .value_len = len};
    char scratch[NUMBER_MAX_TEXT];
    struct bytes was = {NULL, 0};
    struct entry *old = spot->entry;
    size_t size;
    char *at;

    if (old && entry_blob(old)) return edit_blob(key, spot, entry_blob(old), len);
    if (old) was = entry_string(old, scratch);
    if (was.len > len) was.len = len;
    if (len >= BLOB_FROM) return edit_into_blob(key, spot, was, len);

    plan.deadline_ms = deadline_for(spot, KEEP_DEADLINE);
    size = entry_plan_size(&plan);
    if (old && entry_form(old) == ENTRY_GROWN && size <= mem_usable(old))
        return edit_grown(key, spot, len);
    /* A first edit may be the only one; who edits again will do so once more. */
    if (old && entry_form(old) == ENTRY_GROWN) size += len / 2;
    if (spot_put(key, spot, &plan, was, size) != OK) return NULL;
    at = (char *)entry_parts(spot->entry).value;
    memset(at + was.len, 0, len - was.len);
    return at;
}

/* --- deadlines --- */

/* The same entry with another deadline in a block of its own. */
static struct entry *entry_with_deadline(const struct entry *entry, int64_t deadline_ms)
{
    struct entry_parts parts = entry_parts(entry);
    struct entry_plan plan = {.type = entry_type(entry),
                              .form = entry_form(entry),
                              .key = bytes_of(parts.key, parts.key_len),
                              .value_len = parts.value_len,
                              .deadline_ms = deadline_ms,
                              .epoch = entry->head & HEAD_EPOCH};
    struct entry *other = entry_block_alloc(plan.form, entry_plan_size(&plan));

    if (!other) return NULL;
    memcpy(entry_lay(other, &plan), parts.value, parts.value_len);
    return other;
}

static bool fits_with_deadline(const struct entry *entry, int64_t deadline_ms)
{
    size_t size = entry_size_with_deadline(entry, deadline_ms);

    if (entry_form(entry) == ENTRY_GROWN) return size <= mem_usable(entry);
    return entry_block_size(size) == entry_block_size(entry_size(entry));
}

enum status key_set_deadline(const struct key *key, struct spot *spot, int64_t deadline_ms)
{
    struct table *table = shard_table(key->shard, key->db);
    struct entry *old, *other;
    bool had;

    spot_refresh(key, spot);
    old = spot->entry;
    must(old != NULL);
    had = entry_has_deadline(old);
    if (fits_with_deadline(old, deadline_ms)) {
        entry_change_deadline(old, deadline_ms);
    } else {
        other = entry_with_deadline(old, deadline_ms);
        if (!other) return NO_MEMORY;
        *spot->slot = slot_make(other, slot_tag(*spot->slot));
        spot->entry = other;
        chores_add_block(key->shard, old);
    }
    spot_touch(spot);
    note_deadline(key, table, spot, had, deadline_ms);
    return OK;
}

/* --- moving and copying --- */

/* The value of `from` under the name of `to`, over whatever is there. `far` is what a FAR value
 * becomes. */
static enum status put_same_value(const struct key *to, const struct entry *from, void *far)
{
    struct entry_parts parts = entry_parts(from);
    struct bytes value = bytes_of(parts.value, parts.value_len);
    struct entry_plan plan = {.type = entry_type(from),
                              .form = entry_form(from),
                              .key = to->name,
                              .value_len = parts.value_len,
                              .deadline_ms = entry_deadline_ms(from)};
    struct spot target;
    bool replaces;

    if (entry_form(from) == ENTRY_FAR) value = bytes_of(&far, sizeof far);
    replaces = key_find(to, &target) != NULL;
    if (spot_put(to, &target, &plan, value, 0) != OK) return NO_MEMORY;
    /* What was there counts as deleted first. */
    if (replaces && unlikely(change_anyone_asks_more)) change_publish_more(to->db, to->name, "new");
    if (plan.type != VALUE_STRING) {
        key_note_elements(to, &target);
        await_came(to);
    }
    return OK;
}

static bool same_key(const struct key *a, const struct key *b)
{
    return a->db == b->db && bytes_equal(a->name, b->name);
}

enum status key_move(const struct key *from, struct spot *source, const struct key *to)
{
    struct entry *moved = source->entry;
    void *far = entry_form(moved) == ENTRY_FAR ? far_read(entry_parts(moved).value) : NULL;

    if (same_key(from, to)) return OK;
    if (put_same_value(to, moved, far) != OK) return NO_MEMORY;
    spot_refresh(from, source);
    spot_drop_shell(from, source);
    return OK;
}

enum status key_copy(const struct key *from, const struct spot *source, const struct key *to)
{
    const struct entry *entry = source->entry;
    enum value_type type = entry_type(entry);
    struct blob *blob = entry_blob(entry);
    void *far = NULL;
    enum status status;

    if (same_key(from, to)) return OK;
    if (blob) {
        /* Who changes one of the two makes it his own first (blob_make_own). */
        blob_hold(blob);
        far = blob;
    } else if (entry_form(entry) == ENTRY_FAR) {
        far = value_kind_of(type)->copy(entry_container(entry));
        if (!far) return NO_MEMORY;
    }
    status = put_same_value(to, entry, far);
    if (status != OK && blob) blob_release(&blob);
    if (status != OK && type != VALUE_STRING) {
        while (!value_kind_of(type)->free_some(&far, SIZE_MAX)) {}
    }
    return status;
}
