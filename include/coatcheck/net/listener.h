/* listener: the sockets that clients knock at, and the one loop that lets them in.
 * Runs on the main thread's event base; hands each socket to the worker with the least load. */
#ifndef COATCHECK_NET_LISTENER_H
#define COATCHECK_NET_LISTENER_H

#include "coatcheck/base/text.h"
#include "coatcheck/net/worker.h"

struct event_base;
struct listener;

/* `base` and the workers outlive it. NULL: no memory. */
struct listener *listener_new(struct event_base *base, struct worker **workers, unsigned count);

/* Opens what the options name (bind, port, unixsocket …). On failure `why` holds one clear line:
 * "can't listen on 127.0.0.1 port 6379: Address already in use". */
bool listener_open(struct listener *listener, struct text *why);

/* Listens on a socket that somebody else opened (socket activation). */
bool listener_add(struct listener *listener, int fd, struct text *why);

/* The TCP port really in use, of the first TCP socket; 0: none. */
uint16_t listener_port(const struct listener *listener);

/* "127.0.0.1:6379, [::1]:6379, /run/coatcheck.sock" */
void listener_print(const struct listener *listener, struct text *into);

/* Closes the sockets and removes the Unix socket's file. */
void listener_close(struct listener *listener);
void listener_free(struct listener **listener);

#endif
