/* slot: candidates for our own table. What is known of a key is two bits of frequency and one of probation; the
 * table is cut in shards, in each of which a hand walks along the slots, in the order of the hash, and a quick one
 * looks for newcomers only. A ghost of sixteen bits a key tells who was here a while ago. The rules of a row say
 * which of the ideas it tries.
 *
 * A newcomer has no frequency yet: its two bits say whether it was used, and whether the quick hand has passed
 * it once. So it has between one round of that hand and two. */
#include <math.h>
#include <stdlib.h>
#include "policy.h"

#define FREQUENCY_MOST 3
#define SHARDS_MOST 4096
#define VICTIMS_SHARE 64 /* a hold takes one in so many of a shard's keys */
#define FEW 4
#define MANY 16
#define DUEL_EVERY 32   /* of so many shards, one leads for each side of a duel */
#define DUEL_FADES 4096 /* misses of leaders after which the score is halved */

/* One way to be. */
struct manner {
    unsigned share;  /* of newcomers, in thousandths of the keys held */
    unsigned enters; /* frequency with which one enters whom the ghost knows */
    unsigned stays;  /* frequency with which a newcomer who was used stays */
};

struct slot_rules {
    struct manner manners[2]; /* with a second share, shards try both, and the others follow who misses less */
    unsigned ghost;           /* fingerprints, in hundredths of the keys held */
    unsigned weight;          /* of size, in hundredths: the power of (size / mean size) by which a key is judged */
    bool mains_too;           /* the ghost is told of victims that were no newcomers as well */
    bool mourns;              /* the ghost is told of settled keys whose time is over */
    bool doubts;              /* a use counts with a chance of one in two from frequency 1 on, one in four from 2 */
    bool harsh;               /* a key whose size outweighs its frequency goes at once */
    bool above;               /* newcomers are as many as their share when a hold ends, not on average */
    bool trusts;              /* whom the ghost knows settles, also where it knows most of who comes */
};

struct part {
    uint32_t hand, quick_hand, live, newcomers;
};

struct slot_cache {
    const struct slot_rules *rules;
    uint32_t *slots, *slot_of; /* NO_KEY: empty */
    uint32_t a_part;           /* slots in a shard */
    unsigned shards, shard_shift;
    struct part parts[SHARDS_MOST];
    uint8_t *frequency;
    bool *is_new, *was_seen;
    uint32_t live;
    uint16_t *ghost;
    uint32_t ghosts;
    uint32_t missed[2];
    int64_t back; /* of those that missed who were known, less those that the ghost was told of as their time was over */
    unsigned winner;
    bool thins;              /* the ghost knows nearly everybody: few settle for that */
    unsigned turn, turn_ends; /* whose hold it is, and how many it takes more */
    uint64_t seed;
};

static uint64_t hash_of(uint32_t key)
{
    uint64_t seed = key;

    return dice_next(&seed);
}

unsigned slot_shards = 256;

static unsigned part_of(const struct slot_cache *slot, uint32_t key)
{
    return (unsigned)(hash_of(key) >> slot->shard_shift);
}

static const struct manner *manner_of(const struct slot_cache *slot, unsigned part)
{
    if (slot->rules->manners[1].share == 0) return &slot->rules->manners[0];
    if (part % DUEL_EVERY == 0) return &slot->rules->manners[0];
    if (part % DUEL_EVERY == 1) return &slot->rules->manners[1];
    return &slot->rules->manners[slot->winner];
}

