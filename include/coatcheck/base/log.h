/* log: one line an event, to stderr, a file or syslog.
 * Any thread; a line is one write, so lines never mix. Never called while a shard is entered. */
#ifndef COATCHECK_BASE_LOG_H
#define COATCHECK_BASE_LOG_H

#include <stdbool.h>

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_VERBOSE, LOG_LEVEL_NOTICE, LOG_LEVEL_WARNING, LOG_LEVEL_NOTHING };

void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));
#define log_debug(...) log_line(LOG_LEVEL_DEBUG, __VA_ARGS__)
#define log_verbose(...) log_line(LOG_LEVEL_VERBOSE, __VA_ARGS__)
#define log_notice(...) log_line(LOG_LEVEL_NOTICE, __VA_ARGS__)
#define log_warning(...) log_line(LOG_LEVEL_WARNING, __VA_ARGS__)

void log_set_level(enum log_level level);

/* Appends to `path` from now on ("" is stderr). Returns false with errno when it cannot be opened;
 * the old target stays. */
bool log_open(const char *path);

/* Opens the same path again, after the file was moved away. */
bool log_reopen(void);

/* Lines go to syslog besides, under this name; facility is LOG_LOCAL0 … of <syslog.h>. */
void log_to_syslog(const char *ident, int facility);

/* The target's descriptor, for a crash handler that may call nothing else. */
int log_fd(void);

#endif
