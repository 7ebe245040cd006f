/* string_options: the options of SET and GETEX, in any order and case. */
#ifndef COATCHECK_COMMANDS_STRING_OPTIONS_H
#define COATCHECK_COMMANDS_STRING_OPTIONS_H

#include "coatcheck/commands/deadline.h"

enum string_option_flags {
    STRING_NX = 1,
    STRING_XX = 2,
    STRING_IFEQ = 4,
    STRING_GET = 8,
    STRING_KEEPTTL = 16,
    STRING_PERSIST = 32,
    STRING_EX = 64,
    STRING_PX = 128,
    STRING_EXAT = 256,
    STRING_PXAT = 512
};
#define STRING_TIMES (STRING_EX | STRING_PX | STRING_EXAT | STRING_PXAT)
#define STRING_CONDITIONS (STRING_NX | STRING_XX | STRING_IFEQ)

/* What each command takes. */
#define STRING_FOR_SET (STRING_CONDITIONS | STRING_GET | STRING_KEEPTTL | STRING_TIMES)
#define STRING_FOR_GETEX (STRING_PERSIST | STRING_TIMES)

struct string_options {
    unsigned flags;
    struct bytes expected;   /* IFEQ's word, borrowed */
    unsigned time_word;      /* where the number of EX, PX, EXAT or PXAT stands */
    struct deadline_unit unit;
};

/* Reads the words from `from` on. False: a syntax error has been answered. Numbers are not looked at yet. */
bool string_options_read(struct call *call, unsigned from, unsigned allowed, struct string_options *options);

/* What they say of the deadline: a time, NEVER, or KEEP_DEADLINE. False: the client has been answered. */
bool string_options_deadline(struct call *call, const struct string_options *options, int64_t *deadline_ms);

#endif
