/* Any bytes, as a value in redis-server's form: read in one piece and in pieces of any size, they must come to the same;
 * and what was read must write to bytes that read as the same again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "coatcheck/base/clock.h"
#include "coatcheck/base/must.h"
#include "coatcheck/base/text.h"
#include "coatcheck/keyspace/shard.h"
#include "coatcheck/persist/rdb.h"
#include "coatcheck/values/hash.h"
#include "coatcheck/values/list.h"
#include "coatcheck/values/set.h"
#include "coatcheck/values/zset.h"
#include "persist/dripping.h"

static struct rdb_value *read_dripping(const uint8_t *data, size_t size, size_t step, enum status *status)
{
    struct dripping dripping = dripping_of(bytes_of(data, size), step);
    struct rdb_value *value = rdb_read_value(&dripping.source);

    *status = dripping.source.status;
    free(dripping.buffer);
    return value;
}

struct text_sink {
    struct sink sink;
    struct text text;
};

static enum status write_text(struct sink *sink, struct bytes bytes)
{
    struct text *text = &((struct text_sink *)sink)->text;

    text_add(text, bytes);
    return text_failed(text) ? NO_MEMORY : OK;
}

static struct keyspace *keyspace;

/* Puts the value at a key, and writes what is there. False: there is nothing to put. */
static bool value_written(struct rdb_value *value, struct text_sink *to)
{
    struct key key;
    struct spot spot;
    bool there = !rdb_value_is_over(value);

    key_init(&key, keyspace, 0, BYTES("key"));
    sink_init(&to->sink, write_text);
    to->text = (struct text){0};
    if (there) {
        shard_enter(key.shard);
        key_find(&key, &spot);
        must(rdb_value_put(value, &key, &spot, NEVER) == OK);
        rdb_write_value(&to->sink, spot.entry);
        sink_flush(&to->sink);
        must(to->sink.status == OK);
        shard_leave(key.shard);
    }
    return there;
}

/* The leak checker does not follow the table's pointers, so nothing may stay in it. */
static void remove_key(void)
{
    struct key key;
    struct spot spot;

    key_init(&key, keyspace, 0, BYTES("key"));
    shard_enter(key.shard);
    if (key_find(&key, &spot)) key_remove(&key, &spot, REMOVED_BY_CLIENT);
    shard_leave(key.shard);
    keyspace_reclaim_all(keyspace);
}

static void setup(void)
{
    if (keyspace) return;
    clock_setup();
    rdb_setup();
    hash_kind_setup();
    list_setup();
    set_kind_setup();
    zset_setup();
    keyspace = keyspace_new(&(struct keyspace_rules){.databases = 1, .one_thread = true});
    must(keyspace);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rdb_value *whole, *dripped, *again;
    struct text_sink one, two, three;
    struct source source;
    enum status status;
    size_t step;
    uint8_t *copy;

    setup();
    if (size < 1) return 0;
    step = data[0] % 67u + 1;
    data++;
    size--;
    copy = malloc(size ? size : 1);
    must(copy);
    memcpy(copy, data, size);
    source_init(&source, bytes_of(copy, size));
    whole = rdb_read_value(&source);
    dripped = read_dripping(data, size, step, &status);
    must(!whole == !dripped && source.status == status && (whole || status == MALFORMED));
    if (whole && value_written(whole, &one)) {
        must(value_written(dripped, &two));
        must(bytes_equal(text_bytes(&one.text), text_bytes(&two.text)));
        source_init(&source, text_bytes(&one.text));
        again = rdb_read_value(&source);
        must(again && source_left(&source) == 0);
        must(value_written(again, &three));
        must(one.text.len == three.text.len || one.text.at[0] == RDB_SET || one.text.at[0] == RDB_HASH ||
             one.text.at[0] == RDB_HASH_METADATA);
        rdb_value_free(&again);
        text_fini(&one.text);
        text_fini(&two.text);
        text_fini(&three.text);
        remove_key();
    }
    rdb_value_free(&whole);
    rdb_value_free(&dripped);
    free(copy);
    return 0;
}
