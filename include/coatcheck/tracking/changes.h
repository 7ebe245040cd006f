/* changes: the keys that a worker's clients have changed since it last sent parcels off, for trackers with BCAST: each once,
 * with who has changed it, if it was one alone. */
#ifndef COATCHECK_TRACKING_CHANGES_H
#define COATCHECK_TRACKING_CHANGES_H

#include "coatcheck/tracking/parcel.h"

/* Inside shards too; `who` is 0 when nobody who tracks has done it. What cannot be kept is lost to all lanes that would
 * have been told. */
void changes_add(struct bytes name, tracker_item who);

/* Into the parcels of all lanes with such trackers, by name; there are none then. */
void changes_pack(void);

void changes_stop(void);

#endif
