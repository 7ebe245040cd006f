#include "coatcheck/engine/monitor.h"

#include <stdatomic.h>
#include "coatcheck/base/clock.h"
#include "coatcheck/base/lock.h"
#include "coatcheck/base/mem.h"
#include "coatcheck/base/must.h"
#include "coatcheck/base/text.h"
#include "coatcheck/engine/secret.h"
#include "coatcheck/engine/transaction.h"

/* The monitors of this thread's worker. */
struct monitor {
    struct monitor *next;
    struct session *session;
};
static _Thread_local struct monitor *monitors;

/* How many of them each worker has, so that the others need not be woken. By metric lane. */
static _Atomic unsigned counts[METRIC_LANES];

/* By lane: its monitors have missed something, for want of memory. */
static _Atomic bool missed[METRIC_LANES];

/* All of them. One begins as the last one ends: the gate must not be lowered behind it, not even for a moment. */
static struct lock all_lock;
static unsigned all_monitors;

/* What this worker's commands have to show: not sent off yet; and sent off to the others, for its own monitors yet. */
static _Thread_local struct text lines, own_lines;

/* Whose address was printed last: a pipeline asks for it once. */
static _Thread_local struct {
    uint64_t id;
    char peer[160];
} shown;

bool monitor_begin(struct session *session)
{
    struct monitor *monitor = mem_alloc(sizeof *monitor);

    if (!monitor) return false;
    /* What those before it have missed is not its. */
    if (!monitors) atomic_store(&missed[metric_lane], false);
    *monitor = (struct monitor){.next = monitors, .session = session};
    monitors = monitor;
    session_set(session, SESSION_MONITOR);
    session_host->set_class(session, SESSION_SUBSCRIBER);
    atomic_fetch_add(&counts[metric_lane], 1);
    lock_take(&all_lock, RANK_CHANNELS, 0);
    if (all_monitors++ == 0) gate_raise(GATE_MONITORS);
    lock_release(&all_lock, RANK_CHANNELS);
    return true;
}

void monitor_end(struct session *session)
{
    struct monitor **place = &monitors, *monitor;

    while (*place && (*place)->session != session) place = &(*place)->next;
    monitor = *place;
    must(monitor != NULL);
    *place = monitor->next;
    mem_free(monitor);
    session_unset(session, SESSION_MONITOR);
    session_host->set_class(session, SESSION_NORMAL);
    atomic_fetch_sub(&counts[metric_lane], 1);
    lock_take(&all_lock, RANK_CHANNELS, 0);
    if (--all_monitors == 0) gate_lower(GATE_MONITORS);
    lock_release(&all_lock, RANK_CHANNELS);
}

static const char *peer_of(struct session *session)
{
    struct session_facts facts;

    if (shown.id == session->id) return shown.peer;
    session_host->facts(session, &facts);
    shown.id = session->id;
    shown.peer[0] = '\0';
    if (facts.unix_socket) {
        /* "unix:/path" where CLIENT LIST says "/path:0" */
        size_t len = strlen(facts.peer);

        if (len > 2) facts.peer[len - 2] = '\0';
        strcpy(shown.peer, "unix:");
    }
    strcat(shown.peer, facts.peer);
    return shown.peer;
}

static void close_all(void)
{
    for (struct monitor *monitor = monitors; monitor; monitor = monitor->next) session_host->close(monitor->session);
}

static void deliver(struct bytes text)
{
    for (struct monitor *monitor = monitors; monitor; monitor = monitor->next) {
        if (session_flags(monitor->session) & (SESSION_CLOSING | SESSION_MUTED)) continue;
        /* Rather no connection than one that leaves out a command. */
        if (!session_host->push(monitor->session, text)) session_host->close(monitor->session);
    }
}

void monitor_send_off(void)
{
    unsigned workers;

    if (likely(lines.room == 0 && !lines.failed)) return;
    workers = session_host->workers();
    for (unsigned i = 0; i < workers; i++) {
        unsigned lane = i + 1;

        if (lane == metric_lane || atomic_load_explicit(&counts[lane], memory_order_relaxed) == 0) continue;
        if (text_failed(&lines) || !session_host->post(i, deliver, text_bytes(&lines))) atomic_store(&missed[lane], true);
    }
    if (own_lines.room == 0 && !text_failed(&own_lines)) {
        own_lines = lines;
        lines = (struct text){0};
        return;
    }
    text_add(&own_lines, text_bytes(&lines));
    own_lines.failed |= text_failed(&lines);
    text_fini(&lines);
}

void monitor_flush(void)
{
    monitor_send_off();
    if (unlikely(monitors && atomic_load_explicit(&missed[metric_lane], memory_order_relaxed))) {
        atomic_store(&missed[metric_lane], false);
        close_all();
    }
    if (likely(own_lines.room == 0 && !own_lines.failed)) return;
    if (text_failed(&own_lines)) {
        close_all();
    } else {
        deliver(text_bytes(&own_lines));
    }
    text_fini(&own_lines);
}

void monitor_show(struct call *call)
{
    int64_t now_us = clock_wall_us();

    text_addf(&lines, "+%lld.%06lld [%u %s]", (long long)(now_us / 1000000),
              (long long)(now_us % 1000000), session_db(call->session), peer_of(call->session));
    for (unsigned i = 0; i < call_argc(call); i++) {
        text_add_char(&lines, ' ');
        text_add_quoted(&lines,
                        call_arg_is_secret(call, i) ? BYTES("(redacted)") : call_arg(call, i));
    }
    text_add(&lines, BYTES("\r\n"));
}

enum gate_answer gate_monitor(struct call *call)
{
    uint32_t on_keys = COMMAND_READ | COMMAND_WRITE | COMMAND_MAY_REPLICATE;

    if (likely(!(session_flags(call->session) & SESSION_MONITOR))) return GATE_PASS;
    if (!(transaction_flags(call) & on_keys)) return GATE_PASS;
    reply_errorf(call->reply, "ERR Replica can't interact with the keyspace");
    return GATE_REFUSED;
}
