/* INFO's sections about the process: what it is, whom it serves, what it holds. */
#include "info_internal.h"

#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>
#include "coatcheck/base/number.h"
#include "coatcheck/config/file.h"
#include "coatcheck/engine/blocking.h"
#include "coatcheck/engine/memory.h"
#include "coatcheck/engine/options.h"
#include "coatcheck/engine/stats.h"
#include "coatcheck/keyspace/weight.h"
#include "coatcheck/net/worker.h"
#include "coatcheck/observe/facts.h"
#include "coatcheck/tracking/tracking.h"
#include "coatcheck/version.h"

void info_server(struct call *call, struct text *into)
{
    struct utsname system = {0};
    int64_t uptime_s = facts_uptime_s(), hz = option_int(&engine_options.hz);

    (void)call;
    uname(&system);
    text_addf(into, "redis_version:%s\r\n", COATCHECK_REDIS_VERSION);
    text_addf(into, "coatcheck_version:%s\r\n", COATCHECK_VERSION);
    text_addf(into, "redis_mode:standalone\r\n");
    text_addf(into, "os:%s %s %s\r\n", system.sysname, system.release, system.machine);
    text_addf(into, "arch_bits:%zu\r\n", 8 * sizeof(void *));
    text_addf(into, "multiplexing_api:libevent\r\n");
    text_addf(into, "gcc_version:%d.%d.%d\r\n", __GNUC__, __GNUC_MINOR__, __GNUC_PATCHLEVEL__);
    text_addf(into, "process_id:%d\r\n", (int)getpid());
    text_addf(into, "process_supervised:%s\r\n", server_facts.supervised ? "systemd" : "no");
    text_addf(into, "run_id:%s\r\n", server_facts.run_id);
    text_addf(into, "tcp_port:%u\r\n", server_facts.port);
    text_addf(into, "server_time_usec:%lld\r\n", (long long)clock_wall_us());
    text_addf(into, "uptime_in_seconds:%lld\r\n", (long long)uptime_s);
    text_addf(into, "uptime_in_days:%lld\r\n", (long long)(uptime_s / 86400));
    text_addf(into, "hz:%lld\r\nconfigured_hz:%lld\r\n", (long long)hz, (long long)hz);
    text_addf(into, "lru_clock:%lld\r\n", (long long)(clock_now_ms() / 1000 & 0xffffff));
    text_addf(into, "executable:%s\r\n", server_facts.executable);
    text_addf(into, "config_file:%s\r\n", config_path());
    text_addf(into, "worker_threads:%u\r\n", server_facts.workers);
}

/* ---- memory, of the clients and of all ---- */

struct client_sums {
    size_t count, bytes, longest_input, longest_output, blocked;
};

static void weigh_client(struct session *session, void *context)
{
    struct client_sums *sums = context;
    struct session_facts facts;

    session_host->weigh(session, &facts);
    sums->count++;
    sums->bytes += facts.memory_bytes;
    sums->blocked += session_is_waiting(session) || session_flags(session) & SESSION_POSTPONED;
    if (facts.input_bytes > sums->longest_input) sums->longest_input = facts.input_bytes;
    if (facts.output_bytes > sums->longest_output) sums->longest_output = facts.output_bytes;
}

void info_clients(struct call *call, struct text *into)
{
    struct client_sums sums = {0};

    (void)call;
    session_host->each(weigh_client, &sums);
    text_addf(into, "connected_clients:%lld\r\n", (long long)METRIC_SUM(net, connected_clients));
    text_addf(into, "cluster_connections:0\r\n");
    text_addf(into, "maxclients:%lld\r\n", (long long)option_int(&net_options.maxclients));
    text_addf(into, "client_recent_max_input_buffer:%zu\r\n", sums.longest_input);
    text_addf(into, "client_recent_max_output_buffer:%zu\r\n", sums.longest_output);
    text_addf(into, "blocked_clients:%zu\r\n", sums.blocked);
    text_addf(into, "tracking_clients:%lld\r\n", (long long)METRIC_SUM(tracking, tracking_clients));
    text_addf(into, "clients_in_timeout_table:%lld\r\n",
              (long long)METRIC_SUM(blocking, clients_in_timeout_table));
}

double memory_ratio(size_t a, size_t b)
{
    return b > 0 ? (double)a / (double)b : 0;
}

void memory_report_read(struct call *call, struct memory_report *report)
{
    struct client_sums sums = {0};
    size_t allocated;

    footprint_read(&report->footprint);
    session_host->each(weigh_client, &sums);
    report->clients = sums.bytes;
    report->clients_count = sums.count;
    report->longest_input = sums.longest_input;
    report->longest_output = sums.longest_output;
    report->tables = keyspace_weight(call->keyspace);
    report->keys = 0;
    for (unsigned db = 0; db < keyspace_databases(call->keyspace); db++) {
        report->keys += keyspace_count(call->keyspace, db);
    }
    /* The first tables were made before the start was measured: they count there, once. */
    allocated = report->footprint.now.allocated;
    report->overhead = report->footprint.at_start + report->clients + report->tables;
    if (report->overhead > allocated) report->overhead = allocated;
    report->dataset = allocated - report->overhead;
}

static void add_with_human(struct text *into, const char *name, size_t size)
{
    char human[NUMBER_MAX_TEXT];

    number_print_human(human, sizeof human, size);
    text_addf(into, "%s:%zu\r\n%s_human:%s\r\n", name, size, name, human);
}

