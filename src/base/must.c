#include "coatcheck/base/must.h"

#include <stdlib.h>
#include "coatcheck/base/log.h"

void must_failed(const char *condition, const char *file, int line)
{
    log_warning("Broken promise: %s, at %s:%d", condition, file, line);
    abort();
}
