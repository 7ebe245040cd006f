/* crash: the last words.  On SIGSEGV, SIGBUS, SIGFPE, SIGILL and SIGABRT (a failed must() among
 * them) the log gets version, signal, address, registers, backtrace and the command at work; then
 * the signal takes its usual course, so that a core is made and the exit status tells the truth.
 * Reporting runs on a stack of its own, calls only what a signal handler may, goes on with its next
 * part when one part crashes in turn, and ends after ten seconds whatever happens. */
#ifndef COATCHECK_DAEMON_CRASH_H
#define COATCHECK_DAEMON_CRASH_H

#include <stdbool.h>

/* Installs the handlers and the main thread's stack for them. False with errno. */
bool crash_setup(void);

/* Every other thread: its own stack for the handlers, so that an overflow of the usual one is
 * reported as well. False with errno; the handlers then work on the usual stack. Teardown before
 * the thread ends. */
bool crash_thread_setup(void);
void crash_thread_teardown(void);

/* `describe` writes a line about what the crashed thread was working on. It runs on that thread,
 * inside the handler: it reads thread-local variables and uses the words below. NULL: none. */
void crash_describe(void (*describe)(int fd));

/* For `describe`: text and numbers without stdio. Errors are ignored, nobody is left to tell. */
void crash_write(int fd, const char *text);
void crash_write_bytes(int fd, const char *at, unsigned long len); /* unprintable bytes as \xHH */
void crash_write_int(int fd, long number);
void crash_write_hex(int fd, unsigned long number);

#endif
