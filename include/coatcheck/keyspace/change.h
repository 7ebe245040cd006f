/* change: news of what happened to keys, for whoever registered: notices, journal, replicas, caches of
 * clients. With nobody listening it costs one load.
 * Called while the key's shard is entered: a listener copies what it needs and returns. */
#ifndef COATCHECK_KEYSPACE_CHANGE_H
#define COATCHECK_KEYSPACE_CHANGE_H

#include <stdatomic.h>
#include "coatcheck/keyspace/key.h"

struct change {
    unsigned db;
    struct bytes key;  /* at NULL: any key of the database may have changed (FLUSHDB, SWAPDB) */
    const char *event; /* Redis's word for it: "set", "del", "expired", "rename_from" …; NULL: no event. Static */

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

/* As change_listen, for one that listens only now and then: not yet. Any thread may say when; it is for that
 * listener to say so in order. With `more` it also hears of "new" keys, before what made them, and of reads that
 * found none, "keymiss": neither has an effect, and others are not told. */
void change_may_listen(const struct change_listener *listener);
void change_attend(const struct change_listener *listener, bool listens, bool more);

/* Written by the three above only. */
extern _Atomic bool change_anyone_listens_now, change_anyone_wants_more;
#define change_anyone_listens atomic_load_explicit(&change_anyone_listens_now, memory_order_relaxed)
#define change_anyone_asks_more atomic_load_explicit(&change_anyone_wants_more, memory_order_relaxed)

void change_publish(const struct change *change);

/* Of a key that came into being, or was looked for in vain; while change_anyone_asks_more. */
void change_publish_more(unsigned db, struct bytes key, const char *event);

/* For a command that makes a key before it tells of what led there: a "new" between the two is held back. True: there
 * was one, and it is for the caller to tell. */
void change_hold_new(void);
bool change_release_new(void);

#endif
