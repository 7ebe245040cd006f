/* scan: what SCAN and its kin for containers read alike. */
#ifndef COATCHECK_COMMANDS_SCAN_H
#define COATCHECK_COMMANDS_SCAN_H

#include <stdbool.h>
#include <stdint.h>
#include "coatcheck/base/bytes.h"

/* As strtoul() reads a cursor for redis-server: a sign, leading zeros and nothing at all will do;
 * what follows a zero byte is not looked at. */
bool scan_read_cursor(struct bytes text, uint64_t *cursor);

#endif
