/* counted_keys: the keys of commands that tell their number first, as ZUNION 2 a b does. */
#ifndef COATCHECK_COMMANDS_COUNTED_KEYS_H
#define COATCHECK_COMMANDS_COUNTED_KEYS_H

#include "coatcheck/engine/command.h"

/* For `find_keys` of rows, by where the number is. */
int counted_keys_find(const struct args *args, unsigned *places);            /* word 1 */
int counted_keys_find_timed(const struct args *args, unsigned *places);      /* word 2, behind a timeout */
int counted_keys_find_with_target(const struct args *args, unsigned *places); /* word 2, behind a key */

/* For `key_specs` of rows: keys that are read; those that lose something; and those behind a timeout. */
extern const struct command_key_spec counted_keys_read[];
extern const struct command_key_spec counted_keys_popped[];
extern const struct command_key_spec counted_keys_popped_timed[];

#endif