static void add_allocator(struct text *into, const struct memory_report *report)
{
    const struct mem_figures *now = &report->footprint.now;
    size_t rss = report->footprint.rss;

    text_addf(into, "allocator_frag_ratio:%.2f\r\nallocator_frag_bytes:%zu\r\n",
              memory_ratio(now->active, now->allocated), now->active - now->allocated);
    text_addf(into, "allocator_rss_ratio:%.2f\r\nallocator_rss_bytes:%lld\r\n",
              memory_ratio(now->resident, now->active),
              (long long)now->resident - (long long)now->active);
    text_addf(into, "rss_overhead_ratio:%.2f\r\nrss_overhead_bytes:%lld\r\n",
              memory_ratio(rss, now->resident), (long long)rss - (long long)now->resident);
    text_addf(into, "mem_fragmentation_ratio:%.2f\r\nmem_fragmentation_bytes:%lld\r\n",
              memory_ratio(rss, now->allocated), (long long)rss - (long long)now->allocated);
}

void info_memory(struct call *call, struct text *into)
{
    struct memory_report report;
    size_t used, peak, start;

    memory_report_read(call, &report);
    used = report.footprint.now.allocated;
    peak = report.footprint.peak;
    start = report.footprint.at_start;
    add_with_human(into, "used_memory", used);
    add_with_human(into, "used_memory_rss", report.footprint.rss);
    add_with_human(into, "used_memory_peak", peak);
    text_addf(into, "used_memory_peak_perc:%.2f%%\r\n", 100 * memory_ratio(used, peak));
    text_addf(into,
              "used_memory_overhead:%zu\r\nused_memory_startup:%zu\r\nused_memory_dataset:%zu\r\n",
              report.overhead, start, report.dataset);
    text_addf(into, "used_memory_dataset_perc:%.2f%%\r\n",
              100 * memory_ratio(report.dataset, used > start ? used - start : 0));
    text_addf(into, "allocator_allocated:%zu\r\nallocator_active:%zu\r\nallocator_resident:%zu\r\n",
              used, report.footprint.now.active, report.footprint.now.resident);
    add_with_human(into, "total_system_memory",
                   (size_t)sysconf(_SC_PHYS_PAGES) * (size_t)sysconf(_SC_PAGESIZE));
    add_with_human(into, "used_memory_lua", 0);
    add_with_human(into, "used_memory_scripts", 0);
    text_addf(into,
              "number_of_cached_scripts:0\r\nnumber_of_functions:0\r\nnumber_of_libraries:0\r\n");
    add_with_human(into, "maxmemory", (size_t)memory_limit());
    text_addf(into, "maxmemory_policy:%s\r\n", maxmemory_policy_words[memory_policy()].word);
    add_allocator(into, &report);
    text_addf(into, "mem_not_counted_for_evict:0\r\nmem_replication_backlog:0\r\n"
                    "mem_total_replication_buffers:0\r\nmem_clients_slaves:0\r\n");
    text_addf(into, "mem_clients_normal:%zu\r\n", report.clients);
    text_addf(into, "mem_cluster_links:0\r\nmem_aof_buffer:0\r\nmem_tables:%zu\r\n", report.tables);
    text_addf(into, "mem_allocator:%s\r\nactive_defrag_running:0\r\n", mem_name());
    text_addf(into, "lazyfree_pending_objects:%zu\r\n", keyspace_pending(call->keyspace));
}

/* ---- what there is not, and the processor ---- */

/* Nothing is saved and nothing can be: no field here claims that saving succeeded. */
void info_persistence(struct call *call, struct text *into)
{
    (void)call;
    text_addf(into, "loading:0\r\nasync_loading:0\r\n");
    text_addf(into, "rdb_changes_since_last_save:%lld\r\n", (long long)stats_write_calls());
    text_addf(into,
              "rdb_bgsave_in_progress:0\r\nrdb_last_save_time:0\r\nrdb_last_bgsave_time_sec:-1\r\n"
              "rdb_current_bgsave_time_sec:-1\r\nrdb_saves:0\r\n");
    text_addf(
        into,
        "aof_enabled:0\r\naof_rewrite_in_progress:0\r\naof_rewrite_scheduled:0\r\n"
        "aof_last_rewrite_time_sec:-1\r\naof_current_rewrite_time_sec:-1\r\naof_rewrites:0\r\n");
}

void info_replication(struct call *call, struct text *into)
{
    char id[FACTS_ID_LEN + 1];

    (void)call;
    facts_replication_id(id);
    text_addf(into, "role:master\r\nconnected_slaves:0\r\nmaster_failover_state:no-failover\r\n");
    text_addf(into, "master_replid:%s\r\nmaster_replid2:%040d\r\n", id, 0);
    text_addf(
        into,
        "master_repl_offset:0\r\nsecond_repl_offset:-1\r\nrepl_backlog_active:0\r\n"
        "repl_backlog_size:0\r\nrepl_backlog_first_byte_offset:0\r\nrepl_backlog_histlen:0\r\n");
}

void info_cpu(struct call *call, struct text *into)
{
    struct rusage own, children;

    (void)call;
    if (getrusage(RUSAGE_SELF, &own) != 0 || getrusage(RUSAGE_CHILDREN, &children) != 0) return;
    text_addf(into, "used_cpu_sys:%ld.%06ld\r\nused_cpu_user:%ld.%06ld\r\n",
              (long)own.ru_stime.tv_sec, (long)own.ru_stime.tv_usec, (long)own.ru_utime.tv_sec,
              (long)own.ru_utime.tv_usec);
    text_addf(into, "used_cpu_sys_children:%ld.%06ld\r\nused_cpu_user_children:%ld.%06ld\r\n",
              (long)children.ru_stime.tv_sec, (long)children.ru_stime.tv_usec,
              (long)children.ru_utime.tv_sec, (long)children.ru_utime.tv_usec);
}

void info_cluster(struct call *call, struct text *into)
{
    (void)call;
    text_addf(into, "cluster_enabled:0\r\n");
}
