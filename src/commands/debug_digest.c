/* Digests of keys: the same for the same data whatever the order in which it came, so that two
 * servers, or one server before and after, can be compared. Not redis-server's digest: that one is
 * made with SHA-1. */
#include "debug_internal.h"

#include <stdio.h>
#include <xxhash.h>
#include "coatcheck/values/hash.h"
#include "coatcheck/values/list.h"
#include "coatcheck/values/set.h"
#include "coatcheck/values/zset.h"

struct digest {
    uint64_t high, middle;
    uint32_t low;
};
#define DIGEST_TEXT (40 + 1)

struct digesting {
    struct digest sum;
    unsigned db;
};

static struct digest digest_of_bytes(struct bytes value, uint64_t salt)
{
    XXH128_hash_t wide = XXH3_128bits_withSeed(value.at, value.len, salt);

    return (struct digest){.high = wide.high64,
                           .middle = wide.low64,
                           .low = (uint32_t)XXH3_64bits_withSeed(value.at, value.len, ~salt)};
}

/* Elements in their order, each salted with what came before it. */
static struct digest digest_of_list(const struct list *list, uint64_t salt)
{
    struct digest sum = digest_of_bytes(bytes_of("", 0), salt);
    struct list_walk walk;

    for (list_walk_from(&walk, list, 0, false); list_walk_next(&walk);) {
        char scratch[NUMBER_MAX_TEXT];

        sum = digest_of_bytes(list_walk_text(&walk, scratch), sum.high ^ sum.middle);
    }
    return sum;
}

/* Members in their order, each salted with its score and with what came before it. */
static struct digest digest_of_zset(const struct zset *zset, uint64_t salt)
{
    struct digest sum = digest_of_bytes(bytes_of("", 0), salt);
    struct zset_walk walk;

    zset_walk_from(&walk, zset, 0, false);
    while (zset_walk_next(&walk)) {
        uint64_t score;

        memcpy(&score, &walk.score, sizeof score);
        sum = digest_of_bytes(walk.member, sum.high ^ XXH3_64bits_withSeed(&score, sizeof score, sum.middle));
    }
    return sum;
}

/* Members in any order. */
static struct digest digest_of_set(const struct set *set, uint64_t salt)
{
    struct digest sum = {0};
    struct set_walk walk;

    for (set_walk_begin(&walk, set); set_walk_next(&walk);) {
        struct digest one = digest_of_bytes(walk.member, salt);

        sum.high ^= one.high;
        sum.middle ^= one.middle;
        sum.low ^= one.low;
    }
    return sum;
}

/* Fields in any order, each with its value and, told apart, whether it has a deadline. */
static struct digest digest_of_hash(const struct hash *hash, uint64_t salt)
{
    struct digest sum = {0};
    struct hash_walk walk;

    for (hash_walk_begin(&walk, hash); hash_walk_next(&walk);) {
        struct digest one = digest_of_bytes(walk.field.name, salt ^ (walk.field.deadline_ms != NEVER ? 2 : 0));

        one = digest_of_bytes(walk.field.value, one.high ^ one.middle);
        sum.high ^= one.high;
        sum.middle ^= one.middle;
        sum.low ^= one.low;
    }
    return sum;
}

static struct digest digest_of(const struct entry *entry, uint64_t seed)
{
    char scratch[NUMBER_MAX_TEXT];
    uint64_t salt =
        seed ^ (uint64_t)entry_type(entry) << 56 ^ (entry_deadline_ms(entry) != NEVER ? 1 : 0);

    switch (entry_type(entry)) {
    case VALUE_STRING:
        return digest_of_bytes(entry_string(entry, scratch), salt);
    case VALUE_HASH:
        return digest_of_hash(entry_container(entry), salt);
    case VALUE_LIST:
        return digest_of_list(entry_container(entry), salt);
    case VALUE_SET:
        return digest_of_set(entry_container(entry), salt);
    case VALUE_ZSET:
        return digest_of_zset(entry_container(entry), salt);
    default:
        return digest_of_bytes(bytes_of("", 0), salt);
    }
}

static void digest_print(const struct digest *digest, char into[DIGEST_TEXT])
{
    snprintf(into, DIGEST_TEXT, "%016llx%016llx%08x", (unsigned long long)digest->high,
             (unsigned long long)digest->middle, digest->low);
}

static void add_entry(void *context, const struct entry *entry)
{
    struct digesting *digesting = context;
    struct bytes key = entry_key(entry);
    struct digest one = digest_of(entry, XXH3_64bits_withSeed(key.at, key.len, digesting->db + 1));

    digesting->sum.high ^= one.high;
    digesting->sum.middle ^= one.middle;
    digesting->sum.low ^= one.low;
}

void debug_digest(struct call *call)
{
    bool mine = keyspace_has_entered_all();
    struct digesting digesting = {0};
    char text[DIGEST_TEXT];

    if (!mine) keyspace_enter_all(call->keyspace);
    for (unsigned db = 0; db < keyspace_databases(call->keyspace); db++) {
        uint64_t cursor = 0;

        digesting.db = db;
        if (keyspace_count(call->keyspace, db) == 0) continue;
        do {
            cursor = keyspace_scan(call->keyspace, db, cursor, 1000, add_entry, &digesting);
        } while (cursor != 0);
    }
    if (!mine) keyspace_leave_all(call->keyspace);
    digest_print(&digesting.sum, text);
    reply_simple(call->reply, text);
}

void debug_digest_value(struct call *call)
{
    reply_array(call->reply, call_argc(call) - 2);
    for (unsigned i = 2; i < call_argc(call); i++) {
        struct digest digest = {0};
        struct key key;
        struct entry *entry;
        char text[DIGEST_TEXT];

        key_init(&key, call->keyspace, session_db(call->session), call_arg(call, i));
        debug_shard_enter(key.shard);
        entry = key_peek(&key);
        if (entry) digest = digest_of(entry, 0);
        debug_shard_leave(key.shard);
        digest_print(&digest, text);
        reply_simple(call->reply, text);
    }
}
