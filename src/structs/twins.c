#include "coatcheck/structs/twins.h"

#include <string.h>
#include "coatcheck/base/must.h"

/* Half full at most, each thing in the first free place from its hash's on. */
#define PLACES_MOST (2 * TWINS_MOST)
#define PLACES_LEAST 16

bool twins_found(const struct twins_verbs *verbs, const void *things, unsigned count)
{
    uint16_t places[PLACES_MOST]; /* a thing's number and one; 0: free */
    unsigned size = PLACES_LEAST;

    must(count <= TWINS_MOST);
    while (size < 2 * count) size *= 2;
    memset(places, 0, size * sizeof *places);
    for (unsigned i = 0; i < count; i++) {
        unsigned at = (unsigned)verbs->hash(things, i) & (size - 1);

        for (; places[at]; at = (at + 1) & (size - 1)) {
            if (unlikely(verbs->same(things, places[at] - 1u, i))) return true;
        }
        places[at] = (uint16_t)(i + 1);
    }
    return false;
}
