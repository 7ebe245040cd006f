/* memory_clients: maxmemory-clients. Each worker knows what its own clients hold, and tells; when all together hold
 * too much, each closes its own that hold most, as large as the largest of anybody's. */
#include "coatcheck/base/log.h"
#include "coatcheck/base/must.h"
#include "coatcheck/engine/memory.h"
#include "coatcheck/engine/session.h"
#include "memory_internal.h"

#define LOOK_EVERY_US 20000
#define WORKERS_MAX 128

/* What the clients of a worker hold, as it last looked; and the largest of them. */
static struct tally {
    _Atomic int64_t bytes, largest;
} tallies[WORKERS_MAX] __attribute__((aligned(64)));

static _Thread_local int64_t looked_at_us;

struct sums {
    int64_t bytes, largest;
    struct session *fattest;
};

static void weigh(struct session *session, void *context)
{
    struct sums *sums = context;
    struct session_facts facts;

    if (session_flags(session) & SESSION_CLOSING) return;
    session_host->weigh(session, &facts);
    sums->bytes += (int64_t)facts.memory_bytes;
    if (session_flags(session) & SESSION_NO_EVICT || (int64_t)facts.memory_bytes <= sums->largest) return;
    sums->largest = (int64_t)facts.memory_bytes;
    sums->fattest = session;
}

/* What all hold; whether one of the others' is larger than ours. */
static int64_t sum_all(unsigned worker, int64_t largest, bool *others_are_larger)
{
    unsigned workers = session_host->workers();
    int64_t bytes = 0;

    *others_are_larger = false;
    for (unsigned i = 0; i < workers; i++) {
        bytes += atomic_load_explicit(&tallies[i].bytes, memory_order_relaxed);
        if (i != worker && atomic_load_explicit(&tallies[i].largest, memory_order_relaxed) > largest)
            *others_are_larger = true;
    }
    return bytes;
}

void memory_clients_look_after(unsigned worker, int64_t now_us)
{
    if (now_us - looked_at_us < LOOK_EVERY_US) return;
    looked_at_us = now_us;
    must(worker < WORKERS_MAX);
    for (;;) {
        struct sums sums = {0};
        bool others_are_larger;

        session_host->each_own(weigh, &sums);
        atomic_store_explicit(&tallies[worker].bytes, sums.bytes, memory_order_relaxed);
        atomic_store_explicit(&tallies[worker].largest, sums.largest, memory_order_relaxed);
        if (sum_all(worker, sums.largest, &others_are_larger) <= memory_clients_limit()) return;
        if (!sums.fattest || others_are_larger) return;
        log_notice("client %llu is closed: it holds %lld bytes, and all together more than maxmemory-clients",
                   (unsigned long long)sums.fattest->id, (long long)sums.largest);
        METRIC_ADD(memory, evicted_clients, 1);
        session_host->close(sums.fattest);
    }
}
