/* many: strings at several keys, put all at once or not at all. */
#ifndef COATCHECK_KEYSPACE_MANY_H
#define COATCHECK_KEYSPACE_MANY_H

#include "coatcheck/keyspace/key.h"

/* Puts values[0], values[stride], values[2 * stride] … at the keys, without deadlines, in the place of
 * whatever is there; of a key that is named twice the last value stays. The caller has entered the shards of
 * all. `was_absent`, or NULL, has room for as many: did this one bring the key into being? NO_MEMORY: every key is as it
 * was. */
enum status keys_put_strings(const struct key *keys, unsigned count, const struct bytes *values, unsigned stride,
                             bool *was_absent);

#endif
