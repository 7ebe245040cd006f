/* slices: commands that work in slices hold what they have taken of their keys, and of their answers, until they are done. Those
 * of one worker go on together: so no more begin than hold CALL_TASKS_MOST, and the others wait in a line, first come, first
 * served, each once at the most. Who waits holds its request and nothing else. Commands see of it what call.h says; here is
 * what dispatch and the door do. The worker's thread only. */
#ifndef COATCHECK_ENGINE_SLICES_H
#define COATCHECK_ENGINE_SLICES_H

#include "coatcheck/engine/call.h"

/* Among the chores, in each round of the loop: the first of the line is resumed when there is room. Returns how long until it
 * has to be asked again at the latest, in microseconds. */
int64_t slices_look_after(void);

/* Who is resumed and does not come for so long, as one that does not read its replies, loses its turn: others wait for it.
 * Tests set it. */
extern int64_t slices_patience_us;

/* The session ends, or its command was refused or has to wait for something else. */
void slices_leave_line(struct session *session);

/* Around a command whose session waits in the line: it begins, or stays where it stands. */
void slices_begin_turn(const struct call *call);
void slices_end_turn(const struct call *call);

#define SLICES_METRICS(ROW)                                                                        \
    ROW(slices_waits, COUNTER, "commands that waited until others that work in slices were done")
METRIC_STRUCT(slices, SLICES_METRICS);

#endif
