/* value: between the text of an option's value and what is stored for it. */
#ifndef CONFIG_VALUE_INTERNAL_H
#define CONFIG_VALUE_INTERNAL_H

#include "coatcheck/base/option.h"

/* The number of a BOOL, INT, SIZE or WORD; nothing is read for a TEXT, only its bytes are looked
 * over. On refusal `why` holds Redis's words for it: "argument must be 'yes' or 'no'". */
bool value_read(const struct option_row *row, struct bytes given, int64_t *number,
                struct text *why);

/* What the row takes, for an operator: "a whole number from 0 to 65535". */
void value_expectation(const struct option_row *row, struct text *into);

/* The default, and any value, as CONFIG GET answers them. */
void value_print_initial(const struct option_row *row, struct text *into);
void value_print_number(const struct option_row *row, int64_t number, struct text *into);

/* Name and value as lines of a file (more than one for an option that repeats), quoted where
 * needed, sizes in the largest unit that divides them. `printed` is what config_print() wrote;
 * `prefix` starts each line. */
void value_print_lines(const struct option_row *row, struct bytes printed, const char *prefix,
                       struct text *into);

#endif
