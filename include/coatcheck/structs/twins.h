/* twins: are there two of a kind among some things that come all at once, as out of a snapshot? */
#ifndef COATCHECK_STRUCTS_TWINS_H
#define COATCHECK_STRUCTS_TWINS_H

#include <stdbool.h>
#include <stdint.h>

#define TWINS_MOST 1024 /* things */

/* Things numbered from 0 on: their hashes, which are equal where they are the same, and whether two of them are. */
struct twins_verbs {
    uint64_t (*hash)(const void *things, unsigned at);
    bool (*same)(const void *things, unsigned at, unsigned other);
};
bool twins_found(const struct twins_verbs *verbs, const void *things, unsigned count);

#endif
