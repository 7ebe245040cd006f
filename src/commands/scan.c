/* scan: over all keys of a database: SCAN page by page, KEYS at once, RANDOMKEY one of them.
 * Shards are entered some at a time by the key space; names are only gathered there, and matched and written
 * outside, since a pattern may take its time. */
#include "coatcheck/base/clock.h"
#include "coatcheck/base/mem.h"
#include "coatcheck/base/text.h"
#include "coatcheck/commands/scan.h"
#include "coatcheck/commands/table.h"
#include "coatcheck/engine/gathering.h"
#include "coatcheck/engine/memory.h"
#include "coatcheck/structs/glob.h"

/* Keys gathered between two looks at what they are called. */
#define BATCH 512

/* The clock is looked at after so much work: a name is as much as the product of its length and the pattern's, which is
 * what the worst patterns cost. */
#define WORK_A_LOOK (64 * 1024)

/* Steps that find nothing are counted against ten times COUNT, as in Redis. */
#define EMPTY_STEPS 10

struct search {
    struct task task;
    uint64_t cursor;
    struct bytes pattern; /* len 0 and at NULL: any */
    struct bytes type;    /* as pattern */
    struct text names;    /* of a batch: a size_t and so many bytes each */
    size_t matched;       /* so many bytes of these are done with */
    bool is_over;         /* nothing more is to be gathered */
    uint64_t seen, steps; /* how many more, also of those that find nothing */
    struct reply_nested found;
    size_t found_count;
    struct gathering gathering;
};

static void gather(void *context, const struct entry *entry)
{
    struct search *search = context;
    struct bytes name = entry_key(entry);
    char *at;

    search->seen++;
    if (search->type.at && !bytes_is(search->type, value_type_name(entry_type(entry)))) return;
    at = text_extend(&search->names, sizeof name.len + name.len);
    if (!at) return;
    memcpy(at, &name.len, sizeof name.len);
    if (name.len > 0) memcpy(at + sizeof name.len, name.at, name.len);
}

/* False: the time has come, and there are names left. */
static bool reply_matches(struct search *search, int64_t until_us)
{
    const char *at = search->names.at + search->matched, *end = search->names.at + search->names.len;
    uint64_t work = 0;

    while (at < end) {
        struct bytes name;

        if (work >= WORK_A_LOOK) {
            search->matched = (size_t)(at - search->names.at);
            if (clock_steady_us() >= until_us) return false;
            work = 0;
        }
        memcpy(&name.len, at, sizeof name.len);
        name.at = at + sizeof name.len;
        at = name.at + name.len;
        work += (search->pattern.len + 1) * (name.len + 1);
        if (search->pattern.at && !glob_match(search->pattern, name)) continue;
        reply_bulk(&search->found.reply, name);
        search->found_count++;
    }
    text_clear(&search->names);
    search->matched = 0;
    return true;
}

static void search_free(struct task *task)
{
    struct search *search = (struct search *)task;

    gathering_fini(&search->gathering);
    outbox_clear(&search->found.queue);
    text_fini(&search->names);
    mem_free(search);
}

/* Goes on from its cursor. */
static void gather_batch(struct call *call, struct search *search, uint64_t count)
{
    uint64_t left = count - search->seen, budget = left < BATCH ? left : BATCH;

    search->cursor = keyspace_scan(call->keyspace, session_db(call->session), search->cursor, budget, gather, search);
    search->steps -= budget < search->steps ? budget : search->steps;
    search->is_over = search->cursor == 0 || search->seen >= count || search->steps == 0;
}

enum progress { SEARCH_ENDS, SEARCH_GOES_ON, SEARCH_RESTS, SEARCH_REFUSED };

/* Until `count` keys were seen, or its time is over. */
static enum progress search_some(struct call *call, struct search *search, uint64_t count)
{
    int64_t until_us = call_slice_end_us(call);
    enum gathering_answer answer;
    bool has_begun = false;

