/* evict: whose shard is next, and which manner wins. */
#include "coatcheck/keyspace/evict.h"

#include <limits.h>
#include "coatcheck/base/random.h"
#include "hold_internal.h"
#include "within_internal.h"

METRIC_DEFINE(evict, EVICT_METRICS)

/* Two manners, found by experiment: the first for keys that are popular for long, the second for those that come
 * and go (docs/decisions/0006-eviction.md). */
static const struct manner manners[2] = {{10, 0, 1}, {200, 1, 1}};

/* Misses of the shards that try the manners, from which on they are compared; then a quarter is forgotten. */
#define DUEL_MISSES 4096

static const struct manner *manner_of(struct shard *shard)
{
    unsigned side = shard->index % DUEL_EVERY;

    if (side > 1) side = atomic_load_explicit(&shard_home(shard)->manner, memory_order_relaxed);
    return &manners[side];
}

/* Where keys are asked for in turn, round and round, those that went come back, and all of them after the same time. So that
 * one comes back says nothing for it, and each that settled for it stands where one could that is used in each round. Then
 * the ghost knows more than a third of those that come, and elsewhere mostly a fifth at the most. */
#define DOUBTS_FROM_PERCENT 35
#define DOUBTS_EXCEPT 4 /* one of so many settles nevertheless: some have to */
#define DOUBTS_UPTO 4   /* times their share of newcomers; with more, settled keys are wanted */

static uint32_t duel_new(uint64_t sum, uint32_t *before)
{
    uint32_t new = (uint32_t)sum - *before;

    *before = (uint32_t)sum;
    return new;
}

void evict_judge(struct keyspace *keyspace)
{
    uint64_t came[2] = {0, 0}, returned = 0;
    unsigned shards[2] = {0, 0};
    int64_t misses;

    for (unsigned i = 0; i < keyspace->shard_count; i++) {
        if (i % DUEL_EVERY > 1) continue;
        came[i % DUEL_EVERY] += count_read(&keyspace->shards[i].came);
        returned += count_read(&keyspace->shards[i].returned);
        shards[i % DUEL_EVERY]++;
    }
    if (shards[0] != shards[1]) return;
    for (unsigned side = 0; side < 2; side++) keyspace->duel[side] += duel_new(came[side], &keyspace->came_before[side]);
    keyspace->returned += (int32_t)duel_new(returned, &keyspace->returned_before);
    misses = (int64_t)keyspace->duel[0] + keyspace->duel[1];
    if (misses < DUEL_MISSES) return;
    atomic_store_explicit(&keyspace->manner, keyspace->duel[1] < keyspace->duel[0], memory_order_relaxed);
    atomic_store_explicit(&keyspace->doubts, (int64_t)keyspace->returned * 100 > misses * DOUBTS_FROM_PERCENT, memory_order_relaxed);
    for (unsigned side = 0; side < 2; side++) keyspace->duel[side] -= keyspace->duel[side] / 4;
    keyspace->returned -= keyspace->returned / 4;
}

/* The ghost knows the key: is that enough for it to settle? */
static bool shard_trusts(struct shard *shard, const struct table *table, const struct manner *manner)
{
    if (!atomic_load_explicit(&shard_home(shard)->doubts, memory_order_relaxed)) return true;
    if ((uint64_t)table_newcomers(table) * 1000 > (uint64_t)table->live * manner->share * DOUBTS_UPTO) return true;
    return random_below(random_of_thread(), DOUBTS_EXCEPT) == 0;
}

void slot_begin(struct shard *shard, const struct table *table, const struct walk *walk, struct group *group, uint64_t *slot,
                uint64_t hash)
{
    unsigned number = (unsigned)(slot - group->slots);

    count_add(&shard->came, 1);
    if (unlikely(shard->ghost != NULL) && ghost_knows(shard, hash)) {
        const struct manner *manner = manner_of(shard);

        if (shard_trusts(shard, table, manner)) {
            slot_set_frequency(group, number, manner->enters);
            return;
        }
    }
    slot_set_frequency(group, number, 0);
    slot_set_newcomer(walk, group, number);
}

