/* hint: when the earliest deadline of a group, a run of groups or a table may be, in sixteen bits.
 *
 * A tick is 128 ms. A hint holds the low 16 bits of a tick, counted from the table's `base`: it
 * stands for the first tick at or after base with these bits, so a table can look 65534 ticks (2.3
 * hours) ahead; what is due later is noted for the end of that window, and the sweep then looks
 * again. 0 is no hint, and base is never a multiple of 65536, so that no tick needs the 0.
 *
 * Always: hint <= tick of every deadline it speaks for, or = base (long due); run <= its groups,
 * table <= its runs, keyspace->due[shard] <= its tables. Base is raised up to the soonest hint and
 * no further, and lowered only when the clock has been set back. Time enters nowhere else: so no
 * jump of the clock, and no sweep that comes hours late, can lose a deadline. */
#ifndef COATCHECK_HINT_INTERNAL_H
#define COATCHECK_HINT_INTERNAL_H

#include "table_internal.h"

#define TICK_SHIFT 7
#define HINT_WINDOW 65534
#define HINT_NONE 65535 /* as a distance from base */

static inline int64_t tick_of(int64_t ms)
{
    return ms >> TICK_SHIFT;
}

/* Distance of a hint from base in ticks. */
static inline uint32_t hint_ahead(const struct table *table, uint16_t hint)
{
    return hint ? (uint16_t)(hint - (uint16_t)table->base) : HINT_NONE;
}

static inline uint16_t hint_at(const struct table *table, uint32_t ahead)
{
    uint16_t hint;

    if (ahead == HINT_NONE) return 0;
    hint = (uint16_t)(table->base + ahead);
    return hint ? hint : 65535; /* a tick early */
}

static inline void table_set_base(struct table *table, int64_t tick)
{
    table->base = (tick & 0xffff) ? tick : tick - 1;
}

/* Lowers the hints of the group, its run, the table and the shard to a deadline. `group` lies in
 * the array `groups` of `count`. */
void hint_note(struct shard *shard, struct table *table, struct group *groups, uint32_t count,
               struct group *group, int64_t deadline_ms);

/* As hint_note for a group in whichever array. */
void hint_note_spot(struct shard *shard, struct table *table, struct group *group,
                    int64_t deadline_ms);

/* keyspace->due[shard]. */
void shard_due_lower(struct shard *shard, int64_t tick);

#endif
