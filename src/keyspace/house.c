/* house: the chores of a lane, slice by slice. */
#include "coatcheck/base/metric.h"
#include "hint_internal.h"
#include "keyspace_internal.h"

/* In a round a lane looks at each of its shards once, for what nobody's writes push on: a table on
 * its way to another array, a table that has long been nearly empty. */
#define ROUND_MS 1000
#define MOVES_A_HOLD 64

/* Moves on a table that nobody writes to; true when it has arrived. */
static bool push_move(struct shard *shard, unsigned db, uint64_t until_ticks)
{
    for (;;) {
        struct table *table;
        bool moving;

        shard_enter(shard);
        table = shard_table(shard, db);
        if (table->old) table_move(shard, table, MOVES_A_HOLD);
        moving = table->old != NULL;
        shard_leave(shard);
        if (!moving) return true;
        if (clock_ticks() >= until_ticks) return false;
    }
}

/* Counts the rounds in which the table was lean; asks for a smaller array after the last. */
static void note_leanness(struct shard *shard, unsigned db, struct table *table)
{
    if (!table_is_lean(table)) {
        table->flags &= (uint8_t)~TABLE_LEAN_MASK;
    } else if ((table->flags & TABLE_LEAN_MASK) < TABLE_LEAN_LONG) {
        table->flags += TABLE_LEAN;
    } else {
        table_ask(shard, db, table);
    }
}

static bool visit_shard(struct keyspace *keyspace, struct shard *shard, uint64_t until_ticks)
{
    bool arrived = true;

    for (unsigned db = 0; db < keyspace->rules.databases; db++) {
        struct table *table = shard_table(shard, db);
        bool moving;

        if (!table || !__atomic_load_n(&table->groups, __ATOMIC_RELAXED)) continue;
        shard_enter(shard);
        table = shard_table(shard, db);
        moving = table->old != NULL;
        if (!moving) note_leanness(shard, db, table);
        shard_leave(shard);
        if (moving && !push_move(shard, db, until_ticks)) arrived = false;
    }
    return arrived;
}

/* As many of the lane's shards as the round's time asks for. */
static bool round_some(struct keyspace *keyspace, unsigned lane, unsigned lanes,
                       uint64_t until_ticks)
{
    struct lane *own = &keyspace->lanes[lane];
    unsigned mine = (keyspace->shard_count + lanes - 1 - lane) / lanes, wanted;
    int64_t now_ms = clock_now_ms(), since = now_ms - own->round_ms;

    if (own->round_next >= mine && since >= 0 && since < ROUND_MS) return true;
    if (own->round_next >= mine || since < 0) {
        own->round_next = 0;
        own->round_ms = now_ms;
        since = 0;
    }
    wanted = since >= ROUND_MS ? mine : (unsigned)((uint64_t)mine * (uint64_t)since / ROUND_MS) + 1;
    while (own->round_next < wanted && own->round_next < mine) {
        struct shard *shard = &keyspace->shards[own->round_next * lanes + lane];
        bool begins = compact_begins(&own->compact);

        if (begins && !visit_shard(keyspace, shard, until_ticks)) return false;
        if (begins && own->round_next == 0) compact_round_begin(&own->compact_round);
        if (!compact_shard(keyspace, shard, &own->compact, &own->compact_round, COMPACT_ALL, until_ticks)) return false;
        own->compact = (struct compact_place){0};
        if (++own->round_next == mine) compact_round_end(&own->compact_round, COMPACT_ALL);
        if (clock_ticks() >= until_ticks) return own->round_next >= wanted;
    }
    return true;
}

enum house_state keyspace_housekeep(struct keyspace *keyspace, unsigned lane, unsigned lanes,
                                    int64_t budget_us)
{
    uint64_t now = clock_ticks(), budget = clock_us_to_ticks((uint64_t)budget_us);
    bool done;

    must(lane < lanes && lanes <= LANES_MAX);
    /* Expiry has promised most; what it leaves of the time goes to the others, but never nothing.
     */
    done = sweep_some(keyspace, lane, lanes, now + budget * 3 / 4);
    done = reclaim_some(keyspace, now + budget) && done;
    done = round_some(keyspace, lane, lanes, now + budget) && done;
    done = slab_tidy(now + budget) && done;
    return done ? HOUSE_CLEAN : HOUSE_BEHIND;
}
