/* listpack: texts packed into one string, as redis-server 7 keeps and reads them (drawn in sequence.h), built in room
 * that the caller lends. */
#ifndef COATCHECK_PERSIST_LISTPACK_H
#define COATCHECK_PERSIST_LISTPACK_H

#include <stdbool.h>
#include <stdint.h>
#include "coatcheck/base/bytes.h"

struct listpack {
    char *start;
    size_t len, room; /* with the head, and with the last byte that is still to come */
    uint32_t count;
};

/* What an empty one takes. */
#define LISTPACK_EMPTY 7

/* `room` is at least LISTPACK_EMPTY. */
void listpack_begin(struct listpack *listpack, char *at, size_t room);

/* What the text takes in one. A number in it is kept as one. */
size_t listpack_size(struct bytes text);

/* False: there is not enough room, and nothing has changed. */
bool listpack_add(struct listpack *listpack, struct bytes text);

/* The whole of it, good until the next change. */
struct bytes listpack_end(struct listpack *listpack);

#endif
