/* registry: all metric rows of the program, in the order of adding.
 * Always: a metric's name is unique over all rooms. Adding happens at start; all else any thread
 * may do. */
#ifndef COATCHECK_OBSERVE_REGISTRY_H
#define COATCHECK_OBSERVE_REGISTRY_H

#include <stdbool.h>
#include "coatcheck/base/bytes.h"
#include "coatcheck/base/metric.h"
#include "coatcheck/base/text.h"

/* Adds a room's rows. At start only, before other threads run. */
void observe_add(const struct metric_set *set);

/* observe_set(0) …, NULL after the last: for who prints them room by room. */
const struct metric_set *observe_set(unsigned index);

/* Shows every row with its sum now. */
void observe_walk(void (*see)(void *context, const struct metric_set *set,
                              const struct metric_row *row, int64_t sum),
                  void *context);

/* The sum of the metric of that name; false when there is none. */
bool observe_read(struct bytes name, int64_t *sum);

/* Every COUNTER starts at zero again, gauges stay (CONFIG RESETSTAT). */
void observe_reset(void);

/* Every row on a line of its own: name, "counter" or "gauge", room, sentence. */
void observe_print_all(struct text *into);

#endif
