/* server: the parts of the program put together: modules set up down the list, run, torn down up the list. */
#ifndef COATCHECK_DAEMON_SERVER_H
#define COATCHECK_DAEMON_SERVER_H

#include <stdbool.h>
#include "coatcheck/base/text.h"

/* Options and metrics of all rooms are known from here on: what --check and --print-options need. */
void server_declare(void);

/* With the options read: sets everything up and serves until a signal or SHUTDOWN. Returns the exit code;
 * on failure one line has been logged. */
int server_run(void);

/* The modules, in order; `why` of a failed setup is one line. */
struct module {
    const char *name;
    bool (*setup)(struct text *why);
    void (*teardown)(void);
};
extern const struct module modules[]; /* ends with one that has no name */

#endif
