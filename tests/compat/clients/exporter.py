"""prometheus-redis-exporter: what a monitoring system sees of the server."""

import subprocess
import time
import urllib.request

from runner import servers

from .check import Failed, expect, expect_equal, program

# Each must be there; where a number is given, with this value.
METRICS = {
    "redis_up": 1,
    "redis_exporter_last_scrape_error{err=\"\"}": 0,
    "redis_connected_clients": None,
    "redis_blocked_clients": 0,
    "redis_uptime_in_seconds": None,
    "redis_memory_used_bytes": None,
    "redis_memory_max_bytes": None,
    "redis_connections_received_total": None,
    "redis_rejected_connections_total": 0,
    "redis_commands_processed_total": None,
    "redis_net_input_bytes_total": None,
    "redis_net_output_bytes_total": None,
    "redis_keyspace_hits_total": 2,
    "redis_keyspace_misses_total": 1,
    "redis_expired_keys_total": 1,
    "redis_evicted_keys_total": 0,
    "redis_db_keys{db=\"db0\"}": 501,
    "redis_db_keys_expiring{db=\"db0\"}": 1,
    "redis_db_keys{db=\"db3\"}": 1,
    "redis_commands_total{cmd=\"get\"}": 3,
    "redis_commands_duration_seconds_total{cmd=\"set\"}": None,
    "redis_cpu_user_seconds_total": None,
    "redis_cpu_sys_seconds_total": None,
    "redis_process_id": None,
    "redis_slowlog_length": 0,
    "redis_config_maxclients": None,
    "redis_start_time_seconds": None,
    "redis_key_size{db=\"db0\",key=\"key:7\"}": 8,
}


def scrape(port, timeout_s=10.0):
    limit = time.monotonic() + timeout_s
    while True:
        try:
            with urllib.request.urlopen("http://127.0.0.1:%d/metrics" % port, timeout=5) as answer:
                return answer.read().decode()
        except OSError as wrong:
            if time.monotonic() > limit:
                raise Failed("the exporter does not answer: %s" % wrong) from None
            time.sleep(0.1)


def prepare(check):
    check.fill(500)
    check.ask("SET", "mortal", "x", "EX", "1000")
    check.ask("SET", "dead", "x", "PX", "1")
    time.sleep(0.02)
    for key in ("key:1", "key:2", "dead"):              # two hits, and one that was too late
        check.ask("GET", key)
    connection = servers.wire.Connection(check.server.tcp)
    connection.ask("SELECT", "3")
    connection.ask("SET", "elsewhere", "x")
    connection.close()


def exporter(check):
    prepare(check)
    port = servers.free_port()
    process = subprocess.Popen([program("prometheus-redis-exporter"), "--redis.addr",
                                "redis://127.0.0.1:" + check.port, "--web.listen-address",
                                "127.0.0.1:%d" % port, "--check-single-keys", "db0=key:7"],
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        page = scrape(port)
        values = dict(line.rsplit(" ", 1) for line in page.splitlines() if line and line[0] != "#")
    finally:
        process.terminate()
        said = process.communicate()[0]
    missing = [name for name in METRICS if name not in values]
    if missing:
        raise Failed("not on the exporter's page: %s\nThe exporter said:\n%s" % (", ".join(missing), said))
    for name, wanted in METRICS.items():
        if wanted is not None:
            expect_equal(float(wanted), float(values[name]), name)
    expect(r"^redis_instance_info\{.*redis_version=\"\d", page, "the exporter's page")
    if "level=error" in said:
        raise Failed("the exporter complains:\n" + said)


CLIENTS = {"prometheus-redis-exporter": exporter}
