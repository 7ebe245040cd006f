/* expire: the sweep that drops keys past their deadlines, told by hints where to look.
 * What is not due is not touched: a pass over idle shards reads one number each. */
#include "coatcheck/base/held.h"
#include "hint_internal.h"
#include "spot_internal.h"
#include "within_internal.h"

/* A slice holds a shard for about so long. */
#define HOLD_US 20
#define GROUPS_A_LOOK 8 /* between looks at the clock */
#define STEPS_A_LOOK 64 /* and elements of containers */

/* Whether they are due, for who needs room: a cache line of them. */
#define SHARDS_A_LOOK 8

struct sweep {
    struct shard *shard;
    struct table *table;
    unsigned db;
    int64_t now_ms, now_tick;
    uint64_t until_ticks; /* leave the shard then */
    unsigned groups;      /* looked into */
    bool unfinished;      /* containers of the last one have more that is due */
};

/* A hint is due when its tick is over: then whatever it stands for has passed, and no group is
 * looked into twice within one tick. */
static inline bool hint_is_due(const struct sweep *sweep, uint16_t hint)
{
    return hint && sweep->table->base + hint_ahead(sweep->table, hint) < sweep->now_tick;
}

/* The next deadline that the entry has; NEVER: none, or it is gone. */
static int64_t sweep_entry(struct sweep *sweep, struct spot *spot, size_t *steps)
{
    if (entry_is_over(spot->entry, sweep->now_ms)) {
        expire_entry(sweep->shard, sweep->db, sweep->table, hash_bytes(entry_key(spot->entry)), spot);
        return NEVER;
    }
    if (unlikely(entry_soonest_within(spot->entry) <= sweep->now_ms)) {
        uint64_t hash = hash_bytes(entry_key(spot->entry));

        if (!within_expire(sweep->shard, sweep->db, sweep->table, hash, spot, sweep->now_ms, steps)) {
            sweep->unfinished = true;
        }
        if (!spot->entry) return NEVER;
    }
    return entry_soonest_ms(spot->entry);
}

static void sweep_group(struct sweep *sweep, struct group *group)
{
    struct table *table = sweep->table;
    int64_t soonest = NEVER, tick;
    size_t steps = STEPS_A_LOOK;

    sweep->unfinished = false;
    for (unsigned i = 0; i < GROUP_SLOTS; i++) {
        struct spot spot = {
            .entry = slot_entry(group->slots[i]), .slot = &group->slots[i], .group = group};
        int64_t deadline_ms;

        if (!spot.entry) continue;
        deadline_ms = sweep_entry(sweep, &spot, &steps);
        if (deadline_ms < soonest) soonest = deadline_ms;
    }
    sweep->groups++;
    tick = tick_of(soonest);
    if (soonest == NEVER) {
        group->soonest = 0;
    } else if (tick < table->base) {
        group->soonest = hint_at(table, 0);
    } else {
        group->soonest = hint_at(
            table, tick - table->base > HINT_WINDOW ? HINT_WINDOW : (uint32_t)(tick - table->base));
    }
}

/* When their sweep is over, and not at each: what comes from behind might be due as well, and would have to wait for
 * the next pass. */
static void close_gaps(const struct sweep *sweep, struct group *groups, const uint32_t *due, uint32_t due_count)
{
    for (uint32_t i = 0; i < due_count; i++) table_close_gaps(sweep->table, &groups[due[i]]);
}

/* The rest of a run, from group *at on. False: the hold is over before the run is, and *at is where to go on:
 * a deadline beyond the window leaves its group due until the whole table has been passed, so a pass that began
 * again at what it has seen would never end. */
