/* secret: words of a command that no log, list or onlooker may show: passwords. */
#ifndef COATCHECK_ENGINE_SECRET_H
#define COATCHECK_ENGINE_SECRET_H

#include "coatcheck/engine/call.h"

/* Word `i` of the call: shown as "(redacted)". */
bool call_arg_is_secret(const struct call *call, unsigned i);

#endif
