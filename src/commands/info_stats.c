/* INFO's sections of counters: what the server has done since it started, or since CONFIG
 * RESETSTAT. */
#include "info_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include "coatcheck/base/mem.h"
#include "coatcheck/engine/memory.h"
#include "coatcheck/engine/options.h"
#include "coatcheck/engine/pulse.h"
#include "coatcheck/engine/stats.h"
#include "coatcheck/net/worker.h"
#include "coatcheck/pubsub/channel.h"
#include "coatcheck/observe/facts.h"
#include "coatcheck/observe/histogram.h"
#include "coatcheck/observe/registry.h"
#include "coatcheck/tracking/prefix.h"
#include "coatcheck/tracking/tracking.h"

/* Counters that have a place of their own below, in redis-server's order. */
static const char told[] = " total_connections_received rejected_connections connected_clients "
                           "total_net_input_bytes total_net_output_bytes total_reads_processed "
                           "total_writes_processed keyspace_hits keyspace_misses expired_keys "
                           "clients_in_timeout_table evicted_keys evicted_clients tracking_clients "
                           "tracking_total_keys tracking_total_items ";

static void add_count(struct text *into, const char *name, int64_t count)
{
    text_addf(into, "%s:%lld\r\n", name, (long long)count);
}

static void add_if_untold(void *context, const struct metric_set *set, const struct metric_row *row,
                          int64_t sum)
{
    char padded[80];

    (void)set;
    snprintf(padded, sizeof padded, " %s ", row->name);
    if (!strstr(told, padded)) add_count(context, row->name, sum);
}

static void add_traffic(struct text *into)
{
    struct pulse pulse = pulse_read();

    add_count(into, "total_connections_received", METRIC_SUM(net, total_connections_received));
    add_count(into, "total_commands_processed", stats_calls());
    add_count(into, "instantaneous_ops_per_sec", pulse.commands_per_s);
    add_count(into, "total_net_input_bytes", METRIC_SUM(net, total_net_input_bytes));
    add_count(into, "total_net_output_bytes", METRIC_SUM(net, total_net_output_bytes));
    text_addf(into, "total_net_repl_input_bytes:0\r\ntotal_net_repl_output_bytes:0\r\n");
    text_addf(into, "instantaneous_input_kbps:%.2f\r\ninstantaneous_output_kbps:%.2f\r\n",
              (double)pulse.bytes_in_per_s / 1024, (double)pulse.bytes_out_per_s / 1024);
    text_addf(into,
              "instantaneous_input_repl_kbps:0.00\r\ninstantaneous_output_repl_kbps:0.00\r\n");
    add_count(into, "rejected_connections", METRIC_SUM(net, rejected_connections));
}

static void add_waits(struct text *into)
{
    struct memory_waits waits = memory_waits();

    add_count(into, "evict_waits", (int64_t)waits.count);
    text_addf(into, "evict_wait_usec_p50:%.1f\r\nevict_wait_usec_p99:%.1f\r\nevict_wait_usec_p999:%.1f\r\nevict_wait_usec_max:%.1f\r\n",
              (double)waits.p50_ns / 1000, (double)waits.p99_ns / 1000, (double)waits.p999_ns / 1000,
              (double)waits.longest_ns / 1000);
    add_count(into, "evict_wait_usec_total", (int64_t)(waits.total_ns / 1000));
    add_count(into, "evict_waits_over_20_usec", (int64_t)waits.late);
}

void info_stats(struct call *call, struct text *into)
{
    (void)call;
    add_traffic(into);
    text_addf(into, "sync_full:0\r\nsync_partial_ok:0\r\nsync_partial_err:0\r\n");
    add_count(into, "expired_keys", METRIC_SUM(keyspace, expired_keys));
    add_count(into, "expire_cycle_cpu_milliseconds", METRIC_SUM(keyspace, sweep_us) / 1000);
    add_count(into, "evicted_keys", METRIC_SUM(evict, evicted_keys));
    add_count(into, "evicted_clients", METRIC_SUM(memory, evicted_clients));
    add_count(into, "total_eviction_exceeded_time", memory_exceeded_total_ms());
    add_count(into, "current_eviction_exceeded_time", memory_exceeded_ms());
    add_count(into, "keyspace_hits", METRIC_SUM(keyspace, keyspace_hits));
    add_count(into, "keyspace_misses", METRIC_SUM(keyspace, keyspace_misses));
    add_count(into, "pubsub_channels", (int64_t)channel_names(CHANNEL_PLAIN));
    add_count(into, "pubsub_patterns", (int64_t)channel_names(CHANNEL_PATTERN));
    add_count(into, "pubsubshard_channels", (int64_t)channel_names(CHANNEL_SHARD));
    text_addf(into,
              "latest_fork_usec:0\r\ntotal_forks:0\r\nmigrate_cached_sockets:0\r\n"
              "slave_expires_tracked_keys:0\r\nactive_defrag_hits:0\r\nactive_defrag_misses:0\r\n"
              "active_defrag_key_hits:0\r\nactive_defrag_key_misses:0\r\n");
    add_count(into, "tracking_total_keys", METRIC_SUM(tracking, tracking_total_keys));
    add_count(into, "tracking_total_items", METRIC_SUM(tracking, tracking_total_items));
    add_count(into, "tracking_total_prefixes", (int64_t)prefixes_count());
    text_addf(into, "unexpected_error_replies:0\r\n");
    add_count(into, "total_error_replies", stats_errors());
    text_addf(into, "dump_payload_sanitizations:0\r\n");
    add_count(into, "total_reads_processed", METRIC_SUM(net, total_reads_processed));
    add_count(into, "total_writes_processed", METRIC_SUM(net, total_writes_processed));
    add_waits(into);
    /* The rest are counters of our own, by the names of their rows. */
    observe_walk(add_if_untold, into);
}