static bool sweep_run(struct sweep *sweep, struct group *groups, uint32_t count, uint32_t *at)
{
    uint32_t run = *at / RUN_GROUPS, begin = run * RUN_GROUPS;
    uint32_t end = count - begin < RUN_GROUPS ? count : begin + RUN_GROUPS;
    uint32_t due[RUN_GROUPS], due_count = 0, soonest = HINT_NONE;

    for (uint32_t i = *at; i < end; i++) {
        if (hint_is_due(sweep, groups[i].soonest)) due[due_count++] = i;
    }
    if (due_count > 0) group_prefetch_entries(&groups[due[0]]);
    for (uint32_t i = 0; i < due_count; i++) {
        if (i + 1 < due_count) group_prefetch_entries(&groups[due[i + 1]]);
        do {
            sweep_group(sweep, &groups[due[i]]);
        } while (unlikely(sweep->unfinished) && clock_ticks() < sweep->until_ticks);
        if (unlikely(sweep->unfinished)) {
            close_gaps(sweep, groups, due, i);
            *at = due[i];
            return false;
        }
        if (sweep->groups % GROUPS_A_LOOK == 0 && clock_ticks() >= sweep->until_ticks && due[i] + 1 < end) {
            close_gaps(sweep, groups, due, i + 1);
            *at = due[i] + 1;
            return false;
        }
    }
    close_gaps(sweep, groups, due, due_count);
    for (uint32_t i = begin; i < end; i++) {
        uint32_t ahead = hint_ahead(sweep->table, groups[i].soonest);

        if (ahead < soonest) soonest = ahead;
    }
    array_summary(groups, count)[run] = hint_at(sweep->table, soonest);
    return true;
}

static uint32_t soonest_run(const struct table *table, struct group *groups, uint32_t count)
{
    uint16_t *summary = groups ? array_summary(groups, count) : NULL;
    uint32_t runs = groups ? array_runs(count) : 0, soonest = HINT_NONE;

    for (uint32_t run = 0; run < runs; run++) {
        uint32_t ahead = hint_ahead(table, summary[run]);

        if (ahead < soonest) soonest = ahead;
    }
    return soonest;
}

/* Raises the table's hint to what its runs say, and base to now: everything before it has been seen
 * to. */
static void table_hint_again(struct sweep *sweep)
{
    struct table *table = sweep->table;
    uint32_t soonest = soonest_run(table, table->groups, table->count);
    uint32_t in_old = soonest_run(table, table->old, table->old_count);
    int64_t raised;

    if (in_old < soonest) soonest = in_old;
    table->soonest = hint_at(table, soonest);
    raised = soonest == HINT_NONE ? sweep->now_tick : table->base + soonest;
    if (raised > sweep->now_tick) raised = sweep->now_tick;
    if (raised > table->base) table_set_base(table, raised);
}

/* From group *at on; false: *at is where to go on. */
static bool sweep_array(struct sweep *sweep, struct group *groups, uint32_t count, uint32_t *at)
{
    while (groups && *at < count) {
        uint32_t run = *at / RUN_GROUPS;
        bool due = hint_is_due(sweep, array_summary(groups, count)[run]);

        if (due && !sweep_run(sweep, groups, count, at)) return false;
        *at = (run + 1) * RUN_GROUPS;
        if (due && clock_ticks() >= sweep->until_ticks) return false;
    }
    *at = 0;
    return true;
}

/* False: there is more to do in this table. */
static bool sweep_table(struct sweep *sweep)
{
    struct table *table = sweep->table;
    struct shard *shard = sweep->shard;

    if (!hint_is_due(sweep, table->soonest)) return true;
    if (!shard->sweep_in_old && !sweep_array(sweep, table->groups, table->count, &shard->sweep_at)) return false;
    shard->sweep_in_old = true;
    if (!sweep_array(sweep, table->old, table->old_count, &shard->sweep_at)) return false;
    shard->sweep_in_old = false;
    table_hint_again(sweep);
    /* Keys may have fallen due behind us, when the pass began in the middle of the table. */
    return !hint_is_due(sweep, table->soonest);
}

/* One hold of the shard; true when nothing in it is due any more. */
static bool sweep_shard(struct keyspace *keyspace, struct shard *shard, uint64_t until_ticks)
{
    struct sweep sweep = {.shard = shard, .now_ms = clock_now_ms()};
    uint64_t hold_until = clock_ticks() + clock_us_to_ticks(HOLD_US);
    int64_t soonest = INT64_MAX;
    bool done = true;

    sweep.now_tick = tick_of(sweep.now_ms);
    sweep.until_ticks = hold_until < until_ticks ? hold_until : until_ticks;
    shard_enter(shard);
    for (sweep.db = 0; done && sweep.db < keyspace->rules.databases; sweep.db++) {
        sweep.table = shard_table(shard, sweep.db);
        if (!sweep.table || !sweep.table->soonest) continue;
        done = sweep_table(&sweep);
        if (sweep.table->soonest) {
            int64_t tick = sweep.table->base + hint_ahead(sweep.table, sweep.table->soonest);

            if (tick < soonest) soonest = tick;
        }
    }
    if (done) atomic_store_explicit(&keyspace->due[shard->index], soonest, memory_order_relaxed);
    shard_leave(shard);
    METRIC_ADD(keyspace, sweep_groups, sweep.groups);
    return done;
}

