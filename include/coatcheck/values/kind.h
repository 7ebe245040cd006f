/* kind: what a key may hold besides a string: the verbs that every container answers.
 * keyspace/ holds containers by pointer and knows them only through these. */
#ifndef COATCHECK_VALUES_KIND_H
#define COATCHECK_VALUES_KIND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "coatcheck/base/bytes.h"

/* Also the number in an entry's head. */
enum value_type {
    VALUE_STRING,
    VALUE_LIST,
    VALUE_SET,
    VALUE_ZSET,
    VALUE_HASH,
    VALUE_STREAM,
    VALUE_TYPES
};

struct compaction;

struct value_kind {
    const char *name; /* as TYPE answers: "zset" */

    /* Frees at most `steps` elements (about a microsecond each at worst); true once nothing is left. */
    bool (*free_some)(void **container, size_t steps);

    /* A deep copy, or NULL when there is no memory. */
    void *(*copy)(const void *container);

    size_t (*length)(const void *container);
    const char *(*encoding)(const void *container); /* as OBJECT ENCODING answers */
    size_t (*used_bytes)(const void *container);    /* what the allocator holds for it */

    /* Moves its blocks together, and *container with them, from compaction->at on until the time is up. True: it is
     * through. Another container, or the same after changes, may be given with an `at` of before. */
    bool (*compact)(void **container, struct compaction *compaction);

    /* Has the processor fetch what a search for the element will read, or is NULL: step 0 the container's head, each
     * further step, below PREFETCH_STEPS, what the one before has fetched the way to. *memo is the kind's own from step
     * to step; no more than a number, since another container may be in its place by then. False: there is no further
     * step. An element at NULL: none in particular. */
    bool (*prefetch)(const void *container, struct bytes element, unsigned step, uint64_t *memo);

    /* Of kinds whose elements may have deadlines of their own; NULL for the others.
     * Never later than the first of them; NEVER: there is none. */
    int64_t (*soonest_ms)(const void *container);

    /* Drops elements whose deadline is `now_ms` or earlier, until *steps of work are done; `see` gets each before it
     * goes. True: none is left. */
    bool (*expire)(void *container, int64_t now_ms, size_t *steps,
                   void (*see)(void *context, struct bytes element), void *context);
    const char *expired_event;  /* Redis's word for that: "hexpired" */
    const char *remove_command; /* which does the same to a copy of the data: "HDEL" */
};

#define PREFETCH_STEPS 4

/* Filled by each family's value at start; NULL for types that are not there. */
void value_kind_add(enum value_type type, const struct value_kind *kind);
extern const struct value_kind *value_kinds[VALUE_TYPES];
static inline const struct value_kind *value_kind_of(enum value_type type)
{
    return value_kinds[type];
}

/* "string", "list", …: also for types that are not there yet. */
const char *value_type_name(enum value_type type);

#endif
