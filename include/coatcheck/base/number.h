/* number: between numbers and their decimal text, as Redis reads and prints them. */
#ifndef COATCHECK_BASE_NUMBER_H
#define COATCHECK_BASE_NUMBER_H

#include <stdbool.h>
#include <stdint.h>
#include "coatcheck/base/bytes.h"

/* Enough for any number printed here, the zero at the end included. */
#define NUMBER_MAX_TEXT 32
/* long double as INCRBYFLOAT prints it: "%.17Lf" of the largest value and a zero. */
#define NUMBER_MAX_FLOAT_TEXT 5120

/* Strict: the whole slice, no blanks, no '+', no leading zeros but "0" itself, no "-0", within int64.
 * What passes prints again to the same bytes: so a value may be stored as an integer. */
bool number_read_int(struct bytes text, int64_t *number);

/* As number_read_int for unsigned 64 bits. */
bool number_read_uint(struct bytes text, uint64_t *number);

/* Whole slice through strtod/strtold rules (hex, inf, infinity, exponent), no leading blank, not NaN,
 * no overflow or underflow (ERANGE); empty is refused. */
bool number_read_double(struct bytes text, double *number);
bool number_read_long_double(struct bytes text, long double *number);

/* As strtod() alone judges, but not NaN: leading blanks and nothing at all (0) will do, what is too large is
 * infinite, what follows a zero byte is not looked at. So redis-server reads the ends of ranges. */
bool number_read_double_leniently(struct bytes text, double *number);

/* As the last one, but what is too large for a double, or too small to be one in full, is refused. So redis-server
 * reads what SORT goes by. */
bool number_read_weight(struct bytes text, double *number);

/* Writes decimal digits without a zero at the end; returns how many bytes (at most 20). */
size_t number_print_int(char *into, int64_t number);
size_t number_print_uint(char *into, uint64_t number);

/* "%.17g", with inf, -inf and nan by name: doubles in replies. Zero-terminated; returns the length. */
size_t number_print_double(char *into, size_t room, double number);

/* As INCRBYFLOAT stores them: "%.17Lf" without trailing zeros and point; "-0" becomes "0".
 * Room is at least NUMBER_MAX_FLOAT_TEXT. */
size_t number_print_long_double(char *into, size_t room, long double number);

/* "1gb", "512mb", "100k", "64": bytes. Redis's units: k=1000, kb=1024, m, mb, g, gb, any case. */
bool number_read_size(struct bytes text, int64_t *size);

/* 1536 -> "1.50K", as INFO's *_human fields. */
size_t number_print_human(char *into, size_t room, uint64_t size);

#endif
