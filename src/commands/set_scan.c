/* set_scan: SSCAN, page by page through a set that may change meanwhile. */
#include "coatcheck/commands/scan.h"
#include "coatcheck/commands/set.h"
#include "coatcheck/commands/table.h"
#include "coatcheck/structs/glob.h"

struct page {
    struct scan_options options;
    struct reply_nested found;
    uint64_t count;
};

static void show(void *context, struct bytes member)
{
    struct page *page = context;

    if (page->options.pattern.at && !glob_match(page->options.pattern, member)) return;
    reply_bulk(&page->found.reply, member);
    page->count++;
}

static void cmd_sscan(struct call *call)
{
    struct page page = {.count = 0};
    const struct set *set;
    char digits[NUMBER_MAX_TEXT];
    uint64_t cursor;

    if (!scan_read_cursor(call_arg(call, 2), &cursor)) {
        reply_error(call->reply, ERR_NO_CURSOR);
        return;
    }
    if (!call_read_set(call, 0, &set)) return;
    /* redis-server does not look at the options where there is nothing to scan. */
    if (set && !scan_read_options(call, 3, SCAN_NO_EXTRA, &page.options)) return;
    reply_nest(call->reply, &page.found);
    cursor = set ? set_scan(set, cursor, (uint64_t)page.options.count, show, &page) : 0;
    reply_array(call->reply, 2);
    reply_bulk(call->reply, bytes_of(digits, number_print_uint(digits, cursor)));
    reply_unnest(call->reply, &page.found, reply_array, page.count);
}

static const struct command_row rows[] = {
    {.name = "sscan",
     .run = cmd_sscan,
     .arity = -3,
     .flags = COMMAND_READ,
     .keys = KEYS_ONE,
     .access = KEY_RO | KEY_ACCESS,
     .since = "2.8.0",
     .cost = "O(COUNT) a call, O(N) for the whole of N members",
     .syntax = "key cursor [MATCH pattern] [COUNT count]",
     .tips = "nondeterministic_output",
     .summary = "Answers some members of a set, and a cursor to go on with."},
};

const struct command_family set_scan_commands = COMMAND_FAMILY("set", rows);
