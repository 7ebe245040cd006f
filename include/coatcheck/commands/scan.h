/* scan: what SCAN and its kin for containers read and answer alike. */
#ifndef COATCHECK_COMMANDS_SCAN_H
#define COATCHECK_COMMANDS_SCAN_H

#include <stdbool.h>
#include <stdint.h>
#include "coatcheck/engine/call.h"
#include "coatcheck/structs/glob.h"

/* Word `at`, as strtoul() reads a cursor for redis-server: a sign, leading zeros and nothing at all
 * will do; what follows a zero byte is not looked at. False: answered. */
bool scan_read_cursor(struct call *call, unsigned at, uint64_t *cursor);

/* The words behind the cursor: MATCH and COUNT, and what else this one knows. */
enum scan_extra { SCAN_NO_EXTRA, SCAN_TYPE, SCAN_NOVALUES };

struct scan_options {
    struct bytes pattern; /* at NULL: any */
    struct bytes type;    /* at NULL: any */
    int64_t count;
    bool no_values;
};

/* From word `at` on. False: answered. */
bool scan_read_options(struct call *call, unsigned at, enum scan_extra extra,
                       struct scan_options *options);

/* A page of a container, for SSCAN, HSCAN and ZSCAN: redis-server judges the cursor, then the type
 * of the key, then the options, so that these steps stand apart in each of them. */
struct scan_page {
    uint64_t cursor; /* first where to begin, then where to go on; 0: that was all */
    struct scan_options options;
    struct reply_nested found; /* where members are written ... */
    uint64_t words;            /* ... as so many elements */
};

/* After the cursor and the key were read; what begins must end. False: answered. */
bool scan_page_begin(struct call *call, bool has_key, enum scan_extra extra,
                     struct scan_page *page);

/* Is the member asked for? */
static inline bool scan_page_wants(const struct scan_page *page, struct bytes member)
{
    return !page->options.pattern.at || glob_match(page->options.pattern, member);
}

/* Adds one word to what was found. */
static inline void scan_page_show(struct scan_page *page, struct bytes word)
{
    reply_bulk(&page->found.reply, word);
    page->words++;
}

void scan_page_end(struct call *call, struct scan_page *page);

#endif
