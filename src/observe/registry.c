#include "coatcheck/observe/registry.h"

#include "coatcheck/base/must.h"

/* A set is a room's, and there are not more rooms that count things. */
#define MAX_SETS 64

static const struct metric_set *sets[MAX_SETS];
static unsigned set_count;

static const struct metric_row *row_of(struct bytes name, const struct metric_set **set)
{
    for (unsigned i = 0; i < set_count; i++) {
        for (unsigned j = 0; j < sets[i]->count; j++) {
            if (!bytes_equal(name, bytes_of_text(sets[i]->rows[j].name))) continue;
            *set = sets[i];
            return &sets[i]->rows[j];
        }
    }
    return NULL;
}

void observe_add(const struct metric_set *set)
{
    const struct metric_set *other;

    must(set_count < MAX_SETS);
    for (unsigned i = 0; i < set->count; i++) {
        must(!row_of(bytes_of_text(set->rows[i].name), &other));
    }
    sets[set_count++] = set;
}

const struct metric_set *observe_set(unsigned index)
{
    return index < set_count ? sets[index] : NULL;
}

void observe_walk(void (*see)(void *context, const struct metric_set *set,
                              const struct metric_row *row, int64_t sum),
                  void *context)
{
    for (unsigned i = 0; i < set_count; i++) {
        for (unsigned j = 0; j < sets[i]->count; j++) {
            const struct metric_row *row = &sets[i]->rows[j];

            see(context, sets[i], row, metric_sum(sets[i], row->offset));
        }
    }
}

bool observe_read(struct bytes name, int64_t *sum)
{
    const struct metric_set *set;
    const struct metric_row *row = row_of(name, &set);

    if (!row) return false;
    *sum = metric_sum(set, row->offset);
    return true;
}

void observe_reset(void)
{
    for (unsigned i = 0; i < set_count; i++) metric_reset(sets[i]);
}
