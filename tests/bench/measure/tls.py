"""TLS: the server's processor time for a GET and a SET over an encrypted connection, and for a handshake.

The load is redis-benchmark for connections at work, whose begin and end are left out: processor time and commands are
read while it runs. New connections are our own, one after the other.
"""

import copy
import subprocess
import time

from . import contestants, tools
from .report import figure, median, ratio, say, turns

WARM_UP_S = 0.4
PIPELINES = (1, 16)
CLIENTS = 50


def encrypted(contestant):
    if contestant.address:
        raise tools.LoadError("%s was started by somebody else: its certificates are not known" % contestant.name)
    one = copy.copy(contestant)
    one.command += " {tls}"
    return one


def commands(server):
    return int(server.info("total_commands_processed", "stats"))


class Beside:
    """A program that loads the server until we have seen enough."""

    def __init__(self, *words):
        self.process = subprocess.Popen(list(map(str, words)), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                        preexec_fn=tools.on_cores(tools.LOAD_CORES))

    def __enter__(self):
        time.sleep(WARM_UP_S)
        return self

    def __exit__(self, *_):
        ended = self.process.poll()
        self.process.kill()
        self.process.wait()
        if ended:
            raise tools.LoadError("the load ended with %d" % ended)


def cost(server, seconds):
    """Microseconds of the server for a command, and how many there were a second."""
    count, cpu, began = commands(server), server.cpu_seconds(), time.monotonic()
    time.sleep(seconds)
    took, cpu, count = time.monotonic() - began, server.cpu_seconds() - cpu, commands(server) - count
    if count < 100:
        raise tools.LoadError("%s did only %d commands" % (server.name, count))
    return {"cpu_us": cpu * 1e6 / count, "ops": count / took}


def at_work(server, command, pipeline, settings):
    keys = min(settings.keys, 100_000)
    with Beside("redis-benchmark", "-p", server.server.tls_port, "--tls", "--insecure", "-c", CLIENTS, "-n", 1 << 30, "-P", pipeline,
                "-d", settings.value_size, "-r", keys, "-t", command.lower(), "-q"):
        return cost(server, settings.seconds)


def shaking(server, again, settings):
    """One new connection after the other, which asks one thing; `again`: they resume the session of the first."""
    address, context, session, count = ("127.0.0.1", server.server.tls_port), contestants.tls.client_context(), None, -1
    while count < 0 or time.monotonic() < until:
        client = contestants.tls.Socket(address, context, session=session)
        client.sendall(b"PING\r\n")
        client.recv(100)
        if count < 0:
            session = client.object.session if again else None
            cpu, until = server.cpu_seconds(), time.monotonic() + settings.seconds
        elif client.object.session_reused != again:
            raise tools.LoadError("%s has %sresumed a session" % (server.name, "not " if again else ""))
        client.close()
        count += 1
    return {"cpu_us": (server.cpu_seconds() - cpu) * 1e6 / count, "ops": count / settings.seconds}


def idle_bytes(server, count=200):
    """Of the process for a TLS connection that has said one thing and waits."""
    open_ones, context = [], contestants.tls.client_context()
    before = server.private_bytes()
    for _ in range(count):
        open_ones.append(contestants.tls.Socket(("127.0.0.1", server.server.tls_port), context))
        open_ones[-1].sendall(b"PING\r\n")
        open_ones[-1].recv(100)
    time.sleep(0.5)
    grown = (server.private_bytes() - before) / count
    for one in open_ones:
        one.close()
    return grown


def table(report, running, settings, rows, work, first, unit):
    names, lines = [server.name for server in running], []
    for title, arguments in rows:
        say("tls: %s" % title)
        found = {name: [] for name in names}
        for _ in range(settings.rounds):
            for server in running:
                found[server.name].append(work(server, *arguments, settings)["cpu_us"])
        report.keep("tls", {"what": title, "rounds": found})
        middle = [median(found[name]) for name in names]
        lines.append([title] + [figure(one) for one in middle] + ([ratio(middle[0], middle[1])] if len(names) > 1 else []))
    report.table([first] + ["%s %s" % (name, unit) for name in names] + (["%s / %s" % tuple(names[:2])] if len(names) > 1 else []), lines)


def run(chosen, settings, report):
    running = []
    try:
        running += [encrypted(one).start() for one in chosen]
        for server in running:
            server.fill(min(settings.keys, 100_000))
        report.heading("TLS: processor time per operation, 1 worker, %d clients" % CLIENTS)
        work = [("%s, pipeline %d" % (command, pipeline), (command, pipeline)) for command in ("GET", "SET") for pipeline in PIPELINES]
        table(report, running, settings, work, at_work, "operation", "µs/op")
        report.text("TLS 1.3, TLS_AES_256_GCM_SHA384. The server's time, user and system, while redis-benchmark --tls works; medians of %s, "
                    "in which the servers took turns." % turns(settings.rounds))
        report.heading("TLS: processor time per handshake")
        table(report, running, settings, [("full", (False,)), ("resumed", (True,))], shaking, "handshake", "µs")
        report.text("Key on P-256; a connection that asks PING and is closed.")
        report.heading("TLS: bytes of an idle client")
        weighed = [(server.name, idle_bytes(server)) for server in running]
        report.table([""] + [name for name, _ in weighed], [["bytes"] + [figure(one) for _, one in weighed]])
    finally:
        for server in running:
            server.stop()
