/* compaction: a walk through blocks that moves them together, so that pages come free; how far it may go, and where it is.
 * Who moves a block of the allocator's calls mem_compact(), of a slab slab_is_sparse() (base/slab.h). */
#ifndef COATCHECK_BASE_COMPACTION_H
#define COATCHECK_BASE_COMPACTION_H

#include "coatcheck/base/clock.h"
#include "coatcheck/base/mem.h"

struct compaction {
    uint64_t until_ticks; /* clock_ticks() when its time is up */
    bool own_only;        /* of blocks in slabs, those of this thread alone */
    bool moves_blocks;    /* the allocator's too */
    bool is_over;
    uint64_t at;          /* within a container, in units of its own: how far it has come. 0: not begun */
    uint64_t looked_at;   /* mem_compact_work when the clock was asked last */
};

/* As much as moves a kilobyte, or asks about eight blocks: the clock is not asked sooner. */
#define COMPACTION_LOOK 8

/* After each block or few. True: the time is up, and stays so. */
static inline bool compaction_is_over(struct compaction *compaction)
{
    if (mem_compact_work - compaction->looked_at < COMPACTION_LOOK) return compaction->is_over;
    compaction->looked_at = mem_compact_work;
    compaction->is_over = compaction->is_over || clock_ticks() >= compaction->until_ticks;
    return compaction->is_over;
}

#endif
