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

void entry_set_container(struct entry *entry, void *container)
{
    must(entry_form(entry) == ENTRY_FAR && entry_type(entry) != VALUE_STRING);
    far_write(entry_parts(entry).value, container);
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

static size_t block_used_bytes(const struct entry *entry)
{
    size_t size = entry_size(entry);

    if (entry_form(entry) == ENTRY_GROWN || size > SLAB_MOST) return mem_usable(entry);
    return entry_block_size(size);
}

size_t entry_used_bytes(const struct entry *entry)
{
    size_t used = block_used_bytes(entry);

    if (entry_form(entry) != ENTRY_FAR) return used;
    if (entry_type(entry) == VALUE_STRING) return used + mem_usable(entry_blob(entry));
    return used + value_kind_of(entry_type(entry))->used_bytes(entry_container(entry));
}

size_t entry_size_with_deadline(const struct entry *entry, int64_t deadline_ms)
{
    return entry_size(entry) - head_deadline_bytes(entry->head) +
           head_deadline_bytes(head_with_deadline(entry->head, deadline_ms));
}

void entry_change_deadline(struct entry *entry, int64_t deadline_ms)
{
    struct entry_parts parts = entry_parts(entry);
    uint8_t head = head_with_deadline(entry->head, deadline_ms);
    uint8_t *key = parts.deadline + head_deadline_bytes(head);

    if (key != parts.key) memmove(key, parts.key, parts.key_len + parts.value_len);
    entry->head = head;
    deadline_write(parts.deadline, head, deadline_ms);
}
