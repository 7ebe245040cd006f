#include "coatcheck/base/purge.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <time.h>
#include "coatcheck/base/log.h"
#include "coatcheck/base/mem.h"
#include "coatcheck/base/thread.h"

static struct {
    pthread_mutex_t lock;
    pthread_cond_t asked_for, is_done; /* by the steady clock */
    pthread_t thread;
    bool is_there, ends;
    uint64_t asked, done; /* purges; one that is asked for while another is under way is another one */
} the = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void *run(void *nothing)
{
    (void)nothing;
    pthread_mutex_lock(&the.lock);
    while (!the.ends) {
        uint64_t asked = the.asked;

        if (asked == the.done) {
            pthread_cond_wait(&the.asked_for, &the.lock);
            continue;
        }
        pthread_mutex_unlock(&the.lock);
        mem_purge();
        pthread_mutex_lock(&the.lock);
        the.done = asked;
        pthread_cond_broadcast(&the.is_done);
    }
    pthread_mutex_unlock(&the.lock);
    return NULL;
}

void purge_setup(void)
{
    pthread_condattr_t steady;

    pthread_condattr_init(&steady);
    pthread_condattr_setclock(&steady, CLOCK_MONOTONIC);
    pthread_cond_init(&the.asked_for, &steady);
    pthread_cond_init(&the.is_done, &steady);
    pthread_condattr_destroy(&steady);
    the.ends = false;
    the.is_there = thread_begin(&the.thread, run, NULL) == 0;
    if (!the.is_there) log_verbose("No thread to give pages back: workers do it themselves");
}

void purge_wait(int64_t most_us)
{
    struct timespec until;
    uint64_t asked;

    if (!the.is_there) {
        mem_purge();
        return;
    }
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (until.tv_nsec / 1000 + most_us) / 1000000;
    until.tv_nsec = (until.tv_nsec / 1000 + most_us) % 1000000 * 1000;
    pthread_mutex_lock(&the.lock);
    asked = ++the.asked;
    pthread_cond_signal(&the.asked_for);
    while (the.done < asked && pthread_cond_timedwait(&the.is_done, &the.lock, &until) != ETIMEDOUT) {}
    pthread_mutex_unlock(&the.lock);
}

void purge_stop(void)
{
    if (!the.is_there) return;
    pthread_mutex_lock(&the.lock);
    the.ends = true;
    pthread_cond_signal(&the.asked_for);
    pthread_mutex_unlock(&the.lock);
    pthread_join(the.thread, NULL);
    the.is_there = false;
}
