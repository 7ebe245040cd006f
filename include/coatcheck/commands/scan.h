/* scan: what SCAN and its kin for containers read alike. */
#ifndef COATCHECK_COMMANDS_SCAN_H
#define COATCHECK_COMMANDS_SCAN_H

#include <stdbool.h>
#include <stdint.h>
#include "coatcheck/engine/call.h"

/* As strtoul() reads a cursor for redis-server: a sign, leading zeros and nothing at all will do;
 * what follows a zero byte is not looked at. */
bool scan_read_cursor(struct bytes text, uint64_t *cursor);

/* The words behind the cursor: MATCH and COUNT, and what else this one knows. */
enum scan_extra { SCAN_NO_EXTRA, SCAN_TYPE, SCAN_NOVALUES };

struct scan_options {
    struct bytes pattern; /* at NULL: any */
    struct bytes type;    /* at NULL: any */
    int64_t count;
    bool no_values;
};

/* From word `at` on. False: answered. */
bool scan_read_options(struct call *call, unsigned at, enum scan_extra extra, struct scan_options *options);

#endif
