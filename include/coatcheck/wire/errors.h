/* errors: the words that clients match on, in one home, as redis-server says them. */
#ifndef COATCHECK_WIRE_ERRORS_H
#define COATCHECK_WIRE_ERRORS_H

/*      name                     code         text */
#define WIRE_ERRORS(ROW)                                                                           \
    ROW(ERR_WRONGTYPE, "WRONGTYPE", "Operation against a key holding the wrong kind of value")     \
    ROW(ERR_SYNTAX, "ERR", "syntax error")                                                         \
    ROW(ERR_NOT_AN_INTEGER, "ERR", "value is not an integer or out of range")                      \
    ROW(ERR_NOT_A_FLOAT, "ERR", "value is not a valid float")                                      \
    ROW(ERR_OUT_OF_RANGE, "ERR", "value is out of range")                                          \
    ROW(ERR_NOT_POSITIVE, "ERR", "value is out of range, must be positive")                        \
    ROW(ERR_OVERFLOW, "ERR", "increment or decrement would overflow")                              \
    ROW(ERR_NAN_OR_INFINITY, "ERR", "increment would produce NaN or Infinity")                     \
    ROW(ERR_NO_SUCH_KEY, "ERR", "no such key")                                                     \
    ROW(ERR_BUSY_KEY, "BUSYKEY", "Target key name already exists.")                                \
    ROW(ERR_SAME_OBJECT, "ERR", "source and destination objects are the same")                     \
    ROW(ERR_INDEX_OUT_OF_RANGE, "ERR", "index out of range")                                       \
    ROW(ERR_DB_OUT_OF_RANGE, "ERR", "DB index is out of range")                                    \
    ROW(ERR_TOO_LONG, "ERR",                                                                       \
        "string exceeds maximum allowed size (proto-max-bulk-len)")                                \
    ROW(ERR_NO_MEMORY, "OOM", "command not run: the allocator has no memory for it")               \
    ROW(ERR_OVER_LIMIT, "OOM", "command not allowed when used memory > 'maxmemory'.")              \
    ROW(ERR_NO_AUTH, "NOAUTH", "Authentication required.")                                         \
    ROW(ERR_WRONGPASS, "WRONGPASS",                                                                \
        "invalid username-password pair or user is disabled.")                                     \
    ROW(ERR_NO_PASSWORD, "ERR",                                                                    \
        "AUTH <password> called without any password configured for the default user. Are you "    \
        "sure your configuration is correct?")                                                     \
    ROW(ERR_NO_PROTO, "NOPROTO", "unsupported protocol version")                                   \
    ROW(ERR_MAX_CLIENTS, "ERR", "max number of clients reached")                                   \
    ROW(ERR_NO_CURSOR, "ERR", "invalid cursor")

enum wire_error {
#define ROW(name, code, text) name,
    WIRE_ERRORS(ROW)
#undef ROW
};

struct wire_error_row {
    const char *code; /* the first word: what INFO errorstats counts by */
    const char *text;
};

extern const struct wire_error_row wire_errors[];

#endif
