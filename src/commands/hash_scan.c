/* hash_scan: HSCAN, page by page through a hash that may change meanwhile. */
#include "coatcheck/commands/hash.h"
#include "coatcheck/commands/scan.h"
#include "coatcheck/commands/table.h"

static void show(void *context, const struct hash_field *field)
{
    struct scan_page *page = context;

    if (!scan_page_wants(page, field->name)) return;
    scan_page_show(page, field->name);
    if (!page->options.no_values) scan_page_show(page, field->value);
}

static void cmd_hscan(struct call *call)
{
    struct scan_page page;
    const struct hash *hash;

    if (!scan_read_cursor(call, 2, &page.cursor) || !call_read_hash(call, &hash)) return;
    if (!scan_page_begin(call, hash != NULL, SCAN_NOVALUES, &page)) return;
    if (hash) {
        page.cursor = hash_scan(hash, page.cursor, (uint64_t)page.options.count, show, &page);
    }
    scan_page_end(call, &page);
}

static const struct command_row rows[] = {
    {.name = "hscan",
     .run = cmd_hscan,
     .arity = -3,
     .flags = COMMAND_READ,
     .keys = KEYS_ONE,
     .access = KEY_RO | KEY_ACCESS,
     .since = "2.8.0",
     .cost = "O(COUNT) a call, O(N) for the whole of N fields",
     .syntax = "key cursor [MATCH pattern] [COUNT count] [NOVALUES]",
     .tips = "nondeterministic_output",
     .summary = "Answers some fields of a hash with their values, and a cursor to go on with."},
};

const struct command_family hash_scan_commands = COMMAND_FAMILY("hash", rows);
