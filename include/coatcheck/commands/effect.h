/* effect: the news of what a call has done to a key, told as a command that does the same to any copy of the
 * data: absolute deadlines, results in the place of sums. With nobody listening or watching each costs two loads.
 * Of all the events of a call one tells the effect, the first; the others only tell what happened.
 * Where the client's own words are such a command, call_changed() will do. */
#ifndef COATCHECK_COMMANDS_EFFECT_H
#define COATCHECK_COMMANDS_EFFECT_H

#include "coatcheck/engine/call.h"

/* A further event of a call whose effect has been told. */
void effect_more(const struct key *key, const char *event);

/* "del", as DEL key. */
void effect_deleted(const struct key *key);

/* As SET key value and, by the deadline, PXAT or KEEPTTL; a deadline is another event, "expire". */
void effect_set(const struct key *key, const char *event, struct bytes value, int64_t deadline_ms);

/* "set", "expire" and "expired" at once: a string with a deadline that is over. As DEL when the key was there. */
void effect_passed_by(const struct key *key, bool was_there);

/* As ZADD key score member. */
void effect_score(const struct key *key, const char *event, struct bytes member, double score);

/* "expire", as PEXPIREAT; "persist", as PERSIST, for NEVER. */
void effect_deadline(const struct key *key, int64_t deadline_ms);

/* As these words, which do the same to any copy of the data. */
void effect_as(const struct key *key, const char *event, const struct bytes *words, unsigned count);

/* The client's words as the effect in this key's database; the event is another key's. */
void effect_alone(const struct call *call, const struct key *key);

/* Any key of the database may have changed: the client's words are the effect, or with `more` another
 * database's news has told it. */
void effect_of_database(const struct call *call, unsigned db, bool more);

#endif
