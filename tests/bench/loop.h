/* loop: one thread's connections, asking and answering until the run is over.
 *
 * Closed (rate 0): each connection sends `pipeline` requests in one write, and the next ones once
 * all are answered; a request's time runs from the write.
 * Open (rate > 0): requests fall due at even steps whether or not the server keeps up, dealt over
 * the connections in turn, and a request's time runs from when it was due. A server that stops for
 * a second is thus charged for each request that would have come in that second.
 * Churn: every batch of requests travels over a connection of its own, and time runs from before
 * connect(). */
#ifndef BENCH_LOOP_H
#define BENCH_LOOP_H

#include <netinet/in.h>
#include <sys/socket.h>

#include "histogram.h"
#include "workload.h"

struct target {
    struct sockaddr_storage address;
    socklen_t address_len;
};

struct plan {
    const struct workload *load;
    struct target target;
    unsigned clients; /* of this thread */
    unsigned pipeline;
    uint64_t requests; /* of this thread; 0: until `seconds` are over */
    double seconds;
    double rate; /* requests a second of this thread; 0: closed loop */
    bool churn;
    double timeout_s; /* requests out and no reply for so long: the run has failed */
    struct draws draws;
};

struct tally {
    struct histogram latency;
    uint64_t replies, errors, wrong, misses;
    uint64_t start_ns, end_ns; /* CLOCK_MONOTONIC: first request sent, last reply seen */
    uint64_t longest_at_ns;    /* when the longest wait was over */
    uint64_t silence_ns;       /* the longest time in which no client of the thread heard anything */
    char complaint[160];       /* the first thing that went wrong; empty: nothing did */
    bool failed;               /* the run could not be carried through */
};

struct loop;

/* Connects all clients, or returns NULL with tally->complaint set. The plan outlives the loop. */
struct loop *loop_open(const struct plan *plan, struct tally *tally);

/* Runs the plan to its end. */
void loop_run(struct loop *loop);

void loop_close(struct loop **loop);

#endif