static void *slot_open(struct cache *cache)
{
    struct slot_cache *slot = calloc(1, sizeof *slot);
    uint32_t keys = cache->trace->key_count, count;
    uint64_t cost = 0;
    double fits;

    slot->rules = cache->policy->rules;
    for (uint32_t key = 0; key < keys; key++) cost += cache->costs[key];
    slot->shards = slot_shards;
    slot->shard_shift = 64 - (unsigned)__builtin_ctz(slot_shards);
    fits = (double)cache->capacity * keys / (double)cost;
    /* Favouring the small, it may hold more of them than of the mean. */
    slot->a_part = (uint32_t)(fits * (slot->rules->weight ? 8 : 2)) / slot->shards + 64;
    count = slot->a_part * slot->shards;
    slot->slots = malloc(count * sizeof *slot->slots);
    for (uint32_t i = 0; i < count; i++) slot->slots[i] = NO_KEY;
    slot->slot_of = malloc(keys * sizeof *slot->slot_of);
    slot->frequency = calloc(keys, 1);
    slot->is_new = calloc(keys, 1);
    slot->was_seen = calloc(keys, 1);
    slot->ghosts = (uint32_t)(fits * slot->rules->ghost / 100) + 1;
    slot->ghost = calloc(slot->ghosts, sizeof *slot->ghost);
    slot->seed = 99;
    return slot;
}

static void slot_close(void *state)
{
    struct slot_cache *slot = state;

    free(slot->slots);
    free(slot->slot_of);
    free(slot->frequency);
    free(slot->is_new);
    free(slot->was_seen);
    free(slot->ghost);
    free(slot);
}

static void slot_hit(struct cache *cache, uint32_t key)
{
    struct slot_cache *slot = cache->state;

    if (slot->rules->doubts && dice_next(&slot->seed) % (1u << slot->frequency[key])) return;
    if (slot->frequency[key] < (slot->is_new[key] ? 1 : FREQUENCY_MOST)) slot->frequency[key]++;
}

static uint16_t *ghost_of(struct slot_cache *slot, uint32_t key, uint16_t *print)
{
    uint64_t hash = hash_of(key);

    *print = (uint16_t)hash ? (uint16_t)hash : 1;
    return &slot->ghost[(hash >> 32) * slot->ghosts >> 32];
}

static void ghost_note(struct slot_cache *slot, uint32_t key)
{
    uint16_t print, *ghost = ghost_of(slot, key, &print);

    *ghost = print;
}

static bool ghost_knows(struct slot_cache *slot, uint32_t key)
{
    uint16_t print, *ghost = ghost_of(slot, key, &print);

    if (slot->rules->ghost == 0 || *ghost != print) return false;
    *ghost = 0;
    return true;
}

static void duel_note(struct slot_cache *slot, unsigned part, int back)
{
    int64_t missed;

    if (part % DUEL_EVERY > 1) return;
    slot->back += back;
    if (back < 0) return;
    missed = ++slot->missed[part % DUEL_EVERY] + slot->missed[!(part % DUEL_EVERY)];
    if (missed < DUEL_FADES) return;
    slot->winner = slot->missed[1] < slot->missed[0];
    slot->thins = !slot->rules->trusts && slot->back * 100 > missed * 35;
    slot->back -= slot->back / 4;
    slot->missed[0] -= slot->missed[0] / 4;
    slot->missed[1] -= slot->missed[1] / 4;
}

/* Shall it settle, as the ghost knows it? */
static bool settles(struct slot_cache *slot, const struct part *part, const struct manner *manner)
{
    if (!slot->thins || (uint64_t)part->newcomers * 1000 > (uint64_t)part->live * manner->share * 4) return true;
    return dice_next(&slot->seed) % 4 == 0;
}

static void slot_came(struct cache *cache, uint32_t key)
{
    struct slot_cache *slot = cache->state;
    unsigned number = part_of(slot, key);
    struct part *part = &slot->parts[number];
    uint32_t first = number * slot->a_part;
    uint32_t at = (uint32_t)((hash_of(key) << (64 - slot->shard_shift) >> 32) * slot->a_part >> 32);

    bool known;

    while (slot->slots[first + at] != NO_KEY) {
        if (++at == slot->a_part) at = 0;
    }
    slot->slots[first + at] = key;
    slot->slot_of[key] = first + at;
    slot->live++;
    part->live++;
    slot->was_seen[key] = false;
    known = ghost_knows(slot, key);
    duel_note(slot, number, known);
    if (known && settles(slot, part, manner_of(slot, number))) {
        slot->frequency[key] = (uint8_t)manner_of(slot, number)->enters;
        return;
    }
    slot->frequency[key] = 0;
    slot->is_new[key] = true;
    part->newcomers++;
}

