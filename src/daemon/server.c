#include "coatcheck/daemon/server.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include "coatcheck/acl/gate.h"
#include "coatcheck/acl/options.h"
#include "coatcheck/acl/throttle.h"
#include "coatcheck/base/clock.h"
#include "coatcheck/base/log.h"
#include "coatcheck/commands/hyperloglog.h"
#include "coatcheck/config/registry.h"
#include "coatcheck/daemon/daemonize.h"
#include "coatcheck/daemon/notify.h"
#include "coatcheck/daemon/options.h"
#include "coatcheck/daemon/signals.h"
#include "coatcheck/engine/blocking.h"
#include "coatcheck/engine/memory.h"
#include "coatcheck/engine/options.h"
#include "coatcheck/engine/stats.h"
#include "coatcheck/engine/session.h"
#include "coatcheck/engine/slices.h"
#include "coatcheck/engine/transaction.h"
#include "coatcheck/keyspace/keyspace.h"
#include "coatcheck/net/conn.h"
#include "coatcheck/net/listener.h"
#include "coatcheck/net/tls.h"
#include "coatcheck/observe/registry.h"
#include "coatcheck/pubsub/delivery.h"
#include "coatcheck/pubsub/notice.h"
#include "coatcheck/tracking/tracking.h"
#include "coatcheck/values/hash.h"
#include "coatcheck/values/list.h"
#include "coatcheck/values/set.h"
#include "coatcheck/values/zset.h"
#include "coatcheck/version.h"
#include "server_internal.h"

enum { EXIT_FAILED = 1 };

static bool apply_tls(struct text *why)
{
    const char *option;

    text_addf(why, "Unable to update TLS configuration: ");
    return tls_load(why, &option);
}

/* A change of any of them needs a new context. */
static void declare_tls(void)
{
    struct option_hooks *all[] = {
        &tls_option_hooks.tls_cert_file, &tls_option_hooks.tls_key_file, &tls_option_hooks.tls_key_file_pass,
        &tls_option_hooks.tls_ca_cert_file, &tls_option_hooks.tls_ca_cert_dir, &tls_option_hooks.tls_auth_clients,
        &tls_option_hooks.tls_protocols, &tls_option_hooks.tls_ciphers, &tls_option_hooks.tls_ciphersuites,
        &tls_option_hooks.tls_prefer_server_ciphers, &tls_option_hooks.tls_session_caching,
        &tls_option_hooks.tls_session_cache_size, &tls_option_hooks.tls_session_cache_timeout};

    for (unsigned i = 0; i < sizeof all / sizeof all[0]; i++) all[i]->apply = apply_tls;
    config_add(&tls_option_set);
    observe_add(&tls_metric_set);
}

void server_declare(void)
{
    net_option_hooks.client_output_buffer_limit.check = conn_check_output_limits;
    net_option_hooks.client_output_buffer_limit.print = conn_print_output_limits;
    net_option_hooks.client_output_buffer_limit.changed = conn_read_output_limits;
    config_add(&daemon_option_set);
    config_add(&net_option_set);
    declare_tls();
    config_add(&engine_option_set);
    config_add(&acl_option_set);
    config_add(&hash_option_set);
    config_add(&list_option_set);
    config_add(&set_option_set);
    config_add(&zset_option_set);
    notice_declare();
    config_add(&pubsub_option_set);
    config_add(&tracking_option_set);
    config_add(&hyperloglog_option_set);
    stats_declare();
    observe_add(&net_metric_set);
    observe_add(&keyspace_metric_set);
    observe_add(&evict_metric_set);
    observe_add(&acl_metric_set);
    observe_add(&throttle_metric_set);
    observe_add(&memory_metric_set);
    observe_add(&slices_metric_set);
    observe_add(&session_metric_set);
    observe_add(&blocking_metric_set);
    observe_add(&transaction_metric_set);
    observe_add(&pubsub_metric_set);
    observe_add(&tracking_metric_set);
}

/* SHUTDOWN may come from a worker's thread: it sends the signal that an operator would send. */
void server_shut_down(void)
{
    kill(getpid(), SIGTERM);
}

