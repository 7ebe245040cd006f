/* Names that options had in earlier versions of Redis, declared in registry.h. As there they are taken, and answered by
 * CONFIG GET, beside those of today. */
#include "coatcheck/config/registry.h"

#include "registry_internal.h"

struct former {
    const char *name, *now;
};

static const struct former formers[] = {
    {"hash-max-ziplist-entries", "hash-max-listpack-entries"},
    {"hash-max-ziplist-value", "hash-max-listpack-value"},
    {"list-max-ziplist-size", "list-max-listpack-size"},
    {"zset-max-ziplist-entries", "zset-max-listpack-entries"},
    {"zset-max-ziplist-value", "zset-max-listpack-value"},
};
#define FORMERS (sizeof formers / sizeof formers[0])

const struct option_row *config_former(unsigned index, const char **name)
{
    for (unsigned i = 0; i < FORMERS; i++) {
        const struct option_row *row = registry_row(bytes_of_text(formers[i].now));

        /* Programs that lack a room lack its options. */
        if (!row || index-- > 0) continue;
        *name = formers[i].name;
        return row;
    }
    return NULL;
}

const char *registry_former(struct bytes name, const struct option_row **row)
{
    for (unsigned i = 0; i < FORMERS; i++) {
        if (!bytes_is(name, formers[i].name)) continue;
        *row = registry_row(bytes_of_text(formers[i].now));
        return *row ? formers[i].name : NULL;
    }
    return NULL;
}
