/* monitor: sessions that are shown every command that runs, on whichever worker.
 * A worker collects its lines during a turn; after it they go to the other workers that have
 * monitors, one mail each, so that watching costs little and the lines of one client stay in their
 * order. */
#ifndef COATCHECK_ENGINE_MONITOR_H
#define COATCHECK_ENGINE_MONITOR_H

#include "coatcheck/engine/call.h"
#include "coatcheck/engine/gate.h"

/* The session's own worker. False: no memory. */
bool monitor_begin(struct session *session);
void monitor_end(struct session *session);

/* The line of a call that has just run: while GATE_MONITORS is raised. */
void monitor_show(struct call *call);

/* Each worker, between two turns: sends off the lines it has collected. */
void monitor_flush(void);

/* A monitor looks on: it may not work with keys. */
enum gate_answer gate_monitor(struct call *call);

#endif
