/* unread: what clients leave unread is memory like any other, and may not take all of it: each client may leave half of
 * what is left for all, so that the first are given much and none of a thousand nothing. */
#include "coatcheck/base/must.h"
#include "worker_internal.h"

/* Nobody is kept shorter than to the least: it would be woken too often. */
#define UNREAD_LEAST ((int64_t)16 * 1024)
#define UNREAD_MOST ((int64_t)1024 * 1024)

static _Atomic int64_t bound; /* 0: none */
static _Atomic unsigned worker_count;
static _Atomic uint32_t looks_ordered;

/* Bytes that a worker's clients leave unread, by its index. */
static struct tally {
    _Atomic int64_t bytes; /* only its own thread writes */
} __attribute__((aligned(64))) tallies[UINT8_MAX + 1];

void workers_bound_unread(int64_t bytes, unsigned workers)
{
    must(workers > 0 && workers <= UINT8_MAX + 1);
    /* Each worker tells it in each of its rounds, mostly nothing new. */
    if (atomic_load_explicit(&bound, memory_order_relaxed) == bytes) return;
    atomic_store_explicit(&worker_count, workers, memory_order_relaxed);
    atomic_store_explicit(&bound, bytes, memory_order_release);
}

int64_t workers_unread(void)
{
    unsigned count = atomic_load_explicit(&worker_count, memory_order_relaxed);
    int64_t bytes = 0;

    for (unsigned i = 0; i < count; i++) bytes += atomic_load_explicit(&tallies[i].bytes, memory_order_relaxed);
    return bytes;
}

void unread_look(struct worker *worker)
{
    int64_t left = atomic_load_explicit(&bound, memory_order_acquire);

    if (likely(left == 0)) {
        worker->unread_room = INT64_MAX;
        return;
    }
    /* All workers may be at it in the same moment. */
    worker->unread_room = (left - workers_unread()) / (int64_t)atomic_load_explicit(&worker_count, memory_order_relaxed);
}

void unread_order_look(void)
{
    atomic_fetch_add_explicit(&looks_ordered, 1, memory_order_release);
}

void unread_obey(struct worker *worker)
{
    uint32_t ordered = atomic_load_explicit(&looks_ordered, memory_order_acquire);

    if (likely(worker->looks_done == ordered)) return;
    worker->looks_done = ordered;
    for (struct conn *conn = worker->conns; conn; conn = conn->next) {
        if (conn_unsent(conn) == 0) continue;
        conn->flags |= CONN_DIRTY;
        conn_list_ready(conn);
    }
}

void conn_note_unread(struct conn *conn, size_t bytes)
{
    uint32_t shown = bytes > UINT32_MAX ? UINT32_MAX : (uint32_t)bytes;
    int64_t more = (int64_t)shown - atomic_load_explicit(&conn->shown_output, memory_order_relaxed);
    struct worker *worker = conn_worker(conn);
    _Atomic int64_t *sum = &tallies[conn->home].bytes;

    if (likely(more == 0)) return;
    atomic_store_explicit(&conn->shown_output, shown, memory_order_relaxed);
    atomic_store_explicit(sum, atomic_load_explicit(sum, memory_order_relaxed) + more, memory_order_relaxed);
    if (worker->unread_room != INT64_MAX) worker->unread_room -= more;
}

size_t conn_unread_most(const struct conn *conn)
{
    int64_t most = conn_worker(conn)->unread_room / 2;

    if (likely(most >= UNREAD_MOST)) return UNREAD_MOST;
    return (size_t)(most > UNREAD_LEAST ? most : UNREAD_LEAST);
}
