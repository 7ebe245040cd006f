/* latency_internal: LATENCY's reports for people. */
#ifndef COATCHECK_COMMANDS_LATENCY_INTERNAL_H
#define COATCHECK_COMMANDS_LATENCY_INTERNAL_H

#include "coatcheck/engine/call.h"

void latency_graph(struct call *call);
void latency_doctor(struct call *call);

#endif
