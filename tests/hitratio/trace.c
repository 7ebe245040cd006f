#include "trace.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

unsigned trace_scale = 1;

#define KEYS (300000u * trace_scale)
#define VALUE 64u

uint64_t dice_next(uint64_t *seed)
{
    uint64_t z = *seed += 0x9e3779b97f4a7c15u;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

double dice_unit(uint64_t *seed)
{
    return (double)(dice_next(seed) >> 11) * 0x1p-53;
}

/* --- ranks by Zipf's law, by the inverse of their sums --- */

struct zipf {
    double *sums;
    uint32_t count;
};

static struct zipf zipf_new(uint32_t count, double skew)
{
    struct zipf zipf = {.sums = malloc(count * sizeof(double)), .count = count};
    double sum = 0;

    for (uint32_t rank = 0; rank < count; rank++) {
        sum += pow(rank + 1, -skew);
        zipf.sums[rank] = sum;
    }
    return zipf;
}

static uint32_t zipf_draw(const struct zipf *zipf, uint64_t *seed)
{
    double wanted = dice_unit(seed) * zipf->sums[zipf->count - 1];
    uint32_t low = 0, high = zipf->count - 1;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (zipf->sums[middle] < wanted) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static void draw_keys(struct trace *trace, uint32_t count)
{
    trace->key_count = count;
    trace->sizes = malloc(count * sizeof *trace->sizes);
    trace->ttls = calloc(count, sizeof *trace->ttls);
    for (uint32_t key = 0; key < count; key++) trace->sizes[key] = VALUE;
}

static void draw_zipf(struct trace *trace, uint64_t *seed, double skew)
{
    struct zipf zipf = zipf_new(KEYS, skew);

    draw_keys(trace, KEYS);
    for (size_t i = 0; i < trace->requests; i++) trace->keys[i] = zipf_draw(&zipf, seed);
    free(zipf.sums);
}

static void draw_zipf_06(struct trace *trace, uint64_t *seed)
{
    draw_zipf(trace, seed, 0.6);
}

static void draw_zipf_08(struct trace *trace, uint64_t *seed)
{
    draw_zipf(trace, seed, 0.8);
}

static void draw_zipf_10(struct trace *trace, uint64_t *seed)
{
    draw_zipf(trace, seed, 1.0);
}

static void draw_zipf_12(struct trace *trace, uint64_t *seed)
{
    draw_zipf(trace, seed, 1.2);
}

/* A quarter of the requests is for keys that nobody asks for again. */
static void draw_wonders(struct trace *trace, uint64_t *seed)
{
    struct zipf zipf = zipf_new(KEYS, 0.8);
    uint32_t fresh = KEYS;

    draw_keys(trace, KEYS + (uint32_t)trace->requests);
    for (size_t i = 0; i < trace->requests; i++) {
        trace->keys[i] = dice_unit(seed) < 0.25 ? fresh++ : zipf_draw(&zipf, seed);
    }
    free(zipf.sums);
}

/* Round and round over more keys than the cache holds. */
#define LOOP (60000u * trace_scale)

static void draw_loop(struct trace *trace, uint64_t *seed)
{
    (void)seed;
    draw_keys(trace, LOOP);
    for (size_t i = 0; i < trace->requests; i++) trace->keys[i] = (uint32_t)(i % LOOP);
}

/* Popular keys, and now and then a walk over many that are asked for once in that walk. */
static void draw_scans(struct trace *trace, uint64_t *seed)
{
    struct zipf zipf = zipf_new(KEYS, 0.9);
    uint32_t at = 0;

    draw_keys(trace, KEYS * 2);
    for (size_t i = 0; i < trace->requests; i++) {
        if (i % (200000 * trace_scale) >= 150000 * trace_scale) {
            trace->keys[i] = KEYS + at++ % KEYS;
        } else {
            trace->keys[i] = zipf_draw(&zipf, seed);
        }
    }
    free(zipf.sums);
}

/* Which keys are popular changes: a step along the ranks for every so many requests. */
static void draw_shifting(struct trace *trace, uint64_t *seed)
{
    struct zipf zipf = zipf_new(KEYS, 0.9);
    uint32_t *key_of = malloc(KEYS * sizeof *key_of);

    draw_keys(trace, KEYS);
    for (uint32_t rank = 0; rank < KEYS; rank++) key_of[rank] = rank;
    for (size_t i = 0; i < trace->requests; i++) {
        if (i % 10 == 0) {
            /* A key from anywhere becomes as popular as one that has been: they exchange ranks. */
            uint32_t one = zipf_draw(&zipf, seed), other = (uint32_t)(dice_next(seed) % KEYS);
            uint32_t key = key_of[one];

            key_of[one] = key_of[other];
            key_of[other] = key;
        }
        trace->keys[i] = key_of[zipf_draw(&zipf, seed)];
    }
    free(key_of);
    free(zipf.sums);
}

/* News: the newer a key the more often it is asked for, and no rank among the old: recency is all there is. Half of the
 * requests are for the newest 2,000 keys and a quarter for what is older than 17,000, so a cache of any size would like to
 * be larger; one request in sixteen comes with a new key, no more, or first requests would be most of what is missed. */
#define NEWS_EVERY 16
#define NEWS_AGE (320.0 * trace_scale)

static void draw_news(struct trace *trace, uint64_t *seed)
{
    uint32_t born = KEYS;

    draw_keys(trace, KEYS + (uint32_t)(trace->requests / NEWS_EVERY + 1));
    for (size_t i = 0; i < trace->requests; i++) {
        double age = (pow(1.0 - dice_unit(seed), -1.0 / 0.35) - 1.0) * NEWS_AGE;

        if (i % NEWS_EVERY == 0 && born < trace->key_count) born++;
        trace->keys[i] = age < born ? born - 1 - (uint32_t)age : (uint32_t)(dice_next(seed) % born);
    }
}

/* 50 bytes to 16 KB, evenly in their logarithm, whatever the popularity. */
static void draw_sizes(struct trace *trace)
{
    for (uint32_t key = 0; key < trace->key_count; key++) {
        uint64_t seed = key * 2654435761u + 17;

        trace->sizes[key] = (uint32_t)(50.0 * pow(16384.0 / 50.0, dice_unit(&seed)));
    }
}

static void draw_mixed(struct trace *trace, uint64_t *seed)
{
    draw_zipf(trace, seed, 0.9);
    draw_sizes(trace);
}

static void draw_mixed_shifting(struct trace *trace, uint64_t *seed)
{
    draw_shifting(trace, seed);
    draw_sizes(trace);
}

/* Half of the keys live for 20,000 to 400,000 requests. */
static void draw_ttls(struct trace *trace, uint64_t *seed)
{
    draw_zipf(trace, seed, 0.9);
    for (uint32_t key = 0; key < trace->key_count; key++) {
        uint64_t own = key * 2654435761u + 29;

        if (dice_next(&own) % 2) trace->ttls[key] = (uint32_t)(20000 + dice_next(&own) % 380000) * trace_scale;
    }
}

const struct trace_row trace_rows[] = {
    {"zipf-0.6", "300,000 keys by Zipf's law, skew 0.6", draw_zipf_06},
    {"zipf-0.8", "skew 0.8", draw_zipf_08},
    {"zipf-1.0", "skew 1.0", draw_zipf_10},
    {"zipf-1.2", "skew 1.2", draw_zipf_12},
    {"wonders", "zipf 0.8, and a quarter of the requests for keys that never come again", draw_wonders},
    {"loop", "60,000 keys in turn", draw_loop},
    {"scans", "zipf 0.9, and a quarter of the time a walk over 300,000 other keys", draw_scans},
    {"shifting", "zipf 0.9, and at each tenth request a popular key gives way", draw_shifting},
    {"news", "keys are asked for when they are new", draw_news},
    {"mixed", "zipf 0.9, values of 50 B to 16 KB", draw_mixed},
    {"mixed-shifting", "shifting, values of 50 B to 16 KB", draw_mixed_shifting},
    {"ttl", "zipf 0.9, half of the keys live for 20,000 to 400,000 requests", draw_ttls},
    {NULL, NULL, NULL},
};

static void find_next(struct trace *trace)
{
    uint32_t *last = malloc(trace->key_count * sizeof *last);

    memset(last, 0xff, trace->key_count * sizeof *last);
    for (size_t i = trace->requests; i-- > 0;) {
        trace->next[i] = last[trace->keys[i]];
        last[trace->keys[i]] = (uint32_t)i;
    }
    free(last);
}

void trace_init(struct trace *trace, const struct trace_row *row, size_t requests)
{
    uint64_t seed = 20250101;

    *trace = (struct trace){.name = row->name, .requests = requests};
    trace->keys = malloc(requests * sizeof *trace->keys);
    trace->next = malloc(requests * sizeof *trace->next);
    row->draw(trace, &seed);
    find_next(trace);
}

void trace_fini(struct trace *trace)
{
    free(trace->keys);
    free(trace->next);
    free(trace->sizes);
    free(trace->ttls);
}
