/* gates: the order in which a command may be refused. That it is known and has its number of words is asked
 * before, of every command. */
#include "coatcheck/daemon/gates.h"

#include "coatcheck/acl/gate.h"
#include "coatcheck/acl/throttle.h"
#include "coatcheck/engine/memory.h"
#include "coatcheck/engine/monitor.h"
#include "coatcheck/engine/transaction.h"
#include "coatcheck/pubsub/delivery.h"
#include "coatcheck/pubsub/subscriber.h"

const struct gate all_gates[] = {
    {"auth", gate_auth},
    {"throttle", gate_throttle},
    {"transaction", gate_transaction},
    {"acl", gate_acl},
    {"memory", gate_memory},
    {"subscriber", gate_subscriber},
    {"monitor", gate_monitor},
    {"pause", gate_pause},
    {"delivery", gate_delivery},
    {NULL, NULL},
};
