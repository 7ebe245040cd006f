/* draw: what the commands share that draw an element at a time, the same one again and again. */
#ifndef COATCHECK_COMMANDS_DRAW_H
#define COATCHECK_COMMANDS_DRAW_H

#include "coatcheck/engine/call.h"

/* No size of a value bounds such draws: more would hold its shard for minutes and fill the memory. */
#define DRAWS_MAX (16 * 1024 * 1024)

/* False: answered. */
static inline bool call_may_draw(struct call *call, uint64_t wanted)
{
    if (wanted <= DRAWS_MAX) return true;
    reply_error(call->reply, ERR_OUT_OF_RANGE);
    return false;
}

#endif
