/* keyspace_help: short words for tests that talk to a key space: each enters, does one thing,
 * leaves. */
#ifndef COATCHECK_TESTS_KEYSPACE_HELP_H
#define COATCHECK_TESTS_KEYSPACE_HELP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "coatcheck/base/clock.h"
#include "coatcheck/base/mem.h"
#include "coatcheck/base/must.h"
#include "coatcheck/base/random.h"
#include "coatcheck/keyspace/keyspace.h"
#include "coatcheck/keyspace/shard.h"

static inline struct keyspace *new_keyspace(unsigned shards, unsigned databases)
{
    struct keyspace_rules rules = {.databases = databases, .shards = shards};
    struct keyspace *keyspace = keyspace_new(&rules);

    assert_non_null(keyspace);
    return keyspace;
}

static inline enum status put(struct keyspace *keyspace, unsigned db, struct bytes name,
                              struct bytes value, int64_t deadline_ms)
{
    struct key key;
    struct spot spot;
    enum status status;

    key_init(&key, keyspace, db, name);
    shard_enter(key.shard);
    key_find(&key, &spot);
    status = key_put_string(&key, &spot, value, deadline_ms);
    shard_leave(key.shard);
    return status;
}

static inline bool drop(struct keyspace *keyspace, unsigned db, struct bytes name)
{
    struct key key;
    struct spot spot;
    bool there;

    key_init(&key, keyspace, db, name);
    shard_enter(key.shard);
    there = key_find(&key, &spot) != NULL;
    if (there) key_remove(&key, &spot, REMOVED_BY_CLIENT);
    shard_leave(key.shard);
    return there;
}

static inline bool exists(struct keyspace *keyspace, unsigned db, struct bytes name)
{
    struct key key;
    bool there;

    key_init(&key, keyspace, db, name);
    shard_enter(key.shard);
    there = key_read(&key) != NULL;
    shard_leave(key.shard);
    return there;
}

/* Is it there with this value and this deadline? */
static inline bool holds(struct keyspace *keyspace, unsigned db, struct bytes name,
                         struct bytes value, int64_t deadline_ms)
{
    char scratch[NUMBER_MAX_TEXT];
    struct entry *entry;
    struct key key;
    bool same = false;

    key_init(&key, keyspace, db, name);
    shard_enter(key.shard);
    entry = key_read(&key);
    if (entry) {
        same = bytes_equal(entry_string(entry, scratch), value) &&
               entry_deadline_ms(entry) == deadline_ms && bytes_equal(entry_key(entry), name);
    }
    shard_leave(key.shard);
    return same;
}

/* "key:7" in the caller's buffer. */
static inline struct bytes numbered(char room[32], uint64_t number)
{
    return bytes_of(room, (size_t)snprintf(room, 32, "key:%llu", (unsigned long long)number));
}

#endif
