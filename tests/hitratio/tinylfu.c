/* tinylfu: W-TinyLFU: a window of 1 %, behind it a segmented LRU that a sketch of frequencies guards. */
#include <stdlib.h>
#include "policy.h"

#define ROWS 4
#define FADES_AFTER 10 /* times as many uses as keys are held, and all counts are halved */

enum part { WINDOW, TRIAL, KEPT };

struct tinylfu {
    struct links links;
    struct list parts[3];
    uint8_t *part;
    uint8_t *counts[ROWS];
    uint32_t width; /* a power of two */
    uint64_t uses, fades_at;
};

static uint32_t cell(const struct tinylfu *tinylfu, unsigned row, uint32_t key)
{
    uint64_t seed = ((uint64_t)row << 32) + key;

    return (uint32_t)dice_next(&seed) & (tinylfu->width - 1);
}

static unsigned estimate(const struct tinylfu *tinylfu, uint32_t key)
{
    unsigned least = 15;

    for (unsigned row = 0; row < ROWS; row++) {
        uint8_t count = tinylfu->counts[row][cell(tinylfu, row, key)];

        if (count < least) least = count;
    }
    return least;
}

static void count_use(struct tinylfu *tinylfu, uint32_t key)
{
    unsigned least = estimate(tinylfu, key);

    for (unsigned row = 0; row < ROWS && least < 15; row++) {
        uint8_t *count = &tinylfu->counts[row][cell(tinylfu, row, key)];

        if (*count == least) ++*count;
    }
    if (++tinylfu->uses < tinylfu->fades_at) return;
    tinylfu->uses /= 2;
    for (unsigned row = 0; row < ROWS; row++) {
        for (uint32_t i = 0; i < tinylfu->width; i++) tinylfu->counts[row][i] /= 2;
    }
}

static void *tinylfu_open(struct cache *cache)
{
    struct tinylfu *tinylfu = calloc(1, sizeof *tinylfu);
    uint64_t cost = 0, keys;

    for (uint32_t key = 0; key < cache->trace->key_count; key++) cost += cache->costs[key];
    keys = (uint64_t)((double)cache->capacity * cache->trace->key_count / (double)cost) + 1;
    tinylfu->links = links_new(cache->trace->key_count);
    tinylfu->part = calloc(cache->trace->key_count, 1);
    for (tinylfu->width = 64; tinylfu->width < keys; tinylfu->width *= 2) {}
    tinylfu->fades_at = keys * FADES_AFTER;
    for (unsigned row = 0; row < ROWS; row++) tinylfu->counts[row] = calloc(tinylfu->width, 1);
    for (unsigned i = 0; i < 3; i++) tinylfu->parts[i] = empty_list;
    return tinylfu;
}

static void tinylfu_close(void *state)
{
    struct tinylfu *tinylfu = state;

    links_free(&tinylfu->links);
    free(tinylfu->part);
    for (unsigned row = 0; row < ROWS; row++) free(tinylfu->counts[row]);
    free(tinylfu);
}

static void move_to(struct cache *cache, struct tinylfu *tinylfu, uint32_t key, enum part part)
{
    list_take(cache, &tinylfu->links, &tinylfu->parts[tinylfu->part[key]], key);
    tinylfu->part[key] = (uint8_t)part;
    list_add(cache, &tinylfu->links, &tinylfu->parts[part], key);
}

static void tinylfu_hit(struct cache *cache, uint32_t key)
{
    struct tinylfu *tinylfu = cache->state;

    count_use(tinylfu, key);
    if (tinylfu->part[key] == WINDOW) {
        move_to(cache, tinylfu, key, WINDOW);
        return;
    }
    move_to(cache, tinylfu, key, KEPT);
    while (tinylfu->parts[KEPT].cost > cache->capacity * 99 / 100 * 4 / 5) {
        move_to(cache, tinylfu, tinylfu->parts[KEPT].last, TRIAL);
    }
}

static void tinylfu_came(struct cache *cache, uint32_t key)
{
    struct tinylfu *tinylfu = cache->state;

    count_use(tinylfu, key);
    tinylfu->part[key] = WINDOW;
    list_add(cache, &tinylfu->links, &tinylfu->parts[WINDOW], key);
    /* While there is room behind the window, nobody is turned away. */
    while (tinylfu->parts[WINDOW].cost > cache->capacity / 100 &&
           tinylfu->parts[TRIAL].cost + tinylfu->parts[KEPT].cost < cache->capacity * 98 / 100 &&
           tinylfu->parts[WINDOW].first != tinylfu->parts[WINDOW].last) {
        move_to(cache, tinylfu, tinylfu->parts[WINDOW].last, TRIAL);
    }
}

static void tinylfu_went(struct cache *cache, uint32_t key)
{
    struct tinylfu *tinylfu = cache->state;

    list_take(cache, &tinylfu->links, &tinylfu->parts[tinylfu->part[key]], key);
}

static uint32_t tinylfu_victim(struct cache *cache, uint32_t coming)
{
    struct tinylfu *tinylfu = cache->state;
    uint64_t window = cache->capacity / 100;

    (void)coming;
    for (;;) {
        uint32_t candidate = tinylfu->parts[WINDOW].last, victim = tinylfu->parts[TRIAL].last;

        if (victim == NO_KEY) victim = tinylfu->parts[KEPT].last;
        if (candidate == NO_KEY || tinylfu->parts[WINDOW].cost <= window) candidate = NO_KEY;
        if (victim == NO_KEY && candidate == NO_KEY) candidate = tinylfu->parts[WINDOW].last;
        if (candidate != NO_KEY &&
            (victim == NO_KEY || estimate(tinylfu, candidate) <= estimate(tinylfu, victim))) {
            tinylfu_went(cache, candidate);
            return candidate;
        }
        tinylfu_went(cache, victim);
        if (candidate != NO_KEY) move_to(cache, tinylfu, candidate, TRIAL);
        return victim;
    }
}

const struct policy policy_tinylfu = {.name = "W-TinyLFU", .open = tinylfu_open, .close = tinylfu_close,
                                      .hit = tinylfu_hit, .came = tinylfu_came, .victim = tinylfu_victim,
                                      .went = tinylfu_went};
