#include "coatcheck/commands/subcommand.h"

#include <ctype.h>

#define SHOWN 128

void subcommand_error(struct call *call)
{
    const struct command *command = call->command->parent ? call->command->parent : call->command;
    struct bytes sub = call_arg(call, 1);
    char container[sizeof command->name];
    size_t i;

    for (i = 0; command->name[i]; i++)
        container[i] = (char)toupper((unsigned char)command->name[i]);
    container[i] = '\0';
    reply_errorf(call->reply,
                 "ERR unknown subcommand or wrong number of arguments for '%.*s'. Try %s HELP.",
                 (int)(sub.len < SHOWN ? sub.len : SHOWN), sub.at, container);
}
