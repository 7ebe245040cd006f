#include "coatcheck/base/thread.h"

#include <signal.h>

int thread_begin(pthread_t *thread, void *(*run)(void *context), void *context)
{
    /* A fault that is blocked kills without a report. */
    static const int own_doing[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS};
    sigset_t all, before;
    int error;

    sigfillset(&all);
    for (unsigned i = 0; i < sizeof own_doing / sizeof own_doing[0]; i++) sigdelset(&all, own_doing[i]);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    error = pthread_create(thread, NULL, run, context);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error;
}
