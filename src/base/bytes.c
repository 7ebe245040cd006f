#include "coatcheck/base/bytes.h"

/* Not tolower(): that one asks the locale, and a byte above 127 has no case here. */
static unsigned char lower(char c)
{
    unsigned char byte = (unsigned char)c;

    return byte >= 'A' && byte <= 'Z' ? byte | 0x20 : byte;
}

bool bytes_equal_nocase(struct bytes a, struct bytes b)
{
    if (a.len != b.len) return false;
    for (size_t i = 0; i < a.len; i++) {
        if (lower(a.at[i]) != lower(b.at[i])) return false;
    }
    return true;
}

bool bytes_is(struct bytes a, const char *word)
{
    size_t i;

    for (i = 0; i < a.len && word[i]; i++) {
        if (lower(a.at[i]) != lower(word[i])) return false;
    }
    return i == a.len && !word[i];
}

int bytes_compare(struct bytes a, struct bytes b)
{
    size_t shared = a.len < b.len ? a.len : b.len;
    int order = shared ? memcmp(a.at, b.at, shared) : 0;

    if (order) return order;
    return (a.len > b.len) - (a.len < b.len);
}

bool bytes_start_with(struct bytes a, struct bytes prefix)
{
    return a.len >= prefix.len && (prefix.len == 0 || memcmp(a.at, prefix.at, prefix.len) == 0);
}