static void on_stop(void *context, int signal)
{
    (void)context;
    log_notice("stopping: %s", signal == SIGINT ? "interrupted" : "asked to");
    notify_stopping();
    event_base_loopbreak(parts.base);
}

/* The certificate may have been renewed. */
static void on_reopened(void *context)
{
    struct text why = {0};

    (void)context;
    if (option_int(&tls_options.tls_port) == 0) return;
    if (config_apply(BYTES("tls-cert-file"), &why)) {
        log_notice("TLS certificate loaded again: connections from now on get it");
    } else {
        log_warning("%.*s; the old certificate stays in use", (int)why.len, why.at);
    }
    text_fini(&why);
}

/* The manager hears that we live only while every worker comes round: one that hangs has us restarted. */
static void on_watchdog(evutil_socket_t fd, short what, void *context)
{
    static uint64_t last_beats[METRIC_LANES];
    bool all_alive = true;

    (void)fd;
    (void)what;
    (void)context;
    for (unsigned i = 0; i < parts.worker_count; i++) {
        uint64_t beats = worker_beats(parts.workers[i]);

        if (beats == last_beats[i]) {
            all_alive = false;
            log_warning("worker %u has not come round since the watchdog last asked", i);
        }
        last_beats[i] = beats;
    }
    if (all_alive) notify_watchdog();
}

static void on_status(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    (void)context;
    clock_update();
    notify_status("Serving %lld clients, %llu keys", (long long)METRIC_SUM(net, connected_clients),
                  (unsigned long long)keyspace_count(parts.keyspace, 0));
}

static struct event *repeat(void (*run)(evutil_socket_t, short, void *), uint64_t every_us)
{
    struct timeval every = {.tv_sec = (time_t)(every_us / 1000000), .tv_usec = (suseconds_t)(every_us % 1000000)};
    struct event *event = event_new(parts.base, -1, EV_PERSIST, run, NULL);

    if (event) event_add(event, &every);
    return event;
}

static void say_hello(void)
{
    struct text where = {0};

    listener_print(parts.listener, &where);
    log_notice("coatcheckd %s, process %d, %u workers, listening on %.*s", COATCHECK_VERSION, (int)getpid(),
               parts.worker_count, (int)where.len, where.at);
    if (option_int(&net_options.port) > 0 && listener_port(parts.listener) > 0 && isatty(STDERR_FILENO)) {
        log_notice("talk to it: redis-cli -p %u   or: nc 127.0.0.1 %u, then type HELP",
                   listener_port(parts.listener), listener_port(parts.listener));
    }
    text_fini(&where);
}

static int serve(void)
{
    struct signals_rows rows = {.stop = on_stop, .reopened = on_reopened};
    struct event *status = NULL, *watchdog = NULL;

    if (!signals_setup(parts.base, &rows)) {
        log_warning("can't receive signals: %s", strerror(errno));
        return EXIT_FAILED;
    }
    if (notify_is_supervised()) status = repeat(on_status, 10000000);
    if (notify_watchdog_interval_us() > 0) watchdog = repeat(on_watchdog, notify_watchdog_interval_us() / 2);
    say_hello();
    notify_ready();
    on_status(-1, 0, NULL);
    daemonize_ready();
    event_base_dispatch(parts.base);

    if (status) event_free(status);
    if (watchdog) event_free(watchdog);
    server_close_doors();
    signals_teardown();
    return 0;
}

int server_run(void)
{
    struct text why = {0};
    unsigned done = 0;
    int result = 0;

    while (modules[done].name && modules[done].setup(&why)) done++;
    if (modules[done].name) {
        log_warning("%.*s", (int)why.len, why.at);
        notify_status("failed: %.*s", (int)why.len, why.at);
        result = EXIT_FAILED;
    } else {
        result = serve();
    }
    while (done > 0) {
        done--;
        if (modules[done].teardown) modules[done].teardown();
    }
    if (result == 0) log_notice("stopped");
    text_fini(&why);
    return result;
}
