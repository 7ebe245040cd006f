/* round: one round of a worker's turn: who is ready, what they bring, what the door answers. */
#include "coatcheck/base/held.h"
#include "coatcheck/base/must.h"
#include "tls_internal.h"

void worker_send(struct worker *worker, struct delivery *delivery)
{
    (void)worker;
    if (delivery->conn->flags & CONN_DEAD) {
        outbox_clear(delivery->outbox);
        return;
    }
    if (!conn_send(delivery->conn, delivery->outbox, delivery->output)) delivery->conn->flags |= CONN_DEAD;
    delivery->output = (struct bytes){NULL, 0};
}

/* After the door: keep what it left, send what it said. */
static void conn_settle(struct worker *worker, struct delivery *delivery)
{
    struct conn *conn = delivery->conn;

    if (!(conn->flags & CONN_DEAD) &&
        !conn_keep_input(conn, delivery->input, delivery->used, delivery->wants)) {
        conn->flags |= CONN_DEAD;
    }
    if (delivery->direct &&
        (conn->flags & CONN_DEAD || !conn_keep_direct(conn, delivery))) {
        held_expect(-(int64_t)delivery->direct_len);
        conn->flags |= CONN_DEAD;
    }
    if (!conn_note_kept(conn, delivery)) conn->flags |= CONN_DEAD;
    worker_send(worker, delivery);
    if (delivery->again) conn->flags |= CONN_RESUMED;
    if (unlikely(delivery->later)) conn->flags |= CONN_BEGUN;
}

static void conn_finish(struct conn *conn)
{
    if (conn->flags & CONN_DEAD || (conn->flags & CONN_ENDING && conn_unsent(conn) == 0)) {
        conn_end(conn);
        return;
    }
    if (conn->flags & CONN_ENDING) {
        conn_watch(conn);
        return;
    }
    if (unlikely(conn->work != NULL)) conn_rest(conn);
    if (conn->flags & CONN_CHOKED ? conn_goes_on(conn) : conn->flags & (CONN_RESUMED | CONN_HELD))
        conn_list_add(&conn_worker(conn)->more, conn);
}

/* Off the ready list; what the outbox got meanwhile is sent. */
static void conn_take(struct conn *conn, struct outbox *none)
{
    bool dirty = conn->flags & CONN_DIRTY;

    conn->flags &= ~(CONN_LISTED | CONN_DIRTY);
    if (dirty && !(conn->flags & CONN_DEAD) && !conn_send(conn, none, (struct bytes){0})) {
        conn->flags |= CONN_DEAD;
    }
}

/* Whoever the turn did not come to is first in the next one. */
static void list_passed_over(const struct delivery *deliveries, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct conn *conn = deliveries[i].conn;

        if (!deliveries[i].again || deliveries[i].later || deliveries[i].used > 0) continue;
        if (!(conn->flags & (CONN_DEAD | CONN_ENDING | CONN_CHOKED))) conn_list_ready(conn);
    }
}

void worker_round(struct worker *worker)
{
    unsigned taken = worker->ready.count < TURN_CONNS ? worker->ready.count : TURN_CONNS;
    size_t window = INPUT_AREA / taken - INPUT_PADDING;
    struct conn *conns[TURN_CONNS];
    char *area = worker->input_area;
    unsigned count = 0;

    if (window > WINDOW_MAX) window = WINDOW_MAX;
    for (unsigned i = 0; i < taken; i++) conns[i] = conn_list_take(&worker->ready);
    METRIC_ADD(net, turns, 1);
    unread_look(worker);

    for (unsigned i = 0; i < taken; i++) {
        struct conn *conn = conns[i];
        struct bytes input;
        bool filled;

        conn_take(conn, &worker->fresh[0]);
        if (unlikely(conn->flags & CONN_SHAKING) && !tls_shake(conn)) continue;
        if (!conn_fetch(conn, area, window, &input, &filled)) continue;
        if (input.at == area) area += (input.len + 2 * INPUT_PADDING - 1) & ~(size_t)(INPUT_PADDING - 1);
        worker->deliveries[count] = (struct delivery){.conn = conn, .input = input, .filled = filled};
        worker->deliveries[count].unread_most = conn_unread_most(conn);
        worker->deliveries[count].outbox = conn->work ? &conn->work->outbox : &worker->fresh[count];
        count++;
    }
    if (count > 0) {
        mailbox_open_early(worker);
        worker->door->turn(worker, worker->deliveries, count, worker->reply_area, REPLY_AREA);
        for (unsigned i = 0; i < count; i++) conn_settle(worker, &worker->deliveries[i]);
        list_passed_over(worker->deliveries, count);
    }
    for (unsigned i = 0; i < taken; i++) {
        /* The door may have listed it meanwhile: for the next round then. */
        if (!(conns[i]->flags & CONN_LISTED)) conn_finish(conns[i]);
    }
}

#define NEEDS_A_ROUND (CONN_READABLE | CONN_RESUMED | CONN_ENDING | CONN_DEAD | CONN_SHAKING)

void worker_send_pushed(struct worker *worker)
{
    struct outbox none = {0};

    for (unsigned left = worker->ready.count; left > 0; left--) {
        struct conn *conn = conn_list_take(&worker->ready);

        if (!(conn->flags & NEEDS_A_ROUND)) {
            conn_take(conn, &none);
            if (!(conn->flags & CONN_LISTED)) conn_finish(conn);
            continue;
        }
        conn->flags &= ~CONN_LISTED;
        conn_list_ready(conn);
    }
}
