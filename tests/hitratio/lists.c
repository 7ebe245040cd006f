#include <stdlib.h>
#include "policy.h"

struct links links_new(uint32_t keys)
{
    return (struct links){.before = malloc(keys * sizeof(uint32_t)), .after = malloc(keys * sizeof(uint32_t))};
}

void links_free(struct links *links)
{
    free(links->before);
    free(links->after);
}

void list_add(struct cache *cache, struct links *links, struct list *list, uint32_t key)
{
    links->before[key] = NO_KEY;
    links->after[key] = list->first;
    if (list->first != NO_KEY) {
        links->before[list->first] = key;
    } else {
        list->last = key;
    }
    list->first = key;
    list->cost += cache->costs[key];
}

void list_take(struct cache *cache, struct links *links, struct list *list, uint32_t key)
{
    uint32_t before = links->before[key], after = links->after[key];

    if (before != NO_KEY) {
        links->after[before] = after;
    } else {
        list->first = after;
    }
    if (after != NO_KEY) {
        links->before[after] = before;
    } else {
        list->last = before;
    }
    list->cost -= cache->costs[key];
}

struct crowd crowd_new(uint32_t keys)
{
    return (struct crowd){.members = malloc(keys * sizeof(uint32_t)), .place = malloc(keys * sizeof(uint32_t))};
}

void crowd_free(struct crowd *crowd)
{
    free(crowd->members);
    free(crowd->place);
}

void crowd_add(struct crowd *crowd, uint32_t key)
{
    crowd->place[key] = crowd->count;
    crowd->members[crowd->count++] = key;
}

void crowd_take(struct crowd *crowd, uint32_t key)
{
    uint32_t last = crowd->members[--crowd->count];

    crowd->members[crowd->place[key]] = last;
    crowd->place[last] = crowd->place[key];
}
