/* command_internal: what COMMAND's files share: a command told as COMMAND INFO and COMMAND DOCS
 * tell it. */
#ifndef COATCHECK_COMMANDS_COMMAND_INTERNAL_H
#define COATCHECK_COMMANDS_COMMAND_INTERNAL_H

#include "coatcheck/engine/call.h"

/* Was it taken away by rename-command, or is its container? */
static inline bool command_is_gone(const struct command *command)
{
    return command->name[0] == '\0' || (command->parent && command->parent->name[0] == '\0');
}

/* {"RO", "access"}: the words of enum key_access. */
void reply_key_access(struct reply *reply, unsigned access);

/* One element of COMMAND INFO's answer: ten facts, or a null for no command. */
void reply_command_info(struct reply *reply, const struct command *command);

/* The map that COMMAND DOCS answers for a command. */
void reply_command_docs(struct reply *reply, const struct command *command);

/* The arguments of a syntax line as COMMAND DOCS tells them: an array of maps. False: the line is
 * not in the form that is understood, and the array is empty. */
bool reply_command_arguments(struct reply *reply, const struct command *command);

#endif
