/* client: a client told to a person, for whoever logs one. */
#ifndef COATCHECK_COMMANDS_CLIENT_H
#define COATCHECK_COMMANDS_CLIENT_H

#include "coatcheck/engine/session.h"

/* The fields of its line in CLIENT LIST. By its owner, or inside session_host->each(). */
void client_describe(struct session *session, struct text *into);

#endif
