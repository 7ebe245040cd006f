/* notify: what the service manager is told (systemd's sd_notify protocol, in a few lines of our
 * own). Without NOTIFY_SOCKET in the environment every verb does nothing. Main thread only. A
 * message that cannot be delivered is a warning in the log, once; it never stops the server. */
#ifndef COATCHECK_DAEMON_NOTIFY_H
#define COATCHECK_DAEMON_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>

/* Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID, removes them from the environment and keeps
 * one socket open until notify_teardown(): a server at its limit of descriptors must still be able
 * to say that it lives. Call before any thread starts. */
void notify_setup(void);
void notify_teardown(void);

/* Is there a manager that listens? Then the server stays in the foreground. */
bool notify_is_supervised(void);

/* Clients are served from here on. */
void notify_ready(void);

/* One line for `systemctl status`; line breaks become blanks, and 1 KB is kept. */
void notify_status(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Around what SIGHUP does. Both are silent before notify_ready(): a reload must not announce a
 * server that is not up yet. */
void notify_reloading(void);
void notify_reloaded(void);

void notify_stopping(void);

/* Within how many microseconds the manager wants to hear notify_watchdog(); 0 when it does not ask
 * us. Call it at half of that. */
uint64_t notify_watchdog_interval_us(void);
void notify_watchdog(void);

#endif
