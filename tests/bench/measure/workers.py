"""More workers than one, and more than there are cores: what each command costs, and who has to wait.

As many loads as there are cores ask at once, each with its share of the clients: a single one cannot keep two workers busy, and a
worker that sleeps between two requests pays for waking. The control is what the machine makes of the same loads where nothing is
shared: a process of one worker for each load.
"""

import contextlib

from . import tools
from .report import figure, median, ratio, say, turns

WORKERS = (1, 2, 16)
COMMANDS = (("GET", "GET key:{k}"), ("SET", "SET key:{k} {v}"), ("INCR", "INCR counter:{k}"))
PIPELINES = (1, 16)
RATE = 20_000
FIELDS = ("p50", "p99", "p999")


def cost(servers, command, pipeline, settings):
    """Microseconds of processor per command; load number N asks the server number N, modulo how many there are."""
    loads = len(tools.CORES)
    began = sum(server.cpu_seconds() for server in servers)
    asking = [tools.Load(servers[number % len(servers)], command, clients=settings.clients // loads, pipeline=pipeline,
                         seconds=settings.seconds, keys=settings.keys, value_size=settings.value_size, cores=tools.CORES)
              for number in range(loads)]
    replies = sum(load.result()["replies"] for load in asking)
    return (sum(server.cpu_seconds() for server in servers) - began) * 1e6 / replies


def waits(server, settings):
    return tools.load(server, COMMANDS[0][1], clients=settings.clients, pipeline=256, rate=RATE, keys=settings.keys,
                      seconds=max(1.0, 3 * settings.seconds), value_size=settings.value_size, cores=tools.CORES)["latency_us"]


def run(contestants, settings, report):
    ours = contestants[0]
    loads = len(tools.CORES)
    apart = "%d × 1" % loads
    shapes = [(str(count), count, 1) for count in WORKERS] + [(apart, 1, loads)]
    costs, latencies = {}, {}
    with contextlib.ExitStack() as stack:
        running = {name: [stack.enter_context(ours.start(count, pinned=False)) for _ in range(processes)]
                   for name, count, processes in shapes}
        for servers in running.values():
            for server in servers:
                server.fill(settings.keys, settings.value_size)
        for turn in range(settings.rounds):
            say("workers: round %d" % (turn + 1))
            for title, command in COMMANDS:
                for pipeline in PIPELINES:
                    for name, servers in running.items():
                        costs.setdefault((title, pipeline, name), []).append(cost(servers, command, pipeline, settings))
            for name, servers in running.items():
                if name != apart:
                    latencies.setdefault(name, []).append(waits(servers[0], settings))
    report.heading("Workers of %s: server and %d loads share %d cores, %d clients, %s keys"
                   % (ours.name, loads, loads, settings.clients, format(settings.keys, ",")))
    rows = []
    for title, _ in COMMANDS:
        for pipeline in PIPELINES:
            found = [median(costs[title, pipeline, name]) for name in running]
            rows.append([title, str(pipeline)] + [figure(one) for one in found] + [ratio(one, found[0]) for one in found[1:]])
    report.table(["command", "pipeline"] + ["%s: µs/op" % name for name in running]
                 + ["%s / 1" % name for name in list(running)[1:]], rows)
    report.line()
    report.table(["workers"] + [field.replace("p999", "p99.9") for field in FIELDS],
                 [[name] + [figure(median([one[field] for one in seen])) for field in FIELDS]
                  for name, seen in latencies.items()])
    report.text("Processor time of the server per command (%s: processes of one worker, a load for each); and latency of GET at %s "
                "requests a second, in µs from when each was due. Medians of %s, in which the servers took turns."
                % (apart, format(RATE, ","), turns(settings.rounds)))
    report.keep("workers", {"costs": {"%s %d %s" % key: value for key, value in costs.items()}, "latencies": latencies})
