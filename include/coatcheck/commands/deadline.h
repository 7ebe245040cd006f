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

/* As deadline_read, and a time that has passed is allowed, before 1970 too: for EXPIRE and its kin. */
bool deadline_read_past(struct call *call, unsigned i, struct deadline_unit unit, int64_t *deadline_ms);

/* Is it over already? NEVER and KEEP_DEADLINE are not. */
static inline bool deadline_is_over(int64_t deadline_ms)
{
    return deadline_ms != KEEP_DEADLINE && deadline_ms <= clock_now_ms();
}

/* What a client is told: 2^63-1 was asked for where 2^63-2 is kept, as the last number means NEVER. */
static inline int64_t deadline_told(int64_t deadline_ms)
{
    return deadline_ms == NEVER - 1 ? INT64_MAX : deadline_ms;
}

#endif
