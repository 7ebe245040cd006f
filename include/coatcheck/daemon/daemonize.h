/* daemonize: into the background, without a false success.
 * The command that the operator typed returns when the server serves, with 0, or has failed, with
 * the server's own exit code; until then the server's messages go to the operator's terminal. */
#ifndef COATCHECK_DAEMON_DAEMONIZE_H
#define COATCHECK_DAEMON_DAEMONIZE_H

#include <stdbool.h>
#include "coatcheck/base/text.h"

/* Forks; the child leads a session of its own and returns true. The parent does not return: it
 * waits for daemonize_ready() or the child's end and exits accordingly. False and `why` when there
 * was no fork. Call before any thread starts (the allocator's included) and before anything that
 * knows the pid. The working directory stays, since relative paths in the configuration are meant
 * from there. */
bool daemonize_start(struct text *why);

/* The child serves clients: standard input, output and error become /dev/null, and the parent exits
 * with 0. Nothing happens in a process that was not started by daemonize_start(). */
void daemonize_ready(void);

#endif
