/* transaction_internal: the queue and the watched keys of one session. */
#ifndef COATCHECK_TRANSACTION_INTERNAL_H
#define COATCHECK_TRANSACTION_INTERNAL_H

#include "coatcheck/engine/transaction.h"

struct half;

/* Keys and bytes of a usual transaction, which then is a single block of 2 KB. */
#define FEW_KEYS 16
#define FIRST_ROOM 1152

struct queued {
    struct queued *next;
    const struct command *command;
    struct bytes *words;
    struct half *half; /* owned: holds the words, and the value read straight to where it stays; or NULL */
    uint64_t took;     /* clock_ticks(), once it has run */
    unsigned count, first_key, key_count;
    bool is_inline;
};

/* Room for queued commands and their words; none ever moves. */
struct queue_chunk {
    struct queue_chunk *next;
    char room[];
};

/* A key that a session watches. Of whoever has entered its shard, but for next_own. */
struct watch {
    struct watch *next, **at; /* in the shard */
    struct watch *next_own;   /* the owner's: of its session */
    struct session *session;
    struct shard *shard;
    uint64_t hash;
    uint32_t name_len;
    uint8_t db;
    bool was_over; /* when it was watched, it was past its deadline, though still there: absent as it is */
    char name[];
};

struct transaction {
    struct queued *first, **last;
    struct watch *watches;
    struct queue_chunk *chunks; /* beyond `room` */
    char *at, *end;             /* what is free in the newest */
    struct key *keys;           /* of all commands, in order; `few` or owned */
    unsigned key_count, key_room;
    uint32_t flags;   /* of all rows */
    bool every_shard; /* some command wants all of them */
    struct key few[FEW_KEYS];
    char room[FIRST_ROOM];
};

/* The session's, made when there was none. NULL: no memory. */
struct transaction *transaction_of(struct session *session);

/* ---- transaction_watch.c ---- */

static inline struct key watch_key(const struct watch *watch)
{
    return (struct key){.name = bytes_of(watch->name, watch->name_len),
                        .hash = watch->hash,
                        .shard = watch->shard,
                        .db = watch->db};
}

/* Those of the session, whose shards are entered: is one past its deadline now that was not? */
bool watches_are_over(const struct watch *watches);

/* Takes them out of their shards, which are entered, or are entered one by one; frees them. */
void watches_drop(struct watch **watches, bool entered);

#endif
