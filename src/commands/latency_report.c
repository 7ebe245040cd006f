/* LATENCY GRAPH and DOCTOR: the events drawn and talked about. */
#include "latency_internal.h"

#include <stdio.h>

#include "coatcheck/engine/options.h"
#include "coatcheck/observe/latency.h"

/* ---- GRAPH: a column for each sample, the newest at the right, its age in letters below it ----
 */

#define GRAPH_ROWS 4
#define GRAPH_COLUMNS 80

/* In thirds of a character, so that twelve heights fit in four rows. */
#define THIRDS 3

static void print_age(char into[24], int64_t seconds)
{
    if (seconds < 0) seconds = 0;
    if (seconds < 60) {
        snprintf(into, 24, "%llds", (long long)seconds);
    } else if (seconds < 3600) {
        snprintf(into, 24, "%lldm", (long long)seconds / 60);
    } else if (seconds < 86400) {
        snprintf(into, 24, "%lldh", (long long)seconds / 3600);
    } else {
        snprintf(into, 24, "%lldd", (long long)seconds / 86400);
    }
}

static int64_t height_of(int64_t ms, int64_t low, int64_t high)
{
    if (high == low) return 1;
    return 1 + (ms - low) * (GRAPH_ROWS * THIRDS - 1) / (high - low);
}

static void draw_columns(struct text *into, const struct latency_sample *samples, unsigned count,
                         int64_t low, int64_t high)
{
    static const char fill[] = "_o#"; /* one, two and three thirds */

    for (int row = GRAPH_ROWS - 1; row >= 0; row--) {
        for (unsigned i = 0; i < count; i++) {
            int64_t thirds = height_of(samples[i].ms, low, high) - row * THIRDS;

            text_add_char(into,
                          thirds <= 0 ? ' ' : fill[thirds < THIRDS ? thirds - 1 : THIRDS - 1]);
        }
        text_add_char(into, '\n');
    }
}

static void draw_ages(struct text *into, const struct latency_sample *samples, unsigned count)
{
    int64_t now_s = clock_now_ms() / 1000;
    bool more = true;

    for (unsigned line = 0; more; line++) {
        text_add_char(into, '\n');
        more = false;
        for (unsigned i = 0; i < count; i++) {
            char age[24];
            size_t len;

            print_age(age, now_s - samples[i].at_s);
            len = strlen(age);
            text_add_char(into, line < len ? age[line] : ' ');
            if (line + 1 < len) more = true;
        }
    }
    text_add_char(into, '\n');
}

void latency_graph(struct call *call)
{
    struct bytes event = call_arg(call, 2);
    struct latency_series series;
    const struct latency_sample *samples;
    struct text graph = {0};
    int64_t low = INT64_MAX, high = 0;
    unsigned count;

    if (!latency_read(event, &series) || series.count == 0) {
        reply_errorf(call->reply, "ERR No samples available for event '%.*s'",
                     (int)(event.len < 128 ? event.len : 128), event.at);
        return;
    }
    count = series.count < GRAPH_COLUMNS ? series.count : GRAPH_COLUMNS;
    samples = series.samples + series.count - count;
    for (unsigned i = 0; i < count; i++) {
        if (samples[i].ms < low) low = samples[i].ms;
        if (samples[i].ms > high) high = samples[i].ms;
    }
    text_addf(&graph, "%s - high %lld ms, low %lld ms (all time high %lld ms)\n", series.event,
              (long long)high, (long long)low, (long long)series.worst_ms);
    for (unsigned i = 0; i < GRAPH_COLUMNS; i++) text_add_char(&graph, '-');
    text_add_char(&graph, '\n');
    draw_columns(&graph, samples, count, low, high);
    draw_ages(&graph, samples, count);
    if (call_ok(call, text_failed(&graph) ? NO_MEMORY : OK))
        reply_verbatim(call->reply, "txt", text_bytes(&graph));
    text_fini(&graph);
}

/* ---- DOCTOR ---- */

