#include "coatcheck/base/number.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include "coatcheck/base/mem.h"

/* strtod() wants a zero at the end, which a slice has not: short ones are copied here. */
#define SHORT_FLOAT 512

bool number_read_uint(struct bytes text, uint64_t *number)
{
    size_t safe = text.len < 19 ? text.len : 19; /* digits that cannot be too many */
    uint64_t value = 0;
    unsigned digit;

    if (text.len == 0 || text.len > 20) return false;
    if (text.at[0] == '0' && text.len > 1) return false;
    for (size_t i = 0; i < safe; i++) {
        digit = (unsigned char)text.at[i] - '0';
        if (digit > 9) return false;
        value = value * 10 + digit;
    }
    if (text.len == 20) {
        digit = (unsigned char)text.at[19] - '0';
        if (digit > 9 || __builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, digit, &value)) {
            return false;
        }
    }
    *number = value;
    return true;
}

bool number_read_int(struct bytes text, int64_t *number)
{
    bool negative = text.len > 0 && text.at[0] == '-';
    uint64_t value;

    if (!number_read_uint(negative ? bytes_of(text.at + 1, text.len - 1) : text, &value)) {
        return false;
    }
    if (negative) {
        if (value == 0 || value > (uint64_t)INT64_MAX + 1) return false;
        *number = (int64_t)(0 - value);
        return true;
    }
    if (value > INT64_MAX) return false;
    *number = (int64_t)value;
    return true;
}

/* The slice with a zero at its end, in `small` or on the heap; NULL when there is no memory. */
static char *zero_ended(struct bytes text, char small[SHORT_FLOAT])
{
    char *copy = text.len < SHORT_FLOAT ? small : mem_alloc(text.len + 1);

    if (!copy) return NULL;
    memcpy(copy, text.at, text.len);
    copy[text.len] = 0;
    return copy;
}

/* Digits with a point somewhere, as most are written. Up to 2^53 they are exact as a double, as the
 * power of ten below them is, and the rounding of one division is what strtod() says (Clinger
 * 1990), without its price. */
#define PLAIN_DIGITS 18
#define EXACT_MAX (UINT64_C(1) << 53)

static bool read_plain_double(struct bytes text, double *number)
{
    static const double powers[PLAIN_DIGITS + 1] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,
                                                    1e7,  1e8,  1e9,  1e10, 1e11, 1e12, 1e13,
                                                    1e14, 1e15, 1e16, 1e17, 1e18};
    size_t i = text.len > 0 && text.at[0] == '-', digits = 0, after = 0;
    bool point = false;
    uint64_t value = 0;
    double exact;

    if (text.len > PLAIN_DIGITS + 2) return false;
    for (; i < text.len; i++) {
        unsigned digit = (unsigned char)text.at[i] - '0';

        if (digit <= 9) {
            value = value * 10 + digit;
            digits++;
            after += point;
        } else if (text.at[i] == '.' && !point) {
            point = true;
        } else {
            return false;
        }
    }
    if (digits == 0 || digits > PLAIN_DIGITS || value > EXACT_MAX) return false;
    exact = (double)value;
    if (after > 0) exact /= powers[after];
    *number = text.at[0] == '-' ? -exact : exact;
    return true;
}

bool number_read_double(struct bytes text, double *number)
{
    char small[SHORT_FLOAT], *copy, *end;
    double value;
    bool good;

    if (read_plain_double(text, number)) return true;
    if (text.len == 0 || isspace((unsigned char)text.at[0])) return false;
    if (!(copy = zero_ended(text, small))) return false;
    errno = 0;
    value = strtod(copy, &end);
    /* A denormal sets ERANGE as well, yet is a number: only what became nothing or everything is
     * refused. */
    good = end == copy + text.len && !isnan(value) &&
           !(errno == ERANGE && (isinf(value) || value == 0));
    if (copy != small) mem_free(copy);
    if (good) *number = value;
    return good;
}

static bool read_as_strtod(struct bytes text, double *number, bool in_range)
{
    char small[SHORT_FLOAT], *copy, *end;
    double value;
    bool good;

    if (read_plain_double(text, number)) return true;
    if (!(copy = zero_ended(text, small))) return false;
    errno = 0;
    value = strtod(copy, &end);
    good = *end == 0 && !isnan(value) && !(in_range && errno == ERANGE);
    if (copy != small) mem_free(copy);
    if (good) *number = value;
    return good;
}

