/* glob: patterns of KEYS, SCAN MATCH, CONFIG GET: * ? [a-z] [^a] and \ to quote, as Redis reads them.
 * Iterative, at most pattern times text steps: no pattern can burn time exponentially (CVE-2022-36021).
 * As in Redis no pattern but the empty one matches an empty text: KEYS and SCAN take a lone "*" for
 * "all" without asking here. */
#ifndef COATCHECK_STRUCTS_GLOB_H
#define COATCHECK_STRUCTS_GLOB_H

#include "coatcheck/base/bytes.h"

bool glob_match(struct bytes pattern, struct bytes text);
bool glob_match_nocase(struct bytes pattern, struct bytes text);

#endif
