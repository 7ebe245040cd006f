#include "hint_internal.h"

#include "keyspace_internal.h"

/* A deadline is outside of the window from base: move base as far as that is sound. */
static void table_rebase(struct shard *shard, struct table *table, int64_t tick)
{
    int64_t now = tick_of(clock_now_ms());

    if (tick < table->base) {
        /* The deadline is past, or the clock has been set back. */
        if (now >= table->base) return;
        table_set_base(table, now);
        if (table->soonest) shard_due_lower(shard, table->base);
        return;
    }
    if (table->soonest) {
        int64_t soonest = table->base + hint_ahead(table, table->soonest);

        if (soonest < now) now = soonest;
    }
    if (now > table->base) table_set_base(table, now);
}

/* Distance of a deadline from base, within the window. */
static inline uint32_t hint_of_deadline(struct shard *shard, struct table *table, int64_t deadline_ms)
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

void hint_note_spot(struct shard *shard, struct table *table, struct group *group, int64_t deadline_ms)
{
    bool in_old = table->old && group >= table->old && group < table->old + table->old_count;

    if (in_old) {
        hint_note(shard, table, table->old, table->old_count, group, deadline_ms);
    } else {
        hint_note(shard, table, table->groups, table->count, group, deadline_ms);
    }
}