bool number_read_double_leniently(struct bytes text, double *number)
{
    return read_as_strtod(text, number, false);
}

bool number_read_weight(struct bytes text, double *number)
{
    return read_as_strtod(text, number, true);
}

bool number_read_long_double(struct bytes text, long double *number)
{
    char small[SHORT_FLOAT], *copy, *end;
    long double value;
    bool good;

    if (text.len == 0 || text.len >= NUMBER_MAX_FLOAT_TEXT) return false;
    if (isspace((unsigned char)text.at[0])) return false;
    if (!(copy = zero_ended(text, small))) return false;
    errno = 0;
    value = strtold(copy, &end);
    good = end == copy + text.len && !isnan(value) &&
           !(errno == ERANGE && (isinf(value) || value == 0));
    if (copy != small) mem_free(copy);
    if (good) *number = value;
    return good;
}

static const char digit_pairs[] = "00010203040506070809101112131415161718192021222324"
                                  "25262728293031323334353637383940414243444546474849"
                                  "50515253545556575859606162636465666768697071727374"
                                  "75767778798081828384858687888990919293949596979899";

/* clang-format off */
static const uint64_t powers_of_ten[] = {
    1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000, 1000000000, 10000000000,
    100000000000, 1000000000000, 10000000000000, 100000000000000, 1000000000000000,
    10000000000000000, 100000000000000000, 1000000000000000000, 10000000000000000000u};
/* clang-format on */

static size_t count_digits(uint64_t number)
{
    /* A bit is worth log10(2) = 1233/4096 digits; the guess is right or one too low. */
    size_t guess = ((64 - (size_t)__builtin_clzll(number | 1)) * 1233) >> 12;

    return guess + (guess == 0 || number >= powers_of_ten[guess]);
}

size_t number_print_uint(char *into, uint64_t number)
{
    size_t len = count_digits(number);
    char *at = into + len;

    /* Two pairs at a time, so that they do not wait for each other's divisions. */
    while (number >= 10000) {
        uint32_t four = (uint32_t)(number % 10000);

        at -= 4;
        memcpy(at, digit_pairs + four / 100 * 2, 2);
        memcpy(at + 2, digit_pairs + four % 100 * 2, 2);
        number /= 10000;
    }
    if (number >= 100) {
        at -= 2;
        memcpy(at, digit_pairs + number % 100 * 2, 2);
        number /= 100;
    }
    if (number >= 10) {
        at -= 2;
        memcpy(at, digit_pairs + number * 2, 2);
    } else {
        *--at = (char)('0' + number);
    }
    return len;
}

size_t number_print_int(char *into, int64_t number)
{
    if (number >= 0) return number_print_uint(into, (uint64_t)number);
    *into = '-';
    return 1 + number_print_uint(into + 1, 0 - (uint64_t)number);
}

static size_t print_word(char *into, const char *word)
{
    size_t len = strlen(word);

    memcpy(into, word, len + 1);
    return len;
}

#define G_DIGITS 17

static void print_eight(char *into, uint32_t number)
{
    uint32_t left = number / 10000, right = number % 10000;

    memcpy(into, digit_pairs + left / 100 * 2, 2);
    memcpy(into + 2, digit_pairs + left % 100 * 2, 2);
    memcpy(into + 4, digit_pairs + right / 100 * 2, 2);
    memcpy(into + 6, digit_pairs + right % 100 * 2, 2);
}

/* The point goes between them afterwards: to part them first would take a division by a number that is not known. */
static void print_seventeen(char into[G_DIGITS], uint64_t number)
{
    uint64_t sixteen = number % powers_of_ten[16];

    into[0] = (char)('0' + number / powers_of_ten[16]);
    print_eight(into + 1, (uint32_t)(sixteen / powers_of_ten[8]));
    print_eight(into + 9, (uint32_t)(sixteen % powers_of_ten[8]));
}

/* What "%.17g" prints of a number from 0.0001 to 2^52: 17 digits, correctly rounded, without
 * the zeros at their end. Such a number is mantissa / 2^shift, and 128 bits hold what its digits
 * come from exactly, so nothing is guessed. Returns 0 for one that rounds up to another power of
 * ten, which is rare. */
