/* change: news of what happened to keys, for whoever registered: notices, journal, replicas, caches of
 * clients. With nobody registered it costs one load.
 * Called while the key's shard is entered: a listener copies what it needs and returns. */
#ifndef COATCHECK_KEYSPACE_CHANGE_H
#define COATCHECK_KEYSPACE_CHANGE_H

#include "coatcheck/keyspace/key.h"

struct change {
    unsigned db;
    struct bytes key;  /* at NULL: any key of the database may have changed (FLUSHDB, SWAPDB) */
    const char *event; /* Redis's word for it: "set", "del", "expired", "rename_from" …; NULL: no event */

    /* The effect as a deterministic command, one for all events of a call; count 0: told by another event.
     * Deadlines are absolute, popped members are named. */
    const struct bytes *effect;
    unsigned effect_words;
};

struct change_listener {
    void (*changed)(const struct change *change);
};

/* At start, before any worker runs. */
void change_listen(const struct change_listener *listener);

extern bool change_anyone_listens; /* written by change_listen() only */
void change_publish(const struct change *change);

#endif
