/* gate: the ways in which a command may be refused, in the order in which they are asked.
 * daemon/gates.c holds the list. In the usual case, nothing special about the session or the server, none is
 * asked: gates_attention() tells. */
#ifndef COATCHECK_ENGINE_GATE_H
#define COATCHECK_ENGINE_GATE_H

#include <stdatomic.h>
#include <stdbool.h>
#include "coatcheck/engine/call.h"

enum gate_answer {
    GATE_PASS,
    GATE_REFUSED, /* the client has been answered */
    GATE_WAIT     /* not now: the request stays unread until session_host->resume() */
};

struct gate {
    const char *name;
    enum gate_answer (*ask)(struct call *call);
};

/* NULL-ended (by name). At start. */
void gates_set(const struct gate *gates);

enum gate_answer gates_ask(struct call *call);

/* Reasons of the whole server's to ask the gates. */
enum gate_reason {
    GATE_PAUSE = 1,
    GATE_MONITORS = 2,
    GATE_LOADING = 4,
    GATE_READ_ONLY = 8,
    GATE_BACKLOG = 16,
    GATE_LOGINS = 32 /* somebody guesses passwords */
};
extern _Atomic unsigned gate_reasons;
void gate_raise(enum gate_reason reason);
void gate_lower(enum gate_reason reason);

/* Asked again, of sessions with SESSION_RESTRICTED, when EXEC comes to a command. False: it has been answered. NULL:
 * nobody asks. At start. */
extern bool (*gate_within)(struct call *call);

/* The one gate that is asked of a session with SESSION_RESTRICTED when there is no reason to ask the others; it is among
 * those as well. NULL: none. At start. */
extern enum gate_answer (*gate_restricted)(struct call *call);

/* The gates that engine/ brings. */
enum gate_answer gate_auth(struct call *call);
enum gate_answer gate_pause(struct call *call);

#endif
