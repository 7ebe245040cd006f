/* hitratio: what each way to choose what goes would miss, trace by trace, simulated.
 *
 *     hitratio [--bytes] [--overhead N] [--capacity N] [--requests N] [--trace NAME] [--policy NAME] [--candidates]
 *              [--scale N] [--warm N] [--shards N]
 *
 * Prints misses per hundred requests; with --bytes the capacity is bytes (values and --overhead for each key) and a
 * last column tells the bytes missed per hundred asked for. All caches begin empty; with --warm N the
 * first N requests are not counted. Our own policy has 256 shards, or as many as --shards says: the
 * server has 1,024. The file `table` beside this one makes a table of the lines. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "policy.h"

const struct policy *const policies[] = {&policy_random,    &policy_lru,       &policy_redis_lru, &policy_lfu,
                                         &policy_redis_lfu, &policy_sieve,     &policy_s3fifo,    &policy_tinylfu,
                                         &policy_belady,    NULL};

struct choice {
    bool bytes, candidates;
    uint32_t overhead;
    uint64_t capacity;
    size_t requests, warm;
    const char *trace, *policy;
};

struct score {
    double misses, bytes; /* shares of what was asked for */
};

static void forget(struct cache *cache, uint32_t key)
{
    cache->held[key] = false;
    cache->used -= cache->costs[key];
}

static void make_room(struct cache *cache, uint32_t key)
{
    while (cache->used + cache->costs[key] > cache->capacity) {
        forget(cache, cache->policy->victim(cache, key));
    }
}

static bool request(struct cache *cache, uint32_t *over, uint32_t key)
{
    const struct policy *policy = cache->policy;
    uint32_t ttl = cache->trace->ttls[key];

    if (cache->held[key] && ttl && cache->now >= over[key]) {
        policy->went(cache, key);
        forget(cache, key);
    }
    if (cache->held[key]) {
        policy->hit(cache, key);
        return true;
    }
    if (cache->used + cache->costs[key] > cache->capacity && policy->admits && !policy->admits(cache, key)) {
        return false;
    }
    make_room(cache, key);
    cache->held[key] = true;
    cache->used += cache->costs[key];
    policy->came(cache, key);
    over[key] = cache->now + ttl;
    return false;
}

static struct score play(const struct trace *trace, const struct policy *policy, const uint32_t *costs,
                         const struct choice *choice)
{
    struct cache cache = {.trace = trace, .costs = costs, .capacity = choice->capacity, .policy = policy};
    uint32_t *over = calloc(trace->key_count, sizeof *over);
    uint64_t misses = 0, missed = 0, asked = 0;

    cache.held = calloc(trace->key_count, sizeof *cache.held);
    cache.state = policy->open(&cache);
    for (size_t i = 0; i < trace->requests; i++) {
        uint32_t key = trace->keys[i];

        cache.now = (uint32_t)i;
        if (i == choice->warm) misses = missed = asked = 0;
        asked += trace->sizes[key];
        if (request(&cache, over, key)) continue;
        misses++;
        missed += trace->sizes[key];
    }
    policy->close(cache.state);
    free(cache.held);
    free(over);
    return (struct score){(double)misses / (double)(trace->requests - choice->warm), (double)missed / (double)asked};
}

static void play_row(const struct trace *trace, const struct policy *policy, const uint32_t *costs,
                     const struct choice *choice)
{
    struct score score = play(trace, policy, costs, choice);

    printf("%s\t%s\t%.3f\t%.3f\n", trace->name, policy->name, 100 * score.misses, 100 * score.bytes);
    fflush(stdout);
}

static void play_trace(const struct trace_row *row, const struct choice *choice)
{
    struct trace trace;
    uint32_t *costs;

    trace_init(&trace, row, choice->requests);
    costs = malloc(trace.key_count * sizeof *costs);
    for (uint32_t key = 0; key < trace.key_count; key++) {
        costs[key] = choice->bytes ? trace.sizes[key] + choice->overhead : 1;
    }
    for (unsigned i = 0; policies[i]; i++) {
        if (!choice->policy || strcmp(choice->policy, policies[i]->name) == 0)
            play_row(&trace, policies[i], costs, choice);
    }
    for (unsigned i = 0; slot_policies[i].name; i++) {
        if (choice->policy ? strcmp(choice->policy, slot_policies[i].name) == 0 : choice->candidates || i == 0)
            play_row(&trace, &slot_policies[i], costs, choice);
    }
    free(costs);
    trace_fini(&trace);
}

static struct choice read_words(int argc, char **argv)
{
    struct choice choice = {.capacity = 30000, .requests = 2000000};

    for (int i = 1; i < argc; i++) {
        const char *word = argv[i], *value = i + 1 < argc ? argv[i + 1] : NULL;

        if (strcmp(word, "--bytes") == 0) {
            choice.bytes = true;
        } else if (strcmp(word, "--candidates") == 0) {
            choice.candidates = true;
        } else if (!value) {
            fprintf(stderr, "hitratio: what is %s?\n", word);
            exit(2);
        } else {
            if (strcmp(word, "--overhead") == 0) choice.overhead = (uint32_t)strtoul(value, NULL, 10);
            if (strcmp(word, "--capacity") == 0) choice.capacity = strtoull(value, NULL, 10);
            if (strcmp(word, "--requests") == 0) choice.requests = strtoull(value, NULL, 10);
            if (strcmp(word, "--trace") == 0) choice.trace = value;
            if (strcmp(word, "--policy") == 0) choice.policy = value;
            if (strcmp(word, "--scale") == 0) trace_scale = (unsigned)strtoul(value, NULL, 10);
            if (strcmp(word, "--shards") == 0) slot_shards = (unsigned)strtoul(value, NULL, 10);
            if (strcmp(word, "--warm") == 0) choice.warm = strtoull(value, NULL, 10);
            i++;
        }
    }
    return choice;
}

int main(int argc, char **argv)
{
    struct choice choice = read_words(argc, argv);

    for (const struct trace_row *row = trace_rows; row->name; row++) {
        if (!choice.trace || strcmp(choice.trace, row->name) == 0) play_trace(row, &choice);
    }
    return 0;
}
