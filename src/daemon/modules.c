/* modules: what the server is made of, set up down the list and torn down up the list. */
#include <errno.h>
#include <event2/event.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "coatcheck/acl/gate.h"
#include "coatcheck/acl/journal.h"
#include "coatcheck/acl/user.h"
#include "coatcheck/base/clock.h"
#include "coatcheck/base/hash.h"
#include "coatcheck/base/log.h"
#include "coatcheck/base/mem.h"
#include "coatcheck/base/purge.h"
#include "coatcheck/base/must.h"
#include "coatcheck/base/number.h"
#include "coatcheck/commands/client.h"
#include "coatcheck/commands/table.h"
#include "coatcheck/config/registry.h"
#include "coatcheck/daemon/activation.h"
#include "coatcheck/daemon/crash.h"
#include "coatcheck/daemon/daemonize.h"
#include "coatcheck/daemon/descriptors.h"
#include "coatcheck/daemon/gates.h"
#include "coatcheck/daemon/notify.h"
#include "coatcheck/daemon/options.h"
#include "coatcheck/daemon/pidfile.h"
#include "coatcheck/daemon/privilege.h"
#include "coatcheck/daemon/server.h"
#include "coatcheck/engine/memory.h"
#include "coatcheck/engine/options.h"
#include "coatcheck/engine/secret.h"
#include "coatcheck/engine/slowlog.h"
#include "coatcheck/engine/stats.h"
#include "coatcheck/engine/turn.h"
#include "coatcheck/keyspace/keyspace.h"
#include "coatcheck/net/conn.h"
#include "coatcheck/net/listener.h"
#include "coatcheck/net/tls.h"
#include "coatcheck/observe/facts.h"
#include "coatcheck/observe/footprint.h"
#include "coatcheck/persist/rdb.h"
#include "coatcheck/pubsub/notice.h"
#include "coatcheck/serve/client_door.h"
#include "coatcheck/tracking/tracking.h"
#include "coatcheck/values/hash.h"
#include "coatcheck/values/list.h"
#include "coatcheck/values/set.h"
#include "coatcheck/values/zset.h"
#include "coatcheck/wire/request.h"
#include "server_internal.h"

struct server_parts parts;

/* ---- log, process ---- */

static void change_level(void)
{
    log_set_level((enum log_level)option_int(&daemon_options.loglevel));
}

static bool log_setup(struct text *why)
{
    change_level();
    daemon_option_hooks.loglevel.changed = change_level;
    if (option_int(&daemon_options.syslog_enabled)) {
        log_to_syslog(option_text(&daemon_options.syslog_ident),
                      (int)option_int(&daemon_options.syslog_facility) << 3);
    }
    if (!log_open(option_text(&daemon_options.logfile))) {
        text_addf(why, "can't open the log file '%s': %s", option_text(&daemon_options.logfile), strerror(errno));
        return false;
    }
    return true;
}

/* Both are asked on the thread of CONFIG SET; the second one only when nothing else of the same call is wrong. */
static bool check_directory(struct bytes value, struct text *why)
{
    char path[PATH_MAX];
    struct stat status;

    if (value.len >= sizeof path) {
        text_addf(why, "%s", strerror(ENAMETOOLONG));
        return false;
    }
    memcpy(path, value.at, value.len);
    path[value.len] = '\0';
    if (stat(path, &status) == 0) {
        if (!S_ISDIR(status.st_mode)) {
            errno = ENOTDIR;
        } else if (access(path, X_OK) == 0) {
            return true;
        }
    }
    text_addf(why, "%s", strerror(errno));
    return false;
}

static void change_directory(void)
{
    const char *dir = option_text(&daemon_options.dir);

    if (chdir(dir) != 0) log_warning("can't change to the directory '%s': %s", dir, strerror(errno));
}

static void print_directory(struct text *into)
{
    char path[PATH_MAX];

    text_add(into, bytes_of_text(getcwd(path, sizeof path) ? path : option_text(&daemon_options.dir)));
}

static bool directory_setup(struct text *why)
{
    const char *dir = option_text(&daemon_options.dir);

    daemon_option_hooks.dir = (struct option_hooks){
        .check = check_directory, .changed = change_directory, .print = print_directory};
    if (chdir(dir) == 0) return true;
    text_addf(why, "can't change to the directory '%s': %s", dir, strerror(errno));
    return false;
}

static bool activation_setup(struct text *why)
{
    notify_setup();
    return activation_take(&parts.activation, why);
}

static void activation_teardown(void)
{
    activation_free(&parts.activation);
    notify_teardown();
}

