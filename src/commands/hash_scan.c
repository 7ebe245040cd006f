/* hash_scan: HSCAN, page by page through a hash that may change meanwhile. */
#include "coatcheck/commands/hash.h"
#include "coatcheck/commands/scan.h"
#include "coatcheck/commands/table.h"
#include "coatcheck/structs/glob.h"

struct page {
    struct scan_options options;
    struct reply_nested found;
    uint64_t count;
};

static void show(void *context, const struct hash_field *field)
{
    struct page *page = context;

    if (page->options.pattern.at && !glob_match(page->options.pattern, field->name)) return;
    reply_bulk(&page->found.reply, field->name);
    if (!page->options.no_values) reply_bulk(&page->found.reply, field->value);
    page->count++;
}

static void cmd_hscan(struct call *call)
{
    struct page page = {.count = 0};
    const struct hash *hash;
    char digits[NUMBER_MAX_TEXT];
    uint64_t cursor;

    if (!scan_read_cursor(call_arg(call, 2), &cursor)) {
        reply_error(call->reply, ERR_NO_CURSOR);
        return;
    }
    if (!call_read_hash(call, &hash)) return;
    /* redis-server does not look at the options where there is nothing to scan. */
    if (hash && !scan_read_options(call, 3, SCAN_NOVALUES, &page.options)) return;
    reply_nest(call->reply, &page.found);
    cursor = hash ? hash_scan(hash, cursor, (uint64_t)page.options.count, show, &page) : 0;
    reply_array(call->reply, 2);
    reply_bulk(call->reply, bytes_of(digits, number_print_uint(digits, cursor)));
    reply_unnest(call->reply, &page.found, reply_array, page.options.no_values ? page.count : 2 * page.count);
}

static const struct command_row rows[] = {
    {.name = "hscan", .run = cmd_hscan, .arity = -3, .flags = COMMAND_READ, .keys = KEYS_ONE,
     .access = KEY_RO | KEY_ACCESS, .since = "2.8.0", .cost = "O(COUNT) a call, O(N) for the whole of N fields",
     .syntax = "key cursor [MATCH pattern] [COUNT count] [NOVALUES]", .tips = "nondeterministic_output",
     .summary = "Answers some fields of a hash with their values, and a cursor to go on with."},
};

const struct command_family hash_scan_commands = COMMAND_FAMILY("hash", rows);
