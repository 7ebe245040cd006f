/* gate: what a user may not do is refused before it is done. Only sessions whose user is restricted
 * (SESSION_RESTRICTED) come this far. */
#ifndef COATCHECK_ACL_GATE_H
#define COATCHECK_ACL_GATE_H

#include "coatcheck/base/metric.h"
#include "coatcheck/engine/gate.h"

enum gate_answer gate_acl(struct call *call);

/* For a command of a transaction, when EXEC comes to it: the rules may have changed since it was queued. False: it has
 * been answered. */
bool gate_acl_within(struct call *call);

#define ACL_METRICS(ROW)                                                                           \
    ROW(acl_access_denied_cmd, COUNTER, "commands that their client's user may not run")           \
    ROW(acl_access_denied_key, COUNTER, "commands with a key that their client's user may not reach") \
    ROW(acl_access_denied_channel, COUNTER, "commands with a channel that their client's user may not reach")
METRIC_STRUCT(acl, ACL_METRICS);

#endif
