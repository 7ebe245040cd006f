/* request: bytes from a client, cut into the words of one request.
 * Plain lines and RESP arrays on one port, told apart by the first byte of each request. Nothing is copied:
 * words are slices of the input. Every count and length is checked against the limits before anything is
 * allocated for it. Knows no sockets and no commands. */
#ifndef COATCHECK_WIRE_REQUEST_H
#define COATCHECK_WIRE_REQUEST_H

#include <stdbool.h>
#include <stdint.h>
#include "coatcheck/base/bytes.h"

/* The words of a request. Borrowed from the input until the command has run. */
struct args {
    unsigned n;
    const struct bytes *of;
};

#define REQUEST_INLINE_MAX (64 * 1024)
#define REQUEST_ARGS_MAX (1024 * 1024)

/* Before a client has authenticated. */
#define REQUEST_ARGS_MAX_UNKNOWN 10
#define REQUEST_BULK_MAX_UNKNOWN (16 * 1024)

/* Input must stay readable for this many bytes past its end, so that words can be looked at in wide steps. */
#define REQUEST_PADDING 16

struct request_limits {
    int64_t max_bulk;
    bool authenticated;
};

/* One request in the reading. All zero is the beginning of a request. */
struct request {
    struct bytes *args; /* slices of the input at `base` */
    unsigned n, room;
    bool args_on_heap; /* else the caller's, given by request_begin() */
    bool is_inline;

    int64_t words_to_come;
    int64_t bulk; /* length of the word being read, -1: its length is not known yet */
    size_t at;    /* how far the input has been read */
    const char *base;
    char *unquoted;    /* owned: words that are no slices of the input (had quotes, or were detached) */
    const char *error; /* after REQUEST_BROKEN, what to tell: "Protocol error: …" without its "ERR " */
    char error_text[64];
};

enum request_state {
    REQUEST_MORE,   /* half a request; see request_wants() */
    REQUEST_READY,  /* args[0 … n-1] is a request, n >= 1; `at` is where the next one begins */
    REQUEST_BROKEN, /* tell `error` and close: the rest of the stream means nothing */
    REQUEST_NO_MEMORY
};

/* Starts a request in `room` slots of the caller's; longer requests move to the heap. */
static inline void request_begin(struct request *request, struct bytes *slots, unsigned room)
{
    request->args = slots;
    request->n = 0;
    request->room = room;
    request->args_on_heap = false;
    request->is_inline = false;
    request->words_to_come = 0;
    request->bulk = -1;
    request->at = 0;
    request->base = NULL;
    request->unquoted = NULL;
    request->error = NULL;
}

/* Reads on. `input` begins where the request begins and holds at least what it held last time; it may have
 * moved in memory. Empty lines and empty arrays are skipped. */
enum request_state request_read(struct request *request, struct bytes input,
                                const struct request_limits *limits);

/* Of one that was REQUEST_READY, and had to wait: has it been read? Then the input may have moved in memory: its words move along. Not
 * for words that are no slices of the input. */
static inline bool request_is_whole(const struct request *request)
{
    return request->n > 0 && request->words_to_come == 0;
}
void request_move(struct request *request, const char *input);

/* After REQUEST_MORE: the length of input, from its beginning, below which reading on is of no use. */
size_t request_wants(const struct request *request);

/* Moves the words to memory of the request's own, for one that has to wait for more input.
 * False: no memory. */
bool request_keep(struct request *request);

/* A large word need not go through the input: after REQUEST_MORE with `bulk` known, request_detach() gives the request its
 * own copies of the words so far, so that the input up to the word's first byte is no longer needed (false: no memory).
 * Once its bytes, and the two behind them, have been read elsewhere, request_put() makes it the next word; it stays the
 * caller's. Was it the last one, the request is ready. Else request_part() puts the words so far aside, and goes on with
 * those that come, as with a new request. */
bool request_detach(struct request *request);
void request_put(struct request *request, struct bytes word);

/* Words of a request that were put aside. */
struct request_words {
    struct bytes *args; /* owned */
    unsigned n;
    char *text; /* owned: of the words; NULL: there are none */
};

/* `room` is memory for the first `count` of those that come, and the request's from here on. */
void request_part(struct request *request, struct request_words *before, struct bytes *room, unsigned count);

/* All that came after it was parted is there: puts both together, with copies of those that came, at *text, which are the
 * caller's. False: no memory, nothing has changed. */
bool request_join(struct request *request, struct request_words *before, char **text);

/* Frees what the request owns, if anything. */
void request_fini(struct request *request);

/* Splits a line into words as redis-cli and redis.conf do: "…" with \n \r \t \b \a \xHH \", '…' with \'.
 * `into` has room for line.len + 1 bytes; words point into it. Returns how many words, or -1 for quotes that
 * do not balance or more than `most` words. */
int request_split(struct bytes line, char *into, struct bytes *words, unsigned most);

#endif
