/* version: numbers by which it is told whether what lies somewhere is still what lay there: whoever makes or changes a value
 * draws one, and no two are the same, whichever thread has drawn them. 0 is never drawn. */
#ifndef COATCHECK_BASE_VERSION_H
#define COATCHECK_BASE_VERSION_H

#include <stdint.h>
#include "coatcheck/base/must.h"

/* Of this thread: the next one, and where those that it has taken end. */
extern _Thread_local uint64_t version_next, version_end;
void version_take_more(void);

static inline uint64_t version_new(void)
{
    if (unlikely(version_next == version_end)) version_take_more();
    return version_next++;
}

#endif
