/* secret: words of a command that no log, list or onlooker may show: passwords. */
#ifndef COATCHECK_ENGINE_SECRET_H
#define COATCHECK_ENGINE_SECRET_H

#include "coatcheck/engine/call.h"

/* Word `i` of the call: shown as "(redacted)". */
bool call_arg_is_secret(const struct call *call, unsigned i);

/* The command has run: its secret words, and the line that they were quoted in, are overwritten where they came in. */
void call_wipe_secrets(const struct call *call);

/* May a command of this row have any? */
static inline bool row_may_have_secrets(const struct command_row *row)
{
    return row->flags & (COMMAND_NO_AUTH | COMMAND_ADMIN);
}

#endif
