/* zset_scan: ZSCAN, page by page through a sorted set that may change meanwhile. */
#include <math.h>
#include "coatcheck/base/number.h"
#include "coatcheck/commands/scan.h"
#include "coatcheck/commands/table.h"
#include "coatcheck/commands/zset.h"

struct zset_page {
    struct scan_page page;
    bool is_packed;
};

/* redis-server keeps whole scores of small sets up to this as integers, and shows them so here. */
#define WHOLE_MAX 0x1p62

static size_t print_score(char *into, size_t room, double score, bool is_packed)
{
    if (is_packed && fabs(score) <= WHOLE_MAX && score == (double)(int64_t)score) {
        return number_print_int(into, (int64_t)score);
    }
    return number_print_double(into, room, score);
}

/* Scores are texts here, in RESP3 too. */
static void show(void *context, struct bytes member, double score)
{
    struct zset_page *at = context;
    char digits[64];
    size_t len;

    if (!scan_page_wants(&at->page, member)) return;
    scan_page_show(&at->page, member);
    len = print_score(digits, sizeof digits, score, at->is_packed);
    scan_page_show(&at->page, bytes_of(digits, len));
}

static void cmd_zscan(struct call *call)
{
    struct zset_page at;
    struct scan_page *page = &at.page;
    const struct zset *zset;

    if (!scan_read_cursor(call, 2, &page->cursor) || !call_read_zset(call, 0, &zset)) return;
    if (!scan_page_begin(call, zset != NULL, SCAN_NO_EXTRA, page)) return;
    if (zset) {
        at.is_packed = zset_is_packed(zset);
        page->cursor = zset_scan(zset, page->cursor, (uint64_t)page->options.count, show, &at);
    }
    scan_page_end(call, page);
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
