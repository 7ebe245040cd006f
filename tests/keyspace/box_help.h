/* box_help: a container as simple as can be, to see what the key space does with containers: it
 * holds a number of elements, and tells how many boxes are alive. */
#ifndef COATCHECK_TESTS_BOX_HELP_H
#define COATCHECK_TESTS_BOX_HELP_H

#include <stdatomic.h>
#include "coatcheck/base/compaction.h"
#include "coatcheck/values/kind.h"

struct box {
    size_t elements;
};

static atomic_int boxes_alive;

static inline struct box *box_new(size_t elements)
{
    struct box *box = mem_alloc(sizeof *box);

    if (!box) return NULL;
    box->elements = elements;
    atomic_fetch_add(&boxes_alive, 1);
    return box;
}

static bool box_free_some(void **container, size_t steps)
{
    struct box *box = *container;

    if (box->elements > steps) {
        box->elements -= steps;
        return false;
    }
    mem_free(box);
    *container = NULL;
    atomic_fetch_sub(&boxes_alive, 1);
    return true;
}

static void *box_copy(const void *container)
{
    return box_new(((const struct box *)container)->elements);
}

static size_t box_length(const void *container)
{
    return ((const struct box *)container)->elements;
}

static const char *box_encoding(const void *container)
{
    (void)container;
    return "box";
}

static size_t box_used_bytes(const void *container)
{
    return mem_usable(container);
}

static bool box_compact(void **container, struct compaction *compaction)
{
    if (compaction->moves_blocks) *container = mem_compact(*container);
    return true;
}

static const struct value_kind box_kind = {.name = "hash",
                                           .free_some = box_free_some,
                                           .copy = box_copy,
                                           .length = box_length,
                                           .encoding = box_encoding,
                                           .used_bytes = box_used_bytes,
                                           .compact = box_compact};

#endif
