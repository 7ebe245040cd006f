#include "coatcheck/engine/session.h"

#include "coatcheck/base/clock.h"
#include "coatcheck/base/lock.h"
#include "coatcheck/base/mem.h"
#include "coatcheck/base/must.h"
#include "coatcheck/engine/blocking.h"
#include "coatcheck/engine/call.h"
#include "coatcheck/engine/monitor.h"
#include "coatcheck/engine/slices.h"
#include "coatcheck/engine/transaction.h"
#include "half_internal.h"

const struct session_host *session_host;
struct session_hooks session_hooks;

METRIC_DEFINE(session, SESSION_METRICS)

static _Atomic uint64_t last_id;
static _Atomic int64_t started_us;

/* The texts of all sessions: set a few times in a session's life, read when clients are listed. */
static struct lock extras_lock;

/* Sessions' texts are looked at inside session_host->each(), which holds locks of RANK_SESSIONS. */
#define EXTRAS_RANK RANK_OPTIONS

uint32_t session_now_s(void)
{
    int64_t unset = 0, now = clock_steady_us(), start;

    atomic_compare_exchange_strong(&started_us, &unset, now);
    start = atomic_load_explicit(&started_us, memory_order_relaxed);
    return now > start ? (uint32_t)((now - start) / 1000000) : 0;
}

/* Until users are set up there are none to be asked for a password. */
static _Atomic unsigned newcomers = SESSION_AUTHENTICATED;

void (*session_drop_user)(struct user *user);

void session_newcomers(unsigned flags)
{
    atomic_store(&newcomers, flags);
}

bool session_is_open(void)
{
    return atomic_load_explicit(&newcomers, memory_order_relaxed) & SESSION_AUTHENTICATED;
}

bool session_is_trusted(const struct session *session)
{
    return session_flags(session) & SESSION_AUTHENTICATED || session_is_open();
}

void session_init(struct session *session)
{
    uint32_t now_s = session_now_s();

    session->id = atomic_fetch_add(&last_id, 1) + 1;
    atomic_store_explicit(&session->created_s, now_s, memory_order_relaxed);
    atomic_store_explicit(&session->active_s, now_s, memory_order_relaxed);
    session_set(session, atomic_load(&newcomers));
}

static char **text_of(struct session_extras *extras, enum session_text which)
{
    switch (which) {
    case SESSION_NAME:
        return &extras->name;
    case SESSION_LIBRARY_NAME:
        return &extras->library_name;
    case SESSION_LIBRARY_VERSION:
        return &extras->library_version;
    case SESSION_USER:
        return &extras->user_name;
    }
    must(!"a text that sessions have");
}

#define FORGET (SESSION_LISTENS | SESSION_POSTPONED | SESSION_TRACKS | SESSION_RECEIVES)

/* MONITOR, what it listens to and what it tracks. */
static void stop_listening(struct session *session, bool ends)
{
    if (session_flags(session) & SESSION_MONITOR) monitor_end(session);
    if (unlikely(session_flags(session) & FORGET || (ends && session->extras && session->extras->tracker)) &&
        session_hooks.forget) {
        session_hooks.forget(session, ends);
    }
}

void session_fini(struct session *session, size_t to_come)
{
    struct session_extras *extras;

    stop_listening(session, true);
    slices_leave_line(session);
    half_cut(session->half, to_come);
    half_free(&session->half);
    blocking_leave(session);
    transaction_end(session);
    lock_take(&extras_lock, EXTRAS_RANK, 0);
    extras = session->extras;
    session->extras = NULL;
    lock_release(&extras_lock, EXTRAS_RANK);
    if (!extras) return;
    session_count_task(extras, 0);
    if (extras->task) extras->task->free(extras->task);
    for (enum session_text which = SESSION_NAME; which <= SESSION_USER; which++)
        mem_free(*text_of(extras, which));
    if (extras->user) session_drop_user(extras->user);
    mem_free(extras);
}

struct session_extras *session_need_extras(struct session *session)
{
    struct session_extras *extras;

    if (session->extras) return session->extras;
    extras = mem_alloc_zeroed(sizeof *extras);
    if (!extras) return NULL;
    lock_take(&extras_lock, EXTRAS_RANK, 0);
    session->extras = extras;
    lock_release(&extras_lock, EXTRAS_RANK);
    return extras;
}

