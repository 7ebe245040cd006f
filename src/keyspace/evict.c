/* evict: the hands that look for victims, shard by shard. */
#include "coatcheck/keyspace/evict.h"

#include "coatcheck/base/mem.h"
#include "coatcheck/base/random.h"
#include "evict_internal.h"
#include "hint_internal.h"
#include "spot_internal.h"
#include "within_internal.h"

METRIC_DEFINE(evict, EVICT_METRICS)

/* Victims of one hold of a shard, and groups looked into: some five microseconds. */
#define VICTIMS 16
#define GROUPS_A_HOLD 128

/* The clock is looked at after so many holds that found nothing. */
#define HOLDS_A_LOOK 8

/* Sizes count in 1024ths of the mean, up to eight times as much. */
#define WEIGHT_ONE 1024u
#define WEIGHT_MOST (8 * WEIGHT_ONE)
#define WEIGHT_LEAST (WEIGHT_ONE / 32) /* or a hand could walk on for long and find nobody */

/* Means are at least this, and what is larger than that is as heavy as can be: so no product overflows. */
#define MEAN_LEAST 16
#define SIZE_AT_MOST ((uint64_t)1 << 25)

/* Two manners, found by experiment: the first for keys that are popular for long, the second for those that come
 * and go (docs/decisions/0006-eviction.md). */
static const struct manner {
    unsigned share;  /* of newcomers, in thousandths of the keys */
    unsigned enters; /* frequency with which one enters whom the ghost knows */
    unsigned stays;  /* frequency with which a newcomer who was used stays */
} manners[2] = {{10, 0, 0}, {200, 1, 1}};

/* Misses of the shards that try the manners, from which on they are compared; then a quarter is forgotten. */
#define DUEL_MISSES 4096

static const struct manner *manner_of(struct shard *shard)
{
    unsigned side = shard->index % DUEL_EVERY;

    if (side > 1) side = atomic_load_explicit(&shard_home(shard)->manner, memory_order_relaxed);
    return &manners[side];
}

void evict_judge(struct keyspace *keyspace)
{
    uint64_t came[2] = {0, 0};
    unsigned shards[2] = {0, 0};

    for (unsigned i = 0; i < keyspace->shard_count; i++) {
        if (i % DUEL_EVERY > 1) continue;
        came[i % DUEL_EVERY] += count_read(&keyspace->shards[i].came);
        shards[i % DUEL_EVERY]++;
    }
    if (shards[0] != shards[1]) return;
    for (unsigned side = 0; side < 2; side++) {
        uint32_t new = (uint32_t)came[side] - keyspace->came_before[side];

        keyspace->came_before[side] = (uint32_t)came[side];
        keyspace->duel[side] += new;
    }
    if (keyspace->duel[0] + keyspace->duel[1] < DUEL_MISSES) return;
    atomic_store_explicit(&keyspace->manner, keyspace->duel[1] < keyspace->duel[0], memory_order_relaxed);
    for (unsigned side = 0; side < 2; side++) keyspace->duel[side] -= keyspace->duel[side] / 4;
}

/* --- the ghost --- */

static inline uint16_t *ghost_of(struct shard *shard, uint64_t hash)
{
    return &shard->ghost[(uint64_t)place_position(hash) * shard->ghost_count >> 32];
}

static bool ghost_knows(struct shard *shard, uint64_t hash)
{
    uint16_t *ghost;

    if (!shard->ghost) return false;
    ghost = ghost_of(shard, hash);
    if (*ghost != place_mark(hash)) return false;
    *ghost = 0;
    METRIC_ADD(evict, evict_returns, 1);
    return true;
}

static inline void ghost_note(struct shard *shard, uint64_t hash)
{
    if (shard->ghost) *ghost_of(shard, hash) = place_mark(hash);
}

void slot_begin(struct shard *shard, const struct walk *walk, struct group *group, uint64_t *slot, uint64_t hash)
{
    unsigned number = (unsigned)(slot - group->slots);

    count_add(&shard->came, 1);
    if (unlikely(shard->ghost != NULL) && ghost_knows(shard, hash)) {
        slot_set_frequency(group, number, manner_of(shard)->enters);
        return;
    }
    slot_set_frequency(group, number, 0);
    slot_set_newcomer(walk, group, number);
}

static uint32_t shard_live(struct shard *shard)
{
    struct keyspace *keyspace = shard_home(shard);
    uint64_t live = count_read(&shard->table.live);

    for (unsigned db = 1; db < keyspace->rules.databases; db++) {
        struct table *table = shard_table(shard, db);

        if (table) live += count_read(&table->live);
    }
    return live < UINT32_MAX ? (uint32_t)live : UINT32_MAX;
}

