/* hash: the hash at a key, as the commands of the family find it and leave it. */
#ifndef COATCHECK_COMMANDS_HASH_H
#define COATCHECK_COMMANDS_HASH_H

#include "coatcheck/engine/call.h"
#include "coatcheck/values/hash.h"

/* Of key 0, for a command that reads: NULL when there is none. False: ERR_WRONGTYPE has been answered. */
bool call_read_hash(struct call *call, const struct hash **hash);

/* For one that changes it. */
bool call_find_hash(struct call *call, struct spot *spot, struct hash **hash);

/* Sets fields, names and values in turn, of the hash that call_find_hash() found, or of a new one. *added: how many
 * were not there. False: no memory, nothing has changed; answered. */
bool call_put_fields(struct call *call, struct spot *spot, struct hash *hash, const struct bytes *words,
                     unsigned pairs, int64_t deadline_ms, unsigned *added);

/* Fields were taken out of the hash at the spot, and news of that was told: a key whose hash is empty goes. */
void hash_drop_if_empty(const struct key *key, struct spot *spot);

/* The value of a field, or nothing. */
void reply_field(struct reply *reply, const struct hash *hash, struct bytes name);

/* "FIELDS numfields field …" from word `at` to the end. False: answered, with `not_positive` for a number that is
 * none. */
bool call_read_fields(struct call *call, unsigned at, const char *not_positive, unsigned *first, unsigned *count);
#define FIELDS_NOT_POSITIVE "Number of fields must be a positive integer"

/* A deadline for fields: word `at` as so many milliseconds or seconds from now on or since 1970. False: answered. */
struct deadline_unit;
bool call_read_field_deadline(struct call *call, unsigned at, struct deadline_unit unit, int64_t *deadline_ms);

/* News of a field that was given a deadline, or lost it (NEVER), or went because its deadline is past: each tells
 * its own effect; `event` (or NULL) is told with it. */
void effect_field_deadline(const struct key *key, const char *event, struct bytes name, int64_t deadline_ms);
void effect_field_gone(const struct key *key, const char *event, struct bytes name);

#endif
