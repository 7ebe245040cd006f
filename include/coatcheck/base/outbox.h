/* outbox: bytes on their way to one client, in order: owned chunks, and references to bytes that somebody else
 * keeps until `release` is called. Written by wire/, sent by net/. One thread. */
#ifndef COATCHECK_BASE_OUTBOX_H
#define COATCHECK_BASE_OUTBOX_H

#include <stdbool.h>
#include "coatcheck/base/bytes.h"

struct outbox_chunk {
    struct outbox_chunk *next;
    size_t len, sent;
    size_t room;                   /* of own bytes; 0 for a reference */
    const char *at;                /* `own`, or the referenced bytes */
    void (*release)(void *holder); /* NULL for own bytes */
    void *holder;
    char own[];
};

struct outbox {
    struct outbox_chunk *first, *last;
    size_t bytes; /* not yet sent */
};

/* Room for own bytes at the end: a chunk with at least `len` bytes free; NULL: no memory. */
struct outbox_chunk *outbox_room(struct outbox *outbox, size_t len);

/* All or nothing; false: no memory. */
bool outbox_add(struct outbox *outbox, struct bytes bytes);
bool outbox_add_held(struct outbox *outbox, struct bytes bytes, void (*release)(void *holder),
                          void *holder);

/* Takes back what was added since the mark was made, but for its first `keep` bytes, which are own ones. Nothing may
 * have been sent meanwhile. */
struct outbox_mark {
    struct outbox_chunk *last;
    size_t last_len, bytes;
};
struct outbox_mark outbox_mark(const struct outbox *outbox);
void outbox_cut(struct outbox *outbox, const struct outbox_mark *mark, size_t keep);

/* All of `from` goes to the end of `into`; `from` is empty afterwards. */
void outbox_move(struct outbox *into, struct outbox *from);

/* `bytes` were sent: frees what is done with. */
void outbox_sent(struct outbox *outbox, size_t bytes);
void outbox_clear(struct outbox *outbox);

/* Frees one chunk, taken out of its list by the caller. */
void outbox_chunk_free(struct outbox_chunk *chunk);

#endif
