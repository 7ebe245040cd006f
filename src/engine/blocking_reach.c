/* blocking_reach: which shards a command needs beside its keys' own, because somebody waits for one
 * of the keys to move on what comes to it. Whoever serves him has to be inside both shards, and
 * shards are entered in rising order: so they are found out before the command runs. What the lines
 * say can be read inside only; when they name a shard that is not entered, all are left, and
 * entered again together with it. */
#include "blocking_internal.h"

#include "coatcheck/keyspace/shard.h"

/* Beyond so many keys every shard is entered. */
#define REACH_MOST 64

_Atomic unsigned blocking_reaching;

/* Keys whose shards this thread has entered, or will. */
struct reach {
    struct key keys[REACH_MOST];
    unsigned count;
    bool too_many;
};

static _Thread_local struct reach reached; /* good while the command runs */
static _Thread_local bool every_shard;

static bool has_shard(const struct reach *reach, const struct shard *shard)
{
    for (unsigned i = 0; i < reach->count; i++) {
        if (reach->keys[i].shard == shard) return true;
    }
    return false;
}

static void reach_add(struct reach *reach, const struct key *key)
{
    for (unsigned i = 0; i < reach->count; i++) {
        if (reach->keys[i].hash == key->hash && bytes_equal(reach->keys[i].name, key->name)) return;
    }
    if (reach->count == REACH_MOST) {
        reach->too_many = true;
    } else {
        reach->keys[reach->count++] = *key;
    }
}

/* A key's value may come to the same name in another database too. */
static void reach_add_others_of(struct reach *reach, const struct key *key)
{
    struct wait_line *line = NULL;

    while (!reach->too_many && (line = line_named(key, line))) {
        for (struct wait_link *link = line->first.next; link != &line->first; link = link->next) {
            const struct waiter *waiter = ((struct wait_place *)link)->waiter;
            struct key other;

            if (!waiter->kind->reaches) continue;
            waiter->kind->reaches(waiter_wanted(waiter), &other);
            reach_add(reach, &other);
        }
    }
}

/* All that can be found out inside these shards. */
static void find_reach(struct reach *reach, const struct reach *entered, const struct key *keys,
                       unsigned count)
{
    reach->count = 0;
    reach->too_many = false;
    for (unsigned i = 0; i < count; i++) {
        /* A command of many keys, none of which anybody waits for, is as usual. */
        if (line_named(&keys[i], NULL)) reach_add(reach, &keys[i]);
    }
    for (unsigned i = 0; i < reach->count && !reach->too_many; i++) {
        struct key key = reach->keys[i];

        if (has_shard(entered, key.shard)) reach_add_others_of(reach, &key);
    }
}

static bool is_one_of(const struct shard *shard, const struct key *keys, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (keys[i].shard == shard) return true;
    }
    return false;
}

bool blocking_reach(struct keyspace *keyspace, const struct key *keys, unsigned count)
{
    struct reach found;
    bool is_inside = false;

    reached.count = 0;
    every_shard = false;
    if (count <= REACH_MOST) {
        memcpy(reached.keys, keys, count * sizeof keys[0]);
        reached.count = count;
    }
    for (;;) {
        bool more = false;

        find_reach(&found, &reached, keys, count);
        for (unsigned i = 0; i < found.count && !more; i++) {
            more = !has_shard(&reached, found.keys[i].shard) &&
                   !is_one_of(found.keys[i].shard, keys, count);
        }
        if (!more && !found.too_many && (is_inside || count <= REACH_MOST)) return is_inside;
        if (!more && !found.too_many && found.count == 0) return false;
        if (is_inside) {
            shards_leave(reached.keys, reached.count);
        } else {
            shards_leave(keys, count);
        }
        is_inside = true;
        for (unsigned i = 0; i < found.count && !found.too_many; i++) {
            if (has_shard(&reached, found.keys[i].shard)) continue;
            if (reached.count == REACH_MOST) {
                found.too_many = true;
            } else {
                reached.keys[reached.count++] = found.keys[i];
            }
        }
        if (found.too_many || count > REACH_MOST) {
            every_shard = true;
            keyspace_enter_all(keyspace);
            return true;
        }
        shards_enter(reached.keys, reached.count);
    }
}

void blocking_leave_reach(struct keyspace *keyspace)
{
    if (every_shard) {
        every_shard = false;
        keyspace_leave_all(keyspace);
    } else {
        shards_leave(reached.keys, reached.count);
    }
    reached.count = 0;
}

bool reach_has(const struct waiter *waiter, const struct key *key)
{
    struct key other;

    waiter->kind->reaches(waiter_wanted(waiter), &other);
    return other.shard == key->shard || every_shard || keyspace_has_entered_all() ||
           has_shard(&reached, other.shard);
}
