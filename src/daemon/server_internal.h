/* server_internal: the parts of the one server of this process, as modules.c and server.c share them. */
#ifndef COATCHECK_DAEMON_SERVER_INTERNAL_H
#define COATCHECK_DAEMON_SERVER_INTERNAL_H

#include "coatcheck/daemon/activation.h"

struct event_base;
struct keyspace;
struct listener;
struct worker;

/* Replies under way at the end are delivered for at most so long. */
#define GRACE_MS 3000

struct server_parts {
    struct activation activation;
    struct event_base *base;
    struct keyspace *keyspace;
    struct worker **workers;
    unsigned worker_count, workers_running;
    struct listener *listener;
};
extern struct server_parts parts;

/* Ends the server in order; any thread. */
void server_shut_down(void);

void server_close_doors(void);

#endif
