/* password: kept as SHA-256 (FIPS 180-4) in 64 hexadecimal digits, as Redis's ACL files have them; the words
 * themselves are never stored. */
#ifndef COATCHECK_ACL_PASSWORD_H
#define COATCHECK_ACL_PASSWORD_H

#include <stdbool.h>
#include "coatcheck/base/bytes.h"

#define PASSWORD_DIGITS 64

struct password {
    char digits[PASSWORD_DIGITS]; /* 0-9a-f */
};

struct password password_of(struct bytes word);

/* Takes a hash as it is written; false: it is none. */
bool password_read(struct password *password, struct bytes digits);

/* Takes the same time wherever they differ. */
bool password_equal(const struct password *a, const struct password *b);

#endif
