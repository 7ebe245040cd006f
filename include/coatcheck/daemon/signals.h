/* signals: what the operator says with kill(1).
 * TERM and INT stop the server in order, a second one of either ends it at once, even when the loop
 * is stuck; HUP and USR1 open the log again; PIPE is ignored. Handlers only count and wake the main
 * loop. */
#ifndef COATCHECK_DAEMON_SIGNALS_H
#define COATCHECK_DAEMON_SIGNALS_H

#include <stdbool.h>

struct event_base;

struct signals_rows {
    /* The first TERM or INT, on the loop's thread. The server serves on until this ends it. */
    void (*stop)(void *context, int signal);
    /* After the log was opened again for HUP or USR1, on the loop's thread; may be NULL. */
    void (*reopened)(void *context);
    void *context;
};

/* Blocks all signals but those of a crash in the calling thread, and so in the threads it starts.
 * Call it in main() before the first thread: what arrives until signals_setup() waits. */
void signals_block(void);

/* The calling thread, which runs `base`, receives signals from here on. `rows` is copied. False
 * with errno. */
bool signals_setup(struct event_base *base, const struct signals_rows *rows);

/* TERM and INT end the process from here on as they end any; HUP and USR1 are ignored, and PIPE
 * still is, since the last replies may be on their way. Before event_base_free(). */
void signals_teardown(void);

#endif
