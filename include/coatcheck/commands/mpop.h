/* mpop: the words that LMPOP, ZMPOP and those of them that wait have alike: numkeys key … END [COUNT count]. */
#ifndef COATCHECK_COMMANDS_MPOP_H
#define COATCHECK_COMMANDS_MPOP_H

#include "coatcheck/engine/call.h"

struct mpop_words {
    unsigned keys; /* how many are named */
    unsigned end;  /* which of the two ends: 0 or 1 */
    int64_t count; /* at most so many, at least 1 */
};

/* Reads the words from the number of keys on, which is word `at`; `ends` are the names of the two. False:
 * answered. */
bool mpop_read(struct call *call, unsigned at, const char *const ends[2], struct mpop_words *asked);

#endif
