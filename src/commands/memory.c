/* memory: where the memory is: of one key, and of all. */
#include <stdio.h>
#include "coatcheck/commands/table.h"
#include "coatcheck/engine/memory.h"
#include "coatcheck/engine/options.h"
#include "coatcheck/engine/pulse.h"
#include "coatcheck/keyspace/evict.h"
#include "coatcheck/keyspace/weight.h"
#include "info_internal.h"
#include "memory_doctor_internal.h"

/* The option `databases` allows 255. */
#define DATABASES_MAX 256

static void cmd_memory_usage(struct call *call)
{
    struct entry *entry;

    for (unsigned i = 3; i < call_argc(call); i += 2) {
        int64_t samples;

        /* Sizes are counted as they change, so nothing has to be sampled. */
        if (!call_arg_is(call, i, "samples") || i + 1 == call_argc(call)) {
            call_syntax_error(call);
            return;
        }
        if (!call_read_int(call, i + 1, &samples)) return;
        if (samples < 0) {
            call_syntax_error(call);
            return;
        }
    }
    entry = key_peek(&call->keys[0]);
    if (entry) {
        reply_int(call->reply, (int64_t)entry_used_bytes(entry));
    } else {
        reply_null(call->reply);
    }
}

/* ---- STATS ---- */

static void add_size(struct reply *reply, const char *name, size_t size)
{
    reply_bulk_text(reply, name);
    reply_int(reply, (int64_t)size);
}

static void add_difference(struct reply *reply, const char *name, size_t a, size_t b)
{
    reply_bulk_text(reply, name);
    reply_int(reply, (int64_t)a - (int64_t)b);
}

static void add_ratio(struct reply *reply, const char *name, double ratio)
{
    reply_bulk_text(reply, name);
    reply_double(reply, ratio);
}

/* The map of one database; Redis has two tables for each, we have one. */
static void add_database(struct call *call, unsigned db)
{
    char name[24];

    snprintf(name, sizeof name, "db.%u", db);
    reply_bulk_text(call->reply, name);
    reply_map(call->reply, 3);
    add_size(call->reply, "overhead.hashtable.main", keyspace_table_weight(call->keyspace, db));
    add_size(call->reply, "overhead.hashtable.expires", 0);
    add_size(call->reply, "overhead.hashtable.slot-to-keys", 0);
}

static void add_allocator(struct reply *reply, const struct footprint *footprint)
{
    const struct mem_figures *now = &footprint->now;

    add_size(reply, "allocator.allocated", now->allocated);
    add_size(reply, "allocator.active", now->active);
    add_size(reply, "allocator.resident", now->resident);
    add_ratio(reply, "allocator-fragmentation.ratio", memory_ratio(now->active, now->allocated));
    add_difference(reply, "allocator-fragmentation.bytes", now->active, now->allocated);
    add_ratio(reply, "allocator-rss.ratio", memory_ratio(now->resident, now->active));
    add_difference(reply, "allocator-rss.bytes", now->resident, now->active);
    add_ratio(reply, "rss-overhead.ratio", memory_ratio(footprint->rss, now->resident));
    add_difference(reply, "rss-overhead.bytes", footprint->rss, now->resident);
    add_ratio(reply, "fragmentation", memory_ratio(footprint->rss, now->allocated));
    add_difference(reply, "fragmentation.bytes", footprint->rss, now->allocated);
}

static void cmd_memory_stats(struct call *call)
{
    struct reply *reply = call->reply;
    struct memory_report report;
    size_t used, start;
    bool has_keys[DATABASES_MAX];
    unsigned databases = 0;

    memory_report_read(call, &report);
    used = report.footprint.now.allocated;
    start = report.footprint.at_start;
    for (unsigned db = 0; db < keyspace_databases(call->keyspace); db++) {
        /* Asked once: the map is as long as was said, whatever becomes of the keys meanwhile. */
        has_keys[db] = keyspace_count(call->keyspace, db) > 0;
        databases += has_keys[db];
    }
    reply_map(reply, 27 + databases);
    add_size(reply, "peak.allocated", report.footprint.peak);
    add_size(reply, "total.allocated", used);
    add_size(reply, "startup.allocated", start);
    add_size(reply, "replication.backlog", 0);
    add_size(reply, "clients.slaves", 0);
    add_size(reply, "clients.normal", report.clients);
    add_size(reply, "cluster.links", 0);
    add_size(reply, "aof.buffer", 0);
    add_size(reply, "lua.caches", 0);
    add_size(reply, "functions.caches", 0);
    for (unsigned db = 0; db < keyspace_databases(call->keyspace); db++) {
        if (has_keys[db]) add_database(call, db);
    }
    add_size(reply, "overhead.total", report.overhead);
    add_size(reply, "keys.count", report.keys);
    add_size(reply, "keys.bytes-per-key",
             report.keys > 0 && used > start ? (used - start) / report.keys : 0);
    add_size(reply, "dataset.bytes", report.dataset);
    add_ratio(reply, "dataset.percentage",
              100 * memory_ratio(report.dataset, used > start ? used - start : 0));
    add_ratio(reply, "peak.percentage", 100 * memory_ratio(used, report.footprint.peak));
    add_allocator(reply, &report.footprint);
}

