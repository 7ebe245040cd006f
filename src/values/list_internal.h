/* list_internal: a list's root, and the blocks of a large one. */
#ifndef COATCHECK_LIST_INTERNAL_H
#define COATCHECK_LIST_INTERNAL_H

#include "coatcheck/base/must.h"
#include "coatcheck/values/list.h"

/* A packed block, or a struct list_large with ROOT_LARGE set, or 0 while it is empty. */
#define ROOT_LARGE 1u

struct list {
    uintptr_t root;
};

/* A node is a packed block, or a blob with NODE_ALONE set: one element. */
#define NODE_ALONE 1u

/* Always: there is a head; without a tail there is nothing in the middle; and with nothing but a
 * packed head the list is not large. */
struct list_large {
    uintptr_t head, tail; /* tail 0: the head is all */
    struct counttree middle;
    uint64_t count;
    size_t used_bytes; /* of the nodes; the tree counts its own */
    uint64_t version;  /* base/version.h: another one after each change */
};

static inline bool list_is_large(const struct list *list)
{
    return (list->root & ROOT_LARGE) != 0;
}

static inline struct list_large *list_large_of(const struct list *list)
{
    return (struct list_large *)(list->root & ~(uintptr_t)ROOT_LARGE);
}

/* NULL while it is empty. */
static inline struct packed *list_block_of(const struct list *list)
{
    return (struct packed *)list->root;
}

/* ---- nodes: list_node.c ---- */

/* What an empty block takes. */
#define NODE_HEAD 12

/* A block at an end gives room back only where so many bytes more would still fit: what comes and goes there should not
 * move it each time. On average they cost what they are, and less than redis-server's lists take more: a byte and more for
 * each element, and 64 for a list. */
#define NODE_SPARE 48
#define SPARE_EACH 8 /* elements to a byte */

static inline bool node_is_alone(uintptr_t node)
{
    return (node & NODE_ALONE) != 0;
}

static inline struct blob *node_blob(uintptr_t node)
{
    return (struct blob *)(node & ~(uintptr_t)NODE_ALONE);
}

static inline struct packed *node_block(uintptr_t node)
{
    return (struct packed *)node;
}

static inline unsigned node_count(uintptr_t node)
{
    return node_is_alone(node) ? 1 : packed_count(node_block(node));
}

size_t node_used_bytes(uintptr_t node);
void node_free(uintptr_t node);

/* A copy of the elements from … to-1; a blob is shared. 0: no memory. */
uintptr_t node_copy(uintptr_t node, unsigned from, unsigned to);

/* How large a node may be, by the option. */
struct node_limit {
    size_t bytes;
    unsigned count;
};
struct node_limit node_limit(void);

/* An element on its way into a list. */
struct element {
    struct packitem item;
    struct bytes text;
    struct blob *blob; /* set: it is in this one, which is shared; else the text is copied */
    bool alone;        /* it goes into no block with others */
};
void element_init(struct element *element, struct bytes text, const struct node_limit *limit);

/* May it go into this node too? */
bool node_takes(uintptr_t node, const struct element *element, const struct node_limit *limit);

/* A new node with nothing else in it. 0: no memory. */
uintptr_t node_of(const struct element *element);

bool node_element_equals(uintptr_t node, const struct packwalk *walk,
                         const struct list_needle *needle);

/* ---- large lists: list_large.c ---- */

/* Takes the block over as its head, on OK only; the block has an element. */
struct list_large *large_new(struct packed *head);
/* *moving may be elsewhere afterwards. True: it is through. */
struct compaction;
bool large_compact(struct list_large **moving, struct compaction *compaction);
bool large_free_some(struct list_large **large, size_t steps);
/* Of the elements first … end-1, at least one. */
struct list_large *large_copy(const struct list_large *large, uint64_t first, uint64_t end);

enum status large_push(struct list_large *large, enum list_end end, const struct element *element,
                       const struct node_limit *limit);
enum status large_insert(struct list_large *large, uint64_t at, const struct element *element,
                         const struct node_limit *limit);
enum status large_set(struct list_large *large, uint64_t at, const struct element *element,
                      const struct node_limit *limit);
/* May the element go in the place of another one of the block? */
bool block_takes_instead(const struct packed *block, unsigned within, const struct element *element,
                         const struct node_limit *limit);
void large_remove_range(struct list_large *large, uint64_t first, uint64_t end);
uint64_t large_remove_equal(struct list_large *large, const struct list_needle *needle,
                            uint64_t most, bool backwards);

/* The block with element `at`. */
void large_find(const struct list_large *large, uint64_t at, struct list_place *place);
/* To its neighbour. False: there is none. */
bool large_forth(const struct list_large *large, struct list_place *place);
bool large_back(const struct list_large *large, struct list_place *place);

/* The node at an end, taken out (0: there is none), and put back to an end of another list, which
 * has the nodes at hand that counttree_needs_at_most() names for it. */
uintptr_t large_take(struct list_large *large, enum list_end end);
void large_give(struct list_large *large, enum list_end end, uintptr_t node);

void large_check(const struct list_large *large);

#endif
