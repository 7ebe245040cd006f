/* subcommand: what a client is told when the words of a subcommand do not fit, in redis-server's
 * words. */
#ifndef COATCHECK_COMMANDS_SUBCOMMAND_H
#define COATCHECK_COMMANDS_SUBCOMMAND_H

#include "coatcheck/engine/call.h"

/* "ERR unknown subcommand or wrong number of arguments for 'GET'. Try SLOWLOG HELP." */
void subcommand_error(struct call *call);

#endif