/* ---- DOCTOR ---- */

static void read_facts(struct call *call, struct memory_facts *facts)
{
    struct memory_report report;
    struct pulse pulse = pulse_read();

    memory_report_read(call, &report);
    *facts = (struct memory_facts){
        .footprint = report.footprint,
        .machine = mem_machine(),
        .tables = report.tables,
        .keys = report.keys,
        .clients = report.clients,
        .clients_count = report.clients_count,
        .longest_input = report.longest_input,
        .longest_output = report.longest_output,
        .limit = (size_t)memory_limit(),
        .policy = maxmemory_policy_words[memory_policy()].word,
        .evicts = memory_policy() != EVICT_NONE,
        .exceeded_ms = memory_exceeded_ms(),
        .evicted = METRIC_SUM(evict, evicted_keys),
        .evicted_per_s = pulse.evicted_per_s,
        .returned = METRIC_SUM(evict, evict_returns),
        .refused = METRIC_SUM(memory, oom_refusals),
        .refused_per_s = pulse.refused_per_s,
    };
}

static void cmd_memory_doctor(struct call *call)
{
    struct memory_facts facts;
    struct text words = {0};

    read_facts(call, &facts);
    memory_doctor_examine(&words, &facts);
    if (call_ok(call, text_failed(&words) ? NO_MEMORY : OK))
        reply_verbatim(call->reply, "txt", text_bytes(&words));
    text_fini(&words);
}

/* ---- the allocator itself ---- */

static void cmd_memory_purge(struct call *call)
{
    mem_purge();
    reply_ok(call->reply);
}

static void add_piece(void *context, const char *piece)
{
    text_add(context, bytes_of_text(piece));
}

static void cmd_memory_malloc_stats(struct call *call)
{
    struct text report = {0};

    mem_report(add_piece, &report);
    if (call_ok(call, text_failed(&report) ? NO_MEMORY : OK))
        reply_verbatim(call->reply, "txt", text_bytes(&report));
    text_fini(&report);
}

static void cmd_memory_help(struct call *call)
{
    static const char *const lines[] = {
        "DOCTOR",
        "    Tell in words what looks wrong with the memory.",
        "MALLOC-STATS",
        "    Return the allocator's own report.",
        "PURGE",
        "    Give free pages back to the system now.",
        "STATS",
        "    Return where the memory is.",
        "USAGE <key> [SAMPLES <count>]",
        "    Return the bytes that the key and its value hold. SAMPLES is taken and not needed.",
        NULL,
    };

    call_reply_help(call, lines);
}

#define EVERYWHERE "nondeterministic_output request_policy:all_shards response_policy:special"

static const struct command_row subs[] = {
    {.name = "usage",
     .run = cmd_memory_usage,
     .arity = -3,
     .flags = COMMAND_READ,
     .keys = {2, 2, 1},
     .access = KEY_RO,
     .since = "4.0.0",
     .cost = "O(1)",
     .syntax = "key [SAMPLES count]",
     .summary = "Returns the bytes that a key and its value hold."},
    {.name = "stats",
     .run = cmd_memory_stats,
     .arity = 2,
     .since = "4.0.0",
     .cost = "O(S + C) where S is the number of shards and C that of clients",
     .syntax = "",
     .summary = "Returns where the memory is.",
     .tips = EVERYWHERE},
    {.name = "doctor",
     .run = cmd_memory_doctor,
     .arity = 2,
     .since = "4.0.0",
     .cost = "O(S + C) where S is the number of shards and C that of clients",
     .syntax = "",
     .summary = "Tells in words what looks wrong with the memory.",
     .tips = EVERYWHERE},
    {.name = "purge",
     .run = cmd_memory_purge,
     .arity = 2,
     .since = "4.0.0",
     .cost = "Depends on how many pages are free",
     .syntax = "",
     .summary = "Gives free pages back to the system now.",
     .tips = "request_policy:all_shards response_policy:all_succeeded"},
    {.name = "malloc-stats",
     .run = cmd_memory_malloc_stats,
     .arity = 2,
     .since = "4.0.0",
     .cost = "Depends on how much memory is allocated",
     .syntax = "",
     .summary = "Returns the allocator's own report.",
     .tips = EVERYWHERE},
    {.name = "help",
     .run = cmd_memory_help,
     .arity = 2,
     .flags = COMMAND_LOADING | COMMAND_STALE,
     .since = "4.0.0",
     .cost = "O(1)",
     .syntax = "",
     .summary = "Tells what MEMORY can do."},
    {0},
};

static const struct command_row rows[] = {
    {.name = "memory",
     .arity = -2,
     .since = "4.0.0",
     .cost = "Depends on subcommand.",
     .syntax = "",
     .summary = "Where the memory is.",
     .subs = subs},
};

const struct command_family memory_commands = COMMAND_FAMILY("server", rows);