static size_t print_fraction(char *into, double number)
{
    uint64_t bits, whole, digits;
    unsigned shift, places, before, zeros = 0;
    char all[G_DIGITS], *at = into;
    unsigned __int128 scaled;

    memcpy(&bits, &number, sizeof bits);
    shift = 1075 - (unsigned)(bits >> 52);
    bits = (bits & ((UINT64_C(1) << 52) - 1)) | UINT64_C(1) << 52;
    whole = shift < 64 ? bits >> shift : 0;
    while (whole == 0 && zeros < 3 && number < 1 / (double)powers_of_ten[zeros + 1]) zeros++;
    places = whole > 0 ? G_DIGITS - (unsigned)count_digits(whole) : G_DIGITS + zeros;
    /* 53 bits of mantissa and, for 20 places, 67 of a power of ten. */
    scaled = bits * (unsigned __int128)powers_of_ten[places < 10 ? places : 10] *
             powers_of_ten[places < 10 ? 0 : places - 10];
    digits = (uint64_t)(scaled >> shift);
    scaled &= ((unsigned __int128)1 << shift) - 1;
    if (scaled > (unsigned __int128)1 << (shift - 1) ||
        (scaled == (unsigned __int128)1 << (shift - 1) && digits % 2 != 0)) {
        digits++;
    }
    if (digits >= powers_of_ten[G_DIGITS]) return 0;

    print_seventeen(all, digits);
    before = whole > 0 ? G_DIGITS - places : 0;
    memcpy(at, all, before);
    at += before;
    if (before == 0) *at++ = '0';
    *at++ = '.';
    memset(at, '0', zeros);
    memcpy(at + zeros, all + before, G_DIGITS - before);
    at += zeros + G_DIGITS - before;
    while (at[-1] == '0') at--;
    if (at[-1] == '.') at--;
    *at = 0;
    return (size_t)(at - into);
}

size_t number_print_double(char *into, size_t room, double number)
{
    double size = fabs(number);

    /* Counts and scores are mostly whole, and printf is thirty times slower. Below 1e17 both print
     * the same digits; a negative zero keeps its sign. NaN is not below anything. */
    if (size < 1e17 && number == (double)(int64_t)number && !(number == 0 && signbit(number))) {
        size_t len = number_print_int(into, (int64_t)number);

        into[len] = 0;
        return len;
    }
    if (size >= 1e-4 && size < 0x1p52 && room >= NUMBER_MAX_TEXT) {
        size_t sign = number < 0, len = print_fraction(into + sign, size);

        if (sign) *into = '-';
        if (len > 0) return sign + len;
    }
    if (isnan(number)) return print_word(into, "nan");
    if (isinf(number)) return print_word(into, number > 0 ? "inf" : "-inf");
    return (size_t)snprintf(into, room, "%.17g", number);
}

size_t number_print_long_double(char *into, size_t room, long double number)
{
    size_t len;

    if (isnan(number)) return print_word(into, "nan");
    if (isinf(number)) return print_word(into, number > 0 ? "inf" : "-inf");
    len = (size_t)snprintf(into, room, "%.17Lf", number);
    while (into[len - 1] == '0') len--;
    if (into[len - 1] == '.') len--;
    if (len == 2 && into[0] == '-' && into[1] == '0') {
        into[0] = '0';
        len = 1;
    }
    into[len] = 0;
    return len;
}

bool number_read_size(struct bytes text, int64_t *size)
{
    static const struct {
        const char *name;
        int64_t bytes;
    } units[] = {{"", 1},           {"b", 1},
                 {"k", 1000},       {"kb", 1024},
                 {"m", 1000000},    {"mb", 1024 * 1024},
                 {"g", 1000000000}, {"gb", 1024 * 1024 * 1024}};
    size_t digits = 0;
    int64_t value = 0;

    for (; digits < text.len && isdigit((unsigned char)text.at[digits]); digits++) {
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, text.at[digits] - '0', &value)) {
            return false;
        }
    }
    if (digits == 0) return false;
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (!bytes_is(bytes_of(text.at + digits, text.len - digits), units[i].name)) continue;
        return !__builtin_mul_overflow(value, units[i].bytes, size);
    }
    return false;
}

size_t number_print_human(char *into, size_t room, uint64_t size)
{
    static const char units[] = "KMGTP";
    uint64_t unit = 1024;

    if (size < 1024) return (size_t)snprintf(into, room, "%lluB", (unsigned long long)size);
    for (const char *name = units; *name; name++, unit *= 1024) {
        if (size / 1024 >= unit) continue;
        return (size_t)snprintf(into, room, "%.2f%c", (double)size / (double)unit, *name);
    }
    return (size_t)snprintf(into, room, "%lluB", (unsigned long long)size);
}
