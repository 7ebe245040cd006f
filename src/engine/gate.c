#include "coatcheck/engine/gate.h"

#include "coatcheck/base/must.h"

_Atomic unsigned gate_reasons;
bool (*gate_within)(struct call *call);
enum gate_answer (*gate_restricted)(struct call *call);

static const struct gate no_gates[] = {{0}};
static const struct gate *gates = no_gates;

void gates_set(const struct gate *list)
{
    gates = list;
}

enum gate_answer gates_ask(struct call *call)
{
    for (const struct gate *gate = gates; gate->name; gate++) {
        enum gate_answer answer = gate->ask(call);

        if (answer != GATE_PASS) return answer;
    }
    return GATE_PASS;
}

void gate_raise(enum gate_reason reason)
{
    atomic_fetch_or(&gate_reasons, reason);
}

void gate_lower(enum gate_reason reason)
{
    atomic_fetch_and(&gate_reasons, ~(unsigned)reason);
}

enum gate_answer gate_auth(struct call *call)
{
    if (likely(session_is_trusted(call->session))) return GATE_PASS;
    if (call->command->row->flags & COMMAND_NO_AUTH) return GATE_PASS;
    reply_error(call->reply, ERR_NO_AUTH);
    return GATE_REFUSED;
}
