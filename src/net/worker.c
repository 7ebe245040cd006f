#include "coatcheck/net/worker.h"

#include <errno.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include "coatcheck/base/clock.h"
#include "coatcheck/base/mem.h"
#include "coatcheck/base/must.h"
#include "coatcheck/base/thread.h"
#include "tls_internal.h"

METRIC_DEFINE(net, NET_METRICS)

#define OPTIONS_HERE net_options
#define OPTION_HOOKS_HERE net_option_hooks
OPTION_DEFINE(net, NET_OPTIONS)

/* The chores are done so much too late at the most because an alarm stands already. */
#define ALARM_SLACK_US 200

/* By index: a connection knows its worker by one byte. */
static struct worker *workers[UINT8_MAX + 1];

struct worker *conn_worker(const struct conn *conn)
{
    return workers[conn->home];
}

unsigned worker_index(const struct worker *worker)
{
    return worker->index;
}

void worker_set_room(struct worker *worker, void *room)
{
    worker->room = room;
}

void *worker_room(const struct worker *worker)
{
    return worker->room;
}

unsigned worker_load(const struct worker *worker)
{
    return atomic_load_explicit(&worker->load, memory_order_relaxed);
}

uint64_t worker_beats(const struct worker *worker)
{
    return atomic_load_explicit(&worker->beats, memory_order_relaxed);
}
void conn_list_ready(struct conn *conn)
{
    conn_list_add(&conn_worker(conn)->ready, conn);
}

/* ---- the loop ---- */

static void on_chores(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    ((struct worker *)context)->chores_armed = false;
}

/* The loop wakes for the chores at the latest when the door wants it. An alarm that is early enough stays:
 * each move of it costs the loop a search. */
static void arm_chores(struct worker *worker, int64_t wait_us)
{
    struct timeval wait = {.tv_sec = wait_us / 1000000, .tv_usec = wait_us % 1000000};
    int64_t at_us = clock_steady_us() + wait_us;

    if (worker->chores_armed && worker->chores_at_us <= at_us + ALARM_SLACK_US) return;
    worker->chores_armed = true;
    worker->chores_at_us = at_us;
    event_add(worker->chores_event, &wait);
}

static void worker_wind_up(struct worker *worker)
{
    bool time_is_over = clock_steady_us() > worker->stop_at_us;

    if (time_is_over) farewells_cut_short(&worker->farewells);
    for (struct conn *conn = worker->shaking, *next; conn; conn = next) {
        next = conn->next;
        conn->flags |= CONN_DEAD;
        if (!(conn->flags & CONN_LISTED)) conn_end(conn);
    }
    for (struct conn *conn = worker->conns, *next; conn; conn = next) {
        next = conn->next;
        if (time_is_over) conn->flags |= CONN_DEAD;
        if (conn->flags & CONN_LISTED) continue;
        conn->flags |= CONN_ENDING;
        if (conn_unsent(conn) == 0 || time_is_over) {
            conn_end(conn);
        } else {
            conn_watch(conn);
        }
    }
}

static void *worker_run(void *context)
{
    struct worker *worker = context;
    char name[16];

    snprintf(name, sizeof name, "worker-%u", worker->index);
    pthread_setname_np(pthread_self(), name);
    metric_lane = worker->index + 1;
    clock_update();
    worker->door->started(worker);
    for (;;) {
        int64_t wait_us = worker->door->housekeep(worker);
        int flags = EVLOOP_ONCE;

        if (unlikely(worker->shaking != NULL)) wait_us = tls_sweep(worker, wait_us);
        unread_obey(worker);
        if (worker->ready.count > 0) worker_send_pushed(worker);
        if (worker->stopping) {
            worker_wind_up(worker);
            if (!worker->conns && !worker->shaking && worker->farewells.count == 0) break;
            if (wait_us > 10000) wait_us = 10000;
        }
        if (worker->ready.count + worker->more.count > 0 || wait_us == 0) {
            flags |= EVLOOP_NONBLOCK;
        } else {
            arm_chores(worker, wait_us);
        }
        worker->shaken_us = 0;
        bulk_turn(&worker->bulk);
        event_base_loop(worker->base, flags);
        clock_update();
        atomic_store_explicit(&worker->beats, worker_beats(worker) + 1, memory_order_relaxed);
        /* Who asks a little goes before who asks a lot, and waits for no more than the turn under way. */
        conn_list_join(&worker->ready, &worker->more);
        for (unsigned rounds = (worker->ready.count + TURN_CONNS - 1) / TURN_CONNS; rounds > 0; rounds--) {
            worker_round(worker);
            clock_update();
        }
    }
    worker->door->stopped(worker);
    return NULL;
}
/* ---- life ---- */

struct worker *worker_new(unsigned index, const struct worker_door *door)
{
    struct worker *worker = mem_alloc_zeroed(sizeof *worker);
    struct event_config *config = event_config_new();

    if (!worker || !config) goto failed;
    must(index <= UINT8_MAX);
    worker->index = index;
    worker->door = door;
    worker->mail_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    worker->input_area = mem_alloc_aligned(4096, INPUT_AREA + 4096);
    worker->reply_area = mem_alloc_aligned(4096, REPLY_AREA);
    event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
    worker->base = event_base_new_with_config(config);
    if (worker->mail_fd < 0 || !worker->input_area || !worker->reply_area || !worker->base) goto failed;
    worker->mail_event = event_new(worker->base, worker->mail_fd, EV_READ | EV_PERSIST, mailbox_open, worker);
    worker->chores_event = event_new(worker->base, -1, 0, on_chores, worker);
    if (!worker->mail_event || !worker->chores_event) goto failed;
    workers[index] = worker;
    event_add(worker->mail_event, NULL);
    event_config_free(config);
    return worker;

failed:
    if (config) event_config_free(config);
    if (worker) worker_free(&worker);
    return NULL;
}

enum status worker_start(struct worker *worker)
{
    int error = thread_begin(&worker->thread, worker_run, worker);

    if (error == 0) return OK;
    errno = error;
    return SYSTEM_ERROR;
}

struct stop_order {
    struct mail mail;
    int64_t grace_ms;
};

static void open_stop(struct worker *worker, struct mail *mail)
{
    if (worker) {
        worker->stopping = true;
        worker->stop_at_us = clock_steady_us() + ((struct stop_order *)mail)->grace_ms * 1000;
    }
    mem_free(mail);
}

void worker_stop(struct worker *worker, int64_t grace_ms)
{
    struct stop_order *order = mem_need(sizeof *order);

    *order = (struct stop_order){.mail.open = open_stop, .grace_ms = grace_ms};
    worker_post(worker, &order->mail);
}

void worker_join(struct worker *worker)
{
    pthread_join(worker->thread, NULL);
}

void worker_free(struct worker **worker_taken)
{
    struct worker *worker = *worker_taken;

    *worker_taken = NULL;
    mailbox_clear(worker);
    if (worker->mail_event) event_free(worker->mail_event);
    if (worker->chores_event) event_free(worker->chores_event);
    if (worker->base) event_base_free(worker->base);
    if (worker->mail_fd > 0) close(worker->mail_fd);
    mem_free(worker->input_area);
    mem_free(worker->reply_area);
    tls_desk_free(worker);
    if (workers[worker->index] == worker) workers[worker->index] = NULL;
    mem_free(worker);
}
