/* reply: answers, written as RESP2 or RESP3, into a window of the worker's reply area.
 * What does not fit there is handed to the connection's queue, so a reply may have any size; the order of
 * bytes is the order of calls. A command never asks which protocol the client speaks. */
#ifndef COATCHECK_WIRE_REPLY_H
#define COATCHECK_WIRE_REPLY_H

#include <stdbool.h>
#include <stdint.h>
#include "coatcheck/base/bytes.h"
#include "coatcheck/base/outbox.h"
#include "coatcheck/base/text.h"
#include "coatcheck/wire/errors.h"

struct reply {
    char *at;    /* where the next byte goes */
    char *end;   /* of the window */
    char *start; /* of what is in the window for this client */
    struct outbox *queue;
    uint8_t resp;  /* 2 or 3 */
    bool failed;   /* memory ran out in the middle of a reply: no more is written, the client must be closed */
    unsigned errors;         /* error replies since reply_open() */
    struct bytes error_code; /* the first word of the last one; borrowed from static text or `code_room` */
    char code_room[32];
};

/* Begins writing at `window`; `queue` takes what does not fit. */
void reply_open(struct reply *reply, char *window, size_t room, struct outbox *queue, uint8_t resp);

/* Bytes now in the window; what was handed to the queue goes before them. */
static inline struct bytes reply_in_window(const struct reply *reply)
{
    return (struct bytes){reply->start, (size_t)(reply->at - reply->start)};
}

/* Room for `len` bytes at reply->at, whatever it takes; false when memory has failed (reply->failed). */
bool reply_make_room(struct reply *reply, size_t len);

/* Takes back everything written since the mark was made, as CLIENT REPLY OFF wants it. */
struct reply_mark {
    char *at;
    struct outbox_mark queue;
};
struct reply_mark reply_mark(const struct reply *reply);
void reply_take_back(struct reply *reply, struct reply_mark mark);

void reply_raw(struct reply *reply, struct bytes bytes); /* already in protocol */
void reply_ok(struct reply *reply);
void reply_simple(struct reply *reply, const char *text); /* +text */
void reply_error(struct reply *reply, enum wire_error error);
/* "ERR …" or with another first word in capitals; line breaks become blanks. */
void reply_errorf(struct reply *reply, const char *format, ...) __attribute__((format(printf, 2, 3)));
void reply_error_text(struct reply *reply, struct bytes text);
void reply_int(struct reply *reply, int64_t number);
void reply_bulk(struct reply *reply, struct bytes bytes);
/* The head of a bulk string whose `len` bytes and CR LF come raw. */
void reply_bulk_head(struct reply *reply, size_t len);
void reply_bulk_text(struct reply *reply, const char *text);
void reply_bulk_int(struct reply *reply, int64_t number);
/* By reference: `release(holder)` is called when the bytes have been sent or dropped. */
void reply_bulk_held(struct reply *reply, struct bytes bytes, void (*release)(void *holder), void *holder);
void reply_null(struct reply *reply);       /* $-1 or _ */
void reply_null_array(struct reply *reply); /* *-1 or _ */
void reply_array(struct reply *reply, size_t count);
void reply_map(struct reply *reply, size_t pairs);      /* RESP2: an array of 2 * pairs */
void reply_set(struct reply *reply, size_t count);      /* RESP2: an array */
void reply_push(struct reply *reply, size_t count);     /* RESP2: an array */
void reply_attribute(struct reply *reply, size_t pairs); /* RESP3 only: callers ask reply->resp */
void reply_double(struct reply *reply, double number);  /* RESP2: a bulk string */
void reply_double_digits(struct reply *reply, struct bytes digits); /* printed already; RESP2: a bulk string */
void reply_bool(struct reply *reply, bool yes);         /* RESP2: 1 or 0 */
void reply_big_number(struct reply *reply, const char *digits); /* RESP2: a bulk string */
void reply_verbatim(struct reply *reply, const char format[3], struct bytes text); /* RESP2: bulk */

/* An array, map or set whose length is known only when its last element is written: elements go to a reply
 * of its own, `nested`, which is then added with its head. */
struct reply_nested {
    struct reply reply;
    struct outbox queue;
    char window[1024];
};
void reply_nest(struct reply *outer, struct reply_nested *nested);
/* head: reply_array, reply_map, reply_set …, or reply_bulk_head with the bytes of a string and its CR LF nested. */
void reply_unnest(struct reply *outer, struct reply_nested *nested,
                  void (*head)(struct reply *reply, size_t count), size_t count);

#endif
