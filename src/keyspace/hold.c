/* hold: the hands that go along the slots of one shard and judge who is there. */
#include "hold_internal.h"

#include "coatcheck/base/clock.h"
#include "coatcheck/base/random.h"
#include "hint_internal.h"
#include "within_internal.h"

/* Sizes count in 1024ths of the mean, up to eight times as much. */
#define WEIGHT_ONE 1024u
#define WEIGHT_MOST (8 * WEIGHT_ONE)
#define WEIGHT_LEAST (WEIGHT_ONE / 32) /* or a hand could walk on for long and find nobody */

/* Means are at least this, and what is larger than that is as heavy as can be: so no product overflows. */
#define MEAN_LEAST 16
#define SIZE_AT_MOST ((uint64_t)1 << 25)

void hold_evict(struct hold *hold, struct spot *spot, size_t bytes, bool is_newcomer)
{
    uint64_t hash = hash_bytes(entry_key(spot->entry));

    hold->freed += bytes;
    hold->victims += entry_form(spot->entry) == ENTRY_FAR ? EVICT_FAR : 1;
    hold->late = clock_ticks() >= hold->until_ticks;
    if (entry_is_over(spot->entry, hold->now_ms)) {
        expire_entry(hold->shard, hold->db, hold->table, hash, spot);
        return;
    }
    hold->evicted++;
    hold->evicted_bytes += bytes;
    if (is_newcomer) {
        hold->newcomers++;
        ghost_note(hold->shard, hash);
    }
    spot_remove(hold->shard, hold->db, hold->table, hash, spot, REMOVED_EVICTED);
}

