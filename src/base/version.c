#include "coatcheck/base/version.h"

#include <stdatomic.h>

/* Threads take so many at a time. */
#define VERSIONS ((uint64_t)1 << 20)

_Thread_local uint64_t version_next, version_end;

static _Atomic uint64_t taken = 1;

void version_take_more(void)
{
    version_next = atomic_fetch_add_explicit(&taken, VERSIONS, memory_order_relaxed);
    version_end = version_next + VERSIONS;
}
