/* status: what became of an attempt at the outside world or at memory.
 * A client's mistake is a reply, never a status; our own mistake is a must(). */
#ifndef COATCHECK_BASE_STATUS_H
#define COATCHECK_BASE_STATUS_H

enum status {
    OK = 0,
    NO_MEMORY, /* an allocation failed; nothing was changed */
    TOO_BIG,   /* over a limit that the caller named */
    NOT_FOUND,
    IN_USE,
    MALFORMED,   /* not in the form that was expected */
    SYSTEM_ERROR /* errno says which */
};

/* A word or two for the log: "out of memory". */
const char *status_text(enum status status);

#endif
