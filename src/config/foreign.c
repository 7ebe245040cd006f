#include "foreign_internal.h"

#include "coatcheck/config/registry.h"

struct foreign_row {
    const char *name;
    enum foreign otherwise; /* for any value that is not in `same` */
    const char *same;       /* values that ask for what happens anyhow: "no|never"; or NULL */
    const char *reason;
};

#define NO_FILE "there is no append-only file"
#define NO_SNAPSHOT "there are no snapshots"
#define NO_REPLICATION "there is no replication"
#define NO_CLUSTER "there is no cluster mode"
#define NO_SCRIPTS "there are no scripts"
#define NO_MODULES "there are no modules"
#define NO_CONNECTING "the server opens no connection by itself"
#define OWN_FREQUENCY "how often a key is used is counted in another way"
#define NO_DEFRAG "there is no active defragmentation"
#define NOT_PINNED "threads are not pinned; CPUAffinity= of the service or taskset does that"
#define NOT_TUNED "how values are packed when small is not up to an option"
#define ALWAYS_LAZY "what is large is always freed aside, in small steps"
#define BY_THREADS "the option 'threads' says how many workers there are"
#define MEMORY_ONLY "data is kept in memory only, and would be lost when the server stops"

/* Values of shutdown-on-sig… that do not ask for a save. */
#define NOTHING_SAVED                                                                              \
    "default|nosave|now|force|nosave now|nosave force|now force|nosave now force"

#define HARMLESS(name, same, reason) {name, FOREIGN_HARMLESS, same, reason},
#define REFUSED(name, same, reason) {name, FOREIGN_REFUSED, same, reason},

/* Refused is what an operator relies on: durability, bounded memory, access control, encryption.
 * All else only changes how Redis does something that we do in another way or not at all. */
