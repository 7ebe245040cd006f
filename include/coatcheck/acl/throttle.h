/* throttle: who guesses passwords is made to wait.
 * Addresses are remembered from which logins failed: an IPv4 address, the first 64 bits of an IPv6 one, all Unix sockets as
 * one; so many at most, and the one that failed longest ago makes room. An address that has failed too often waits before
 * each login: right or wrong, for whoever learns from a quick refusal hangs up and comes again. It is never refused, and
 * no worker waits: the request stays unread, as with CLIENT PAUSE. */
#ifndef COATCHECK_ACL_THROTTLE_H
#define COATCHECK_ACL_THROTTLE_H

#include "coatcheck/base/metric.h"
#include "coatcheck/engine/gate.h"

/* So many failures are free, within so long after the last one. */
#define THROTTLE_FREE 10
#define THROTTLE_WINDOW_US 60000000

/* The wait grows by the option's value with each THROTTLE_FREE failures, up to so many times. */
#define THROTTLE_MOST 30

/* A login of this session has failed; its own thread, off the shards. */
void throttle_failed(struct session *session);

/* For a login that no gate was asked about, since it is part of a transaction: false: not now, it counts as wrong. */
bool throttle_permits(struct session *session);

/* AUTH, and HELLO with AUTH, wait here. */
enum gate_answer gate_throttle(struct call *call);

/* Each worker among its chores: who has waited goes on. Returns in how many microseconds it wants to be called again at the
 * latest, INT64_MAX while nobody waits. */
int64_t throttle_look_after(int64_t now_us);

#define THROTTLE_METRICS(ROW)                                                                       \
    ROW(auth_logins_delayed, COUNTER, "logins that had to wait because too many from their address had failed")
METRIC_STRUCT(throttle, THROTTLE_METRICS);

#endif