/* As many as there are keys: more would remember too long, fewer forget too soon. */
static bool ghost_fits(struct shard *shard)
{
    uint32_t live = shard_live(shard);

    return shard->ghost_count >= live - live / 4 && shard->ghost_count <= live + live / 2 + 16;
}

/* Another ghost for the shard, with what the present one knows. Outside. */
static void ghost_refit(struct shard *shard)
{
    uint32_t count = shard_live(shard) + 8;
    uint16_t *ghost = mem_alloc_zeroed(count * sizeof *ghost), *old;

    if (!ghost) return;
    shard_enter(shard);
    old = shard->ghost;
    for (uint32_t i = 0; old && i < shard->ghost_count; i++) {
        if (old[i]) ghost[(uint64_t)i * count / shard->ghost_count] = old[i];
    }
    shard->ghost = ghost;
    shard->ghost_count = count;
    shard_leave(shard);
    mem_free(old);
}

static void ghost_drop(struct shard *shard)
{
    bool mine = keyspace_has_entered_all();
    uint16_t *old;

    if (!mine) shard_enter(shard);
    old = shard->ghost;
    shard->ghost = NULL;
    shard->ghost_count = 0;
    if (!mine) shard_leave(shard);
    mem_free(old);
}

void evict_remember(struct keyspace *keyspace, bool on)
{
    atomic_store_explicit(&keyspace->remembers, on, memory_order_relaxed);
    if (!on) evict_forget(keyspace);
}

void evict_forget(struct keyspace *keyspace)
{
    for (unsigned i = 0; i < keyspace->shard_count; i++) ghost_drop(&keyspace->shards[i]);
}

/* --- one hold of a shard --- */

struct hold {
    const struct evict_rules *rules;
    struct shard *shard;
    struct table *table;
    unsigned db;
    const struct manner *manner;
    bool volatile_only;
    int64_t now_ms;
    uint64_t weight_a_byte; /* in 2^-32; 0: sizes do not count */
    size_t wanted, freed;
    unsigned victims, groups;
    uint64_t *dice;
};

static bool is_volatile(enum evict_policy policy)
{
    return policy >= EVICT_VOLATILE_LRU;
}

static void hold_evict(struct hold *hold, struct spot *spot, size_t bytes, bool is_newcomer)
{
    uint64_t hash = hash_bytes(entry_key(spot->entry));

    hold->freed += bytes;
    hold->victims++;
    if (entry_is_over(spot->entry, hold->now_ms)) {
        expire_entry(hold->shard, hold->db, hold->table, hash, spot);
        return;
    }
    METRIC_ADD(evict, evicted_keys, 1);
    METRIC_ADD(evict, evicted_bytes, (int64_t)bytes);
    if (is_newcomer) {
        METRIC_ADD(evict, evicted_newcomers, 1);
        ghost_note(hold->shard, hash);
    }
    spot_remove(hold->shard, hold->db, hold->table, hash, spot, REMOVED_EVICTED);
}

/* How often a key of this size is judged when one of the mean size is judged once: so that it has to be used so
 * much more to stay, or may be used so much less. */
static unsigned times_judged(const struct hold *hold, size_t bytes)
{
    uint64_t weight = bytes + sizeof(struct group) / GROUP_SLOTS;

    if (hold->weight_a_byte == 0) return 1;
    weight = weight < SIZE_AT_MOST ? weight * hold->weight_a_byte >> 32 : WEIGHT_MOST;
    if (weight > WEIGHT_MOST) weight = WEIGHT_MOST;
    if (weight < WEIGHT_LEAST) weight = WEIGHT_LEAST;
    return (unsigned)((weight + random_next(hold->dice) % WEIGHT_ONE) / WEIGHT_ONE);
}

static uint64_t weight_a_byte(size_t mean)
{
    if (mean == 0) return 0;
    return ((uint64_t)WEIGHT_ONE << 32) / (mean > MEAN_LEAST ? mean : MEAN_LEAST);
}

/* Shall it go? Takes note that the hand was here. */
static bool judge_newcomer(struct hold *hold, struct group *groups, uint32_t count, struct group *group,
                           unsigned number, unsigned times)
{
    unsigned frequency = slot_frequency(group, number);

    if (frequency & NEWCOMER_USED) {
        slot_unset_newcomer(groups, count, group, number);
        slot_set_frequency(group, number, hold->manner->stays);
        return false;
    }
    if (frequency & NEWCOMER_SEEN || times > 1) return true;
    slot_set_frequency(group, number, NEWCOMER_SEEN);
    return false;
}

