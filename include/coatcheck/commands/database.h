/* database: the numbers by which clients name databases. */
#ifndef COATCHECK_COMMANDS_DATABASE_H
#define COATCHECK_COMMANDS_DATABASE_H

#include "coatcheck/engine/call.h"

/* Word `i` as a number of 32 bits, as Redis reads an int. False: `message` has been answered, or what
 * redis-server says of such numbers when it is NULL. */
bool call_read_int32(struct call *call, unsigned i, const char *message, int32_t *number);

/* Word `i` as the number of a database. False: the client has been answered. */
bool database_read(struct call *call, unsigned i, unsigned *db);

#endif
