/* options: what the operator may choose about the process itself. */
#ifndef COATCHECK_DAEMON_OPTIONS_H
#define COATCHECK_DAEMON_OPTIONS_H

#include "coatcheck/base/option.h"

extern const struct option_word loglevel_words[];
extern const struct option_word supervised_words[];
extern const struct option_word syslog_facility_words[];

#define DAEMON_OPTIONS(BOOL, INT, SIZE, WORD, TEXT)                                                \
    INT(threads, "threads", 0, 0, 128, OPTION_AT_START,                                            \
        "workers, each a thread that reads, executes and answers; 0 is one for each core")         \
    BOOL(daemonize, "daemonize", 0, OPTION_AT_START, "go to the background once clients are served") \
    TEXT(pidfile, "pidfile", "", OPTION_AT_START, "file that holds the number of the process")     \
    TEXT(dir, "dir", ".", OPTION_PROTECTED, "working directory: relative paths are meant from there") \
    BOOL(core_dumps, "core-dumps", 0, OPTION_AT_START,                                             \
         "let the system write the memory of a crashed server, data and passwords, to a file")     \
    WORD(supervised, "supervised", 0, supervised_words, OPTION_AT_START,                           \
         "who started the server: found out by itself, whatever is said here")                     \
    WORD(loglevel, "loglevel", 2, loglevel_words, OPTION_LIVE,                                     \
         "least important lines to log: debug, verbose, notice, warning, or nothing")              \
    TEXT(logfile, "logfile", "", OPTION_AT_START, "file that log lines are added to; empty is standard error") \
    BOOL(syslog_enabled, "syslog-enabled", 0, OPTION_AT_START, "send log lines to syslog besides") \
    TEXT(syslog_ident, "syslog-ident", "coatcheck", OPTION_AT_START, "name of the lines in syslog") \
    WORD(syslog_facility, "syslog-facility", 16, syslog_facility_words, OPTION_AT_START,           \
         "facility of the lines in syslog: user, or local0 to local7")
OPTION_STRUCT(daemon, DAEMON_OPTIONS);

#endif
