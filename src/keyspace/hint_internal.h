/* hint: when the earliest deadline of a group, a run of groups or a table may be, in sixteen bits.
 *
 *   0 | fifteen bits      a fine one: the low bits of a tick of 8 ms; 262 s ahead of `base`
 *   1 | fifteen bits      a coarse one: those of 128 ticks, 1.024 s; 9.3 hours ahead
 *
 * A hint stands for the first tick, or for the start of the first 128 ticks, at or after the table's base with
 * these bits. What is due soon is noted fine; what is due later coarse, and rounded early, so that the sweep
 * looks once more when it comes near; what is due after the window is noted for its end. 0 is no hint, and base
 * is never a multiple of 32768, so that no tick needs the 0.
 *
 * Always: hint <= tick of every deadline it speaks for, or = base (long due); run <= its groups,
 * table <= its runs, keyspace->due[shard] <= its tables. Base is raised up to the soonest hint and
 * no further, and lowered only when the clock has been set back. Time enters nowhere else: so no
 * jump of the clock, and no sweep that comes hours late, can lose a deadline. */
#ifndef COATCHECK_HINT_INTERNAL_H
#define COATCHECK_HINT_INTERNAL_H

#include "table_internal.h"

#define TICK_SHIFT 3
#define COARSE_SHIFT 7
#define HINT_IS_COARSE 0x8000u
#define HINT_BITS 0x7fffu
#define FINE_WINDOW 32766u
#define HINT_WINDOW (32766u << COARSE_SHIFT)
#define HINT_NONE UINT32_MAX /* as a distance from base */

static inline int64_t tick_of(int64_t ms)
{
    return ms >> TICK_SHIFT;
}

/* Distance of a hint from base in ticks. */
static inline uint32_t hint_ahead(const struct table *table, uint16_t hint)
{
    uint32_t start, within;

    if (!hint) return HINT_NONE;
    if (!(hint & HINT_IS_COARSE)) return (hint - (uint32_t)table->base) & HINT_BITS;
    start = ((hint - (uint32_t)(table->base >> COARSE_SHIFT)) & HINT_BITS) << COARSE_SHIFT;
    within = (uint32_t)table->base & ((1u << COARSE_SHIFT) - 1);
    return start > within ? start - within : 0;
}

static inline uint16_t hint_at(const struct table *table, uint32_t ahead)
{
    uint32_t tick = (uint32_t)table->base + ahead;

    if (ahead == HINT_NONE) return 0;
    if (ahead > FINE_WINDOW) {
        return (uint16_t)(((uint64_t)(table->base + ahead) >> COARSE_SHIFT & HINT_BITS) | HINT_IS_COARSE);
    }
    return tick & HINT_BITS ? tick & HINT_BITS : HINT_BITS; /* a tick early */
}

/* The first tick in which something of the table may be due; INT64_MAX: none, or no table. */
static inline int64_t table_due(const struct table *table)
{
    return table && table->soonest ? table->base + hint_ahead(table, table->soonest) : INT64_MAX;
}

static inline void table_set_base(struct table *table, int64_t tick)
{
    table->base = (tick & HINT_BITS) ? tick : tick - 1;
}

/* Lowers the hints of the group, its run, the table and the shard to a deadline. `group` lies in
 * the array `groups` of `count`. */
void hint_note(struct shard *shard, struct table *table, struct group *groups, uint32_t count,
               struct group *group, int64_t deadline_ms);

/* The hint of a group whose entries move to this one: early for those that stay behind, and so looked
 * at once more, but nobody has to read a deadline. */
void hint_carry(struct table *table, struct group *group, uint16_t hint);

/* As hint_note for a group in whichever array. */
void hint_note_spot(struct shard *shard, struct table *table, struct group *group,
                    int64_t deadline_ms);

/* keyspace->due[shard]. */
void shard_due_lower(struct shard *shard, int64_t tick);

#endif