static bool background_setup(struct text *why)
{
    if (!option_int(&daemon_options.daemonize)) return true;
    if (notify_is_supervised()) {
        log_notice("staying in the foreground: the service manager watches this process");
        return true;
    }
    return daemonize_start(why);
}

static bool pidfile_setup(struct text *why)
{
    const char *path = option_text(&daemon_options.pidfile);

    return *path == '\0' || pidfile_open(path, why);
}

static bool privilege_setup(struct text *why)
{
    (void)why;
    if (!option_int(&daemon_options.core_dumps)) privilege_forbid_core_dumps();
    privilege_drop();
    return true;
}

static void describe_call(int fd)
{
    const struct call *call = turn_call_at_work();

    if (!call) return;
    crash_write(fd, "command at work:");
    for (unsigned i = 0; i < call->args.n && i < 8; i++) {
        size_t len = call->args.of[i].len;

        crash_write(fd, " ");
        if (call->command && call_arg_is_secret(call, i)) {
            crash_write(fd, "(redacted)");
            continue;
        }
        crash_write_bytes(fd, call->args.of[i].at, len < 128 ? len : 128);
        if (len > 128) crash_write(fd, "...");
    }
    if (call->args.n > 8) crash_write(fd, " ...");
    crash_write(fd, "\n");
}

static bool crash_module_setup(struct text *why)
{
    crash_describe(describe_call);
    if (crash_setup()) return true;
    text_addf(why, "can't install the crash handlers: %s", strerror(errno));
    return false;
}

/* ---- memory, time, data ---- */

static bool base_setup(struct text *why)
{
    (void)why;
    mem_setup();
    purge_setup();
    clock_setup();
    hash_setup();
    facts_setup();
    server_facts.supervised = notify_is_supervised();
    return true;
}

static bool threads_setup(struct text *why)
{
    int64_t asked = option_int(&daemon_options.threads);
    long cores = sysconf(_SC_NPROCESSORS_ONLN);

    (void)why;
    if (asked == 0) asked = cores > 0 ? cores : 1;
    parts.worker_count = asked < 128 ? (unsigned)asked : 128;
    server_facts.workers = parts.worker_count;
    return true;
}

static bool commands_setup(struct text *why)
{
    const char *p = option_text(&engine_options.rename_command);

    commands_add(command_families, command_family_count);
    while (*p) {
        size_t line = strcspn(p, "\n");
        char copy[256], unquoted[256];
        struct bytes words[2];

        snprintf(copy, sizeof copy, "%.*s", (int)line, p);
        if (request_split(bytes_of_text(copy), unquoted, words, 2) != 2 || !commands_rename(words[0], words[1])) {
            text_addf(why, "rename-command %s: expected a command and its new name, not taken yet, or \"\"", copy);
            return false;
        }
        p += line;
        if (*p == '\n') p++;
    }
    stats_setup(parts.worker_count);
    slowlog_setup();
    gates_set(all_gates);
    gate_within = gate_acl_within;
    gate_restricted = gate_acl;
    denial_describe = client_describe;
    return true;
}

static bool values_setup(struct text *why)
{
    (void)why;
    hash_kind_setup();
    list_setup();
    set_kind_setup();
    zset_setup();
    rdb_setup();
    return true;
}

static bool keyspace_setup(struct text *why)
{
    parts.keyspace = keyspace_new(&(struct keyspace_rules){
        .databases = (unsigned)option_int(&engine_options.databases), .one_thread = parts.worker_count == 1});
    if (parts.keyspace) {
        memory_setup(parts.keyspace, parts.worker_count);
        return true;
    }
    text_addf(why, "no memory for the tables of keys");
    return false;
}

static bool notices_setup(struct text *why)
{
    (void)why;
    notice_setup();
    tracking_setup(parts.keyspace);
    return true;
}

static void keyspace_teardown(void)
{
#ifdef COATCHECK_SANITIZED
    /* The kernel takes all memory back at once; only a leak checker wants it piece by piece. */
    keyspace_free(&parts.keyspace);
#endif
}

/* ---- the network ---- */

static bool loop_setup(struct text *why)
{
    parts.base = event_base_new();
    if (parts.base) return true;
    text_addf(why, "can't make the event loop: %s", strerror(errno));
    return false;
}

static void loop_teardown(void)
{
    event_base_free(parts.base);
}

/* CONFIG SET maxclients: not more than there can be descriptors for. */
static bool check_maxclients(struct bytes value, struct text *why)
{
    struct text reason = {0};
    unsigned reserve = descriptors_reserve(parts.worker_count, 16), fit;
    int64_t clients;

    if (!number_read_int(value, &clients) || clients < 1 || clients > UINT32_MAX) return true;
    fit = descriptors_raise((unsigned)clients, reserve, &reason);
    text_fini(&reason);
    if (fit == (unsigned)clients) return true;
    text_addf(why, "The operating system is not able to handle the specified number of clients, try with %u", fit);
    return false;
}