void hold_count(const struct hold *hold)
{
    METRIC_ADD(evict, evicted_keys, hold->evicted);
    METRIC_ADD(evict, evicted_bytes, (int64_t)hold->evicted_bytes);
    METRIC_ADD(evict, evicted_newcomers, hold->newcomers);
    METRIC_ADD(evict, evict_groups, hold->groups);
    METRIC_ADD(evict, evict_steps, hold->steps);
    METRIC_ADD(evict, evict_holds, 1);
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

uint64_t weight_a_byte(size_t mean)
{
    if (mean == 0) return 0;
    return ((uint64_t)WEIGHT_ONE << 32) / (mean > MEAN_LEAST ? mean : MEAN_LEAST);
}

/* Shall it go? Takes note that the hand was here. While it has never been round, as when memory meets its limit for the
 * first time, all that it meets have been there for long. */
static bool judge_newcomer(struct hold *hold, struct group *groups, uint32_t count, struct group *group,
                           unsigned number, unsigned times)
{
    unsigned frequency = slot_frequency(group, number);

    if (frequency & NEWCOMER_USED) {
        slot_unset_newcomer(groups, count, group, number);
        slot_set_frequency(group, number, hold->manner->stays);
        return false;
    }
    if (frequency & NEWCOMER_SEEN || times > 1 || !hold->shard->quick_round_made) return true;
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

struct stand stand_at(const struct table *table, uint32_t position)
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

/* A newcomer that was not used is worth less than anybody who has settled. */
static void hold_note_least(struct hold *hold, struct group *group, unsigned number, size_t bytes)
{
    unsigned frequency = slot_frequency(group, number);
    struct least *least = &hold->least, met = {.group = group, .number = number, .bytes = hold->weight_a_byte ? bytes : 1};

    met.worth = slot_is_newcomer(group, number) ? 1 + (frequency & NEWCOMER_USED) : 2 + frequency;
    if (!least->group || met.worth * (uint64_t)least->bytes < least->worth * (uint64_t)met.bytes) *least = met;
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
    hold->steps++;
    bytes = entry_used_bytes(spot.entry);
    if (!entry_is_over(spot.entry, hold->now_ms)) {
        times = times_judged(hold, bytes);
        if (times == 0) return false;
        if (quick ? !judge_newcomer(hold, stand->groups, stand->count, group, number, times)
                  : !judge_settled(group, number, times)) {
            hold_note_least(hold, group, number, bytes);
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

/* The slots that the quick hand looks at in this round, a bit each. */
static inline unsigned quick_window(const struct shard *shard)
{
    unsigned slots = shard->quick_slots ? shard->quick_slots : GROUP_SLOTS;
    unsigned window = ((1u << slots) - 1) << shard->quick_slot;

    return (window | window >> GROUP_SLOTS) & ((1u << GROUP_SLOTS) - 1);
}

/* One key at most goes from a group before the hand goes on: were whole groups emptied one after the other, the
 * table would be bare behind the hand and overfull before it, with long chains. So the main hand goes along the
 * table seven times, for one slot of each group at a time, and the quick one leaves its second find for the next
 * round. */
static void hold_group(struct hold *hold, const struct stand *stand, bool quick)
{
    struct group *group = &stand->groups[stand->at];

    hold->groups++;
    hold->steps++;
    if (hold->volatile_only && quick) settle_lasting(hold, stand);
    if (hold->volatile_only && group->soonest == 0) return;
    if (!quick) {
        hold_slot(hold, stand, hold->shard->hand_slot, false);
    } else {
        for (unsigned left = group->probation & quick_window(hold->shard); left; left &= left - 1) {
            if (hold_slot(hold, stand, (unsigned)__builtin_ctz(left), true)) break;
        }
    }
    table_close_gaps(hold->table, group);
}

/* Groups at a hand whose keys are fetched before the hold begins; they are as many as it goes through, mostly. Then so
 * many at a time. */
#define GROUPS_AHEAD 16
#define GROUPS_MORE 4

/* Asks for those that the hand will judge in some groups from `at` on. Who goes is read, freed and, as the newest free
 * block, soon written again: so both lines of a small entry, and the head of its slab. Each in a short loop, for the
 * reason that prefetch.c gives. */
static void groups_prefetch_victims(const struct shard *shard, const struct stand *stand, uint32_t at, unsigned count,
                                    bool quick)
{
    const struct entry *found[GROUPS_AHEAD * 2];
    unsigned slot = shard->hand_slot, window = quick_window(shard);
    unsigned n = 0;

    for (; count > 0 && at < stand->count && n < GROUPS_AHEAD * 2 - GROUP_SLOTS; count--, at++) {
        const struct group *group = &stand->groups[at];

        if (!quick) {
            found[n] = slot_entry(group->slots[slot]);
            n += found[n] && !slot_is_newcomer(group, slot);
            continue;
        }
        for (unsigned left = group->probation & window; left; left &= left - 1)
            found[n++] = slot_entry(group->slots[__builtin_ctz(left)]);
    }
    for (unsigned i = 0; i < n; i++) prefetch_to_write(found[i]);
    for (unsigned i = 0; i < n; i++) prefetch_to_write((const char *)found[i] + 64);
}

static void hold_look_ahead(const struct hold *hold, const struct stand *stand, bool quick)
{
    if (hold->groups < GROUPS_AHEAD - GROUPS_MORE || hold->groups % GROUPS_MORE != 0) return;
    for (unsigned i = 0; i < GROUPS_MORE; i++) prefetch_to_write(&stand->groups[stand->at + 2 * GROUPS_MORE + i]);
    groups_prefetch_victims(hold->shard, stand, stand->at + GROUPS_MORE, GROUPS_MORE, quick);
}

static bool table_has_candidates(const struct table *table, bool volatile_only)
{
    return table && (volatile_only ? table->mortal : table->live) > 0;
}

/* The database whose deadlines begin first. */
static bool hold_choose_soonest_table(struct hold *hold)
{
    struct keyspace *keyspace = shard_home(hold->shard);
    int64_t soonest = INT64_MAX;

    for (unsigned db = 0; db < keyspace->rules.databases; db++) {
        struct table *table = shard_table(hold->shard, db);

        if (!table_has_candidates(table, true) || table_due(table) >= soonest) continue;
        soonest = table_due(table);
        hold->db = db;
        hold->table = table;
    }
    return hold->table != NULL;
}

bool hold_choose_table(struct hold *hold)
{
    struct keyspace *keyspace = shard_home(hold->shard);

    if (hold->rules->policy == EVICT_VOLATILE_TTL) return hold_choose_soonest_table(hold);
    for (unsigned i = 0; i < keyspace->rules.databases; i++) {
        hold->db = (hold->shard->evict_db + i) % keyspace->rules.databases;
        hold->table = shard_table(hold->shard, hold->db);
        if (table_has_candidates(hold->table, hold->volatile_only)) {
            hold->shard->evict_db = (uint16_t)hold->db;
            return true;
        }
    }
    return false;
}

/* The main hand has gone along the table once; after all slots the next database has its turn. */
static void end_round(struct shard *shard)
{
    if (++shard->hand_slot < GROUP_SLOTS) return;
    shard->hand_slot = 0;
    shard->evict_db++;
}

/* The quick hand looks at as many slots in its next round as have half a newcomer in them on average. At all of them
 * while newcomers are few; but when most keys are newcomers, at one, or it would take one key from each group however
 * full it is: then wherever more keys have come by chance than elsewhere, they would be more for ever. */
static void end_quick_round(struct shard *shard, const struct table *table)
{
    uint64_t slots = (uint64_t)table->count * GROUP_SLOTS, newcomers = table_newcomers(table);
    unsigned was = shard->quick_slots ? shard->quick_slots : GROUP_SLOTS;

    shard->quick_slot = (uint8_t)((shard->quick_slot + was) % GROUP_SLOTS);
    shard->quick_slots = GROUP_SLOTS;
    shard->quick_round_made = true;
    if (newcomers * 2 * GROUP_SLOTS > slots) {
        shard->quick_slots = (uint8_t)(slots / (2 * newcomers));
        if (shard->quick_slots == 0) shard->quick_slots = 1;
    }
}

/* Until the shard has its turn again, about as many come as this hold takes: that there are as many newcomers as their
 * share over all the time, their number goes below it by half of that. A shard of few keys would else have several times
 * its share of them, and they stand where keys could that are known to be asked for. */
static bool newcomers_are_many(const struct hold *hold)
{
    uint64_t newcomers = table_newcomers(hold->table);

    if (newcomers == 0) return false;
    return (newcomers + hold->most_victims / 2) * 1000 > (uint64_t)hold_candidates(hold) * hold->manner->share;
}

/* Which hand goes next is not known yet, and tables on the move are rare: a hint. Reads what others
 * may be changing: what comes of it is addresses to fetch, and nothing more. */
__attribute__((no_sanitize("thread"))) void hold_prefetch_groups(const struct shard *shard)
{
    const struct group *groups = __atomic_load_n(&shard->table.groups, __ATOMIC_RELAXED);
    uint32_t count = __atomic_load_n(&shard->table.count, __ATOMIC_RELAXED), at;

    if (!groups || count == 0) return;
    at = place_home((uint64_t)(shard->was_quick ? shard->quick_hand : shard->hand) << 20, count);
    prefetch_to_write((const char *)groups + array_foot_at(count));
    for (unsigned i = 0; i < GROUPS_AHEAD + GROUPS_MORE; i++)
        prefetch_to_write((const char *)groups + ((size_t)at + i) * sizeof *groups);
}

void hold_prefetch_entries(struct shard *shard)
{
    if (!shard_try_lock(shard)) return;
    if (shard->table.groups && !shard->table.old) {
        bool quick = shard->was_quick;
        struct stand stand = stand_at(&shard->table, quick ? shard->quick_hand : shard->hand);

        groups_prefetch_victims(shard, &stand, stand.at, GROUPS_AHEAD, quick);
    }
    shard_unlock(shard);
}

/* When all that a hold has met are in use and a command waits, the one that was used least goes: or it would wait for
 * whole rounds of the hands, or memory would run away meanwhile. Nothing has been moved since it was met. */
static void hold_take_least(struct hold *hold)
{
    struct group *group = hold->least.group;
    struct spot spot;

    if (hold->victims > 0 || !group || hold->rules->holds == 0) return;
    spot = (struct spot){.entry = slot_entry(group->slots[hold->least.number]),
                         .slot = &group->slots[hold->least.number],
                         .group = group};
    hold_evict(hold, &spot, entry_used_bytes(spot.entry), slot_is_newcomer(group, hold->least.number));
    table_close_gaps(hold->table, group);
}

void hold_by_use(struct hold *hold)
{
    struct shard *shard = hold->shard;

    while (hold_goes_on(hold)) {
        bool quick = newcomers_are_many(hold);
        uint32_t *hand = quick ? &shard->quick_hand : &shard->hand;
        struct stand stand = stand_at(hold->table, *hand);

        shard->was_quick = quick;
        *hand = stand.next;
        if (stand.next == UINT32_MAX) {
            *hand = 0;
            if (quick) {
                end_quick_round(shard, hold->table);
            } else {
                end_round(shard);
            }
        }
        hold_look_ahead(hold, &stand, quick);
        hold_group(hold, &stand, quick);
    }
    hold_take_least(hold);
}

/* Slots of a group to look at when the dice have chosen it: one, so that each key is as likely as any other. With the
 * first that is taken, each group would be, however full it is, and wherever more keys have come than elsewhere they
 * would be more for ever. Where few may go, that is better than to look for long. */
static unsigned chance_slots(const struct hold *hold)
{
    uint64_t slots = ((uint64_t)hold->table->count + hold->table->old_count) * GROUP_SLOTS;

    return (uint64_t)hold_candidates(hold) * 2 > slots ? 1 : GROUP_SLOTS;
}

/* Anyone: from a place that the dice choose. */
void hold_by_chance(struct hold *hold)
{
    while (hold_goes_on(hold)) {
        struct stand stand = stand_at(hold->table, (uint32_t)random_next(hold->dice));
        struct group *group = &stand.groups[stand.at];
        unsigned first = (unsigned)random_below(hold->dice, GROUP_SLOTS), looks = chance_slots(hold);

        hold->groups++;
        hold->steps++;
        for (unsigned i = 0; i < looks; i++) {
            unsigned number = (first + i) % GROUP_SLOTS;
            struct spot spot = {
                .entry = slot_entry(group->slots[number]), .slot = &group->slots[number], .group = group};

            if (!spot.entry || (hold->volatile_only && !entry_has_deadline(spot.entry))) continue;
            hold_evict(hold, &spot, entry_used_bytes(spot.entry), false);
            table_close_gaps(hold->table, group);
            break;
        }
    }
    hold->shard->evict_db++; /* or one database would be emptied before the next has its turn */
}
