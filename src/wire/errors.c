#include "coatcheck/wire/errors.h"

const struct wire_error_row wire_errors[] = {
#define ROW(name, code, text) [name] = {code, text},
    WIRE_ERRORS(ROW)
#undef ROW
};
