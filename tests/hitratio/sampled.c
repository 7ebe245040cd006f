/* sampled: what redis-server does (five samples and a pool of sixteen, by age or by a logarithmic counter that
 * fades with the minutes), exact LFU for comparison, and random. */
#include <stdlib.h>
#include "policy.h"

#define SAMPLES 5
#define POOL 16
#define REQUESTS_A_MINUTE 120000 /* what a minute of the counter's fading is */
#define COUNTER_AT_FIRST 5
#define LOG_FACTOR 10

struct sampled {
    struct crowd crowd;
    uint32_t *last;   /* when it was used; for LFU, when its counter was last looked at */
    uint8_t *counter; /* for LFU */
    struct { uint32_t key, score; } pool[POOL]; /* rising */
    unsigned pooled;
    uint64_t seed;
};

static void *sampled_open(struct cache *cache)
{
    struct sampled *sampled = calloc(1, sizeof *sampled);

    sampled->crowd = crowd_new(cache->trace->key_count);
    sampled->last = calloc(cache->trace->key_count, sizeof *sampled->last);
    sampled->counter = calloc(cache->trace->key_count, 1);
    sampled->seed = 7;
    return sampled;
}

static void sampled_close(void *state)
{
    struct sampled *sampled = state;

    crowd_free(&sampled->crowd);
    free(sampled->last);
    free(sampled->counter);
    free(sampled);
}

static void sampled_went(struct cache *cache, uint32_t key)
{
    crowd_take(&((struct sampled *)cache->state)->crowd, key);
}

static unsigned faded(const struct cache *cache, uint32_t key)
{
    const struct sampled *sampled = cache->state;
    uint32_t minutes = cache->now / REQUESTS_A_MINUTE - sampled->last[key] / REQUESTS_A_MINUTE;

    return minutes > sampled->counter[key] ? 0 : sampled->counter[key] - minutes;
}

static bool counts_uses(const struct cache *cache)
{
    return cache->policy->rules != NULL;
}

static uint32_t score_of(const struct cache *cache, uint32_t key)
{
    const struct sampled *sampled = cache->state;

    return counts_uses(cache) ? 255 - faded(cache, key) : cache->now - sampled->last[key];
}

static void pool_offer(struct cache *cache, struct sampled *sampled, uint32_t key)
{
    uint32_t score = score_of(cache, key);
    unsigned at = 0;

    for (unsigned i = 0; i < sampled->pooled; i++) {
        if (sampled->pool[i].key == key) return;
    }
    while (at < sampled->pooled && sampled->pool[at].score < score) at++;
    if (sampled->pooled == POOL) {
        if (at == 0) return;
        for (unsigned i = 0; i + 1 < at; i++) sampled->pool[i] = sampled->pool[i + 1];
        at--;
    } else {
        for (unsigned i = sampled->pooled++; i > at; i--) sampled->pool[i] = sampled->pool[i - 1];
    }
    sampled->pool[at].key = key;
    sampled->pool[at].score = score;
}

static uint32_t sampled_victim(struct cache *cache, uint32_t coming)
{
    struct sampled *sampled = cache->state;

    (void)coming;
    for (;;) {
        for (unsigned i = 0; i < SAMPLES; i++) {
            uint64_t dice = dice_next(&sampled->seed);

            pool_offer(cache, sampled, sampled->crowd.members[dice % sampled->crowd.count]);
        }
        while (sampled->pooled > 0) {
            uint32_t key = sampled->pool[--sampled->pooled].key;

            if (!cache->held[key]) continue;
            crowd_take(&sampled->crowd, key);
            return key;
        }
    }
}

static void sampled_hit(struct cache *cache, uint32_t key)
{
    struct sampled *sampled = cache->state;
    unsigned counter = faded(cache, key), over = counter > COUNTER_AT_FIRST ? counter - COUNTER_AT_FIRST : 0;

    sampled->last[key] = cache->now;
    if (!counts_uses(cache)) return;
    if (counter < 255 && dice_unit(&sampled->seed) < 1.0 / (over * LOG_FACTOR + 1)) counter++;
    sampled->counter[key] = (uint8_t)counter;
}

static void sampled_came(struct cache *cache, uint32_t key)
{
    struct sampled *sampled = cache->state;

    sampled->last[key] = cache->now;
    sampled->counter[key] = COUNTER_AT_FIRST;
    crowd_add(&sampled->crowd, key);
}

const struct policy policy_redis_lru = {.name = "redis LRU", .open = sampled_open, .close = sampled_close,
                                        .hit = sampled_hit, .came = sampled_came, .victim = sampled_victim,
                                        .went = sampled_went};
const struct policy policy_redis_lfu = {.name = "redis LFU", .rules = "counts", .open = sampled_open,
                                        .close = sampled_close, .hit = sampled_hit, .came = sampled_came,
                                        .victim = sampled_victim, .went = sampled_went};

static uint32_t random_victim(struct cache *cache, uint32_t coming)
{
    struct sampled *sampled = cache->state;
    uint32_t key = sampled->crowd.members[dice_next(&sampled->seed) % sampled->crowd.count];

    (void)coming;
    crowd_take(&sampled->crowd, key);
    return key;
}

const struct policy policy_random = {.name = "random", .open = sampled_open, .close = sampled_close,
                                     .hit = sampled_hit, .came = sampled_came, .victim = random_victim,
                                     .went = sampled_went};

/* --- LFU as it is written: uses since it came, the oldest of the least used goes --- */

#define LEVELS 4096

struct lfu {
    struct links links;
    struct list levels[LEVELS];
    uint16_t *uses;
};

static void *lfu_open(struct cache *cache)
{
    struct lfu *lfu = calloc(1, sizeof *lfu);

    lfu->links = links_new(cache->trace->key_count);
    lfu->uses = calloc(cache->trace->key_count, sizeof *lfu->uses);
    for (unsigned i = 0; i < LEVELS; i++) lfu->levels[i] = empty_list;
    return lfu;
}

static void lfu_close(void *state)
{
    struct lfu *lfu = state;

    links_free(&lfu->links);
    free(lfu->uses);
    free(lfu);
}

static void lfu_hit(struct cache *cache, uint32_t key)
{
    struct lfu *lfu = cache->state;

    list_take(cache, &lfu->links, &lfu->levels[lfu->uses[key]], key);
    if (lfu->uses[key] < LEVELS - 1) lfu->uses[key]++;
    list_add(cache, &lfu->links, &lfu->levels[lfu->uses[key]], key);
}

static void lfu_came(struct cache *cache, uint32_t key)
{
    struct lfu *lfu = cache->state;

    lfu->uses[key] = 0;
    list_add(cache, &lfu->links, &lfu->levels[0], key);
}

static void lfu_went(struct cache *cache, uint32_t key)
{
    struct lfu *lfu = cache->state;

    list_take(cache, &lfu->links, &lfu->levels[lfu->uses[key]], key);
}

static uint32_t lfu_victim(struct cache *cache, uint32_t coming)
{
    struct lfu *lfu = cache->state;
    unsigned level = 0;
    uint32_t key;

    (void)coming;
    while (lfu->levels[level].last == NO_KEY) level++;
    key = lfu->levels[level].last;
    lfu_went(cache, key);
    return key;
}

const struct policy policy_lfu = {.name = "LFU", .open = lfu_open, .close = lfu_close, .hit = lfu_hit,
                                  .came = lfu_came, .victim = lfu_victim, .went = lfu_went};
