/* mailbox: what other threads have for a worker, opened between two turns. */
#include <errno.h>
#include <unistd.h>
#include "coatcheck/base/must.h"
#include "worker_internal.h"

void worker_post(struct worker *worker, struct mail *mail)
{
    bool was_empty;

    mail->next = NULL;
    lock_take(&worker->mail_lock, RANK_MAILBOX, worker->index);
    was_empty = !worker->mail_first;
    if (was_empty) {
        worker->mail_first = mail;
    } else {
        worker->mail_last->next = mail;
    }
    worker->mail_last = mail;
    atomic_store_explicit(&worker->has_mail, true, memory_order_release);
    lock_release(&worker->mail_lock, RANK_MAILBOX);
    if (was_empty) {
        uint64_t one = 1;

        while (write(worker->mail_fd, &one, sizeof one) < 0 && errno == EINTR) continue;
    }
}

static void open_all(struct worker *worker)
{
    struct mail *mail;

    lock_take(&worker->mail_lock, RANK_MAILBOX, worker->index);
    mail = worker->mail_first;
    worker->mail_first = worker->mail_last = NULL;
    atomic_store_explicit(&worker->has_mail, false, memory_order_relaxed);
    lock_release(&worker->mail_lock, RANK_MAILBOX);
    while (mail) {
        struct mail *next = mail->next;

        mail->open(worker, mail);
        mail = next;
    }
}

void mailbox_open(evutil_socket_t fd, short what, void *context)
{
    uint64_t count;

    (void)what;
    while (read(fd, &count, sizeof count) < 0 && errno == EINTR) continue;
    open_all(context);
}

void mailbox_open_early(struct worker *worker)
{
    if (unlikely(atomic_load_explicit(&worker->has_mail, memory_order_acquire))) open_all(worker);
}

void mailbox_clear(struct worker *worker)
{
    while (worker->mail_first) {
        struct mail *mail = worker->mail_first;

        worker->mail_first = mail->next;
        mail->open(NULL, mail);
    }
}
