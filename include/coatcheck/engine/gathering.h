/* gathering: a reply that is gathered whole before any of it is sent. Nobody has refused to read it yet, but it is memory:
 * ten clients that asked for all keys at once had keys evicted for what none of them read. So all of them have a bound
 * under maxmemory, together with what clients leave unread. Who finds no room waits until others have read, a second at
 * the most, and then is refused.
 * Always: who waits stands in the line of its session's worker, and its session is SESSION_POSTPONED. */
#ifndef COATCHECK_ENGINE_GATHERING_H
#define COATCHECK_ENGINE_GATHERING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct call;
struct session;

struct gathering {
    int64_t bytes;    /* as last told; counted among those of all */
    int64_t since_us; /* when it began to wait; 0: it does not */
    bool has_waited;  /* for as long as it may */
    struct session *session; /* in the line; NULL: it does not stand there */
    struct gathering *next, *prev;
};

void gathering_init(struct gathering *gathering);

/* Gives back what it counts, and leaves the line. */
void gathering_fini(struct gathering *gathering);

/* The reply takes `bytes` by now. While keys take so much that less than this is free below the limit, replies may have an
 * eighth of it; one at a time may have more, when those of others have no more than a quarter, or when its own is no larger
 * than what is free. GATHERING_WAITS: the command has to call_rest(); its session is resumed when there may be room, or when
 * it has waited long enough. GATHERING_REFUSED: it has, or may not; the client is to be told. */
enum gathering_answer { GATHERING_GOES_ON, GATHERING_WAITS, GATHERING_REFUSED };
enum gathering_answer gathering_grow(struct gathering *gathering, struct call *call, int64_t bytes);

/* As gathering_grow(), but that replies as short as most are not asked about. */
#define GATHERING_SHORT_BYTES ((size_t)16 * 1024)
static inline enum gathering_answer gathering_ask(struct gathering *gathering, struct call *call, size_t bytes)
{
    if (bytes < GATHERING_SHORT_BYTES) return GATHERING_GOES_ON;
    return gathering_grow(gathering, call, (int64_t)bytes);
}

/* Tells the client of one that was refused. */
void gathering_refuse(struct call *call);

/* A worker, in each of its rounds: resumes those of its sessions that may go on. Returns how long until it has to be asked
 * again at the latest, in microseconds. */
int64_t gathering_look_after(int64_t now_us);

#endif
