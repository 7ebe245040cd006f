/* sources: sets, sorted sets and lists of which a command makes something else in slices. Between two of them others may change
 * them: so it is noted what they are, and looked before each slice whether they are that still. Large ones have versions;
 * small ones are copied. The shards of their keys are entered. */
#ifndef COATCHECK_COMMANDS_SOURCES_H
#define COATCHECK_COMMANDS_SOURCES_H

#include "coatcheck/engine/call.h"

/* Of more of them all is done at once: each is looked at in each slice. */
#define SOURCES_MOST 1024

/* Whoever changes sources all the time would keep a command from coming to an end: so often it begins anew, and then does
 * all at once. */
#define SOURCES_TRIES 3

/* Members fewer than these, and looks for them, are no longer than a slice. */
#define SOURCES_AT_ONCE 1000

/* So many, and less where they are long, between two looks at the clock. */
static inline size_t sources_a_look(size_t longest)
{
    return 128 / (1 + longest / 512) + 1;
}

struct source {
    enum value_type type;
    void *container;  /* the key's, and not held; NULL: there is none */
    uint64_t version; /* of a large one */
    void *copy;       /* of a small one */
};

struct sources {
    struct source *of;
    unsigned count, first_key;
};

/* What keys first_key … first_key + count - 1 hold: nothing, sets, sorted sets or lists. NO_MEMORY: nothing is held. */
enum status sources_note(struct sources *sources, struct call *call, unsigned first_key, unsigned count);

/* What `container`, which is source `i`, is to be read from, as long as sources_are_unchanged(). */
const void *sources_read_from(const struct sources *sources, unsigned i, const void *container);

/* Small ones need be compared, `with_copies`, only at the end: until then it is their copies that are read. */
bool sources_are_unchanged(const struct sources *sources, const struct call *call, bool with_copies);

/* How many members they have, and the one with the fewest: of keys that nobody has looked at yet, and that may hold
 * something else. */
struct source_counts {
    uint64_t first, least, sum;
};
struct source_counts sources_count(const struct call *call, unsigned first_key);

void sources_fini(struct sources *sources);

#endif
