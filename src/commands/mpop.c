#include "coatcheck/commands/mpop.h"

/* False: answered. */
static bool read_end(struct call *call, unsigned i, const char *const ends[2], unsigned *end)
{
    for (*end = 0; *end < 2; ++*end) {
        if (call_arg_is(call, i, ends[*end])) return true;
    }
    call_syntax_error(call);
    return false;
}

bool mpop_read(struct call *call, unsigned at, const char *const ends[2], struct mpop_words *asked)
{
    int64_t keys;
    unsigned i;

    if (!call_read_int_between(call, at, 1, INT64_MAX, &keys, "numkeys should be greater than 0")) return false;
    if (keys >= call_argc(call) - at - 1) {
        call_syntax_error(call);
        return false;
    }
    *asked = (struct mpop_words){.keys = (unsigned)keys, .count = 1};
    i = at + 1 + asked->keys;
    if (!read_end(call, i, ends, &asked->end)) return false;
    if (++i == call_argc(call)) return true;
    if (!call_arg_is(call, i, "COUNT") || i + 1 == call_argc(call)) {
        call_syntax_error(call);
        return false;
    }
    if (!call_read_int_between(call, i + 1, 1, INT64_MAX, &asked->count, "count should be greater than 0")) return false;
    if (i + 2 == call_argc(call)) return true;
    call_syntax_error(call);
    return false;
}
