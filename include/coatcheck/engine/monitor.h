/* monitor: sessions that are shown every command that runs, on whichever worker.
 * A worker collects its lines during a turn; before the replies of the turn they go to the other workers that
 * have monitors, one mail each, so that watching costs little, the lines of one client stay in their order, and
 * whoever has the reply to a command and then ends a monitor finds that it has shown the command. A monitor that
 * a line cannot be given to, for want of memory, is closed. */
#ifndef COATCHECK_ENGINE_MONITOR_H
#define COATCHECK_ENGINE_MONITOR_H

#include "coatcheck/engine/call.h"
#include "coatcheck/engine/gate.h"

/* The session's own worker. False: no memory. */
bool monitor_begin(struct session *session);
void monitor_end(struct session *session);

/* The line of a call that has just run: while GATE_MONITORS is raised. */
void monitor_show(struct call *call);

/* This worker: sends its lines off to the others; before any reply to the commands that they show. */
void monitor_send_off(void);

/* While nothing of a reply is written, before each turn and between them: as above, and shows the lines to the worker's own
 * monitors. */
void monitor_flush(void);

/* A monitor looks on: it may not work with keys. */
enum gate_answer gate_monitor(struct call *call);

#endif