struct findings {
    int64_t sum_ms, deviation_ms, span_s;
    bool commands; /* the event is about commands */
};

static struct findings look_at(const struct latency_series *series)
{
    struct findings findings = {0};
    int64_t mean, deviations = 0;

    for (unsigned i = 0; i < series->count; i++) findings.sum_ms += series->samples[i].ms;
    mean = findings.sum_ms / series->count;
    for (unsigned i = 0; i < series->count; i++) {
        int64_t off = series->samples[i].ms - mean;

        deviations += off < 0 ? -off : off;
    }
    findings.deviation_ms = deviations / series->count;
    findings.span_s = series->samples[series->count - 1].at_s - series->samples[0].at_s;
    findings.commands = bytes_is(bytes_of_text(series->event), "command") ||
                        bytes_is(bytes_of_text(series->event), "fast-command");
    return findings;
}

static bool tell_event(struct text *into, const struct latency_series *series, unsigned number)
{
    struct findings findings = look_at(series);

    text_addf(into, "%u. %s: %u slow second%s, %lld ms each on average (mean deviation %lld ms), ",
              number, series->event, series->count, series->count == 1 ? "" : "s",
              (long long)(findings.sum_ms / series->count), (long long)findings.deviation_ms);
    if (series->count > 1) {
        text_addf(into, "one in %.1f s; ", (double)findings.span_s / (double)(series->count - 1));
    }
    text_addf(into, "%lld ms at worst.\n", (long long)series->worst_ms);
    return findings.commands;
}

static void advise(struct text *into, bool about_commands)
{
    int64_t threshold_ms = option_int(&engine_options.latency_monitor_threshold);
    int64_t slower_than_us = option_int(&engine_options.slowlog_log_slower_than);

    text_addf(into, "\nWhat to look at:\n");
    if (threshold_ms == 0) {
        text_addf(into, "- Nothing is watched any more: CONFIG SET latency-monitor-threshold "
                        "<milliseconds> goes on.\n");
    } else if (slower_than_us < 0 || slower_than_us / 1000 > threshold_ms) {
        text_addf(into,
                  "- The slow log keeps only what took longer: CONFIG SET slowlog-log-slower-than "
                  "%lld shows\n"
                  "  the commands behind these times.\n",
                  (long long)threshold_ms * 1000);
    }
    if (about_commands) {
        text_addf(into,
                  "- SLOWLOG GET names the commands. KEYS, and one command with thousands of keys, "
                  "take their\n"
                  "  time in one piece: SCAN and smaller batches let other clients in between.\n");
    }
    text_addf(into, "- A worker that has to share its core waits for it: compare INFO cpu with the "
                    "clock, and keep\n"
                    "  `threads` at or below the cores that are free.\n");
}

void latency_doctor(struct call *call)
{
    const char *events[LATENCY_EVENTS];
    unsigned count = latency_events(events), told = 0;
    bool about_commands = false;
    struct text report = {0};

    for (unsigned i = 0; i < count; i++) {
        struct latency_series series;

        if (!latency_read(bytes_of_text(events[i]), &series) || series.count == 0) continue;
        if (told == 0) text_addf(&report, "Some things took longer than they should:\n\n");
        if (tell_event(&report, &series, ++told)) about_commands = true;
    }
    if (told > 0) {
        advise(&report, about_commands);
    } else if (option_int(&engine_options.latency_monitor_threshold) == 0) {
        text_addf(&report, "Nothing is watched: CONFIG SET latency-monitor-threshold "
                           "<milliseconds> says from when on "
                           "an event is slow.\n");
    } else {
        text_addf(&report, "Nothing took longer than %lld ms since the last reset.\n",
                  (long long)option_int(&engine_options.latency_monitor_threshold));
    }
    if (call_ok(call, text_failed(&report) ? NO_MEMORY : OK))
        reply_verbatim(call->reply, "txt", text_bytes(&report));
    text_fini(&report);
}
