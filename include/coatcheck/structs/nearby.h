/* nearby: what a search by place has found, put in the order of distance. */
#ifndef COATCHECK_STRUCTS_NEARBY_H
#define COATCHECK_STRUCTS_NEARBY_H

#include <stdbool.h>
#include "coatcheck/base/bytes.h"
#include "coatcheck/base/status.h"

struct nearby {
    struct bytes member; /* borrowed */
    double score, distance;
};

struct nearby_list {
    struct nearby *of; /* owned */
    size_t count, room;
};

/* NO_MEMORY: nothing has changed. */
enum status nearby_add(struct nearby_list *list, struct nearby found);
void nearby_fini(struct nearby_list *list);

/* Puts the first `wanted` of them in their places, by rising or falling distance. All of them:
 * those of equal distance stay in their order. Fewer: the rest is in no order, and those of equal
 * distance are in that which redis-server brings them into. NO_MEMORY: they are in any order. */
enum status nearby_sort(struct nearby_list *list, size_t wanted, bool falling);

#endif
