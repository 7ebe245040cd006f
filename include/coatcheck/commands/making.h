/* making: what a command makes of sets and sorted sets in slices. In each slice the shards of the keys are entered, and it is
 * looked whether the sources are what they were. If one is not, all begins anew, a few times. What is made is put in its place
 * at the end, or told: until then the answer is gathered. */
#ifndef COATCHECK_COMMANDS_MAKING_H
#define COATCHECK_COMMANDS_MAKING_H

#include "coatcheck/commands/sources.h"
#include "coatcheck/engine/gathering.h"

struct making;
struct making_verbs {
    /* Some of the work, as much as may be between two looks at the clock. *is_over: that was the last of it. */
    enum status (*some)(struct making *making, bool *is_over);

    /* All sources are still what they were. */
    void (*finish)(struct call *call, struct making *making);

    /* One is not. Takes the making. */
    void (*begin_anew)(struct call *call, struct making *making);

    /* What is held, and of that *aside for a value to be; what there is of the answer is counted by others. */
    size_t (*bytes)(const struct making *making, size_t *aside);

    /* Gives back what the fields behind this one hold. */
    void (*fini)(struct making *making);
};

/* The first field of each. */
struct making {
    struct task task;
    const struct making_verbs *verbs;
    struct sources sources;
    struct reply_nested answer;
    struct gathering gathering;
};

/* Of one that is all zero. The sources are noted. NO_MEMORY: it is to be freed all the same. */
enum status making_init(struct making *making, const struct making_verbs *verbs, struct call *call, unsigned first_key,
                        unsigned count);
void making_free(struct making **making);

/* After the first slice, which does no more than that; and one more. */
void making_leave(struct call *call, struct making *making);
void making_go_on(struct call *call, struct task *task);

#endif
