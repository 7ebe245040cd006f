/* debug_internal: what DEBUG's files share. */
#ifndef COATCHECK_COMMANDS_DEBUG_INTERNAL_H
#define COATCHECK_COMMANDS_DEBUG_INTERNAL_H

#include "coatcheck/engine/call.h"

/* DEBUG PROTOCOL type: a reply of each kind that the wire knows. */
void debug_protocol(struct call *call);

/* DEBUG DIGEST, DIGEST-VALUE key …: equal for equal data, on coatcheck servers of one version. */
void debug_digest(struct call *call);
void debug_digest_value(struct call *call);

/* Enters the shard of word `i` and finds its entry without a trace; NULL: absent, the client has
 * been answered and the shard is left again. Ends with debug_shard_leave(key->shard). */
struct entry *debug_enter(struct call *call, unsigned i, struct key *key);

/* A transaction has entered all shards already. */
static inline void debug_shard_enter(struct shard *shard)
{
    if (!keyspace_has_entered_all()) shard_enter(shard);
}
static inline void debug_shard_leave(struct shard *shard)
{
    if (!keyspace_has_entered_all()) shard_leave(shard);
}

#endif
