#include "coatcheck/commands/absent.h"

#include <ctype.h>

void reply_absent(struct call *call, const char *why)
{
    char name[sizeof call->command->full_name];
    size_t i;

    for (i = 0; call->command->full_name[i]; i++) {
        name[i] = call->command->full_name[i] == '|'
                      ? ' '
                      : (char)toupper((unsigned char)call->command->full_name[i]);
    }
    name[i] = '\0';
    reply_errorf(call->reply, "ERR %s is not there yet: %s", name, why);
}