static bool judge_settled(struct group *group, unsigned number, unsigned times)
{
    unsigned frequency = slot_frequency(group, number);

    if (frequency == 0) return true;
    slot_set_frequency(group, number, frequency > times ? frequency - times : 0);
    return false;
}

/* Where a hand is: a group of one of the table's two arrays, and the position behind it. */
struct stand {
    struct group *groups;
    uint32_t count, at, next;
};

static struct stand stand_at(const struct table *table, uint32_t position)
{
    struct stand stand = {.groups = table->groups, .count = table->count};
    uint64_t after;

    if (table->old) {
        uint32_t home = place_home((uint64_t)position << 20, table->old_count);

        if (home >= table->moved) {
            stand.groups = table->old;
            stand.count = table->old_count;
        }
    }
    stand.at = place_home((uint64_t)position << 20, stand.count);
    after = (((uint64_t)stand.at + 1) << 32) / stand.count + 1;
    stand.next = after < UINT32_MAX ? (uint32_t)after : UINT32_MAX;
    return stand;
}

/* Judges one slot. True: its key has gone. */
static bool hold_slot(struct hold *hold, const struct stand *stand, unsigned number, bool quick)
{
    struct group *group = &stand->groups[stand->at];
    struct spot spot = {
        .entry = slot_entry(group->slots[number]), .slot = &group->slots[number], .group = group};
    unsigned times;
    size_t bytes;

    if (!spot.entry || slot_is_newcomer(group, number) != quick) return false;
    if (hold->volatile_only && !entry_has_deadline(spot.entry)) return false;
    bytes = entry_used_bytes(spot.entry);
    if (!entry_is_over(spot.entry, hold->now_ms)) {
        times = times_judged(hold, bytes);
        if (times == 0) return false;
        if (quick ? !judge_newcomer(hold, stand->groups, stand->count, group, number, times)
                  : !judge_settled(group, number, times)) {
            return false;
        }
    }
    hold_evict(hold, &spot, bytes, quick);
    return true;
}

/* Under a volatile policy, who has no deadline stays: a newcomer that can't go is none. */
static void settle_lasting(struct hold *hold, const struct stand *stand)
{
    struct group *group = &stand->groups[stand->at];

    for (unsigned i = 0; group->probation && i < GROUP_SLOTS; i++) {
        if (!slot_is_newcomer(group, i) || entry_has_deadline(slot_entry(group->slots[i]))) continue;
        slot_unset_newcomer(stand->groups, stand->count, group, i);
        slot_set_frequency(group, i, hold->manner->stays);
    }
}

/* One key at most goes from a group before the hand goes on: were whole groups emptied one after the other, the
 * table would be bare behind the hand and overfull before it, with long chains. So the main hand goes along the
 * table seven times, for one slot of each group at a time, and the quick one leaves its second find for the next
 * round. */
static void hold_group(struct hold *hold, const struct stand *stand, bool quick)
{
    hold->groups++;
    if (hold->volatile_only && quick) settle_lasting(hold, stand);
    if (hold->volatile_only && stand->groups[stand->at].soonest == 0) return;
    if (!quick) {
        hold_slot(hold, stand, hold->shard->hand_slot, false);
        return;
    }
    for (unsigned i = 0; i < GROUP_SLOTS; i++) {
        if (hold_slot(hold, stand, i, true)) return;
    }
}

/* The groups that a hand comes to soon, and the entries that it comes to before. */
#define GROUPS_AHEAD 16
#define ENTRIES_AHEAD 8

static void stand_prefetch(const struct stand *stand, unsigned slot, bool quick)
{
    const struct group *group = &stand->groups[stand->at];

    if (stand->at + GROUPS_AHEAD < stand->count) prefetch(group + GROUPS_AHEAD);
    if (stand->at + ENTRIES_AHEAD >= stand->count) return;
    group += ENTRIES_AHEAD;
    if (!quick) {
        if (!slot_is_newcomer(group, slot)) prefetch(slot_entry(group->slots[slot]));
        return;
    }
    for (unsigned i = 0; group->probation && i < GROUP_SLOTS; i++) {
        if (slot_is_newcomer(group, i)) prefetch(slot_entry(group->slots[i]));
    }
}

/* A database that has keys of the kind; the hands of a shard go through one after the other. False: none has. */
static bool hold_choose_table(struct hold *hold)
{
    struct keyspace *keyspace = shard_home(hold->shard);

    for (unsigned i = 0; i < keyspace->rules.databases; i++) {
        hold->db = (hold->shard->evict_db + i) % keyspace->rules.databases;
        hold->table = shard_table(hold->shard, hold->db);
        if (hold->table && (hold->volatile_only ? hold->table->mortal : hold->table->live) > 0) {
            hold->shard->evict_db = (uint16_t)hold->db;
            return true;
        }
    }
    return false;
}

