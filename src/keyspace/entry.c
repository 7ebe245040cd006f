#include "coatcheck/keyspace/entry.h"

#include "coatcheck/base/mem.h"
#include "entry_internal.h"

/* OBJECT ENCODING says "embstr" up to this length: clients and their tests know the number. */
#define EMBSTR_MAX 44

enum value_type entry_type(const struct entry *entry)
{
    return (enum value_type)(entry->head & HEAD_TYPE);
}

enum entry_form entry_form(const struct entry *entry)
{
    return (enum entry_form)head_form(entry->head);
}

struct bytes entry_key(const struct entry *entry)
{
    struct entry_parts parts = entry_parts(entry);

    return bytes_of(parts.key, parts.key_len);
}

int64_t entry_deadline_ms(const struct entry *entry)
{
    return entry_has_deadline(entry) ? entry_deadline_read(entry) : NEVER;
}

struct bytes entry_string(const struct entry *entry, char scratch[NUMBER_MAX_TEXT])
{
    struct entry_parts parts = entry_parts(entry);

    switch (entry_form(entry)) {
    case ENTRY_INT:
        return bytes_of(scratch, number_print_int(scratch, int_read(parts.value)));
    case ENTRY_FAR:
        must(entry_type(entry) == VALUE_STRING);
        return blob_bytes(far_read(parts.value));
    default:
        return bytes_of(parts.value, parts.value_len);
    }
}

size_t entry_string_len(const struct entry *entry)
{
    char scratch[NUMBER_MAX_TEXT];

    return entry_string(entry, scratch).len;
}

int64_t entry_int(const struct entry *entry)
{
    must(entry_form(entry) == ENTRY_INT);
    return int_read(entry_parts(entry).value);
}

struct blob *entry_blob(const struct entry *entry)
{
    if (entry_form(entry) != ENTRY_FAR || entry_type(entry) != VALUE_STRING) return NULL;
    return far_read(entry_parts(entry).value);
}

void *entry_container(const struct entry *entry)
{
    must(entry_form(entry) == ENTRY_FAR && entry_type(entry) != VALUE_STRING);
    return far_read(entry_parts(entry).value);
}

const char *entry_encoding(const struct entry *entry)
{
    if (entry_type(entry) != VALUE_STRING) {
        return value_kind_of(entry_type(entry))->encoding(entry_container(entry));
    }
    if (entry_form(entry) == ENTRY_INT) return "int";
    if (entry_form(entry) != ENTRY_INLINE) return "raw";
    return entry_parts(entry).value_len <= EMBSTR_MAX ? "embstr" : "raw";
}

size_t entry_used_bytes(const struct entry *entry)
{
    size_t used = mem_usable(entry);

    if (entry_form(entry) != ENTRY_FAR) return used;
    if (entry_type(entry) == VALUE_STRING) return used + mem_usable(entry_blob(entry));
    return used + value_kind_of(entry_type(entry))->used_bytes(entry_container(entry));
}

/* The number in an entry's head for how its deadline is kept. */
static unsigned deadline_form(int64_t deadline_ms)
{
    if (deadline_ms == NEVER) return 0;
    if (deadline_ms < ENTRY_EPOCH_MS || deadline_ms - ENTRY_EPOCH_MS >= (int64_t)1 << 40) return 2;
    return 1;
}

static uint8_t head_with(uint8_t head, int64_t deadline_ms)
{
    return (uint8_t)((head & ~(HEAD_DEADLINE << HEAD_DEADLINE_SHIFT)) |
                     deadline_form(deadline_ms) << HEAD_DEADLINE_SHIFT);
}

static void deadline_write(uint8_t *at, uint8_t head, int64_t deadline_ms)
{
    unsigned bytes = head_deadline_bytes(head);
    uint64_t since = (uint64_t)(bytes == 5 ? deadline_ms - ENTRY_EPOCH_MS : deadline_ms);

    for (unsigned i = 0; i < bytes; i++) at[i] = (uint8_t)(since >> (8 * i));
}

static uint8_t plan_head(const struct entry_plan *plan)
{
    uint8_t head = (uint8_t)(plan->type | (unsigned)plan->form << HEAD_FORM_SHIFT | plan->epoch);

    return head_with(head, plan->deadline_ms);
}

static unsigned plan_length_bytes(const struct entry_plan *plan)
{
    if (plan->form == ENTRY_GROWN) return 4;
    return plan->form == ENTRY_INLINE ? length_bytes_for(plan->value_len) : 0;
}

size_t entry_plan_size(const struct entry_plan *plan)
{
    bool has_length = plan->form == ENTRY_INLINE || plan->form == ENTRY_GROWN;

    return 1 + length_bytes_for(plan->key.len) + plan_length_bytes(plan) +
           head_deadline_bytes(plan_head(plan)) + plan->key.len + (has_length ? plan->value_len : 8);
}

uint8_t *entry_lay(struct entry *entry, const struct entry_plan *plan)
{
    uint8_t *at = entry->rest;
    unsigned bytes = length_bytes_for(plan->key.len);

    entry->head = plan_head(plan);
    length_write(at, bytes, plan->key.len);
    at += bytes;
    bytes = plan_length_bytes(plan);
    if (bytes > 0) length_write(at, bytes, plan->value_len);
    at += bytes;
    deadline_write(at, entry->head, plan->deadline_ms);
    at += head_deadline_bytes(entry->head);
    if (plan->key.len > 0) memcpy(at, plan->key.at, plan->key.len);
    return at + plan->key.len;
}

size_t entry_size_with_deadline(const struct entry *entry, int64_t deadline_ms)
{
    return entry_size(entry) - head_deadline_bytes(entry->head) +
           head_deadline_bytes(head_with(entry->head, deadline_ms));
}

void entry_change_deadline(struct entry *entry, int64_t deadline_ms)
{
    struct entry_parts parts = entry_parts(entry);
    uint8_t head = head_with(entry->head, deadline_ms);
    uint8_t *key = parts.deadline + head_deadline_bytes(head);

    if (key != parts.key) memmove(key, parts.key, parts.key_len + parts.value_len);
    entry->head = head;
    deadline_write(parts.deadline, head, deadline_ms);
}
