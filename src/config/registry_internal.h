/* registry: what the reader of files needs of it besides. */
#ifndef CONFIG_REGISTRY_INTERNAL_H
#define CONFIG_REGISTRY_INTERNAL_H

#include "coatcheck/config/registry.h"

enum put { PUT_DONE, PUT_MALFORMED, PUT_REFUSED };

/* Stores what a line of a file or of the command line gives; the first line of an option that
 * repeats replaces its default, the later ones are added. hooks->changed is not told.
 * `place` is where that stands. MALFORMED: not of the row's kind; REFUSED: by hooks->check. `why` says it in Redis's words. */
enum put registry_put(const struct option_row *row, struct bytes given, const char *place, struct text *why);

/* By the name of today alone. */
const struct option_row *registry_row(struct bytes name);

/* By a name of former times, which is returned as the table has it; NULL: none is called so. */
const char *registry_former(struct bytes name, const struct option_row **row);

/* Does the row hold just what these words of a file would store?  And is that its default? */
bool registry_holds(const struct option_row *row, struct bytes given);
bool registry_holds_initial(const struct option_row *row);

/* As config_print(), the lines of an option that repeats kept apart by newlines. */
void registry_print_lines(const struct option_row *row, struct text *into);

#endif
