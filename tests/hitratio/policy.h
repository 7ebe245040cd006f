/* policy: what a cache keeps. Each way is a row of verbs; the cache asks, counts and forgets. */
#ifndef HITRATIO_POLICY_H
#define HITRATIO_POLICY_H

#include <stdbool.h>
#include "trace.h"

struct policy;

/* What every policy knows of its cache. `costs` is what a key takes of the capacity: 1, or bytes. */
struct cache {
    const struct trace *trace;
    const uint32_t *costs;
    uint64_t capacity, used;
    bool *held;    /* one a key */
    uint32_t now;  /* number of the request */
    const struct policy *policy;
    void *state;
};

struct policy {
    const char *name;
    const void *rules; /* the policy's own, or NULL */
    void *(*open)(struct cache *cache);
    void (*close)(void *state);

    void (*hit)(struct cache *cache, uint32_t key);
    /* Its cost is counted already and `held` set; victims were asked for before. */
    void (*came)(struct cache *cache, uint32_t key);
    /* A held key that makes room for `coming`; it is no longer known to the policy. */
    uint32_t (*victim)(struct cache *cache, uint32_t coming);
    /* A held key goes for another reason: its time is over. */
    void (*went)(struct cache *cache, uint32_t key);
    /* May `coming` come at all? NULL: always. Asked before room is made for it. */
    bool (*admits)(struct cache *cache, uint32_t coming);
};

/* NULL-ended. */
extern const struct policy *const policies[];
extern const struct policy policy_lru, policy_lfu, policy_sieve, policy_s3fifo, policy_tinylfu, policy_belady,
    policy_redis_lru, policy_redis_lfu, policy_random;
extern const struct policy slot_policies[]; /* ends with a row without a name */
extern unsigned slot_shards;                /* that those have; a power of two, 4096 at the most */

/* --- lists of keys, for those that keep an order: a key is in one list at most --- */

struct list {
    uint32_t first, last; /* NO_KEY: empty */
    uint64_t cost;
};
#define NO_KEY UINT32_MAX

struct links {
    uint32_t *before, *after;
};

struct links links_new(uint32_t keys);
void links_free(struct links *links);
void list_add(struct cache *cache, struct links *links, struct list *list, uint32_t key); /* at the front */
void list_take(struct cache *cache, struct links *links, struct list *list, uint32_t key);
static const struct list empty_list = {NO_KEY, NO_KEY, 0};

/* The keys that are held, for those that draw from them. */
struct crowd {
    uint32_t *members, *place;
    uint32_t count;
};
struct crowd crowd_new(uint32_t keys);
void crowd_free(struct crowd *crowd);
void crowd_add(struct crowd *crowd, uint32_t key);
void crowd_take(struct crowd *crowd, uint32_t key);

#endif
