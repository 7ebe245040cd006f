/* privilege: what the process gives up before it serves anybody. Before the first thread: threads inherit.
 * What the system does not let us give up is kept in silence: nothing depends on it. */
#ifndef COATCHECK_DAEMON_PRIVILEGE_H
#define COATCHECK_DAEMON_PRIVILEGE_H

/* The crash report tells what a core dump would be wanted for, without everybody's data. */
void privilege_forbid_core_dumps(void);

/* No program that it might start gets more than it has; of root's capabilities those stay that the server itself needs. */
void privilege_drop(void);

#endif
