#include "coatcheck/commands/deadline.h"

static bool refuse(struct call *call)
{
    reply_errorf(call->reply, "ERR invalid expire time in '%s' command", call->command->full_name);
    return false;
}

/* The number in milliseconds since 1970. False: it does not fit. */
static bool to_deadline(int64_t number, struct deadline_unit unit, int64_t *deadline_ms)
{
    int64_t base = unit.absolute ? 0 : clock_now_ms();

    if (unit.seconds && __builtin_mul_overflow(number, 1000, &number)) return false;
    if (number > INT64_MAX - base) return false;
    number += base;
    *deadline_ms = number == NEVER ? NEVER - 1 : number;
    /* So far before 1970 that it stands for something else in the key space. */
    if (*deadline_ms == KEEP_DEADLINE) *deadline_ms = KEEP_DEADLINE + 1;
    return true;
}

bool deadline_read(struct call *call, unsigned i, struct deadline_unit unit, int64_t *deadline_ms)
{
    int64_t number;

    if (!call_read_int(call, i, &number)) return false;
    return (number > 0 && to_deadline(number, unit, deadline_ms)) || refuse(call);
}

bool deadline_read_past(struct call *call, unsigned i, struct deadline_unit unit, int64_t *deadline_ms)
{
    int64_t number;

    if (!call_read_int(call, i, &number)) return false;
    return to_deadline(number, unit, deadline_ms) || refuse(call);
}
