/* blocking_internal: waiters, the lines that they stand in, and the alarm clock of each worker. */
#ifndef COATCHECK_BLOCKING_INTERNAL_H
#define COATCHECK_BLOCKING_INTERNAL_H

#include "coatcheck/engine/blocking.h"
#include "coatcheck/net/worker.h"

/* A ring: the line itself is one of its links. */
struct wait_link {
    struct wait_link *next, *prev;
};

/* Where a waiter stands for one of its keys. The line lives at least as long as it has the place. */
struct wait_place {
    struct wait_link link; /* of whoever has entered the line's shard; to itself: taken out */
    struct wait_line *line;
    struct waiter *waiter;
};

enum wait_end { WAIT_SERVED, WAIT_TIMED_OUT, WAIT_UNBLOCKED };

/* One session's wait. The owner makes and frees it; in between it is written to by whoever has
 * claimed the session, up to the mail that says so. */
struct waiter {
    struct mail mail;        /* first: the mail is the waiter */
    struct session *session; /* the owner's; others read it while a place stands in a line */
    const struct wait_kind *kind;
    struct outbox_chunk *answer; /* owned: of WAIT_SERVED */
    int64_t deadline_us;         /* of clock_steady_us(); 0: none */
    uint32_t alarm_at;           /* the owner's: its place among the alarms; NO_ALARM: none */
    uint32_t place_count;
    uint32_t place_room;
    uint8_t lane; /* metric_lane of its worker */
    uint8_t resp;
    bool muted;                 /* the answer is dropped */
    bool ended;                 /* the owner's: out of all lines, only to be answered */
    uint8_t end;                /* enum wait_end */
    struct wait_place places[]; /* place_room of them, and behind them what it asked for */
};

/* ---- lines: blocking_line.c ---- */

/* Those who wait for one key, in the order in which they came. */
struct wait_line {
    struct wait_line *next;      /* in its bucket */
    struct wait_line *next_came; /* of those that something came to, on one thread */
    struct shard *shard;
    uint64_t hash;
    struct wait_link first;
    uint32_t places; /* also those that were taken out and not released yet */
    uint32_t name_len;
    uint8_t db;
    bool came; /* is among those */
    char name[];
};

/* Callers of these have entered the key's shard. */
struct wait_line *line_of(const struct key *key); /* NULL: nobody waits for it */
void line_key(const struct wait_line *line, struct key *key);

/* The next line after this one (NULL: the first) of a key of this name, in any database. */
struct wait_line *line_named(const struct key *key, const struct wait_line *after);

/* At the end of the key's line, which is made when there is none. A waiter that stands there
 * already does not stand there twice: *joined is false then. False: no memory. */
bool place_join(struct wait_place *place, struct waiter *waiter, const struct key *key,
                bool *joined);
void place_take_out(struct wait_place *place);
void place_release(struct wait_place *place);

/* Lines of the two databases. */
void lines_each_of(struct shard *shard, unsigned a, unsigned b,
                   void (*see)(struct wait_line *line));

static inline const void *waiter_wanted(const struct waiter *waiter)
{
    return &waiter->places[waiter->place_room];
}

/* ---- reach: blocking_reach.c ---- */

/* May this thread put something to the other key of the waiter, who waits for this one? */
bool reach_has(const struct waiter *waiter, const struct key *key);

/* ---- alarms: blocking_alarm.c; of this thread's worker ---- */

#define NO_ALARM UINT32_MAX

/* False: no memory. Only for a waiter with a deadline. */
bool alarm_set(struct waiter *waiter);
void alarm_drop(struct waiter *waiter);

/* The earliest, or NULL. */
struct waiter *alarm_first(void);

#endif
