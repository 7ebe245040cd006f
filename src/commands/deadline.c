#include "coatcheck/commands/deadline.h"

bool deadline_read(struct call *call, unsigned i, struct deadline_unit unit, int64_t *deadline_ms)
{
    int64_t base = unit.absolute ? 0 : clock_now_ms(), number;

    if (!call_read_int(call, i, &number)) return false;
    if (number <= 0 || (unit.seconds && number > INT64_MAX / 1000)) goto invalid;
    if (unit.seconds) number *= 1000;
    if (number > INT64_MAX - 1 - base) goto invalid;
    *deadline_ms = number + base;
    return true;

invalid:
    reply_errorf(call->reply, "ERR invalid expire time in '%s' command", call->command->full_name);
    return false;
}