    while (reply_matches(search, until_us)) {
        if (search->is_over) return SEARCH_ENDS;
        if (has_begun && until_us < INT64_MAX && clock_steady_us() >= until_us) return SEARCH_GOES_ON;
        answer = gathering_ask(&search->gathering, call, search->found.queue.bytes);
        if (unlikely(answer != GATHERING_GOES_ON)) return answer == GATHERING_WAITS ? SEARCH_RESTS : SEARCH_REFUSED;
        gather_batch(call, search, count);
        if (text_failed(&search->names)) return SEARCH_ENDS;
        has_begun = true;
    }
    return SEARCH_GOES_ON;
}

/* The one that was interrupted, or a new one. Its patterns are words of the call, which may stand elsewhere each time.
 * NULL: no memory; answered. */
static struct search *search_begin(struct call *call, uint64_t cursor, uint64_t count)
{
    struct search *search = (struct search *)call_resumed(call);

    if (search) return search;
    search = mem_alloc(sizeof *search);
    if (!search) {
        reply_error(call->reply, ERR_NO_MEMORY);
        return NULL;
    }
    search->task = (struct task){.free = search_free};
    search->cursor = cursor;
    search->steps = count > UINT64_MAX / EMPTY_STEPS ? UINT64_MAX : count * EMPTY_STEPS;
    search->seen = 0;
    search->matched = 0;
    search->is_over = false;
    search->found_count = 0;
    gathering_init(&search->gathering);
    search->pattern = search->type = (struct bytes){NULL, 0};
    text_init(&search->names);
    reply_nest(call->reply, &search->found);
    return search;
}

/* Answers with what was found, after the cursor if it is asked for; or keeps it for the next slice. */
static void search_go_on(struct call *call, struct search *search, uint64_t count, bool with_cursor)
{
    char digits[NUMBER_MAX_TEXT];
    struct task *task = &search->task;
    enum progress progress = search_some(call, search, count);

    if (progress == SEARCH_GOES_ON || progress == SEARCH_RESTS) {
        bool (*leave)(struct call *, struct task **, size_t) = progress == SEARCH_RESTS ? call_rest : call_interrupt;

        if (!leave(call, &task, search->found.queue.bytes)) reply_error(call->reply, ERR_NO_MEMORY);
        return;
    }
    if (progress == SEARCH_REFUSED) {
        gathering_refuse(call);
    } else if (text_failed(&search->names)) {
        reply_error(call->reply, ERR_NO_MEMORY);
    } else {
        if (with_cursor) {
            reply_array(call->reply, 2);
            reply_bulk(call->reply, bytes_of(digits, number_print_uint(digits, search->cursor)));
        }
        reply_unnest(call->reply, &search->found, reply_array, search->found_count);
    }
    search_free(task);
}

/* "*" matches everything, but glob_match() would ask each name; and it would not match an empty one. */
static struct bytes pattern_of(struct bytes word)
{
    return bytes_is(word, "*") ? (struct bytes){NULL, 0} : word;
}

static bool parse_cursor(struct bytes text, uint64_t *cursor)
{
    size_t i = 0, digits;
    bool negative = text.len > 0 && text.at[0] == '-';

    *cursor = 0;
    if (text.len > 0 && (text.at[0] == '-' || text.at[0] == '+')) i++;
    for (digits = 0; i < text.len && text.at[i] >= '0' && text.at[i] <= '9'; i++, digits++) {
        if (__builtin_mul_overflow(*cursor, 10, cursor) ||
            __builtin_add_overflow(*cursor, (uint64_t)(text.at[i] - '0'), cursor)) {
            return false;
        }
    }
    if (digits == 0) i = 0;
    if (negative && digits > 0) *cursor = 0 - *cursor;
    return i == text.len || text.at[i] == '\0';
}

bool scan_read_cursor(struct call *call, unsigned at, uint64_t *cursor)
{
    if (parse_cursor(call_arg(call, at), cursor)) return true;
    reply_error(call->reply, ERR_NO_CURSOR);
    return false;
}

