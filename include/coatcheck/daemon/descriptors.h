/* descriptors: as many open files as the clients need. */
#ifndef COATCHECK_DAEMON_DESCRIPTORS_H
#define COATCHECK_DAEMON_DESCRIPTORS_H

#include "coatcheck/base/text.h"

/* What the server itself opens besides clients: loops, wake-ups, listeners, the log, a spare to
 * refuse with. */
unsigned descriptors_reserve(unsigned threads, unsigned listeners);

/* Raises the limit of open files until `clients` and `reserve` fit, as far as the system lets us;
 * never lowers it. Answers how many clients fit now (at most `clients`, 0 when not even the reserve
 * does). When that is fewer, `why` says in one line what stands in the way and what would help. */
unsigned descriptors_raise(unsigned clients, unsigned reserve, struct text *why);

#endif