static inline uint32_t hold_candidates(const struct hold *hold)
{
    return hold->volatile_only ? hold->table->mortal : hold->table->live;
}

static bool hold_goes_on(const struct hold *hold)
{
    return hold->victims < VICTIMS && hold->freed < hold->wanted && hold->groups < GROUPS_A_HOLD &&
           hold_candidates(hold) > 0;
}

/* The main hand has gone along the table once; after all slots the next database has its turn. */
static void end_round(struct shard *shard)
{
    if (++shard->hand_slot < GROUP_SLOTS) return;
    shard->hand_slot = 0;
    shard->evict_db++;
}

/* The first groups of a hold, which nobody has fetched ahead. */
static void hold_begin(const struct hold *hold, uint32_t hand)
{
    struct stand stand = stand_at(hold->table, hand);

    for (unsigned i = 0; i < GROUPS_AHEAD && stand.at + i < stand.count; i++) prefetch(&stand.groups[stand.at + i]);
}

static inline bool newcomers_are_many(const struct hold *hold)
{
    return (uint64_t)table_newcomers(hold->table) * 1000 >
           (uint64_t)hold_candidates(hold) * hold->manner->share;
}

static void hold_by_use(struct hold *hold)
{
    struct shard *shard = hold->shard;

    hold_begin(hold, newcomers_are_many(hold) ? shard->quick_hand : shard->hand);

    while (hold_goes_on(hold)) {
        bool quick = newcomers_are_many(hold);
        uint32_t *hand = quick ? &shard->quick_hand : &shard->hand;
        struct stand stand = stand_at(hold->table, *hand);

        *hand = stand.next;
        if (stand.next == UINT32_MAX) {
            *hand = 0;
            if (!quick) end_round(shard);
        }
        stand_prefetch(&stand, shard->hand_slot, quick);
        hold_group(hold, &stand, quick);
    }
}

/* Anyone: from a place that the dice choose, who comes first. */
static void hold_by_chance(struct hold *hold)
{
    while (hold_goes_on(hold)) {
        struct stand stand = stand_at(hold->table, (uint32_t)random_next(hold->dice));
        struct group *group = &stand.groups[stand.at];
        unsigned first = (unsigned)random_below(hold->dice, GROUP_SLOTS);

        hold->groups++;
        for (unsigned i = 0; i < GROUP_SLOTS; i++) {
            unsigned number = (first + i) % GROUP_SLOTS;
            struct spot spot = {
                .entry = slot_entry(group->slots[number]), .slot = &group->slots[number], .group = group};

            if (!spot.entry || (hold->volatile_only && !entry_has_deadline(spot.entry))) continue;
            hold_evict(hold, &spot, entry_used_bytes(spot.entry), false);
            break;
        }
    }
}

/* --- volatile-ttl: the hints of the sweep know whose time is nearly over --- */

/* The group that has the soonest hint. False: none in this array has any. */
static bool array_soonest(const struct table *table, struct group *groups, uint32_t count, struct stand *stand,
                          uint32_t *soonest)
{
    uint32_t best = HINT_NONE, begin = 0, end;
    const uint16_t *summary = array_summary(groups, count);

    for (uint32_t run = 0; run < array_runs(count); run++) {
        uint32_t ahead = hint_ahead(table, summary[run]);

        if (ahead >= best) continue;
        best = ahead;
        begin = run * RUN_GROUPS;
    }
    if (best >= *soonest) return false;
    *soonest = best;
    end = count - begin < RUN_GROUPS ? count : begin + RUN_GROUPS;
    *stand = (struct stand){.groups = groups, .count = count, .at = begin};
    best = HINT_NONE;
    for (uint32_t at = begin; at < end; at++) {
        uint32_t ahead = hint_ahead(table, groups[at].soonest);

        if (ahead >= best) continue;
        best = ahead;
        stand->at = at;
    }
    return true;
}