static bool is_volatile(enum evict_policy policy)
{
    return policy >= EVICT_VOLATILE_LRU;
}

static uint32_t shard_candidates(struct shard *shard, bool volatile_only)
{
    struct keyspace *keyspace = shard_home(shard);
    uint64_t keys = volatile_only ? count_read(&shard->table.mortal) : count_read(&shard->table.live);

    for (unsigned db = 1; db < keyspace->rules.databases; db++) {
        struct table *table =
            atomic_load_explicit(&keyspace->tables[db], memory_order_relaxed) ? shard_table(shard, db) : NULL;

        if (table) keys += count_read(volatile_only ? &table->mortal : &table->live);
    }
    return keys < UINT32_MAX ? (uint32_t)keys : UINT32_MAX;
}

/* Of two shards that the dice choose the fuller, so that all stay alike, even those that miss more than others.
 * NULL: nobody has any. */
static struct shard *choose_fuller(struct keyspace *keyspace, bool volatile_only, uint64_t *dice)
{
    uint64_t drawn = random_next(dice);
    unsigned mask = keyspace->shard_count - 1, first = drawn & mask, second = drawn >> 32 & mask;
    uint32_t in_first = shard_candidates(&keyspace->shards[first], volatile_only);
    uint32_t in_second = shard_candidates(&keyspace->shards[second], volatile_only);

    if (likely((in_first | in_second) != 0)) return &keyspace->shards[in_second > in_first ? second : first];
    for (unsigned i = 1; i <= mask; i++) {
        struct shard *shard = &keyspace->shards[(first + i) & mask];

        if (shard_candidates(shard, volatile_only) > 0) return shard;
    }
    return NULL;
}

/* Whose turn it is, two holds ahead: the lines that the next one will read are asked for while others are at work.
 * Hints: who takes what is meant here asks again. */
static _Thread_local struct {
    unsigned next, after_next; /* index of a shard */
} ahead;

/* The fuller shard that was chosen two holds ago, unless it is bare by now. Moves the others on. */
static struct shard *choose_ahead(struct keyspace *keyspace, bool volatile_only, uint64_t *dice)
{
    unsigned mask = keyspace->shard_count - 1;
    struct shard *shard = &keyspace->shards[ahead.next & mask], *last = choose_fuller(keyspace, volatile_only, dice);

    if (!last) return NULL;
    ahead.next = ahead.after_next;
    ahead.after_next = last->index;
    hold_prefetch_entries(&keyspace->shards[ahead.next & mask]);
    hold_prefetch_groups(last);
    return likely(shard_candidates(shard, volatile_only) > 0) ? shard : last;
}

/* Of some shards the one with the earliest deadline. */
static struct shard *choose_soonest(struct keyspace *keyspace, unsigned samples, uint64_t *dice)
{
    struct shard *best = NULL;
    int64_t soonest = INT64_MAX;

    for (unsigned i = 0; i < samples; i++) {
        unsigned index = (unsigned)random_next(dice) & (keyspace->shard_count - 1);
        int64_t due = atomic_load_explicit(&keyspace->due[index], memory_order_relaxed);

        if (due >= soonest) continue;
        soonest = due;
        best = &keyspace->shards[index];
    }
    if (best && shard_candidates(best, true) > 0) return best;
    return choose_fuller(keyspace, true, dice);
}

/* What is left of all that some holds may do. */
struct effort {
    unsigned victims, steps;
};

/* A shard of few keys gives few at a time. Sixteen of two hundred leave room for as many newcomers, who are a tenth of it
 * by then instead of a hundredth, and stand where keys could that are known to be asked for. */
#define VICTIMS_SHARE 64

static void hold_bound(struct hold *hold, const struct effort *left)
{
    unsigned victims = hold_candidates(hold) / VICTIMS_SHARE;

    if (victims < EVICT_FEW) victims = EVICT_FEW;
    if (victims > EVICT_VICTIMS) victims = EVICT_VICTIMS;
    hold->most_victims = victims < left->victims ? victims : left->victims;
    hold->most_steps = left->steps < EVICT_STEPS ? left->steps : EVICT_STEPS;
}