bool scan_read_options(struct call *call, unsigned at, enum scan_extra extra,
                       struct scan_options *options)
{
    *options = (struct scan_options){.count = 10};
    while (at < call_argc(call)) {
        bool has_word = at + 1 < call_argc(call);

        if (has_word && call_arg_is(call, at, "COUNT")) {
            if (!call_read_int(call, at + 1, &options->count)) return false;
            if (options->count < 1) break;
        } else if (has_word && call_arg_is(call, at, "MATCH")) {
            options->pattern = pattern_of(call_arg(call, at + 1));
        } else if (has_word && extra == SCAN_TYPE && call_arg_is(call, at, "TYPE")) {
            options->type = call_arg(call, at + 1);
        } else if (extra == SCAN_NOVALUES && call_arg_is(call, at, "NOVALUES")) {
            options->no_values = true;
            at++;
            continue;
        } else {
            break;
        }
        at += 2;
    }
    if (at == call_argc(call)) return true;
    call_syntax_error(call);
    return false;
}

bool scan_page_begin(struct call *call, bool has_key, enum scan_extra extra,
                     struct scan_page *page)
{
    page->options = (struct scan_options){.count = 0};
    /* redis-server does not look at the options where there is nothing to scan. */
    if (has_key && !scan_read_options(call, 3, extra, &page->options)) return false;
    if (!has_key) page->cursor = 0;
    page->words = 0;
    reply_nest(call->reply, &page->found);
    return true;
}

void scan_page_end(struct call *call, struct scan_page *page)
{
    char digits[NUMBER_MAX_TEXT];

    reply_array(call->reply, 2);
    reply_bulk(call->reply, bytes_of(digits, number_print_uint(digits, page->cursor)));
    reply_unnest(call->reply, &page->found, reply_array, page->words);
}

static void cmd_scan(struct call *call)
{
    struct search *search;
    struct scan_options options;
    uint64_t cursor;

    if (!scan_read_cursor(call, 1, &cursor)) return;
    if (!scan_read_options(call, 2, SCAN_TYPE, &options)) return;
    search = search_begin(call, cursor, (uint64_t)options.count);
    if (!search) return;
    search->pattern = options.pattern;
    search->type = options.type;
    search_go_on(call, search, (uint64_t)options.count, true);
}

static void cmd_keys(struct call *call)
{
    struct search *search = search_begin(call, 0, UINT64_MAX);

    if (!search) return;
    search->pattern = pattern_of(call_arg(call, 1));
    search_go_on(call, search, UINT64_MAX, false);
}

static void cmd_randomkey(struct call *call)
{
    struct bytes name;

    switch (keyspace_random_key(call->keyspace, session_db(call->session), &name)) {
    case OK:
        reply_bulk(call->reply, name);
        mem_free((void *)name.at);
        break;
    case NOT_FOUND:
        reply_null(call->reply);
        break;
    default:
        reply_error(call->reply, ERR_NO_MEMORY);
    }
}

static const struct command_row rows[] = {
    {.name = "keys", .run = cmd_keys, .arity = 2, .flags = COMMAND_READ | COMMAND_KEYSPACE | COMMAND_DANGEROUS,
     .since = "1.0.0", .cost = "O(N) where N is the number of keys in the database", .syntax = "pattern",
     .tips = "request_policy:all_shards nondeterministic_output_order",
     .summary = "Answers all keys whose names match a pattern."},
    {.name = "scan", .run = cmd_scan, .arity = -2, .flags = COMMAND_READ | COMMAND_KEYSPACE, .since = "2.8.0",
     .cost = "O(COUNT) a call, O(N) for the whole of N keys",
     .syntax = "cursor [MATCH pattern] [COUNT count] [TYPE type]",
     .tips = "nondeterministic_output request_policy:special",
     .summary = "Answers some of the keys, and a cursor to go on with.",
     .history = "6.0.0: Added the `TYPE` subcommand."},
    {.name = "randomkey", .run = cmd_randomkey, .arity = 1, .flags = COMMAND_READ | COMMAND_KEYSPACE,
     .since = "1.0.0", .cost = "O(S) where S is the number of shards, not of keys", .syntax = "",
     .tips = "request_policy:all_shards nondeterministic_output", .summary = "Answers some key, drawn by lot."},
};

const struct command_family scan_commands = COMMAND_FAMILY("generic", rows);
