/* order: policies that keep exact orders: LRU, SIEVE, S3-FIFO, and Belady's, which knows the future. */
#include <stdlib.h>
#include "policy.h"

struct order {
    struct links links;
    struct list main, small;
    uint8_t *uses;
    bool *is_small;
    uint32_t hand;
    /* S3-FIFO's ghost: when a key left the small queue, counted in keys that did. */
    uint32_t *left;
    uint32_t leavings;
    uint32_t ghosts;
};

static void *order_open(struct cache *cache)
{
    struct order *order = calloc(1, sizeof *order);

    order->links = links_new(cache->trace->key_count);
    order->main = order->small = empty_list;
    order->uses = calloc(cache->trace->key_count, 1);
    order->is_small = calloc(cache->trace->key_count, 1);
    order->left = calloc(cache->trace->key_count, sizeof *order->left);
    order->hand = NO_KEY;
    return order;
}

static void order_close(void *state)
{
    struct order *order = state;

    links_free(&order->links);
    free(order->uses);
    free(order->is_small);
    free(order->left);
    free(order);
}

static void lru_hit(struct cache *cache, uint32_t key)
{
    struct order *order = cache->state;

    list_take(cache, &order->links, &order->main, key);
    list_add(cache, &order->links, &order->main, key);
}

static void lru_came(struct cache *cache, uint32_t key)
{
    struct order *order = cache->state;

    list_add(cache, &order->links, &order->main, key);
}

static void lru_went(struct cache *cache, uint32_t key)
{
    struct order *order = cache->state;

    if (order->hand == key) order->hand = order->links.before[key];
    list_take(cache, &order->links, &order->main, key);
}

static uint32_t lru_victim(struct cache *cache, uint32_t coming)
{
    struct order *order = cache->state;
    uint32_t key = order->main.last;

    (void)coming;
    list_take(cache, &order->links, &order->main, key);
    return key;
}

const struct policy policy_lru = {.name = "LRU", .open = order_open, .close = order_close, .hit = lru_hit,
                                  .came = lru_came, .victim = lru_victim, .went = lru_went};

/* --- SIEVE: a hand walks from the oldest to the newest; who was used stays where he is --- */

static void sieve_hit(struct cache *cache, uint32_t key)
{
    ((struct order *)cache->state)->uses[key] = 1;
}

static void sieve_came(struct cache *cache, uint32_t key)
{
    struct order *order = cache->state;

    order->uses[key] = 0;
    list_add(cache, &order->links, &order->main, key);
}

static uint32_t sieve_victim(struct cache *cache, uint32_t coming)
{
    struct order *order = cache->state;
    uint32_t key = order->hand == NO_KEY ? order->main.last : order->hand;

    (void)coming;
    while (order->uses[key]) {
        order->uses[key] = 0;
        key = order->links.before[key];
        if (key == NO_KEY) key = order->main.last;
    }
    order->hand = order->links.before[key];
    list_take(cache, &order->links, &order->main, key);
    return key;
}

const struct policy policy_sieve = {.name = "SIEVE", .open = order_open, .close = order_close, .hit = sieve_hit,
                                    .came = sieve_came, .victim = sieve_victim, .went = lru_went};

/* --- S3-FIFO: a tenth for newcomers, a main queue for who was used there, a ghost of as many keys --- */

static void s3_hit(struct cache *cache, uint32_t key)
{
    struct order *order = cache->state;

    if (order->uses[key] < 3) order->uses[key]++;
}

static void s3_came(struct cache *cache, uint32_t key)
{
    struct order *order = cache->state;
    bool known = order->left[key] && order->leavings - order->left[key] < order->ghosts;

    order->uses[key] = 0;
    order->left[key] = 0;
    order->is_small[key] = !known;
    list_add(cache, &order->links, known ? &order->main : &order->small, key);
}

static void s3_went(struct cache *cache, uint32_t key)
{
    struct order *order = cache->state;

    list_take(cache, &order->links, order->is_small[key] ? &order->small : &order->main, key);
}

static uint32_t s3_from_small(struct cache *cache, struct order *order)
{
    while (order->small.last != NO_KEY) {
        uint32_t key = order->small.last;

        list_take(cache, &order->links, &order->small, key);
        if (order->uses[key] < 1) {
            order->left[key] = ++order->leavings;
            return key;
        }
        order->uses[key] = 0;
        order->is_small[key] = false;
        list_add(cache, &order->links, &order->main, key);
    }
    return NO_KEY;
}

