#include "hint_internal.h"

#include "keyspace_internal.h"

static uint16_t hint_lowered(const struct table *table, uint16_t hint, const struct table *was)
{
    uint32_t ahead = hint_ahead(was, hint);
    int64_t tick = was->base + ahead;

    if (ahead == HINT_NONE) return 0;
    if (ahead == 0)
        return hint_at(table, 0); /* perhaps of deadlines that were past, and are to come again */
    return hint_at(table,
                   tick - table->base < HINT_WINDOW ? (uint32_t)(tick - table->base) : HINT_WINDOW);
}

static void array_lower_base(const struct table *table, struct group *groups, uint32_t count,
                             const struct table *was)
{
    uint16_t *summary = array_summary(groups, count);

    for (uint32_t at = 0; at < count; at++) {
        uint16_t hint = hint_lowered(table, groups[at].soonest, was);

        if (groups[at].soonest != hint) groups[at].soonest = hint;
    }
    for (uint32_t run = 0; run < array_runs(count); run++) {
        summary[run] = hint_lowered(table, summary[run], was);
    }
}

/* The clock has been set back behind base. A hint that leaves the window at its far end would come
 * round at the near one and be looked at too early, and then, when base rises again, too late: so
 * it is drawn to the end of the window. That reads every group, once for each time somebody sets
 * the clock back. */
static void table_lower_base(struct shard *shard, struct table *table, int64_t tick)
{
    struct table was = *table;

    table_set_base(table, tick);
    if (!was.soonest) return;
    array_lower_base(table, table->groups, table->count, &was);
    if (table->old) array_lower_base(table, table->old, table->old_count, &was);
    table->soonest = hint_lowered(table, was.soonest, &was);
    shard_due_lower(shard, table->base + hint_ahead(table, table->soonest));
}

/* A deadline is outside of the window from base: move base as far as that is sound. */
static void table_rebase(struct shard *shard, struct table *table, int64_t tick)
{
    int64_t now = tick_of(clock_now_ms());

    if (tick < table->base) {
        /* The deadline is past, or the clock has been set back. */
        if (now < table->base) table_lower_base(shard, table, now);
        return;
    }
    if (table->soonest) {
        int64_t soonest = table->base + hint_ahead(table, table->soonest);

        if (soonest < now) now = soonest;
    }
    if (now > table->base) table_set_base(table, now);
}

/* Distance of a deadline from base, within the window. */
static inline uint32_t hint_of_deadline(struct shard *shard, struct table *table,
                                        int64_t deadline_ms)
{
    int64_t tick = tick_of(deadline_ms);

    if (unlikely(tick < table->base || tick - table->base > HINT_WINDOW)) {
        table_rebase(shard, table, tick);
        if (tick < table->base) return 0;
        if (tick - table->base > HINT_WINDOW) return HINT_WINDOW;
    }
    return (uint32_t)(tick - table->base);
}

void shard_due_lower(struct shard *shard, int64_t tick)
{
    _Atomic int64_t *due = &shard_home(shard)->due[shard->index];

    if (tick < atomic_load_explicit(due, memory_order_relaxed)) {
        atomic_store_explicit(due, tick, memory_order_relaxed);
    }
}

void hint_note(struct shard *shard, struct table *table, struct group *groups, uint32_t count,
               struct group *group, int64_t deadline_ms)
{
    uint32_t ahead = hint_of_deadline(shard, table, deadline_ms);
    uint16_t hint = hint_at(table, ahead), *run;

    ahead = hint_ahead(table, hint);
    if (ahead >= hint_ahead(table, group->soonest)) return;
    group->soonest = hint;
    run = &array_summary(groups, count)[(group - groups) / RUN_GROUPS];
    if (ahead >= hint_ahead(table, *run)) return;
    *run = hint;
    if (ahead >= hint_ahead(table, table->soonest)) return;
    table->soonest = hint;
    shard_due_lower(shard, table->base + ahead);
}

void hint_carry(struct table *table, struct group *group, uint16_t hint)
{
    uint32_t ahead = hint_ahead(table, hint);
    uint16_t *run;

    if (ahead >= hint_ahead(table, group->soonest)) return;
    group->soonest = hint;
    run = &array_summary(table->groups, table->count)[(group - table->groups) / RUN_GROUPS];
    if (ahead < hint_ahead(table, *run)) *run = hint;
    /* The table's is for both arrays, and early enough already. */
}

void hint_note_spot(struct shard *shard, struct table *table, struct group *group,
                    int64_t deadline_ms)
{
    bool in_old = table->old && group >= table->old && group < table->old + table->old_count;

    if (in_old) {
        hint_note(shard, table, table->old, table->old_count, group, deadline_ms);
    } else {
        hint_note(shard, table, table->groups, table->count, group, deadline_ms);
    }
}
