#include "coatcheck/base/status.h"

const char *status_text(enum status status)
{
    switch (status) {
    case OK:
        return "ok";
    case NO_MEMORY:
        return "out of memory";
    case TOO_BIG:
        return "too big";
    case NOT_FOUND:
        return "not found";
    case IN_USE:
        return "in use";
    case MALFORMED:
        return "malformed";
    case SYSTEM_ERROR:
        return "system error";
    }
    return "unknown status";
}
