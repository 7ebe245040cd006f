/* memory_replies: replies that are gathered whole before any of them is sent. Nobody has refused to read them yet, but
 * they are memory: ten clients that asked for all keys at once had keys evicted for what none of them read. */
#include <stdatomic.h>
#include "coatcheck/engine/memory.h"
#include "coatcheck/net/worker.h"
#include "memory_internal.h"

static _Atomic int64_t gathered;             /* bytes, by all */
static _Atomic(const void *) may_take_more; /* the one who may gather more than there is room for */

enum memory_answer memory_may_gather(const void *who, int64_t bytes, int64_t before)
{
    int64_t all = atomic_fetch_add_explicit(&gathered, bytes - before, memory_order_relaxed) + bytes - before, unread, most;
    const void *nobody = NULL;

    if (memory_limit() == 0 || atomic_load_explicit(&may_take_more, memory_order_relaxed) == who) return MEMORY_GO_ON;
    most = memory_limit() / MEMORY_UNREAD_SHARE;
    unread = workers_unread();
    if (unread + all <= most) return MEMORY_GO_ON;
    if (unread > most || !atomic_compare_exchange_strong(&may_take_more, &nobody, who)) return MEMORY_WAIT;
    return MEMORY_GO_ON;
}

void memory_gathered(const void *who, int64_t bytes)
{
    atomic_fetch_sub_explicit(&gathered, bytes, memory_order_relaxed);
    if (atomic_load_explicit(&may_take_more, memory_order_relaxed) == who)
        atomic_store_explicit(&may_take_more, NULL, memory_order_relaxed);
}
