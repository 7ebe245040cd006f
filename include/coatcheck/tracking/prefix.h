/* prefix: beginnings of names of which trackers with BCAST are told every key. Each worker has those of its own
 * trackers, by name, and changes them; the others only ask whether a key is of interest there. */
#ifndef COATCHECK_TRACKING_PREFIX_H
#define COATCHECK_TRACKING_PREFIX_H

#include "coatcheck/base/bytes.h"
#include "coatcheck/structs/pointerset.h"

struct tracker;

/* It lives as long as it has trackers. */
struct prefix {
    struct pointerset trackers;
    uint32_t len;
    char name[];
};

static inline struct bytes prefix_name(const struct prefix *prefix)
{
    return bytes_of(prefix->name, prefix->len);
}

/* The tracker has not this one. NULL: no memory. */
struct prefix *prefix_join(struct bytes name, struct tracker *tracker);
void prefix_leave(struct prefix *prefix, struct tracker *tracker);

/* This worker's, by name; NULL behind the last. */
struct prefix *prefix_at(unsigned place);

/* Any thread: which of the names asked for begin with a prefix of that lane's trackers. Whoever begins to track meanwhile may be
 * seen or not. */
void prefixes_choose(unsigned lane, const struct bytes *asked, unsigned count, bool *wanted);

/* Different ones on all workers; any thread. */
uint64_t prefixes_count(void);

void prefixes_stop(void);

#endif
