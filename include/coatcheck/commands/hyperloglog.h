/* hyperloglog: what the operator may choose of them. */
#ifndef COATCHECK_COMMANDS_HYPERLOGLOG_H
#define COATCHECK_COMMANDS_HYPERLOGLOG_H

#include "coatcheck/base/option.h"

#define HYPERLOGLOG_OPTIONS(BOOL, INT, SIZE, WORD, TEXT)                                           \
    SIZE(hll_sparse_max_bytes, "hll-sparse-max-bytes", 3000, 0, INT64_MAX, OPTION_LIVE,            \
         "bytes up to which a HyperLogLog is kept as runs of equal registers: small and slower "   \
         "to add to")
OPTION_STRUCT(hyperloglog, HYPERLOGLOG_OPTIONS);

#endif