static bool descriptors_setup(struct text *why)
{
    unsigned clients = (unsigned)option_int(&net_options.maxclients);
    unsigned fit = descriptors_raise(clients, descriptors_reserve(parts.worker_count, 16), why);

    net_option_hooks.maxclients.check = check_maxclients;
    if (fit == clients) return true;
    if (fit == 0) return false;
    log_warning("%.*s", (int)why->len, why->at);
    text_clear(why);
    atomic_store(&net_options.maxclients, fit);
    return true;
}

static bool tls_setup(struct text *why)
{
    struct text reason = {0};
    const char *option = "tls-port", *place;
    bool good = tls_load(&reason, &option);

    if (!good) {
        place = config_place(bytes_of_text(option));
        if (!place) place = config_place(BYTES("tls-port"));
        text_addf(why, "%s%s%.*s", place ? place : "", place ? ": " : "", (int)reason.len, reason.at);
    }
    text_fini(&reason);
    return good;
}

static struct worker_door door;

/* A worker that overflows its stack needs another one to tell. */
static void worker_started(struct worker *worker)
{
    if (!crash_thread_setup()) log_warning("worker %u has no stack for a crash: %s", worker_index(worker), strerror(errno));
    client_door.started(worker);
}

static void worker_stopped(struct worker *worker)
{
    client_door.stopped(worker);
    crash_thread_teardown();
}

static bool workers_setup(struct text *why)
{
    door = client_door;
    door.started = worker_started;
    door.stopped = worker_stopped;
    conn_read_output_limits();
    parts.workers = mem_need(parts.worker_count * sizeof(struct worker *));
    for (unsigned i = 0; i < parts.worker_count; i++) {
        parts.workers[i] = worker_new(i, &door);
        if (!parts.workers[i]) {
            text_addf(why, "can't make worker %u: %s", i, strerror(errno));
            return false;
        }
    }
    client_door_setup(parts.keyspace, parts.workers, parts.worker_count, server_shut_down);
    return true;
}

static bool listener_setup(struct text *why)
{
    parts.listener = listener_new(parts.base, parts.workers, parts.worker_count);
    if (!parts.listener) {
        text_addf(why, "no memory for the listener");
        return false;
    }
    for (unsigned i = 0; i < parts.activation.count; i++) {
        if (!listener_add(parts.listener, parts.activation.sockets[i].fd, why)) return false;
    }
    if (parts.activation.count == 0 && !listener_open(parts.listener, why)) return false;
    server_facts.port = listener_port(parts.listener);
    return true;
}

static void listener_teardown(void)
{
    listener_free(&parts.listener);
}

static bool start_workers(struct text *why)
{
    for (unsigned i = 0; i < parts.worker_count; i++) {
        if (worker_start(parts.workers[i]) != OK) {
            text_addf(why, "can't start worker %u: %s", i, strerror(errno));
            return false;
        }
        parts.workers_running++;
    }
    footprint_setup();
    return true;
}

static void stop_workers(void)
{
    for (unsigned i = 0; i < parts.workers_running; i++) worker_stop(parts.workers[i], GRACE_MS);
    for (unsigned i = 0; i < parts.workers_running; i++) worker_join(parts.workers[i]);
    for (unsigned i = 0; i < parts.worker_count; i++) worker_free(&parts.workers[i]);
    mem_free(parts.workers);
}

const struct module modules[] = {
    {"directory", directory_setup, NULL},
    {"log", log_setup, NULL},
    {"activation", activation_setup, activation_teardown},
    {"background", background_setup, NULL},
    {"pidfile", pidfile_setup, pidfile_close},
    {"privilege", privilege_setup, NULL},
    {"crash", crash_module_setup, NULL},
    {"base", base_setup, purge_stop},
    {"threads", threads_setup, NULL},
    {"commands", commands_setup, NULL},
    {"users", users_setup, users_teardown},
    {"values", values_setup, NULL},
    {"keyspace", keyspace_setup, keyspace_teardown},
    {"notices", notices_setup, NULL},
    {"loop", loop_setup, loop_teardown},
    {"descriptors", descriptors_setup, NULL},
    {"tls", tls_setup, tls_teardown},
    {"workers", workers_setup, NULL},
    {"listener", listener_setup, NULL},
    {"running", start_workers, stop_workers},
    {NULL, NULL, NULL},
};

/* The doors close before the workers wind up. */
void server_close_doors(void)
{
    listener_teardown();
}
