/* zset_keys: the keys of commands that tell their number first: ZUNION 2 a b. */
#ifndef COATCHECK_COMMANDS_ZSET_KEYS_H
#define COATCHECK_COMMANDS_ZSET_KEYS_H

#include "coatcheck/engine/command.h"

/* For rows: the number is word 1; and, with a destination at word 1 that is the first key, word 2.
 */
int zset_find_counted_keys(const struct args *args, unsigned *places);
int zset_find_timed_keys(const struct args *args, unsigned *places); /* behind a timeout: word 2 */
int zset_find_store_keys(const struct args *args, unsigned *places);

#endif
