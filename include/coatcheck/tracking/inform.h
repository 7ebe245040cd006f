/* inform: invalidations in the form in which clients get them, to a tracker or to who hears for it.
 *
 *     >2 $10 invalidate *1 $4 coat                               RESP3
 *     *3 $7 message $20 __redis__:invalidate *1 $4 coat          RESP2, who is redirected to and listens to anything
 *
 * What stands behind the head is the message's tail: names, or a null for "anything may have changed". */
#ifndef COATCHECK_TRACKING_INFORM_H
#define COATCHECK_TRACKING_INFORM_H

#include "coatcheck/base/text.h"
#include "coatcheck/tracking/parcel.h"
#include "coatcheck/wire/reply.h"

/* The tail of one name. */
void inform_tail(struct bytes name, struct text *into);

/* The tail of "anything", as redis-server writes it: as the tracker speaks, not who hears for it. */
struct bytes inform_all_tail(const struct tracker *tracker);

/* While a reply to the tracker itself is being written: it goes there, or on its way to whoever hears for it. */
void inform_within(struct tracker *tracker, struct bytes tail, struct reply *reply);

/* Between two turns: what another worker, or this one, had to tell. */
void inform(const struct news *news);

/* The worker's thread ends. */
void inform_stop(void);

/* To all of this worker: something may have been missed. */
void inform_of_loss(void);

#endif
