/* file: a configuration file and the command line, line by line in redis.conf's syntax. */
#ifndef COATCHECK_CONFIG_FILE_H
#define COATCHECK_CONFIG_FILE_H

#include "coatcheck/base/text.h"

/* Reads the lines of `path` ("-" is standard input) into the options. On a mistake `why` holds one line:
 * file, line, option, what was given and what was expected; false is returned.
 * Options of Redis that coatcheck does not have are either harmless (a warning in the log names them and
 * says what that means) or refused with the reason. */
bool config_read_file(const char *path, struct text *why);

/* As one line of a file; `place` is what messages call it ("--port on the command line"). */
bool config_read_line(struct bytes line, const char *place, struct text *why);

/* CONFIG REWRITE: changes the lines of the file that was read last, keeps its comments and order, adds what
 * differs from the defaults; written beside, fsynced, renamed. Without a file, or when the disk refuses:
 * false and why. */
bool config_rewrite(struct text *why);

/* The path read last, or "". */
const char *config_path(void);

/* Every option with default and sentence, as conf/coatcheck.conf holds it. */
void config_print_all(struct text *into);

#endif