/* clang-format off: a row is a line */
static const struct foreign_row rows[] = {
    /* saving */
    REFUSED("save", "", MEMORY_ONLY)
    REFUSED("appendonly", "no", MEMORY_ONLY)
    HARMLESS("appendfilename", NULL, NO_FILE)
    HARMLESS("appenddirname", NULL, NO_FILE)
    HARMLESS("appendfsync", NULL, NO_FILE)
    HARMLESS("no-appendfsync-on-rewrite", NULL, NO_FILE)
    HARMLESS("auto-aof-rewrite-percentage", NULL, NO_FILE)
    HARMLESS("auto-aof-rewrite-min-size", NULL, NO_FILE)
    HARMLESS("aof-disable-auto-gc", NULL, NO_FILE)
    HARMLESS("aof-load-truncated", NULL, NO_FILE)
    HARMLESS("aof-rewrite-incremental-fsync", NULL, NO_FILE)
    HARMLESS("aof-timestamp-enabled", NULL, NO_FILE)
    HARMLESS("aof-use-rdb-preamble", NULL, NO_FILE)
    HARMLESS("dbfilename", NULL, NO_SNAPSHOT)
    HARMLESS("dir", NULL, "no data file is written; paths start where the server does")
    HARMLESS("rdb-del-sync-files", NULL, NO_SNAPSHOT)
    HARMLESS("rdb-save-incremental-fsync", NULL, NO_SNAPSHOT)
    HARMLESS("rdbchecksum", NULL, NO_SNAPSHOT)
    HARMLESS("rdbcompression", NULL, NO_SNAPSHOT)
    HARMLESS("sanitize-dump-payload", "yes|clients", "what RESTORE gets is always checked to the last byte")
    HARMLESS("stop-writes-on-bgsave-error", NULL, NO_SNAPSHOT)

    /* bounded memory */
    HARMLESS("lfu-decay-time", NULL, OWN_FREQUENCY)
    HARMLESS("lfu-log-factor", NULL, OWN_FREQUENCY)
    HARMLESS("lazyfree-lazy-eviction", "yes", ALWAYS_LAZY)
    HARMLESS("lazyfree-lazy-expire", "yes", ALWAYS_LAZY)
    HARMLESS("lazyfree-lazy-server-del", "yes", ALWAYS_LAZY)
    HARMLESS("lazyfree-lazy-user-del", "yes", ALWAYS_LAZY)
    HARMLESS("lazyfree-lazy-user-flush", "yes", ALWAYS_LAZY)
    HARMLESS("jemalloc-bg-thread", "yes", "memory always goes back in the background")
    HARMLESS("activedefrag", "no", NO_DEFRAG)
    HARMLESS("active-defrag-cycle-max", NULL, NO_DEFRAG)
    HARMLESS("active-defrag-cycle-min", NULL, NO_DEFRAG)
    HARMLESS("active-defrag-ignore-bytes", NULL, NO_DEFRAG)
    HARMLESS("active-defrag-max-scan-fields", NULL, NO_DEFRAG)
    HARMLESS("active-defrag-threshold-lower", NULL, NO_DEFRAG)
    HARMLESS("active-defrag-threshold-upper", NULL, NO_DEFRAG)
    HARMLESS("disable-thp", NULL, "nothing forks here, so huge pages do no harm")
    HARMLESS("oom-score-adj", "no", "OOMScoreAdjust= of the service does that")
    HARMLESS("oom-score-adj-values", NULL, "OOMScoreAdjust= of the service does that")

    /* replication; `slave` is what `replica` was called until Redis 5 */
    REFUSED("replicaof", "no one", NO_REPLICATION)
    REFUSED("slaveof", "no one", NO_REPLICATION)
    REFUSED("min-replicas-to-write", "0", NO_REPLICATION)
    REFUSED("min-slaves-to-write", "0", NO_REPLICATION)
    HARMLESS("masterauth", NULL, NO_REPLICATION)
    HARMLESS("masteruser", NULL, NO_REPLICATION)
    HARMLESS("min-replicas-max-lag", NULL, NO_REPLICATION)
    HARMLESS("min-slaves-max-lag", NULL, NO_REPLICATION)
    HARMLESS("propagation-error-behavior", NULL, NO_REPLICATION)
    HARMLESS("repl-backlog-size", NULL, NO_REPLICATION)
    HARMLESS("repl-backlog-ttl", NULL, NO_REPLICATION)
    HARMLESS("repl-disable-tcp-nodelay", NULL, NO_REPLICATION)
    HARMLESS("repl-diskless-load", NULL, NO_REPLICATION)
    HARMLESS("repl-diskless-sync", NULL, NO_REPLICATION)
    HARMLESS("repl-diskless-sync-delay", NULL, NO_REPLICATION)
    HARMLESS("repl-diskless-sync-max-replicas", NULL, NO_REPLICATION)
    HARMLESS("repl-ping-replica-period", NULL, NO_REPLICATION)
    HARMLESS("repl-ping-slave-period", NULL, NO_REPLICATION)
    HARMLESS("repl-timeout", NULL, NO_REPLICATION)
    HARMLESS("replica-announce-ip", NULL, NO_REPLICATION)
    HARMLESS("replica-announce-port", NULL, NO_REPLICATION)
    HARMLESS("replica-announced", NULL, NO_REPLICATION)
    HARMLESS("replica-ignore-disk-write-errors", NULL, NO_REPLICATION)
    HARMLESS("replica-ignore-maxmemory", NULL, NO_REPLICATION)
    HARMLESS("replica-lazy-flush", NULL, NO_REPLICATION)
    HARMLESS("replica-priority", NULL, NO_REPLICATION)
    HARMLESS("replica-read-only", NULL, NO_REPLICATION)
    HARMLESS("replica-serve-stale-data", NULL, NO_REPLICATION)
    HARMLESS("slave-announce-ip", NULL, NO_REPLICATION)
    HARMLESS("slave-announce-port", NULL, NO_REPLICATION)
    HARMLESS("slave-ignore-maxmemory", NULL, NO_REPLICATION)
    HARMLESS("slave-lazy-flush", NULL, NO_REPLICATION)
    HARMLESS("slave-priority", NULL, NO_REPLICATION)
    HARMLESS("slave-read-only", NULL, NO_REPLICATION)
    HARMLESS("slave-serve-stale-data", NULL, NO_REPLICATION)

    /* cluster */
    REFUSED("cluster-enabled", "no", NO_CLUSTER)
    HARMLESS("cluster-allow-pubsubshard-when-down", NULL, NO_CLUSTER)
    HARMLESS("cluster-allow-reads-when-down", NULL, NO_CLUSTER)
    HARMLESS("cluster-allow-replica-migration", NULL, NO_CLUSTER)
    HARMLESS("cluster-announce-bus-port", NULL, NO_CLUSTER)
    HARMLESS("cluster-announce-hostname", NULL, NO_CLUSTER)
    HARMLESS("cluster-announce-human-nodename", NULL, NO_CLUSTER)
    HARMLESS("cluster-announce-ip", NULL, NO_CLUSTER)
    HARMLESS("cluster-announce-port", NULL, NO_CLUSTER)
    HARMLESS("cluster-announce-tls-port", NULL, NO_CLUSTER)
    HARMLESS("cluster-config-file", NULL, NO_CLUSTER)
    HARMLESS("cluster-link-sendbuf-limit", NULL, NO_CLUSTER)
    HARMLESS("cluster-migration-barrier", NULL, NO_CLUSTER)
    HARMLESS("cluster-node-timeout", NULL, NO_CLUSTER)
    HARMLESS("cluster-port", NULL, NO_CLUSTER)
    HARMLESS("cluster-preferred-endpoint-type", NULL, NO_CLUSTER)
    HARMLESS("cluster-replica-no-failover", NULL, NO_CLUSTER)
    HARMLESS("cluster-replica-validity-factor", NULL, NO_CLUSTER)
    HARMLESS("cluster-require-full-coverage", NULL, NO_CLUSTER)
    HARMLESS("cluster-slave-no-failover", NULL, NO_CLUSTER)
    HARMLESS("cluster-slave-validity-factor", NULL, NO_CLUSTER)

    /* access and encryption */
    REFUSED("tls-cluster", "no", NO_CLUSTER)
    REFUSED("tls-replication", "no", NO_REPLICATION)
    HARMLESS("tls-client-cert-file", NULL, NO_CONNECTING)
    HARMLESS("tls-client-key-file", NULL, NO_CONNECTING)
    HARMLESS("tls-client-key-file-pass", NULL, NO_CONNECTING)
    HARMLESS("tls-dh-params-file", NULL, "Diffie-Hellman parameters are chosen to fit the key")
    REFUSED("gopher-enabled", "no", "Gopher is not spoken")

    /* what clients may use */
    REFUSED("loadmodule", NULL, NO_MODULES)
    HARMLESS("enable-module-command", "no", NO_MODULES)
    HARMLESS("latency-tracking-info-percentiles", "50 99 99.9", "INFO tells p50, p99 and p99.9")
    HARMLESS("busy-reply-threshold", NULL, NO_SCRIPTS)
    HARMLESS("lua-time-limit", NULL, NO_SCRIPTS)
    HARMLESS("lua-replicate-commands", NULL, NO_SCRIPTS)
    HARMLESS("locale-collate", NULL, "text is compared byte by byte")

    /* how values are packed */
    HARMLESS("activerehashing", "yes", "tables always grow in small steps")
    HARMLESS("list-compress-depth", NULL, NOT_TUNED)
    HARMLESS("list-max-listpack-size", NULL, NOT_TUNED)
    HARMLESS("list-max-ziplist-entries", NULL, NOT_TUNED)
    HARMLESS("list-max-ziplist-value", NULL, NOT_TUNED)
    HARMLESS("set-max-intset-entries", NULL, NOT_TUNED)
    HARMLESS("set-max-listpack-entries", NULL, NOT_TUNED)
    HARMLESS("set-max-listpack-value", NULL, NOT_TUNED)
    HARMLESS("stream-node-max-bytes", NULL, NOT_TUNED)
    HARMLESS("stream-node-max-entries", NULL, NOT_TUNED)

    /* the process */
    HARMLESS("daemonize", "no", "the server stays in the foreground")
    HARMLESS("supervised", "no|auto|systemd", "only systemd is told, and always when it asks")
    HARMLESS("io-threads", NULL, BY_THREADS)
    HARMLESS("io-threads-do-reads", NULL, BY_THREADS)
    HARMLESS("server_cpulist", NULL, NOT_PINNED)
    HARMLESS("bio_cpulist", NULL, NOT_PINNED)
    HARMLESS("aof_rewrite_cpulist", NULL, NOT_PINNED)
    HARMLESS("bgsave_cpulist", NULL, NOT_PINNED)
    HARMLESS("server-cpulist", NULL, NOT_PINNED)
    HARMLESS("bio-cpulist", NULL, NOT_PINNED)
    HARMLESS("aof-rewrite-cpulist", NULL, NOT_PINNED)
    HARMLESS("bgsave-cpulist", NULL, NOT_PINNED)
    REFUSED("shutdown-on-sigint", NOTHING_SAVED, MEMORY_ONLY)
    REFUSED("shutdown-on-sigterm", NOTHING_SAVED, MEMORY_ONLY)
    HARMLESS("shutdown-timeout", NULL, NO_REPLICATION ", so there is nobody to wait for")
    HARMLESS("dynamic-hz", NULL, "an idle server sleeps, whatever 'hz' says")
    HARMLESS("always-show-logo", "no", "there is no logo")
    HARMLESS("set-proc-title", "no", "the process keeps its name")
    HARMLESS("proc-title-template", NULL, "the process keeps its name")
    HARMLESS("crash-log-enabled", "yes", "a crash is always logged")
    HARMLESS("crash-memcheck-enabled", "no", "memory is not tested after a crash")
    HARMLESS("use-exit-on-panic", NULL, "a broken promise always aborts")
    HARMLESS("ignore-warnings", NULL, "no warning stops the server")
    HARMLESS("bind-source-addr", NULL, NO_CONNECTING)
    HARMLESS("socket-mark-id", "0", "sockets are not marked")
    HARMLESS("max-new-connections-per-cycle", NULL, "accepting goes in bounded batches anyhow")
    HARMLESS("max-new-tls-connections-per-cycle", NULL, "handshakes are done in bounded slices anyhow")
};
/* clang-format on */