static void slot_remove(struct cache *cache, uint32_t key)
{
    struct slot_cache *slot = cache->state;
    struct part *part = &slot->parts[part_of(slot, key)];

    if (slot->is_new[key]) part->newcomers--;
    slot->is_new[key] = false;
    slot->slots[slot->slot_of[key]] = NO_KEY;
    slot->live--;
    part->live--;
}

/* Its time is over. */
static void slot_went(struct cache *cache, uint32_t key)
{
    struct slot_cache *slot = cache->state;

    if (slot->rules->mourns && (!slot->is_new[key] || slot->frequency[key] > 0)) {
        ghost_note(slot, key);
        duel_note(slot, part_of(slot, key), -1);
    }
    slot_remove(cache, key);
}

/* How often this key is judged when one of the mean size is judged once. */
static unsigned judged(struct cache *cache, struct slot_cache *slot, uint32_t key)
{
    double mean = (double)cache->used / slot->live, weight;
    unsigned times;

    if (slot->rules->weight == 0) return 1;
    weight = pow(cache->costs[key] / mean, slot->rules->weight / 100.0);
    if (weight > 8) weight = 8;
    times = (unsigned)weight;
    return times + (dice_unit(&slot->seed) < weight - times);
}

/* NO_KEY: it stays. */
static uint32_t judge_new(struct cache *cache, struct slot_cache *slot, uint32_t key)
{
    unsigned times = judged(cache, slot, key), part = part_of(slot, key);

    if (times == 0) return NO_KEY;
    if (slot->frequency[key] > 0 && !(slot->rules->harsh && times > 2)) {
        slot->is_new[key] = false;
        slot->parts[part].newcomers--;
        slot->frequency[key] = (uint8_t)manner_of(slot, part)->stays;
        return NO_KEY;
    }
    if (!slot->was_seen[key] && times < 2) {
        slot->was_seen[key] = true;
        return NO_KEY;
    }
    ghost_note(slot, key);
    return key;
}

static uint32_t judge_main(struct cache *cache, struct slot_cache *slot, uint32_t key)
{
    unsigned times = judged(cache, slot, key);

    if (times == 0) return NO_KEY;
    if (slot->frequency[key] == 0 || (slot->rules->harsh && times > slot->frequency[key])) {
        if (slot->rules->mains_too) ghost_note(slot, key);
        return key;
    }
    slot->frequency[key] = times > slot->frequency[key] ? 0 : (uint8_t)(slot->frequency[key] - times);
    return NO_KEY;
}

/* Keys that one hold takes. */
static unsigned hold_of(const struct part *part)
{
    unsigned keys = part->live / VICTIMS_SHARE;

    return keys < FEW ? FEW : keys < MANY ? keys : MANY;
}

static uint32_t slot_look(struct cache *cache, struct slot_cache *slot, unsigned number)
{
    struct part *part = &slot->parts[number];
    unsigned half = slot->rules->above ? 0 : hold_of(part) / 2;
    bool quick = part->newcomers > 0 &&
                 (uint64_t)(part->newcomers + half) * 1000 > (uint64_t)part->live * manner_of(slot, number)->share;
    uint32_t *hand = quick ? &part->quick_hand : &part->hand, key = slot->slots[number * slot->a_part + *hand];

    if (++*hand == slot->a_part) *hand = 0;
    if (key == NO_KEY || slot->is_new[key] != quick) return NO_KEY;
    return quick ? judge_new(cache, slot, key) : judge_main(cache, slot, key);
}

