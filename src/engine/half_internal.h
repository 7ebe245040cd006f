/* half_internal: a request whose end has not come yet, or that has to wait for its turn to run. */
#ifndef COATCHECK_ENGINE_HALF_INTERNAL_H
#define COATCHECK_ENGINE_HALF_INTERNAL_H

#include "coatcheck/values/blob.h"
#include "coatcheck/wire/request.h"

struct half {
    struct request request;

    /* A word that is so large that it is read straight into the value that will hold it. The blob's room takes the two
     * bytes behind the word too. One of a request: if others are as large, they come as any word. */
    struct blob *blob;
    size_t slack; /* what the allocator gives beyond that, as long as held_expect() knows of it */

    /* When that is not the last word: it and those before it, while others come; memory for these; and the text of these
     * when they have come. */
    struct request_words before;
    struct bytes *room;
    char *text;
};

/* Takes a request over; NULL: no memory, and the request is still the caller's. */
struct half *half_new(struct request *request);

/* `to_come` bytes that it waits for directly will not come: they are freed at once, and with them what may be much
 * memory that was never there. NULL is allowed. */
void half_cut(struct half *half, size_t to_come);

/* Frees all that is left of it; *half is NULL afterwards. NULL is allowed. */
void half_free(struct half **half);

/* Is the word in reading worth it? Then where its rest, `len` bytes, is to be read to, of which held_expect() has been
 * told; NULL: no, or no memory for it, and the request reads on as any other. `come` are the bytes of it that are there already. */
char *half_direct(struct half *half, struct bytes come, size_t *len);

/* The direct bytes have all been read: the request is ready, or goes on. */
void half_filled(struct half *half);

/* Bytes of its large word, when that has come; `beside`: of all else that it keeps. */
size_t half_keeps(const struct half *half, size_t *beside);

/* Are there direct bytes that have not been read yet? */
bool half_is_filling(const struct half *half);

/* The last word has come: of a request with a large one in the middle, puts it together. All its words have memory of their
 * own then. False: no memory. */
static inline bool half_is_parted(const struct half *half)
{
    return half && half->before.args;
}
bool half_join(struct half *half);

#endif
