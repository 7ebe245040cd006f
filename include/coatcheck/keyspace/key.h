/* key: one name in one database: found, put, changed, removed.
 * Callers have entered the key's shard (shard.h) for everything below but key_init() and the prefetches,
 * and stay in it as long as they use an entry or a spot. A reader never sees a key past its deadline. */
#ifndef COATCHECK_KEYSPACE_KEY_H
#define COATCHECK_KEYSPACE_KEY_H

#include <stdbool.h>
#include <stdint.h>
#include "coatcheck/base/clock.h"
#include "coatcheck/base/status.h"
#include "coatcheck/keyspace/entry.h"
#include "coatcheck/keyspace/keyspace.h"

struct group;
struct shard;

struct key {
    struct bytes name; /* borrowed from the request */
    uint64_t hash;
    struct shard *shard;
    unsigned db;
};

/* Hashes the name and finds its shard. */
void key_init(struct key *key, struct keyspace *keyspace, unsigned db, struct bytes name);

/* By what is at hand, which is good enough for hints and for nothing else. */
static inline bool key_seems_same(const struct key *key, const struct key *other)
{
    return key->hash == other->hash && key->db == other->db;
}

/* Hints to the processor, none of them trusted later: the head of a key's shard, as soon as the key is known; and, once
 * there are some keys, the groups and then the entries of all of them. For the entries each shard is entered for a
 * moment when it is free, and left out when it is not. */
#define KEYS_AHEAD 32 /* at a time */
void key_prefetch_shard(const struct key *key);
void keys_prefetch(const struct key *const *keys, unsigned count);

/* And then, where a key holds a container, what a search for one of its elements will read, in PREFETCH_STEPS steps
 * (values/kind.h). */
struct key_element {
    const struct key *key;
    struct bytes element; /* at NULL: none in particular */
    uint64_t memo;        /* the kind's own, from step to step */
};
/* One step for all of these; neighbours that name the same key are looked for once. Returns how many have a further
 * step: those come first afterwards, in their order. */
unsigned key_elements_prefetch(struct key_element *elements, unsigned count, unsigned step);

/* Where a key was found or would go; good until the shard is left, or this key is changed by other means
 * than this spot. */
struct spot {
    struct entry *entry; /* NULL: there is no such key */

    /* of keyspace/ */
    uint64_t *slot;
    struct group *group;
};

/* For reading commands: counts a hit or a miss and marks the use. NULL: absent or expired; an expired entry
 * is dropped. */
struct entry *key_read(const struct key *key);

/* As key_read, but does not mark the use: EXISTS, TTL, OBJECT … and CLIENT NO-TOUCH. */
struct entry *key_read_quietly(const struct key *key);

/* As key_read_quietly, and nobody hears that it was looked for in vain: OBJECT, MEMORY USAGE, DEBUG. */
struct entry *key_peek(const struct key *key);

/* As key_peek, and not even counted: by a command that will look for it, or has done so and comes back to it. */
struct entry *key_look_again(const struct key *key);

/* For commands that may change the key: an expired one is dropped first. Returns spot->entry. */
struct entry *key_find(const struct key *key, struct spot *spot);

/* A deadline for the puts below: keep what the old entry had. */
#define KEEP_DEADLINE INT64_MIN

/* Puts a string in the place of whatever is there (of any type): stored as an integer when the text is
 * one, as a blob from BLOB_FROM on. In place when it fits. spot->entry is the entry afterwards.
 * NO_MEMORY: nothing has changed. `deadline_ms` NEVER, KEEP_DEADLINE or a time. */
enum status key_put_string(const struct key *key, struct spot *spot, struct bytes value, int64_t deadline_ms);
enum status key_put_int(const struct key *key, struct spot *spot, int64_t number, int64_t deadline_ms);

/* Takes the caller's reference: *blob is NULL afterwards, on OK only. */
enum status key_put_blob(const struct key *key, struct spot *spot, struct blob **blob, int64_t deadline_ms);

/* As key_put_string, and kept as text even when it reads as an integer: what INCRBYFLOAT leaves. */
enum status key_put_text(const struct key *key, struct spot *spot, struct bytes value, int64_t deadline_ms);

/* As key_put_text, with the encoding "raw" whatever the length, as that of a string that was changed. */
enum status key_put_raw(const struct key *key, struct spot *spot, struct bytes value, int64_t deadline_ms);

/* Takes *container, on OK only. */
enum status key_put_container(const struct key *key, struct spot *spot, enum value_type type,
                              void **container, int64_t deadline_ms);

/* Makes the string at `spot` (or a new empty one) `len` bytes long, with slack for more, and hands out its
 * bytes to be written to; what was there stays, what is new is zero. The encoding becomes "raw".
 * NULL: no memory, nothing has changed. The deadline stays. */
char *key_edit_string(const struct key *key, struct spot *spot, size_t len);

/* Deadlines. NEVER persists. NO_MEMORY: nothing has changed. */
enum status key_set_deadline(const struct key *key, struct spot *spot, int64_t deadline_ms);

/* Elements of the container at the spot have been given deadlines: the sweep is told. */
void key_note_elements(const struct key *key, struct spot *spot);

enum remove_reason { REMOVED_BY_CLIENT, REMOVED_EXPIRED, REMOVED_EVICTED };

/* Unlinks and frees the entry at the spot; a container or a large blob is freed later in slices.
 * The spot is empty afterwards and may be put to. */
void key_remove(const struct key *key, struct spot *spot, enum remove_reason reason);

/* Moves the value and its deadline to another name or database, over whatever is there. Both shards are
 * entered. The source's spot is empty afterwards. NO_MEMORY: nothing has changed. */
enum status key_move(const struct key *from, struct spot *source, const struct key *to);

/* As key_move, and the source stays: strings and containers are copied deeply. */
enum status key_copy(const struct key *from, const struct spot *source, const struct key *to);

/* What is known from elsewhere of the use of a key that has just been put, for eviction and for the two verbs that
 * tell of it (below, and key_frequency() of evict.h). A frequency from 0 to 4; seconds for which it was not used, which
 * are noted only where no other key shares the note. Below 0: not known. */
void key_recall_use(const struct key *key, struct spot *spot, int frequency, int64_t idle_seconds);

/* Seconds since one of the keys in this one's group was used: a lower bound for the key itself, which is not
 * used by asking. -1: there is no such key. */
int64_t key_idle_seconds(const struct key *key);

#endif
