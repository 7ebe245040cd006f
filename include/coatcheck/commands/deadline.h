/* deadline: the words with which clients set deadlines: EX, PX, EXAT, PXAT and their numbers. */
#ifndef COATCHECK_COMMANDS_DEADLINE_H
#define COATCHECK_COMMANDS_DEADLINE_H

#include "coatcheck/engine/call.h"

struct deadline_unit {
    bool seconds;  /* else milliseconds */
    bool absolute; /* since 1970, else from now on */
};

/* Word `i` as a positive number of that unit, as milliseconds since 1970. False: the client has been
 * answered (not an integer, or "invalid expire time in 'set' command"). */
bool deadline_read(struct call *call, unsigned i, struct deadline_unit unit, int64_t *deadline_ms);

#endif
