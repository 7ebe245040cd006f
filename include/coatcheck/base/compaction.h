/* compaction: a walk through blocks that moves them together, so that pages come free; how far it may go, and where it is.
 * Who moves a block of the allocator's calls mem_compact(), of a slab slab_is_sparse() (base/slab.h). */
#ifndef COATCHECK_BASE_COMPACTION_H
#define COATCHECK_BASE_COMPACTION_H

#include "coatcheck/base/clock.h"
#include "coatcheck/base/mem.h"

struct compaction {
    uint64_t until_ticks; /* clock_ticks() when its time is up */
    bool own_only;        /* of blocks in slabs, those of this thread's alone */
    bool moves_blocks;    /* the allocator's too */
    uint64_t at;          /* within a container, in units of its own: how far it has come. 0: not begun */
    unsigned looks;
};

#define COMPACTION_LOOKS 8 /* blocks, about: not each of them is worth a look at the clock */

/* After each block or few. True: the time is up. */
static inline bool compaction_is_over(struct compaction *compaction)
{
    return ++compaction->looks % COMPACTION_LOOKS == 0 && clock_ticks() >= compaction->until_ticks;
}

#endif
