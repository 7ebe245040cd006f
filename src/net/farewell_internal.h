/* farewell: a socket whose replies are all written, kept until the peer's kernel has them.
 * Closing it at once would lose them: TCP answers what the peer has sent and nobody has read, or
 * sends later, with a reset, and a reset throws away what was still on its way. So our half is shut
 * first, what comes is thrown away, and the socket is closed when the peer closes it, or has
 * everything, or has had its time. The worker's thread only. */
#ifndef COATCHECK_NET_FAREWELL_INTERNAL_H
#define COATCHECK_NET_FAREWELL_INTERNAL_H

#include <event2/event.h>

struct farewell;

struct farewells {
    struct farewell *first;
    unsigned count;
};

/* Takes fd: closes it at once when nothing can be lost. */
void farewell_begin(struct farewells *all, struct event_base *base, int fd);

/* Closes all of them as they are. */
void farewells_cut_short(struct farewells *all);

#endif
