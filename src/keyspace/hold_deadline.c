/* hold_deadline: volatile-ttl: the hints of the sweep know whose time is nearly over. */
#include "coatcheck/base/random.h"
#include "hint_internal.h"
#include "hold_internal.h"
#include "within_internal.h"

/* The soonest hint of an array, and the first group of the run that has it. */
static uint32_t array_soonest_run(const struct table *table, struct group *groups, uint32_t count, uint32_t *begin)
{
    const uint16_t *summary = array_summary(groups, count);
    uint32_t best = HINT_NONE;

    for (uint32_t run = 0; run < array_runs(count); run++) {
        uint32_t ahead = hint_ahead(table, summary[run]);

        if (ahead >= best) continue;
        best = ahead;
        *begin = run * RUN_GROUPS;
    }
    return best;
}

/* The group that has the soonest hint. False: none in this array has any. */
static bool array_soonest(const struct table *table, struct group *groups, uint32_t count, struct stand *stand,
                          uint32_t *soonest)
{
    uint32_t begin = 0, end, best = array_soonest_run(table, groups, count, &begin);

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

/* The key of the group whose deadline is nearest, if it is before `soonest`, which is then that. */
static bool group_soonest(struct group *group, struct spot *spot, int64_t *soonest)
{
    bool found = false;

    for (unsigned i = 0; i < GROUP_SLOTS; i++) {
        struct entry *entry = slot_entry(group->slots[i]);

        if (!entry || !entry_has_deadline(entry) || entry_deadline_read(entry) >= *soonest) continue;
        *soonest = entry_deadline_read(entry);
        *spot = (struct spot){.entry = entry, .slot = &group->slots[i], .group = group};
        found = true;
    }
    return found;
}

/* Of some groups with deadlines, from where the dice say: as redis-server chooses. */
static void hold_soonest_of_sample(struct hold *hold)
{
    struct stand stand = stand_at(hold->table, (uint32_t)random_next(hold->dice)), best = stand;
    struct spot spot = {NULL, NULL, NULL};
    int64_t soonest = NEVER;

    for (unsigned seen = 0; seen < hold->rules->samples && hold->steps < EVICT_STEPS; hold->steps++) {
        if (stand.groups[stand.at].soonest != 0) {
            if (group_soonest(&stand.groups[stand.at], &spot, &soonest)) best = stand;
            seen += spot.entry != NULL;
        }
        stand = stand_at(hold->table, stand.next < UINT32_MAX ? stand.next : 0);
    }
    if (!spot.entry) return;
    hold_evict(hold, &spot, entry_used_bytes(spot.entry), false);
    stand_hint_again(hold, &best);
    table_close_gaps(hold->table, &best.groups[best.at]);
}

/* Hints do not tell apart what is due after the window. */
static bool hint_is_of_the_end(uint32_t ahead)
{
    return ahead + (1u << COARSE_SHIFT) > HINT_WINDOW;
}

/* The one of the group that is first by its hint. A sample has to do where all deadlines are so late that hints do not
 * tell; or where the hint is that of a hash's field, as keys that go by themselves and fields that do share the sweep:
 * then no key of the group need have a deadline. */
static void hold_soonest_of_group(struct hold *hold, const struct stand *stand)
{
    struct group *group = &stand->groups[stand->at];
    struct spot spot;
    uint32_t ahead = hint_ahead(hold->table, group->soonest), is_ahead;
    int64_t soonest = NEVER;

    hold->groups++;
    hold->steps++;
    stand_hint_again(hold, stand);
    /* A hint that came along when its entry moved to another array may be early: others may be sooner. */
    is_ahead = hint_ahead(hold->table, group->soonest);
    if (is_ahead > ahead) return;
    if (hint_is_of_the_end(is_ahead) || !group_soonest(group, &spot, &soonest)) {
        hold_soonest_of_sample(hold);
        return;
    }
    hold_evict(hold, &spot, entry_used_bytes(spot.entry), false);
    stand_hint_again(hold, stand);
    table_close_gaps(hold->table, group);
}

/* Those who have gone take their hints along: else the shard and the table that once were first would be taken from
 * until they are bare, however late the deadlines of all others in them. */
static void hold_raise_hints(struct hold *hold)
{
    struct keyspace *keyspace = shard_home(hold->shard);
    struct table *table = hold->table;
    uint32_t begin, ahead = array_soonest_run(table, table->groups, table->count, &begin);
    int64_t due = INT64_MAX;

    if (table->old) {
        uint32_t in_old = array_soonest_run(table, table->old, table->old_count, &begin);

        if (in_old < ahead) ahead = in_old;
    }
    table->soonest = hint_at(table, ahead);
    for (unsigned db = 0; db < keyspace->rules.databases; db++) {
        int64_t tick = table_due(shard_table(hold->shard, db));

        if (tick < due) due = tick;
    }
    atomic_store_explicit(&keyspace->due[hold->shard->index], due, memory_order_relaxed);
}

static void hold_go_by_deadline(struct hold *hold)
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

void hold_by_deadline(struct hold *hold)
{
    hold_go_by_deadline(hold);
    hold_raise_hints(hold);
}