static uint32_t s3_victim(struct cache *cache, uint32_t coming)
{
    struct order *order = cache->state;

    (void)coming;
    if (order->small.cost > cache->capacity / 10 || order->main.last == NO_KEY) {
        uint32_t key = s3_from_small(cache, order);

        if (key != NO_KEY) return key;
    }
    for (;;) {
        uint32_t key = order->main.last;

        list_take(cache, &order->links, &order->main, key);
        if (order->uses[key] == 0) return key;
        order->uses[key]--;
        list_add(cache, &order->links, &order->main, key);
    }
}

static void *s3_open(struct cache *cache)
{
    struct order *order = order_open(cache);
    uint64_t cost = 0;

    /* As many as the cache holds of keys of the mean cost. */
    for (uint32_t key = 0; key < cache->trace->key_count; key++) cost += cache->costs[key];
    order->ghosts = (uint32_t)((double)cache->capacity * cache->trace->key_count / (double)cost);
    return order;
}

const struct policy policy_s3fifo = {.name = "S3-FIFO", .open = s3_open, .close = order_close, .hit = s3_hit,
                                     .came = s3_came, .victim = s3_victim, .went = s3_went};

/* --- Belady: the one that is asked for last goes; a heap of when --- */

struct belady {
    uint32_t *heap, *place, *when;
    uint32_t count;
};

static void *belady_open(struct cache *cache)
{
    struct belady *belady = calloc(1, sizeof *belady);
    size_t bytes = cache->trace->key_count * sizeof(uint32_t);

    belady->heap = malloc(bytes);
    belady->place = malloc(bytes);
    belady->when = malloc(bytes);
    return belady;
}

static void belady_close(void *state)
{
    struct belady *belady = state;

    free(belady->heap);
    free(belady->place);
    free(belady->when);
    free(belady);
}

static void belady_set(struct belady *belady, uint32_t at, uint32_t key)
{
    belady->heap[at] = key;
    belady->place[key] = at;
}

static void belady_sift(struct belady *belady, uint32_t at)
{
    uint32_t key = belady->heap[at];

    while (at > 0 && belady->when[belady->heap[(at - 1) / 2]] < belady->when[key]) {
        belady_set(belady, at, belady->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    for (;;) {
        uint32_t child = 2 * at + 1;

        if (child >= belady->count) break;
        if (child + 1 < belady->count &&
            belady->when[belady->heap[child + 1]] > belady->when[belady->heap[child]]) {
            child++;
        }
        if (belady->when[belady->heap[child]] <= belady->when[key]) break;
        belady_set(belady, at, belady->heap[child]);
        at = child;
    }
    belady_set(belady, at, key);
}

static uint32_t belady_next(const struct cache *cache, uint32_t key)
{
    uint32_t next = cache->trace->next[cache->now], ttl = cache->trace->ttls[key];

    return ttl && next - cache->now > ttl ? NO_NEXT : next;
}

static void belady_hit(struct cache *cache, uint32_t key)
{
    struct belady *belady = cache->state;

    belady->when[key] = belady_next(cache, key);
    belady_sift(belady, belady->place[key]);
}

static void belady_came(struct cache *cache, uint32_t key)
{
    struct belady *belady = cache->state;

    belady->when[key] = belady_next(cache, key);
    belady_set(belady, belady->count++, key);
    belady_sift(belady, belady->count - 1);
}

static void belady_went(struct cache *cache, uint32_t key)
{
    struct belady *belady = cache->state;
    uint32_t at = belady->place[key], last = belady->heap[--belady->count];

    if (at == belady->count) return;
    belady_set(belady, at, last);
    belady_sift(belady, at);
}

static uint32_t belady_victim(struct cache *cache, uint32_t coming)
{
    struct belady *belady = cache->state;
    uint32_t key = belady->heap[0];

    (void)coming;
    belady_went(cache, key);
    return key;
}

static bool belady_admits(struct cache *cache, uint32_t coming)
{
    struct belady *belady = cache->state;

    return belady->count == 0 || belady_next(cache, coming) < belady->when[belady->heap[0]];
}

const struct policy policy_belady = {.name = "Belady", .open = belady_open, .close = belady_close,
                                     .hit = belady_hit, .came = belady_came, .victim = belady_victim,
                                     .went = belady_went, .admits = belady_admits};