/* What the group's hint, and its run's, should be now. */
static void stand_hint_again(struct hold *hold, const struct stand *stand)
{
    struct group *group = &stand->groups[stand->at];
    uint32_t begin = stand->at / RUN_GROUPS * RUN_GROUPS, best = HINT_NONE;
    uint32_t end = stand->count - begin < RUN_GROUPS ? stand->count : begin + RUN_GROUPS;

    group->soonest = 0;
    for (unsigned i = 0; i < GROUP_SLOTS; i++) {
        const struct entry *entry = slot_entry(group->slots[i]);

        if (entry && entry_soonest_ms(entry) != NEVER) {
            hint_note(hold->shard, hold->table, stand->groups, stand->count, group, entry_soonest_ms(entry));
        }
    }
    for (uint32_t at = begin; at < end; at++) {
        uint32_t ahead = hint_ahead(hold->table, stand->groups[at].soonest);

        if (ahead < best) best = ahead;
    }
    array_summary(stand->groups, stand->count)[begin / RUN_GROUPS] = hint_at(hold->table, best);
}

/* The one of the group whose deadline is nearest. */
static void hold_soonest_of_group(struct hold *hold, const struct stand *stand)
{
    struct group *group = &stand->groups[stand->at];
    struct spot spot = {NULL, NULL, group};
    uint32_t ahead = hint_ahead(hold->table, group->soonest);
    int64_t soonest = NEVER;

    hold->groups++;
    for (unsigned i = 0; i < GROUP_SLOTS; i++) {
        struct entry *entry = slot_entry(group->slots[i]);

        if (!entry || !entry_has_deadline(entry) || entry_deadline_read(entry) >= soonest) continue;
        soonest = entry_deadline_read(entry);
        spot.entry = entry;
        spot.slot = &group->slots[i];
    }
    stand_hint_again(hold, stand);
    /* A hint that came along when its entry moved to another array may be early: others may be sooner. */
    if (hint_ahead(hold->table, group->soonest) > ahead) return;
    if (!spot.entry) return;
    hold_evict(hold, &spot, entry_used_bytes(spot.entry), false);
    stand_hint_again(hold, stand);
}

static void hold_by_deadline(struct hold *hold)
{
    while (hold_goes_on(hold)) {
        uint32_t soonest = HINT_NONE;
        struct stand stand;

        if (hold->table->old && hold->table->groups) {
            bool found = array_soonest(hold->table, hold->table->old, hold->table->old_count, &stand, &soonest);

            if (!array_soonest(hold->table, hold->table->groups, hold->table->count, &stand, &soonest) && !found)
                return;
        } else if (!array_soonest(hold->table, hold->table->groups, hold->table->count, &stand, &soonest)) {
            return;
        }
        hold_soonest_of_group(hold, &stand);
    }
}

/* --- shards --- */

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

/* One hold; what it took is freed outside. */
static size_t evict_from(struct shard *shard, const struct evict_rules *rules, size_t wanted)
{
    struct hold hold = {.rules = rules,
                        .shard = shard,
                        .volatile_only = is_volatile(rules->policy),
                        .now_ms = clock_now_ms(),
                        .weight_a_byte = weight_a_byte(rules->mean_key),
                        .wanted = wanted,
                        .dice = random_of_thread()};
    bool remembers = atomic_load_explicit(&shard_home(shard)->remembers, memory_order_relaxed), refit;

    shard_enter(shard);
    if (hold_choose_table(&hold)) {
        hold.manner = manner_of(shard);
        if (rules->policy == EVICT_VOLATILE_TTL) {
            hold_by_deadline(&hold);
        } else if (rules->policy == EVICT_ALL_RANDOM || rules->policy == EVICT_VOLATILE_RANDOM) {
            hold_by_chance(&hold);
        } else {
            hold_by_use(&hold);
        }
        if (hold.table->old) table_move(shard, hold.table, HOMES_A_WRITE);
    }
    refit = remembers && !ghost_fits(shard);
    shard_leave(shard);
    if (unlikely(refit)) ghost_refit(shard);
    METRIC_ADD(evict, evict_groups, hold.groups);
    return hold.freed;
}

enum evict_end evict_some(struct keyspace *keyspace, const struct evict_rules *rules, size_t wanted,
                          uint64_t until_ticks)
{
    bool volatile_only = is_volatile(rules->policy);
    uint64_t *dice = random_of_thread();
    size_t freed = 0;

    must(rules->policy != EVICT_NONE);
    if (!reclaim_some(keyspace, until_ticks)) return EVICT_BUSY;
    for (unsigned holds = 1; freed < wanted; holds++) {
        struct shard *shard = rules->policy == EVICT_VOLATILE_TTL
                                  ? choose_soonest(keyspace, rules->samples, dice)
                                  : choose_fuller(keyspace, volatile_only, dice);
        size_t here;

        if (!shard) return EVICT_EMPTY;
        here = evict_from(shard, rules, wanted - freed);
        freed += here;
        if ((here > 0 || holds % HOLDS_A_LOOK == 0) && freed < wanted && clock_ticks() >= until_ticks)
            return EVICT_BUSY;
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
