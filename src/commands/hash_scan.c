/* hash_scan: HSCAN, page by page through a hash that may change meanwhile. */
#include "coatcheck/commands/hash.h"
#include "coatcheck/commands/scan.h"
#include "coatcheck/commands/table.h"
#include "coatcheck/structs/glob.h"

struct page {
    struct bytes pattern; /* at NULL: any */
    bool names_only;
    struct reply_nested found;
    uint64_t count;
};

static void show(void *context, const struct hash_field *field)
{
    struct page *page = context;

    if (page->pattern.at && !glob_match(page->pattern, field->name)) return;
    reply_bulk(&page->found.reply, field->name);
    if (!page->names_only) reply_bulk(&page->found.reply, field->value);
    page->count++;
}

/* False: answered. */
static bool read_options(struct call *call, struct page *page, int64_t *count)
{
    unsigned i = 3;

    while (i < call_argc(call)) {
        bool has_word = i + 1 < call_argc(call);

        if (has_word && call_arg_is(call, i, "COUNT")) {
            if (!call_read_int(call, i + 1, count)) return false;
            if (*count < 1) break;
            i += 2;
        } else if (has_word && call_arg_is(call, i, "MATCH")) {
            page->pattern = bytes_is(call_arg(call, i + 1), "*") ? (struct bytes){NULL, 0} : call_arg(call, i + 1);
            i += 2;
        } else if (call_arg_is(call, i, "NOVALUES")) {
            page->names_only = true;
            i++;
        } else {
            break;
        }
    }
    if (i == call_argc(call)) return true;
    call_syntax_error(call);
    return false;
}

static void cmd_hscan(struct call *call)
{
    struct page page = {.count = 0};
    const struct hash *hash;
    char digits[NUMBER_MAX_TEXT];
    uint64_t cursor;
    int64_t count = 10;

    if (!scan_read_cursor(call_arg(call, 2), &cursor)) {
        reply_error(call->reply, ERR_NO_CURSOR);
        return;
    }
    if (!call_read_hash(call, &hash)) return;
    /* redis-server does not look at the options where there is nothing to scan. */
    if (hash && !read_options(call, &page, &count)) return;
    reply_nest(call->reply, &page.found);
    cursor = hash ? hash_scan(hash, cursor, (uint64_t)count, show, &page) : 0;
    reply_array(call->reply, 2);
    reply_bulk(call->reply, bytes_of(digits, number_print_uint(digits, cursor)));
    reply_unnest(call->reply, &page.found, reply_array, page.names_only ? page.count : 2 * page.count);
}

static const struct command_row rows[] = {
    {.name = "hscan", .run = cmd_hscan, .arity = -3, .flags = COMMAND_READ, .keys = KEYS_ONE,
     .access = KEY_RO | KEY_ACCESS, .since = "2.8.0", .cost = "O(COUNT) a call, O(N) for the whole of N fields",
     .syntax = "key cursor [MATCH pattern] [COUNT count] [NOVALUES]", .tips = "nondeterministic_output",
     .summary = "Answers some fields of a hash with their values, and a cursor to go on with."},
};

const struct command_family hash_scan_commands = COMMAND_FAMILY("hash", rows);