bool session_set_user(struct session *session, struct user *user)
{
    struct session_extras *extras = user ? session_need_extras(session) : session->extras;
    struct user *old;

    if (!extras) return !user;
    lock_take(&extras_lock, EXTRAS_RANK, 0);
    old = extras->user;
    extras->user = user;
    lock_release(&extras_lock, EXTRAS_RANK);
    if (old) session_drop_user(old);
    return true;
}

bool session_is_of(const struct session *session, const struct user *user)
{
    const struct user *its = NULL;

    lock_take(&extras_lock, EXTRAS_RANK, 0);
    if (session->extras) its = session->extras->user;
    lock_release(&extras_lock, EXTRAS_RANK);
    return its == user;
}

struct session_queue session_queue(const struct session *session)
{
    struct session_queue queue = {0};

    lock_take(&extras_lock, EXTRAS_RANK, 0);
    if (session->extras) {
        queue.commands = atomic_load_explicit(&session->extras->queued, memory_order_relaxed);
        queue.bytes = atomic_load_explicit(&session->extras->queue_bytes, memory_order_relaxed);
        queue.gathered = atomic_load_explicit(&session->extras->task_bytes, memory_order_relaxed);
    }
    lock_release(&extras_lock, EXTRAS_RANK);
    return queue;
}

void session_read_subscriptions(const struct session *session, uint32_t counts[SESSION_SUBSCRIPTIONS])
{
    memset(counts, 0, SESSION_SUBSCRIPTIONS * sizeof counts[0]);
    lock_take(&extras_lock, EXTRAS_RANK, 0);
    for (unsigned i = 0; session->extras && i < SESSION_SUBSCRIPTIONS; i++) {
        counts[i] = atomic_load_explicit(&session->extras->subscriptions[i], memory_order_relaxed);
    }
    lock_release(&extras_lock, EXTRAS_RANK);
}

int64_t session_redirect(const struct session *session)
{
    int64_t redirect = -1;

    if (!(session_flags(session) & SESSION_TRACKS)) return redirect;
    lock_take(&extras_lock, EXTRAS_RANK, 0);
    if (session->extras) redirect = (int64_t)atomic_load_explicit(&session->extras->redirect, memory_order_relaxed);
    lock_release(&extras_lock, EXTRAS_RANK);
    return redirect;
}

bool session_set_text(struct session *session, enum session_text which, struct bytes value)
{
    struct session_extras *extras = session->extras;
    char *copy = NULL, *old;

    if (value.len > 0) {
        copy = mem_alloc(value.len + 1);
        if (!copy) return false;
        memcpy(copy, value.at, value.len);
        copy[value.len] = '\0';
    }
    if (!extras) {
        if (!copy) return true;
        extras = session_need_extras(session);
        if (!extras) {
            mem_free(copy);
            return false;
        }
    }
    lock_take(&extras_lock, EXTRAS_RANK, 0);
    old = *text_of(extras, which);
    *text_of(extras, which) = copy;
    lock_release(&extras_lock, EXTRAS_RANK);
    mem_free(old);
    return true;
}

void session_add_text(const struct session *session, enum session_text which, struct text *into)
{
    lock_take(&extras_lock, EXTRAS_RANK, 0);
    if (session->extras) {
        const char *text = *text_of(session->extras, which);

        if (text) text_add(into, bytes_of_text(text));
    }
    lock_release(&extras_lock, EXTRAS_RANK);
}

struct bytes session_own_text(const struct session *session, enum session_text which)
{
    const char *text = session->extras ? *text_of(session->extras, which) : NULL;

    return text ? bytes_of_text(text) : bytes_of("", 0);
}

void session_reset(struct session *session)
{
    stop_listening(session, false);
    transaction_end(session);
    atomic_store_explicit(&session->db, 0, memory_order_relaxed);
    session_unset(session, SESSION_AUTHENTICATED | SESSION_REPLY_OFF | SESSION_REPLY_SKIP_NEXT |
                               SESSION_NO_EVICT | SESSION_NO_TOUCH | SESSION_RESTRICTED | SESSION_RESP3);
    session_set_user(session, NULL);
    session_set(session, atomic_load(&newcomers));
    session_set_text(session, SESSION_NAME, (struct bytes){0});
    session_set_text(session, SESSION_USER, (struct bytes){0});
}

void sessions_post_all(void (*run)(struct bytes text), struct bytes text)
{
    unsigned workers = session_host->workers();

    for (unsigned i = 0; i < workers; i++) session_host->post(i, run, text);
}
