"""What an idle connection costs in the server's own memory, and how it bears a storm of new ones."""

import resource
import socket
import time

from . import tools
from .contestants import of_each
from .report import figure, median, say, turns

IDLE, QUICK_IDLE, SPARE = 10_000, 2_000, 200
CONNECTS_A_SECOND = 1000
IDLE_WATCH_S = 2.0
REST_S = 6.0          # redis-server gives an idle client's buffers back after some five seconds


def idle_count(settings):
    """As many as our own file limit allows, ten thousand at most."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return min(QUICK_IDLE if settings.quick else IDLE, hard - SPARE)


def connect_all(server, count):
    """Connections that have each asked once and been answered, as a pool's have."""
    held = []
    for _ in range(count):
        client = socket.create_connection((server.host, server.port))
        client.sendall(b"PING\r\n")
        held.append(client)
    for client in held:
        client.settimeout(30)
        if not client.recv(64).startswith(b"+PONG"):
            raise tools.LoadError("%s did not answer one of %d clients" % (server.name, count))
    return held


def used_bytes(server):
    used = server.info("used_memory", "memory")
    return int(used) if used else None


def resting(server):
    """Private pages and the server's own count, once both have stopped falling."""
    last = None
    for _ in range(20):
        now = (server.private_bytes() if server.pid else None, used_bytes(server))
        if last and (now[0] or 0) >= (last[0] or 0) - 65536 and (now[1] or 0) >= (last[1] or 0) - 65536:
            return now
        last = now
        time.sleep(0.5)
    return last


def each(after, before, count):
    return None if after is None or before is None else (after - before) / count


def idle_cost(server, count):
    for client in connect_all(server, 100):         # the first ones fill pools that all later ones use
        client.close()
    time.sleep(0.5)
    before = resting(server)
    held = connect_all(server, count)
    time.sleep(REST_S)
    begun_s = server.cpu_seconds() if server.pid else None
    time.sleep(IDLE_WATCH_S)
    cpu = None if begun_s is None else (server.cpu_seconds() - begun_s) / IDLE_WATCH_S
    during = resting(server)
    for client in held:
        client.close()
    time.sleep(1)
    after = resting(server)
    return {"clients": count, "private_bytes_each": each(during[0], before[0], count),
            "used_bytes_each": each(during[1], before[1], count),
            "kept_bytes_each": each(after[0], before[0], count),
            "cpu_while_idle": cpu}


def storm(server, settings):
    result = tools.load(server, "PING", clients=50, rate=CONNECTS_A_SECOND, churn=True,
                        seconds=1 if settings.quick else 5)
    return {**result["latency_us"], "connects": result["replies"],
            "cpu_us": result["server_cpu_s"] * 1e6 / result["replies"] if server.pid else None}


def run(running_of, settings, report):
    idle_rows, storm_rows = [], []
    count = idle_count(settings)                    # before the servers start: they inherit the limit
    with running_of(1) as running:
        storms = {server.name: [] for server in running}
        say("connections: idle ones")
        for server, cost in of_each(running, settings, lambda server: idle_cost(server, count)):
            report.keep("connections_idle", {"server": server.name, **cost})
            idle_rows.append([server.name] + [figure(cost[field]) for field in (
                "private_bytes_each", "used_bytes_each", "kept_bytes_each")]
                + [figure(None if cost["cpu_while_idle"] is None else cost["cpu_while_idle"] * 100)])
        for _ in range(settings.rounds):
            for server in running:
                say("connections: a storm, %s" % server.name)
                storms[server.name].append(storm(server, settings))
        for name, rounds in storms.items():
            report.keep("connections_storm", {"server": name, "rounds": rounds})
            storm_rows.append([name] + [figure(median([one[field] for one in rounds])) for field in (
                "p50", "p99", "p999", "max", "cpu_us")])
    report.heading("Connections: %s idle clients, 1 worker" % format(count, ","))
    report.table(["server", "private bytes each", "used_memory each",
                  "private bytes each after they left", "% of a core while they idle"], idle_rows)
    report.text("Each client had asked one PING; the kernel's socket buffers are not counted.")
    report.heading("Connections: %s new ones a second, each for one PING, in µs"
                   % format(CONNECTS_A_SECOND, ","))
    report.table(["server", "p50", "p99", "p99.9", "max", "server CPU each"], storm_rows)
    report.text("From before connect() to the reply. Medians of %s." % turns(settings.rounds))
