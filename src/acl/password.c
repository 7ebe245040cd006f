#include "coatcheck/acl/password.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <string.h>

struct password password_of(struct bytes word)
{
    static const char hex[] = "0123456789abcdef";
    unsigned char hash[SHA256_DIGEST_LENGTH];
    struct password password;

    SHA256((const unsigned char *)word.at, word.len, hash);
    for (unsigned i = 0; i < PASSWORD_DIGITS; i++) password.digits[i] = hex[hash[i / 2] >> (i % 2 ? 0 : 4) & 15];
    return password;
}

bool password_read(struct password *password, struct bytes digits)
{
    if (digits.len != PASSWORD_DIGITS) return false;
    for (unsigned i = 0; i < PASSWORD_DIGITS; i++) {
        char c = digits.at[i];

        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) return false;
    }
    memcpy(password->digits, digits.at, PASSWORD_DIGITS);
    return true;
}

bool password_equal(const struct password *a, const struct password *b)
{
    return CRYPTO_memcmp(a->digits, b->digits, PASSWORD_DIGITS) == 0;
}
