#include "coatcheck/daemon/signals.h"

#include <errno.h>
#include <event2/event.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include "coatcheck/base/log.h"
#include "coatcheck/base/must.h"
#include "coatcheck/daemon/notify.h"

/* Handlers of our own instead of libevent's signal events: those are delivered by the loop, and the
 * second TERM has to work above all when the loop no longer turns. */
static const int stop_signals[] = {SIGTERM, SIGINT};
static const int reopen_signals[] = {SIGHUP, SIGUSR1};
static const int ignored_signals[] = {SIGPIPE};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct {
    /* handlers and the loop */
    _Atomic int first_stop; /* the signal; 0: none yet */
    _Atomic bool reopen;
    _Atomic int wake_fd;

    /* the loop's thread */
    struct event *woken;
    struct signals_rows rows;
    bool stop_told;
} signals = {.wake_fd = -1};

/* What happens to a thread by its own doing must reach the crash handler. */
static void set_of_blocked(sigset_t *set)
{
    static const int own_doing[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS};

    sigfillset(set);
    for (unsigned i = 0; i < COUNT(own_doing); i++) sigdelset(set, own_doing[i]);
}

void signals_block(void)
{
    sigset_t blocked;

    set_of_blocked(&blocked);
    pthread_sigmask(SIG_BLOCK, &blocked, NULL);
}

static void wake(void)
{
    uint64_t one = 1;
    int error = errno;

    /* Full means that the loop is to wake anyhow. */
    if (write(atomic_load(&signals.wake_fd), &one, sizeof one) < 0) {}
    errno = error;
}

static void on_stop(int number)
{
    static const char words[] = "coatcheckd: stopped at once by a second signal\n";
    int none = 0;

    if (atomic_compare_exchange_strong(&signals.first_stop, &none, number)) {
        wake();
        return;
    }
    if (write(log_fd(), words, sizeof words - 1) < 0) {}
    _exit(128 + number);
}

static void on_reopen(int number)
{
    (void)number;
    atomic_store(&signals.reopen, true);
    wake();
}

static void reopen(void)
{
    notify_reloading();
    if (log_reopen()) {
        log_notice("Log opened again");
    } else {
        log_warning("The log cannot be opened again, the old one stays in use: %s",
                    strerror(errno));
    }
    if (signals.rows.reopened) signals.rows.reopened(signals.rows.context);
    notify_reloaded();
}

static void on_woken(evutil_socket_t fd, short what, void *unused)
{
    uint64_t count;
    int stop;

    (void)what;
    (void)unused;
    if (read(fd, &count, sizeof count) < 0) return;
    if (atomic_exchange(&signals.reopen, false)) reopen();
    stop = atomic_load(&signals.first_stop);
    if (stop && !signals.stop_told) {
        signals.stop_told = true;
        signals.rows.stop(signals.rows.context, stop);
    }
}

static void handle(const int *numbers, unsigned count, void (*handler)(int))
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};

    sigemptyset(&action.sa_mask);
    for (unsigned i = 0; i < count; i++) must(sigaction(numbers[i], &action, NULL) == 0);
}

bool signals_setup(struct event_base *base, const struct signals_rows *rows)
{
    sigset_t received;
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

    if (fd < 0) return false;
    signals.woken = event_new(base, fd, EV_READ | EV_PERSIST, on_woken, NULL);
    if (!signals.woken || event_add(signals.woken, NULL) < 0) {
        if (signals.woken) event_free(signals.woken);
        signals.woken = NULL;
        close(fd);
        errno = ENOMEM;
        return false;
    }
    signals.rows = *rows;
    signals.stop_told = false;
    atomic_store(&signals.first_stop, 0);
    atomic_store(&signals.reopen, false);
    atomic_store(&signals.wake_fd, fd);
    handle(stop_signals, COUNT(stop_signals), on_stop);
    handle(reopen_signals, COUNT(reopen_signals), on_reopen);
    handle(ignored_signals, COUNT(ignored_signals), SIG_IGN);

    set_of_blocked(&received);
    pthread_sigmask(SIG_UNBLOCK, &received, NULL);
    return true;
}

void signals_teardown(void)
{
    if (!signals.woken) return;
    handle(stop_signals, COUNT(stop_signals), SIG_DFL);
    handle(reopen_signals, COUNT(reopen_signals), SIG_IGN);
    event_free(signals.woken);
    signals.woken = NULL;
    close(atomic_exchange(&signals.wake_fd, -1));
}
