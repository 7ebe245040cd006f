/* pause: CLIENT PAUSE: all clients, or those that write, wait until a time.
 * Any thread. A session that meets it keeps its request unread and is woken when the pause ends. */
#ifndef COATCHECK_ENGINE_PAUSE_H
#define COATCHECK_ENGINE_PAUSE_H

#include <stdbool.h>
#include <stdint.h>

enum pause_mode { PAUSE_NOTHING, PAUSE_WRITES, PAUSE_ALL };

/* Begins, or extends: a pause never becomes shorter or milder by a second call. */
void pause_begin(enum pause_mode mode, int64_t until_ms);
void pause_end(void);

/* What is paused now: PAUSE_NOTHING once the time is over. */
enum pause_mode pause_now(void);

/* Called by each worker in its chores: resumes this worker's waiting sessions when the pause is over. */
void pause_wake_waiting(void);

#endif