/* ---- by command, by error ---- */

void info_commandstats(struct call *call, struct text *into)
{
    (void)call;
    for (unsigned number = 0; number < commands_count(); number++) {
        struct command_sums sums = stats_sum(number);

        if (sums.calls == 0 && sums.rejected == 0 && sums.failed == 0) continue;
        text_addf(into,
                  "cmdstat_%s:calls=%lld,usec=%lld,usec_per_call=%.2f,rejected_calls=%lld,failed_"
                  "calls=%lld\r\n",
                  commands_at(number)->full_name, (long long)sums.calls, (long long)sums.usec,
                  sums.calls > 0 ? (double)sums.usec / (double)sums.calls : 0.0,
                  (long long)sums.rejected, (long long)sums.failed);
    }
}

static void add_error(const char *code, int64_t count, void *context)
{
    text_addf(context, "errorstat_%s:count=%lld\r\n", code, (long long)count);
}

void info_errorstats(struct call *call, struct text *into)
{
    (void)call;
    stats_each_error(add_error, into);
}

/* "p50", "p99.9": as short as the number can be said. */
static void add_percentile(struct text *into, const struct histogram *times, double percent,
                           bool first)
{
    text_addf(into, "%sp%.12g=%.3f", first ? "" : ",", percent,
              (double)histogram_percentile_ns(times, percent) / 1000);
}

void info_latencystats(struct call *call, struct text *into)
{
    (void)call;
    for (unsigned number = 0; number < commands_count(); number++) {
        const char *percentiles = option_text(&engine_options.latency_tracking_info_percentiles);
        struct histogram times = {0};
        bool first = true;

        stats_merge_times(number, &times);
        if (histogram_total(&times) > 0) {
            text_addf(into, "latency_percentiles_usec_%s:", commands_at(number)->full_name);
            while (*percentiles) {
                char *end;
                double percent = strtod(percentiles, &end);

                if (end == percentiles) break;
                add_percentile(into, &times, percent, first);
                first = false;
                percentiles = end + strspn(end, " \n");
            }
            text_addf(into, "\r\n");
        }
        histogram_fini(&times);
    }
}

/* ---- by database, by worker ---- */

void info_keyspace(struct call *call, struct text *into)
{
    for (unsigned db = 0; db < keyspace_databases(call->keyspace); db++) {
        uint64_t keys = keyspace_count(call->keyspace, db), mortal;

        if (keys == 0) continue;
        mortal = keyspace_count_volatile(call->keyspace, db);
        text_addf(into, "db%u:keys=%llu,expires=%llu,avg_ttl=%lld\r\n", db,
                  (unsigned long long)keys, (unsigned long long)mortal,
                  (long long)keyspace_mean_ttl_ms(call->keyspace, db));
    }
}

static void count_client(struct session *session, void *context)
{
    unsigned *clients = context;
    struct session_facts facts;

    session_host->weigh(session, &facts);
    clients[facts.worker]++;
}

void info_workers(struct call *call, struct text *into)
{
    unsigned clients[METRIC_LANES] = {0};

    (void)call;
    session_host->each(count_client, clients);
    for (unsigned i = 0; i < server_facts.workers; i++) {
        const struct net_metrics *lane = &net_metric_lanes[i + 1];
        int64_t calls = 0;

        for (unsigned number = 0; stats_lanes[i + 1] && number < commands_count(); number++) {
            calls += atomic_load_explicit(&stats_lanes[i + 1][number].calls, memory_order_relaxed);
        }
        text_addf(
            into, "worker%u:clients=%u,turns=%lld,commands=%lld,reads=%lld,writes=%lld\r\n", i,
            clients[i], (long long)atomic_load_explicit(&lane->turns, memory_order_relaxed),
            (long long)calls,
            (long long)atomic_load_explicit(&lane->total_reads_processed, memory_order_relaxed),
            (long long)atomic_load_explicit(&lane->total_writes_processed, memory_order_relaxed));
    }
}
