/* set_scan: SSCAN, page by page through a set that may change meanwhile. */
#include "coatcheck/commands/scan.h"
#include "coatcheck/commands/set.h"
#include "coatcheck/commands/table.h"
#include "coatcheck/structs/glob.h"

struct page {
    struct bytes pattern; /* at NULL: any */
    struct reply_nested found;
    uint64_t count;
};

static void show(void *context, struct bytes member)
{
    struct page *page = context;

    if (page->pattern.at && !glob_match(page->pattern, member)) return;
    reply_bulk(&page->found.reply, member);
    page->count++;
}

/* False: answered. */
static bool read_options(struct call *call, struct bytes *pattern, int64_t *count)
{
    for (unsigned i = 3; i < call_argc(call); i += 2) {
        bool has_word = i + 1 < call_argc(call);

        if (has_word && call_arg_is(call, i, "COUNT")) {
            if (!call_read_int(call, i + 1, count)) return false;
            if (*count >= 1) continue;
        } else if (has_word && call_arg_is(call, i, "MATCH")) {
            *pattern = bytes_is(call_arg(call, i + 1), "*") ? (struct bytes){NULL, 0}
                                                            : call_arg(call, i + 1);
            continue;
        }
        call_syntax_error(call);
        return false;
    }
    return true;
}

static void cmd_sscan(struct call *call)
{
    struct page page = {.count = 0};
    const struct set *set;
    char digits[NUMBER_MAX_TEXT];
    uint64_t cursor;
    int64_t count = 10;

    if (!scan_read_cursor(call_arg(call, 2), &cursor)) {
        reply_error(call->reply, ERR_NO_CURSOR);
        return;
    }
    if (!call_read_set(call, 0, &set)) return;
    /* redis-server does not look at the options where there is nothing to scan. */
    if (set && !read_options(call, &page.pattern, &count)) return;
    reply_nest(call->reply, &page.found);
    cursor = set ? set_scan(set, cursor, (uint64_t)count, show, &page) : 0;
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
