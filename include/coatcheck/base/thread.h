/* thread: how ours begin. */
#ifndef COATCHECK_BASE_THREAD_H
#define COATCHECK_BASE_THREAD_H

#include <pthread.h>

/* Begins one that signals of the process are kept from: they are for the thread that waits for them. What a thread does to
 * itself it hears of. Returns 0, or an errno as pthread_create(). */
int thread_begin(pthread_t *thread, void *(*run)(void *context), void *context);

#endif
