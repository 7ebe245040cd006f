/* The metrics as a sheet: what docs/metrics.md is made of; declared in registry.h. */
#include "coatcheck/observe/registry.h"

void observe_print_all(struct text *into)
{
    for (unsigned i = 0; observe_set(i); i++) {
        const struct metric_set *set = observe_set(i);

        for (unsigned j = 0; j < set->count; j++) {
            const struct metric_row *row = &set->rows[j];

            text_addf(into, "%s %s %s %s\n", row->name, row->kind == COUNTER ? "counter" : "gauge",
                      set->room, row->sentence);
        }
    }
}