static bool effort_spend(struct effort *left, const struct hold *hold)
{
    unsigned steps = hold->steps + 1; /* one that finds nothing is work, too */

    left->victims -= hold->victims < left->victims ? hold->victims : left->victims;
    left->steps -= steps < left->steps ? steps : left->steps;
    return left->victims > 0 && left->steps > 0;
}

/* One hold; what it took is freed outside. False: no other may follow. */
static bool evict_from(struct shard *shard, const struct evict_rules *rules, size_t wanted, uint64_t until_ticks,
                       size_t *freed, struct effort *left)
{
    struct hold hold = {.rules = rules,
                        .shard = shard,
                        .volatile_only = is_volatile(rules->policy),
                        .now_ms = clock_now_ms(),
                        .weight_a_byte = weight_a_byte(rules->mean_key),
                        .wanted = wanted,
                        .until_ticks = until_ticks,
                        .dice = random_of_thread()};
    bool remembers = atomic_load_explicit(&shard_home(shard)->remembers, memory_order_relaxed), refit;

    shard_enter(shard);
    if (hold_choose_table(&hold)) {
        hold_bound(&hold, left);
        hold.manner = manner_of(shard);
        if (rules->policy == EVICT_VOLATILE_TTL) {
            hold_by_deadline(&hold);
        } else if (rules->policy == EVICT_ALL_RANDOM || rules->policy == EVICT_VOLATILE_RANDOM) {
            hold_by_chance(&hold);
        } else {
            hold_by_use(&hold);
        }
        if (hold.table->old && rules->holds == 0) table_move(shard, hold.table, HOMES_A_WRITE); /* nobody waits */
    }
    refit = remembers && !ghost_fits(shard);
    shard_leave(shard);
    if (unlikely(refit)) ghost_refit(shard);
    hold_count(&hold);
    *freed += hold.freed;
    return effort_spend(left, &hold);
}

enum evict_end evict_some(struct keyspace *keyspace, const struct evict_rules *rules, size_t wanted,
                          uint64_t until_ticks)
{
    bool volatile_only = is_volatile(rules->policy);
    uint64_t *dice = random_of_thread();
    size_t freed = 0;
    struct effort left = {UINT_MAX, UINT_MAX};
    bool goes_on = true;

    must(rules->policy != EVICT_NONE);
    if (rules->holds > 0) left = (struct effort){rules->holds * EVICT_VICTIMS, rules->holds * EVICT_STEPS};
    if (!reclaim_some(keyspace, until_ticks)) return EVICT_BUSY;
    while (freed < wanted) {
        size_t swept = sweep_for_room(keyspace, wanted - freed, until_ticks);
        struct shard *shard;

        freed += swept;
        if (freed >= wanted) break;
        /* What is being freed piece by piece is as good as free: each worker would evict for it once more. */
        if (unlikely(reclaim_pending(keyspace) >= wanted)) return EVICT_BUSY;
        if (unlikely(swept > 0) && clock_ticks() >= until_ticks) return EVICT_BUSY;
        shard = rules->policy == EVICT_VOLATILE_TTL ? choose_soonest(keyspace, rules->samples, dice)
                                                    : choose_ahead(keyspace, volatile_only, dice);
        if (!shard) return EVICT_EMPTY;
        goes_on = evict_from(shard, rules, wanted - freed, until_ticks, &freed, &left);
        if (freed < wanted && (!goes_on || clock_ticks() >= until_ticks)) return EVICT_BUSY;
    }
    return EVICT_ENOUGH;
}

int key_frequency(const struct key *key)
{
    struct spot spot;
    unsigned number, frequency;

    if (!table_find(shard_table(key->shard, key->db), key->hash, key->name, &spot)) return -1;
    if (entry_is_over(spot.entry, clock_now_ms())) return -1;
    number = (unsigned)(spot.slot - spot.group->slots);
    frequency = slot_frequency(spot.group, number);
    if (slot_is_newcomer(spot.group, number)) return frequency & NEWCOMER_USED ? 1 : 0;
    return (int)frequency + 1;
}
