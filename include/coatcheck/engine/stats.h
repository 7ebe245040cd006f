/* stats: how often each command was called, how long it took, how often it failed or was refused;
 * and errors by their first word. Each worker writes its own lane; readers sum. */
#ifndef COATCHECK_ENGINE_STATS_H
#define COATCHECK_ENGINE_STATS_H

#include "coatcheck/engine/command.h"
#include "coatcheck/base/metric.h"

struct histogram;

struct command_stats {
    _Atomic int64_t calls, ticks, rejected, failed;
    _Atomic(struct histogram *) times_ns; /* made at the first call, NULL before */
};

extern struct command_stats *stats_lanes[METRIC_LANES];

/* The lane of this thread, for command `number`. */
static inline struct command_stats *stats_of(unsigned number)
{
    return &stats_lanes[metric_lane][number];
}

/* Adds a call's time, in clock_ticks(), to its histogram, while latency-tracking is on. */
void stats_note_time(struct command_stats *stats, uint64_t ticks);

/* What latency-tracking-info-percentiles takes and how it is told. Before any file is read. */
void stats_declare(void);

/* Lanes for so many threads besides the main one, after commands_add(). */
void stats_setup(unsigned threads);

/* Summed over all lanes; `times_ns` (may be NULL) is merged into. */
struct command_sums {
    int64_t calls, usec, rejected, failed;
};
struct command_sums stats_sum(unsigned number);
void stats_merge_times(unsigned number, struct histogram *into);

/* Calls of all commands since the last reset; of those that write since the start, whatever was
 * reset. */
int64_t stats_calls(void);
int64_t stats_write_calls(void);

void stats_count_error(struct bytes code);
int64_t stats_errors(void);
void stats_each_error(void (*see)(const char *code, int64_t count, void *context), void *context);

/* CONFIG RESETSTAT. */
void stats_reset(void);

#endif