static const struct foreign_row *row_of(struct bytes name)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (bytes_is(name, rows[i].name)) return &rows[i];
    }
    return NULL;
}

static bool is_one_of(struct bytes value, const char *words)
{
    for (;;) {
        size_t len = strcspn(words, "|");

        if (bytes_equal_nocase(value, bytes_of(words, len))) return true;
        if (!words[len]) return false;
        words += len + 1;
    }
}

enum foreign foreign_judge(struct bytes name, struct bytes value, const char **reason)
{
    const struct foreign_row *row = row_of(name);

    *reason = NULL;
    if (!row) return FOREIGN_UNKNOWN;
    if (row->same && is_one_of(value, row->same)) return FOREIGN_SAME;
    *reason = row->reason;
    return row->otherwise;
}

bool foreign_is_ours_anyhow(struct bytes name, struct bytes value)
{
    const char *reason;

    return foreign_judge(name, value, &reason) == FOREIGN_SAME;
}

bool config_fact(unsigned index, struct config_fact *fact)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        /* A row of our own with that name says more. */
        if (!rows[i].same || config_find(bytes_of_text(rows[i].name))) continue;
        if (index-- > 0) continue;
        fact->name = rows[i].name;
        fact->value = bytes_of(rows[i].same, strcspn(rows[i].same, "|"));
        /* As a line the word is needed; as an answer Redis leaves it empty. */
        if (bytes_is(fact->value, "no one")) fact->value.len = 0;
        return true;
    }
    return false;
}

const char *foreign_reason(struct bytes name)
{
    const struct foreign_row *row = row_of(name);

    return row ? row->reason : NULL;
}