/* Of two shards the one with more keys, so that all stay alike, even those that miss more; some at a time. */
static unsigned slot_turn(struct slot_cache *slot)
{
    uint64_t dice;
    unsigned one, other;

    if (slot->turn_ends > 0 && slot->parts[slot->turn].live > 0) return slot->turn;
    dice = dice_next(&slot->seed);
    one = dice % slot->shards;
    other = (dice >> 32) % slot->shards;
    if (slot->parts[other].live > slot->parts[one].live) one = other;
    while (slot->parts[one].live == 0) one = (one + 1) % slot->shards;
    slot->turn = one;
    slot->turn_ends = hold_of(&slot->parts[one]);
    return one;
}

static uint32_t slot_victim(struct cache *cache, uint32_t coming)
{
    struct slot_cache *slot = cache->state;
    unsigned number = slot_turn(slot);
    uint32_t key;

    (void)coming;
    while ((key = slot_look(cache, slot, number)) == NO_KEY) {}
    slot->turn_ends--;
    slot_remove(cache, key);
    return key;
}

#define ROW(name_, ...)                                                                                    \
    {.name = name_, .rules = &(const struct slot_rules){__VA_ARGS__}, .open = slot_open, .close = slot_close, \
     .hit = slot_hit, .came = slot_came, .victim = slot_victim, .went = slot_went}

/* The first is what src/keyspace/ does. */
const struct policy slot_policies[] = {
    ROW("coatcheck", .manners = {{10, 0, 1}, {200, 1, 1}}, .ghost = 100, .weight = 100, .mourns = true),
    ROW("above", .manners = {{10, 0, 1}, {200, 1, 1}}, .ghost = 100, .weight = 100, .mourns = true, .above = true, .trusts = true),
    ROW("trusts", .manners = {{10, 0, 1}, {200, 1, 1}}, .ghost = 100, .weight = 100, .mourns = true, .trusts = true),
    ROW("no mourning", .manners = {{10, 0, 1}, {200, 1, 1}}, .ghost = 100, .weight = 100),
    ROW("stays at 0", .manners = {{10, 0, 0}, {200, 1, 1}}, .ghost = 100, .weight = 100, .mourns = true),
    ROW("enters at 1", .manners = {{10, 1, 1}, {200, 1, 1}}, .ghost = 100, .weight = 100, .mourns = true),
    ROW("doubts", .manners = {{10, 0, 1}, {200, 1, 1}}, .ghost = 100, .weight = 100, .mourns = true, .doubts = true),
    ROW("no weights", .manners = {{10, 0, 1}, {200, 1, 1}}, .ghost = 100, .mourns = true),
    ROW("root weights", .manners = {{10, 0, 1}, {200, 1, 1}}, .ghost = 100, .weight = 50, .mourns = true),
    ROW("harsh weights", .manners = {{10, 0, 1}, {200, 1, 1}}, .ghost = 100, .weight = 100, .mourns = true, .harsh = true),
    ROW("1 %", .manners = {{10, 0, 1}}, .ghost = 100, .weight = 100, .mourns = true),
    ROW("2 %", .manners = {{20, 0, 1}, {200, 1, 1}}, .ghost = 100, .weight = 100, .mourns = true),
    ROW("20 %", .manners = {{200, 1, 1}}, .ghost = 100, .weight = 100, .mourns = true),
    ROW("30 %", .manners = {{10, 0, 1}, {300, 1, 1}}, .ghost = 100, .weight = 100, .mourns = true),
    ROW("no ghost", .manners = {{10, 0, 1}, {200, 1, 1}}, .ghost = 0, .weight = 100),
    ROW("half a ghost", .manners = {{10, 0, 1}, {200, 1, 1}}, .ghost = 50, .weight = 100, .mourns = true),
    ROW("two ghosts", .manners = {{10, 0, 1}, {200, 1, 1}}, .ghost = 200, .weight = 100, .mourns = true),
    ROW("ghost of all", .manners = {{10, 0, 1}, {200, 1, 1}}, .ghost = 100, .weight = 100, .mourns = true, .mains_too = true),
    {.name = NULL},
};
