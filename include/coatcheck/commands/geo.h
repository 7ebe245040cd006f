/* geo: words that name a place or a distance, and how both are told. */
#ifndef COATCHECK_COMMANDS_GEO_H
#define COATCHECK_COMMANDS_GEO_H

#include "coatcheck/engine/call.h"
#include "coatcheck/structs/geo.h"
#include "coatcheck/values/zset.h"

/* Words `i` and i + 1 as longitude and latitude. False: answered. */
bool geo_read_place(struct call *call, unsigned i, struct geo_point *point);

/* Word `i` as metres of a unit. False: answered. */
bool geo_read_unit(struct call *call, unsigned i, double *metres);

/* False: there is no such member, or no set (NULL). */
bool geo_find_member(const struct zset *zset, struct bytes member, struct geo_point *point);

/* With four digits, in the unit that it is in. */
void reply_distance(struct reply *reply, double distance);
/* As a pair. */
void reply_place(struct reply *reply, struct geo_point point);

#endif
