/* pause: CLIENT PAUSE: all clients, or those that write, wait until a time.
 * Any thread. A session that meets it keeps its request unread and is resumed by its own worker
 * when the pause is over. While it lasts no key goes away by its deadline either, though none is
 * seen past it: whoever paused the writers counts on data that stands still. */
#ifndef COATCHECK_ENGINE_PAUSE_H
#define COATCHECK_ENGINE_PAUSE_H

#include <stdint.h>

/* In rising order of strictness. */
enum pause_mode { PAUSE_NOTHING, PAUSE_WRITES, PAUSE_ALL };

/* Begins, or extends: a pause never becomes shorter or milder by a second call. */
void pause_begin(enum pause_mode mode, int64_t duration_ms);
void pause_end(void);

/* What is paused now: PAUSE_NOTHING once the time is over. */
enum pause_mode pause_now(void);

/* Each worker calls it among its chores: resumes its waiting sessions when the pause is over.
 * Returns in how many microseconds it wants to be called again at the latest, INT64_MAX while
 * nobody waits. */
int64_t pause_look_after(void);

#endif
