/* pattern: the patterns of each worker, in a list that publishers on all workers go through. Most of them are told
 * from the name by their first bytes. */
#include "coatcheck/base/lock.h"
#include "coatcheck/base/mem.h"
#include "coatcheck/base/must.h"
#include "coatcheck/structs/glob.h"
#include "channel_internal.h"

/* Changed by its own worker under the lock, read by it without, by others under it. */
struct pattern_lane {
    struct lock lock;
    _Atomic uint32_t count;
    uint32_t room;
    struct pattern **patterns;
} __attribute__((aligned(64)));

static struct pattern_lane lanes[METRIC_LANES];
static _Atomic unsigned lanes_used; /* those behind them never had a pattern */

static uint32_t literal_of(struct bytes pattern)
{
    uint32_t i = 0;

    while (i < pattern.len && !strchr("*?[\\", pattern.at[i])) i++;
    return i;
}

bool pattern_list(struct pattern *pattern)
{
    struct pattern_lane *lane = &lanes[metric_lane];
    uint32_t count = atomic_load_explicit(&lane->count, memory_order_relaxed);
    unsigned used = atomic_load(&lanes_used);
    bool listed = true;

    while (used <= metric_lane && !atomic_compare_exchange_weak(&lanes_used, &used, metric_lane + 1)) continue;
    pattern->literal = literal_of(channel_name(&pattern->channel));
    pattern->at = count;
    atomic_store_explicit(&pattern->receivers, 0, memory_order_relaxed);
    lock_take(&lane->lock, RANK_PATTERNS, metric_lane);
    if (count == lane->room) {
        uint32_t room = lane->room ? lane->room * 2 : 8;
        struct pattern **grown = mem_resize(lane->patterns, room * sizeof(struct pattern *));

        if (grown) {
            lane->patterns = grown;
            lane->room = room;
        }
        listed = grown != NULL;
    }
    if (listed) {
        lane->patterns[count] = pattern;
        atomic_store(&lane->count, count + 1);
    }
    lock_release(&lane->lock, RANK_PATTERNS);
    return listed;
}

void pattern_unlist(struct pattern *pattern)
{
    struct pattern_lane *lane = &lanes[metric_lane];
    uint32_t count = atomic_load_explicit(&lane->count, memory_order_relaxed);

    must(pattern->at < count && lane->patterns[pattern->at] == pattern);
    lock_take(&lane->lock, RANK_PATTERNS, metric_lane);
    lane->patterns[pattern->at] = lane->patterns[count - 1];
    lane->patterns[pattern->at]->at = pattern->at;
    atomic_store(&lane->count, count - 1);
    if (count == 1) {
        mem_free(lane->patterns);
        lane->patterns = NULL;
        lane->room = 0;
    }
    lock_release(&lane->lock, RANK_PATTERNS);
}

void pattern_count(struct pattern *pattern)
{
    atomic_store(&pattern->receivers, pointerset_count(&pattern->channel.listeners));
}

static inline bool matches(const struct pattern *pattern, struct bytes name)
{
    const struct channel *channel = &pattern->channel;

    if (name.len < pattern->literal || memcmp(channel->name, name.at, pattern->literal) != 0) return false;
    if (channel->len == 1 && channel->name[0] == '*') return name.len > 0;
    return glob_match(channel_name(channel), name);
}

void pattern_audience(struct bytes name, struct audience *audience)
{
    unsigned used = atomic_load_explicit(&lanes_used, memory_order_relaxed);

    for (unsigned i = 0; i < used; i++) {
        struct pattern_lane *lane = &lanes[i];

        if (likely(atomic_load_explicit(&lane->count, memory_order_relaxed) == 0)) continue;
        lock_take(&lane->lock, RANK_PATTERNS, i);
        for (uint32_t p = 0; p < atomic_load_explicit(&lane->count, memory_order_relaxed); p++) {
            const struct pattern *pattern = lane->patterns[p];

            if (matches(pattern, name)) {
                audience_add(audience, i, atomic_load_explicit(&pattern->receivers, memory_order_relaxed));
            }
        }
        lock_release(&lane->lock, RANK_PATTERNS);
    }
}

void channel_match(struct bytes name, void (*see)(struct channel *pattern, void *context), void *context)
{
    struct pattern_lane *lane = &lanes[metric_lane];
    uint32_t count = atomic_load_explicit(&lane->count, memory_order_relaxed);

    for (uint32_t p = 0; p < count; p++) {
        if (matches(lane->patterns[p], name)) see(&lane->patterns[p]->channel, context);
    }
}

void pattern_check(void)
{
    struct pattern_lane *lane = &lanes[metric_lane];
    uint32_t count = atomic_load_explicit(&lane->count, memory_order_relaxed);

    for (uint32_t p = 0; p < count; p++) {
        must(lane->patterns[p]->at == p);
        must(lane->patterns[p]->receivers == pointerset_count(&lane->patterns[p]->channel.listeners));
    }
}
