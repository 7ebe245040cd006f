/* slowlog: the commands that took longest, the newest first: when, how long, what, and who asked.
 * Any thread. An entry never changes; who reads holds it, so that nobody waits for a reply to be
 * written. */
#ifndef COATCHECK_ENGINE_SLOWLOG_H
#define COATCHECK_ENGINE_SLOWLOG_H

#include <stddef.h>
#include <stdint.h>
#include "coatcheck/base/bytes.h"

/* So much is kept of a command: the rest is told as a number. */
#define SLOWLOG_WORDS 32
#define SLOWLOG_WORD_BYTES 128

struct slow_entry {
    uint64_t id;  /* counts up from 0 */
    int64_t at_s; /* since 1970 */
    int64_t us;
    unsigned count;
    struct bytes words[SLOWLOG_WORDS]; /* secrets are "(redacted)" */
    struct bytes peer, name; /* of the client: "127.0.0.1:1234", and the one it chose, or empty */
};

/* Fills watch_hooks.slow and follows the options slowlog-log-slower-than and
 * latency-monitor-threshold. After the options are read. */
void slowlog_setup(void);

size_t slowlog_len(void);
void slowlog_reset(void);

/* At most `count` entries into `entries`, the newest first; returns how many. Given back by
 * slowlog_release(). */
size_t slowlog_hold(const struct slow_entry **entries, size_t count);
void slowlog_release(const struct slow_entry **entries, size_t count);

#endif
