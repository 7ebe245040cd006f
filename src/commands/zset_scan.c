/* zset_scan: ZSCAN, page by page through a sorted set that may change meanwhile. */
#include <math.h>
#include "coatcheck/base/number.h"
#include "coatcheck/commands/scan.h"
#include "coatcheck/commands/table.h"
#include "coatcheck/commands/zset.h"
#include "coatcheck/structs/glob.h"

struct page {
    struct scan_options options;
    struct reply_nested found;
    uint64_t count;
    bool packed;
};

/* redis-server keeps whole scores of small sets up to this as integers, and shows them so here. */
#define WHOLE_MAX 0x1p62

static size_t print_score(char *into, size_t room, double score, bool packed)
{
    if (packed && fabs(score) <= WHOLE_MAX && score == (double)(int64_t)score) {
        return number_print_int(into, (int64_t)score);
    }
    return number_print_double(into, room, score);
}

/* Scores are texts here, in RESP3 too. */
static void show(void *context, struct bytes member, double score)
{
    struct page *page = context;
    char digits[64];

    if (page->options.pattern.at && !glob_match(page->options.pattern, member)) return;
    reply_bulk(&page->found.reply, member);
    reply_bulk(&page->found.reply,
               bytes_of(digits, print_score(digits, sizeof digits, score, page->packed)));
    page->count++;
}

static void cmd_zscan(struct call *call)
{
    struct page page = {.count = 0};
    const struct zset *zset;
    char digits[NUMBER_MAX_TEXT];
    uint64_t cursor;

    if (!scan_read_cursor(call_arg(call, 2), &cursor)) {
        reply_error(call->reply, ERR_NO_CURSOR);
        return;
    }
    if (!call_read_zset(call, 0, &zset)) return;
    /* redis-server does not look at the options where there is nothing to scan. */
    if (zset && !scan_read_options(call, 3, SCAN_NO_EXTRA, &page.options)) return;
    page.packed = zset && zset_is_packed(zset);
    reply_nest(call->reply, &page.found);
    cursor = zset ? zset_scan(zset, cursor, (uint64_t)page.options.count, show, &page) : 0;
    reply_array(call->reply, 2);
    reply_bulk(call->reply, bytes_of(digits, number_print_uint(digits, cursor)));
    reply_unnest(call->reply, &page.found, reply_array, 2 * page.count);
}

static const struct command_row rows[] = {
    {.name = "zscan",
     .run = cmd_zscan,
     .arity = -3,
     .flags = COMMAND_READ,
     .keys = KEYS_ONE,
     .access = KEY_RO | KEY_ACCESS,
     .since = "2.8.0",
     .cost = "O(COUNT) a call, O(N) for the whole of N members",
     .syntax = "key cursor [MATCH pattern] [COUNT count]",
     .tips = "nondeterministic_output",
     .summary =
         "Answers some members of a sorted set with their scores, and a cursor to go on with."},
};

const struct command_family zset_scan_commands = COMMAND_FAMILY("sorted-set", rows);
