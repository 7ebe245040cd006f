/* gates: the list that engine/gate asks. */
#ifndef COATCHECK_DAEMON_GATES_H
#define COATCHECK_DAEMON_GATES_H

#include "coatcheck/engine/gate.h"

extern const struct gate all_gates[];

#endif