static bool is_switched_off(const struct keyspace *keyspace)
{
    return !atomic_load_explicit(&keyspace->sweeps, memory_order_relaxed) ||
           atomic_load_explicit(&keyspace_keeps_expired, memory_order_relaxed);
}

/* The first tick in which something of the lane is due; INT64_MAX: none. */
static int64_t soonest_due(const struct keyspace *keyspace, unsigned lane, unsigned lanes)
{
    int64_t soonest = INT64_MAX;

    if (is_switched_off(keyspace)) return INT64_MAX;
    for (unsigned i = lane; i < keyspace->shard_count; i += lanes) {
        int64_t due = atomic_load_explicit(&keyspace->due[i], memory_order_relaxed);

        if (due < soonest) soonest = due;
    }
    return soonest;
}

int64_t keyspace_due_in_ms(const struct keyspace *keyspace, unsigned lane, unsigned lanes)
{
    int64_t soonest = soonest_due(keyspace, lane, lanes), wait_ms;

    if (soonest == INT64_MAX) return INT64_MAX;
    wait_ms = ((soonest + 1) << TICK_SHIFT) - clock_now_ms();
    return wait_ms > 0 ? wait_ms : 1;
}

int64_t keyspace_late_ms(const struct keyspace *keyspace, unsigned lane, unsigned lanes)
{
    int64_t soonest = soonest_due(keyspace, lane, lanes), late_ms;

    if (soonest == INT64_MAX) return 0;
    late_ms = clock_now_ms() - ((soonest + 1) << TICK_SHIFT);
    return late_ms > 0 ? late_ms : 0;
}

bool sweep_some(struct keyspace *keyspace, unsigned lane, unsigned lanes, uint64_t until_ticks)
{
    struct lane *own = &keyspace->lanes[lane];
    unsigned mine = (keyspace->shard_count + lanes - 1 - lane) / lanes;
    int64_t now_tick = tick_of(clock_now_ms());
    uint64_t began = 0;
    bool done = true;

    if (is_switched_off(keyspace)) return true;
    for (unsigned i = 0; i < mine && done; i++, own->sweep_next++) {
        unsigned index;

        if (own->sweep_next >= mine) own->sweep_next = 0;
        index = own->sweep_next * lanes + lane;
        if (atomic_load_explicit(&keyspace->due[index], memory_order_relaxed) >= now_tick) continue;
        if (began == 0) {
            began = clock_ticks();
        } else if (clock_ticks() >= until_ticks) {
            done = false;
            break;
        }
        while (!sweep_shard(keyspace, &keyspace->shards[index], until_ticks)) {
            if (clock_ticks() >= until_ticks) {
                done = false;
                break;
            }
        }
        if (!done) break;
    }
    if (began > 0)
        METRIC_ADD(keyspace, sweep_us, (int64_t)(clock_ticks_to_ns(clock_ticks() - began) / 1000));
    if (!done) METRIC_ADD(keyspace, sweep_behind, 1);
    return done;
}

size_t sweep_for_room(struct keyspace *keyspace, size_t wanted, uint64_t until_ticks)
{
    static _Thread_local unsigned next;
    int64_t now_tick = tick_of(clock_now_ms()), held = held_own(), freed = 0;

    if (is_switched_off(keyspace)) return 0;
    for (unsigned i = 0; i < SHARDS_A_LOOK; i++) {
        unsigned index = next++ & (keyspace->shard_count - 1);
        bool done = atomic_load_explicit(&keyspace->due[index], memory_order_relaxed) >= now_tick;

        while (unlikely(!done)) {
            done = sweep_shard(keyspace, &keyspace->shards[index], until_ticks);
            freed = held - held_own();
            if (freed >= (int64_t)wanted || clock_ticks() >= until_ticks) return freed > 0 ? (size_t)freed : 0;
        }
    }
    return freed > 0 ? (size_t)freed : 0;
}
