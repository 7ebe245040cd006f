/* latency: what took too long, and how long commands take: told to clients. */
#include "coatcheck/observe/latency.h"

#include "coatcheck/commands/table.h"
#include "coatcheck/engine/stats.h"
#include "coatcheck/observe/histogram.h"
#include "latency_internal.h"

static void cmd_latency_latest(struct call *call)
{
    const char *events[LATENCY_EVENTS];
    unsigned count = latency_events(events), told = 0;
    struct reply_nested nested;

    reply_nest(call->reply, &nested);
    for (unsigned i = 0; i < count; i++) {
        struct latency_series series;

        /* Somebody may have reset it meanwhile. */
        if (!latency_read(bytes_of_text(events[i]), &series) || series.count == 0) continue;
        reply_array(&nested.reply, 4);
        reply_bulk_text(&nested.reply, series.event);
        reply_int(&nested.reply, series.samples[series.count - 1].at_s);
        reply_int(&nested.reply, series.samples[series.count - 1].ms);
        reply_int(&nested.reply, series.worst_ms);
        told++;
    }
    reply_unnest(call->reply, &nested, reply_array, told);
}

static void cmd_latency_history(struct call *call)
{
    struct latency_series series;

    if (!latency_read(call_arg(call, 2), &series)) {
        reply_array(call->reply, 0);
        return;
    }
    reply_array(call->reply, series.count);
    for (unsigned i = 0; i < series.count; i++) {
        reply_array(call->reply, 2);
        reply_int(call->reply, series.samples[i].at_s);
        reply_int(call->reply, series.samples[i].ms);
    }
}

static void cmd_latency_reset(struct call *call)
{
    int64_t forgotten = 0;

    if (call_argc(call) == 2) {
        forgotten = latency_reset_all();
    } else {
        for (unsigned i = 2; i < call_argc(call); i++)
            forgotten += latency_reset(call_arg(call, i));
    }
    reply_int(call->reply, forgotten);
}

/* ---- HISTOGRAM ---- */

struct told_steps {
    struct reply *reply;
    size_t count;
};

static void tell_step(void *context, uint64_t us, uint64_t cumulative)
{
    struct told_steps *steps = context;

    reply_int(steps->reply, (int64_t)us);
    reply_int(steps->reply, (int64_t)cumulative);
    steps->count++;
}

/* Adds the command's histogram; false when it was never called. */
static bool tell_histogram(struct reply *reply, const struct command *command)
{
    struct histogram times = {0};
    struct reply_nested nested;
    struct told_steps steps = {.reply = &nested.reply};
    uint64_t total;

    stats_merge_times(command->number, &times);
    total = histogram_total(&times);
    if (total > 0) {
        reply_bulk_text(reply, command->full_name);
        reply_map(reply, 2);
        reply_bulk_text(reply, "calls");
        reply_int(reply, (int64_t)total);
        reply_bulk_text(reply, "histogram_usec");
        reply_nest(reply, &nested);
        histogram_walk_doublings(&times, tell_step, &steps);
        reply_unnest(reply, &nested, reply_map, steps.count);
    }
    histogram_fini(&times);
    return total > 0;
}

static size_t tell_with_subs(struct reply *reply, const struct command *command)
{
    size_t told = tell_histogram(reply, command);

    for (unsigned i = 0; command->subs && command->subs[i]; i++)
        told += tell_histogram(reply, command->subs[i]);
    return told;
}

static void cmd_latency_histogram(struct call *call)
{
    struct reply_nested nested;
    size_t told = 0;

    reply_nest(call->reply, &nested);
    if (call_argc(call) == 2) {
        for (unsigned n = 0; n < commands_count(); n++)
            told += tell_histogram(&nested.reply, commands_at(n));
    } else {
        for (unsigned i = 2; i < call_argc(call); i++) {
            const struct command *command = commands_find_full(call_arg(call, i));

            if (command) told += tell_with_subs(&nested.reply, command);
        }
    }
    reply_unnest(call->reply, &nested, reply_map, told);
}

static void cmd_latency_help(struct call *call)
{
    static const char *const lines[] = {
        "DOCTOR",
        "    Tell in words what was slow, and what may help.",
        "GRAPH <event>",
        "    Draw the latest times of an event.",
        "HISTORY <event>",
        "    Return the latest times of an event, with the second in which each was.",
        "LATEST",
        "    Return the latest and the worst time of each event.",
        "RESET [<event> ...]",
        "    Forget events, or all of them.",
        "HISTOGRAM [<command> ...]",
        "    Return how many calls of commands took how long.",
        NULL,
    };

    call_reply_help(call, lines);
}

#define LATENCY_FLAGS (COMMAND_ADMIN | COMMAND_NOSCRIPT | COMMAND_LOADING | COMMAND_STALE)
#define EVERYWHERE "nondeterministic_output request_policy:all_nodes response_policy:special"

static const struct command_row subs[] = {
    {.name = "latest",
     .run = cmd_latency_latest,
     .arity = 2,
     .flags = LATENCY_FLAGS,
     .since = "2.8.13",
     .cost = "O(1)",
     .syntax = "",
     .summary = "Returns the latest and the worst time of each event.",
     .tips = EVERYWHERE},
    {.name = "history",
     .run = cmd_latency_history,
     .arity = 3,
     .flags = LATENCY_FLAGS,
     .since = "2.8.13",
     .cost = "O(1)",
     .syntax = "event",
     .summary = "Returns the latest times of an event.",
     .tips = EVERYWHERE},
    {.name = "reset",
     .run = cmd_latency_reset,
     .arity = -2,
     .flags = LATENCY_FLAGS,
     .since = "2.8.13",
     .cost = "O(1)",
     .syntax = "[event [event ...]]",
     .summary = "Forgets events, or all of them.",
     .tips = "request_policy:all_nodes response_policy:all_succeeded"},
    {.name = "graph",
     .run = latency_graph,
     .arity = 3,
     .flags = LATENCY_FLAGS,
     .since = "2.8.13",
     .cost = "O(1)",
     .syntax = "event",
     .summary = "Draws the latest times of an event.",
     .tips = EVERYWHERE},
    {.name = "doctor",
     .run = latency_doctor,
     .arity = 2,
     .flags = LATENCY_FLAGS,
     .since = "2.8.13",
     .cost = "O(1)",
     .syntax = "",
     .summary = "Tells in words what was slow, and what may help.",
     .tips = EVERYWHERE},
    {.name = "histogram",
     .run = cmd_latency_histogram,
     .arity = -2,
     .flags = LATENCY_FLAGS,
     .since = "7.0.0",
     .cost = "O(N) where N is the number of commands with times",
     .syntax = "[command [command ...]]",
     .summary = "Returns how many calls of commands took how long.",
     .tips = EVERYWHERE},
    {.name = "help",
     .run = cmd_latency_help,
     .arity = 2,
     .flags = COMMAND_LOADING | COMMAND_STALE,
     .since = "2.8.13",
     .cost = "O(1)",
     .syntax = "",
     .summary = "Tells what LATENCY can do."},
    {0},
};

static const struct command_row rows[] = {
    {.name = "latency",
     .arity = -2,
     .since = "2.8.13",
     .cost = "Depends on subcommand.",
     .syntax = "",
     .summary = "What took too long, and how long commands take.",
     .subs = subs},
};

const struct command_family latency_commands = COMMAND_FAMILY("server", rows);
