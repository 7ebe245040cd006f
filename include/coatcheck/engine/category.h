/* category: the words by which many commands are named at once: @read, @string, @dangerous. They
 * follow from a command's row, as redis-server derives them. */
#ifndef COATCHECK_ENGINE_CATEGORY_H
#define COATCHECK_ENGINE_CATEGORY_H

#include "coatcheck/engine/command.h"

/*      name */
#define CATEGORIES(ROW)                                                                            \
    ROW(KEYSPACE, "keyspace")                                                                      \
    ROW(READ, "read")                                                                              \
    ROW(WRITE, "write")                                                                            \
    ROW(SET, "set")                                                                                \
    ROW(SORTEDSET, "sortedset")                                                                    \
    ROW(LIST, "list")                                                                              \
    ROW(HASH, "hash")                                                                              \
    ROW(STRING, "string")                                                                          \
    ROW(BITMAP, "bitmap")                                                                          \
    ROW(HYPERLOGLOG, "hyperloglog")                                                                \
    ROW(GEO, "geo")                                                                                \
    ROW(STREAM, "stream")                                                                          \
    ROW(PUBSUB, "pubsub")                                                                          \
    ROW(ADMIN, "admin")                                                                            \
    ROW(FAST, "fast")                                                                              \
    ROW(SLOW, "slow")                                                                              \
    ROW(BLOCKING, "blocking")                                                                      \
    ROW(DANGEROUS, "dangerous")                                                                    \
    ROW(CONNECTION, "connection")                                                                  \
    ROW(TRANSACTION, "transaction")                                                                \
    ROW(SCRIPTING, "scripting")

enum category {
#define ROW(name, text) CATEGORY_##name,
    CATEGORIES(ROW)
#undef ROW
        CATEGORY_COUNT
};

/* "keyspace" … in the order in which COMMAND prints them; NULL after the last. */
extern const char *const category_names[CATEGORY_COUNT + 1];

/* By name in any case, without the '@'; CATEGORY_COUNT: there is none. */
enum category category_find(struct bytes name);

/* The categories of a command, a bit each: 1 << CATEGORY_READ … */
uint32_t command_categories(const struct command *command);

#endif
