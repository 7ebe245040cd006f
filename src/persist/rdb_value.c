/* Values that were read and have no key yet. */
#include "rdb_internal.h"

#include "coatcheck/base/mem.h"
#include "coatcheck/values/blob.h"
#include "coatcheck/values/hash.h"

struct rdb_value {
    enum value_type type;
    void *container;      /* of all but strings */
    struct blob *blob;    /* a large string … */
    struct rdb_text text; /* … or a small one */
};

static bool read_string(struct source *source, struct rdb_value *value)
{
    struct rdb_text_head head;

    if (!rdb_read_text_head(source, &head)) return false;
    if (head.len < BLOB_FROM) return rdb_read_text_after(source, &head, &value->text);
    value->blob = blob_new(head.len);
    if (!value->blob) return source_fail(source, NO_MEMORY);
    value->blob->len = head.len;
    return rdb_read_text_body(source, &head, value->blob->at);
}

static bool read_container(struct source *source, struct rdb_value *value, enum value_type type,
                           void *(*read)(struct source *, enum rdb_type), enum rdb_type form)
{
    value->type = type;
    value->container = read(source, form);
    return value->container != NULL;
}

static bool read_value(struct source *source, struct rdb_value *value)
{
    uint8_t type;

    if (!source_read_byte(source, &type)) return false;
    switch (type) {
    case RDB_STRING:
        return read_string(source, value);
    case RDB_LIST:
    case RDB_LIST_ZIPLIST:
    case RDB_LIST_QUICKLIST:
    case RDB_LIST_QUICKLIST_2:
        return read_container(source, value, VALUE_LIST, rdb_read_list, type);
    case RDB_SET:
    case RDB_SET_INTSET:
    case RDB_SET_LISTPACK:
        return read_container(source, value, VALUE_SET, rdb_read_set, type);
    case RDB_ZSET:
    case RDB_ZSET_2:
    case RDB_ZSET_ZIPLIST:
    case RDB_ZSET_LISTPACK:
        return read_container(source, value, VALUE_ZSET, rdb_read_zset, type);
    case RDB_HASH:
    case RDB_HASH_ZIPMAP:
    case RDB_HASH_ZIPLIST:
    case RDB_HASH_LISTPACK:
    case RDB_HASH_METADATA:
    case RDB_HASH_LISTPACK_EX:
        return read_container(source, value, VALUE_HASH, rdb_read_hash, type);
    default:
        return source_fail(source, MALFORMED);
    }
}

struct rdb_value *rdb_read_value(struct source *source)
{
    struct rdb_value *value = mem_alloc_zeroed(sizeof *value);

    if (!value) {
        source_fail(source, NO_MEMORY);
        return NULL;
    }
    value->type = VALUE_STRING;
    if (!read_value(source, value)) rdb_value_free(&value);
    return value;
}

bool rdb_value_is_over(const struct rdb_value *value)
{
    return value->type == VALUE_HASH && hash_count(value->container) == 0;
}

enum status rdb_value_put(struct rdb_value *value, const struct key *key, struct spot *spot, int64_t deadline_ms)
{
    if (value->type != VALUE_STRING)
        return key_put_container(key, spot, value->type, &value->container, deadline_ms);
    if (value->blob) return key_put_blob(key, spot, &value->blob, deadline_ms);
    return key_put_string(key, spot, value->text.bytes, deadline_ms);
}

void rdb_value_free(struct rdb_value **value)
{
    struct rdb_value *old = *value;

    *value = NULL;
    if (!old) return;
    if (old->container) {
        while (!value_kind_of(old->type)->free_some(&old->container, SIZE_MAX)) {}
    }
    blob_release(&old->blob);
    rdb_text_fini(&old->text);
    mem_free(old);
}
