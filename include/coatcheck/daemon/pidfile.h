/* pidfile: the number of this process in a file, for scripts that look for it there.
 * One to a process. Written beside and renamed: a reader sees the old content or the new, never
 * half. */
#ifndef COATCHECK_DAEMON_PIDFILE_H
#define COATCHECK_DAEMON_PIDFILE_H

#include <stdbool.h>
#include "coatcheck/base/text.h"

/* Writes "<pid>\n" to `path`, replacing a file that a dead server left. Call it in the process that
 * stays (after daemonize_start()). False and `why` (one line) when it cannot be written, or when
 * something other than a file is there. */
bool pidfile_open(const char *path, struct text *why);

/* Removes the file when it is still the one that this process wrote. Without one, nothing. */
void pidfile_close(void);

#endif
