/* absent: what a client is told of commands that are known and not there yet: never an OK for
 * nothing. */
#ifndef COATCHECK_COMMANDS_ABSENT_H
#define COATCHECK_COMMANDS_ABSENT_H

#include "coatcheck/engine/call.h"

/* "ERR BGSAVE is not there yet: …why". */
void reply_absent(struct call *call, const char *why);

#endif
