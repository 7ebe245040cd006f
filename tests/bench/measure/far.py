"""A data set far beyond the caches: what a command costs over all of it, and over a small part."""

from . import tools
from .report import figure, median, ratio, say, turns

KEYS, QUICK_KEYS, FEW = 20_000_000, 1_000_000, 100_000
COMMANDS = (("GET", "GET key:{k}"), ("SET", "SET key:{k} {v}"))
PIPELINE = 16


def measure(server, command, keys, settings):
    result = tools.load(server, command, clients=settings.clients, pipeline=PIPELINE, seconds=settings.seconds,
                        keys=keys, value_size=settings.value_size)
    return result["server_cpu_s"] * 1e6 / result["replies"]


def run(running_of, settings, report):
    many = QUICK_KEYS if settings.quick else KEYS
    found = {}
    with running_of(1) as running:
        names = [server.name for server in running]
        for server in running:
            say("far: %s is filled" % server.name)
            server.fill(many, settings.value_size)
        for title, command in COMMANDS:
            say("far: %s" % title)
            for _ in range(settings.rounds):
                for server in running:
                    for keys in (many, FEW):
                        found.setdefault((title, server.name, keys), []).append(measure(server, command, keys, settings))
    rows = []
    for title, _ in COMMANDS:
        for name in names:
            far, near = (median(found[title, name, keys]) for keys in (many, FEW))
            rows.append([title, name, figure(near), figure(far), ratio(far, near)])
            report.keep("far", {"command": title, "server": name, "near": found[title, name, FEW],
                                "far": found[title, name, many]})
    report.heading("Far beyond the caches: %s keys, values of %d bytes, 1 worker, pipeline %d"
                   % (format(many, ","), settings.value_size, PIPELINE))
    report.table(["command", "server", "µs/op, %s of the keys" % format(FEW, ","), "µs/op, all keys", "all / few"], rows, 2)
    report.text("Processor time of the server per command, keys drawn evenly; medians of %s, in which servers and key ranges "
                "took turns." % turns(settings.rounds))
