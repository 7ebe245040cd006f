/* client_door: between the connections of net/ and the sessions of engine/. */
#ifndef COATCHECK_SERVE_CLIENT_DOOR_H
#define COATCHECK_SERVE_CLIENT_DOOR_H

#include "coatcheck/engine/session.h"
#include "coatcheck/net/worker.h"

struct keyspace;

/* The door for worker_new(). */
extern const struct worker_door client_door;

/* Before any worker starts: what the door works on. `shut_down` ends the server; any thread may call it. */
void client_door_setup(struct keyspace *keyspace, struct worker **workers, unsigned count,
                       void (*shut_down)(void));

#endif
