/* set_scan: SSCAN, page by page through a set that may change meanwhile. */
#include "coatcheck/commands/scan.h"
#include "coatcheck/commands/set.h"
#include "coatcheck/commands/table.h"

static void show(void *context, struct bytes member)
{
    struct scan_page *page = context;

    if (scan_page_wants(page, member)) scan_page_show(page, member);
}

static void cmd_sscan(struct call *call)
{
    struct scan_page page;
    const struct set *set;

    if (!scan_read_cursor(call, 2, &page.cursor) || !call_read_set(call, 0, &set)) return;
    if (!scan_page_begin(call, set != NULL, SCAN_NO_EXTRA, &page)) return;
    if (set) {
        page.cursor = set_scan(set, page.cursor, (uint64_t)page.options.count, show, &page);
    }
    scan_page_end(call, &page);
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
