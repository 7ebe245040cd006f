"""More workers than one, and more than there are cores: what each command costs, and who has to wait."""

import contextlib

from . import tools
from .report import figure, median, ratio, say, turns

WORKERS = (1, 2, 16)
COMMANDS = (("GET", "GET key:{k}"), ("SET", "SET key:{k} {v}"))
PIPELINES = (1, 16)
RATE = 20_000
FIELDS = ("p50", "p99", "p999")


def cost(server, command, pipeline, settings):
    result = tools.load(server, command, clients=settings.clients, pipeline=pipeline, seconds=settings.seconds,
                        keys=settings.keys, value_size=settings.value_size, cores=tools.CORES)
    return result["server_cpu_s"] * 1e6 / result["replies"]


def waits(server, settings):
    return tools.load(server, COMMANDS[0][1], clients=settings.clients, pipeline=256, rate=RATE, keys=settings.keys,
                      seconds=max(1.0, 3 * settings.seconds), value_size=settings.value_size, cores=tools.CORES)["latency_us"]


def run(contestants, settings, report):
    ours = contestants[0]
    costs, latencies = {}, {}
    with contextlib.ExitStack() as stack:
        running = [(count, stack.enter_context(ours.start(count, pinned=False))) for count in WORKERS]
        for _, server in running:
            server.fill(settings.keys, settings.value_size)
        for turn in range(settings.rounds):
            say("workers: round %d" % (turn + 1))
            for title, command in COMMANDS:
                for pipeline in PIPELINES:
                    for count, server in running:
                        costs.setdefault((title, pipeline, count), []).append(cost(server, command, pipeline, settings))
            for count, server in running:
                latencies.setdefault(count, []).append(waits(server, settings))
    report.heading("Workers of %s: server and load share %d cores, %d clients, %s keys"
                   % (ours.name, len(tools.CORES), settings.clients, format(settings.keys, ",")))
    rows = []
    for title, _ in COMMANDS:
        for pipeline in PIPELINES:
            found = [median(costs[title, pipeline, count]) for count in WORKERS]
            rows.append([title, str(pipeline)] + [figure(one) for one in found]
                        + [ratio(one, found[0]) for one in found[1:]])
    report.table(["command", "pipeline"] + ["%d: µs/op" % count for count in WORKERS]
                 + ["%d / 1" % count for count in WORKERS[1:]], rows)
    report.line()
    report.table(["workers"] + [field.replace("p999", "p99.9") for field in FIELDS],
                 [[str(count)] + [figure(median([one[field] for one in latencies[count]])) for field in FIELDS]
                  for count in WORKERS])
    report.text("Processor time of the server per command; and latency of GET at %s requests a second, in µs from when each was "
                "due. Medians of %s, in which the servers took turns." % (format(RATE, ","), turns(settings.rounds)))
    report.keep("workers", {"costs": {"%s %d %d" % key: value for key, value in costs.items()}, "latencies": latencies})
