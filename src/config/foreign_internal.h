/* foreign: the options of Redis that coatcheck does not have, and what becomes of a line with one.
 * A row of our own with the same name goes before the row here. */
#ifndef CONFIG_FOREIGN_INTERNAL_H
#define CONFIG_FOREIGN_INTERNAL_H

#include "coatcheck/base/bytes.h"

enum foreign {
    FOREIGN_UNKNOWN,  /* not an option of Redis either */
    FOREIGN_SAME,     /* asks for what happens anyhow */
    FOREIGN_HARMLESS, /* has no effect, and nothing is lost by that */
    FOREIGN_REFUSED   /* the operator relies on something that would not happen */
};

/* What becomes of `name value`; *reason is a sentence, or NULL for SAME and UNKNOWN. */
enum foreign foreign_judge(struct bytes name, struct bytes value, const char **reason);

bool foreign_is_ours_anyhow(struct bytes name, struct bytes value);

/* Why there is no such option; NULL when Redis has none of that name. */
const char *foreign_reason(struct bytes name);

#endif
